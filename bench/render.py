"""Times the local renderer and measures the seams of its encoded loops.

    python bench/render.py [ROUNDS]

The best of ROUNDS (default 3) counts. "x real time" is the clip's length over the time it took;
a seam of 85 and more is seamless.
"""

from __future__ import annotations

import sys
import tempfile
import time
from importlib.resources import files
from pathlib import Path

from cutscene.media.seam import measure_seam
from cutscene.providers.local.renderer import Shot, render

SECONDS = 4
SIZES = ((1280, 768), (1280, 720), (720, 1280), (768, 768))
STILL = files("cutscene") / "assets" / "intro-still.jpg"
PLACES = ("castle", "neon city", "space", "volcano", "ice", "sea", "desert", "village", "forest", "mountains")
MOODS = {"intro": "{}", "win": "you win, {}", "lose": "better luck next time, {}"}


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    still = STILL.read_bytes()
    print(f"{'kind':32} {'size':>9} {'seconds':>8} {'x real time':>12} {'seam':>5} {'MB':>5}")
    for width, height in SIZES:
        for mood, words in MOODS.items():
            measure(f"still, {mood}", words.format("intro"), still, width, height, rounds)
    for place in PLACES:
        for mood, words in MOODS.items():
            measure(f"{place}, {mood}", words.format(place), None, 1280, 720, rounds)


def measure(kind: str, prompt: str, image: bytes | None, width: int, height: int, rounds: int) -> None:
    shot = Shot(
        prompt=prompt, image=image, width=width, height=height, frames=SECONDS * 24, seed=1, loop=True
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        taken = min(timed(shot, path) for _ in range(rounds))
        seam, size = measure_seam(path).score, path.stat().st_size / 1e6
    print(
        f"{kind:32} {width:>4}x{height:<4} {taken:8.2f} {SECONDS / taken:12.1f} {seam:5.0f} {size:5.1f}",
        flush=True,
    )


def timed(shot: Shot, path: Path) -> float:
    start = time.perf_counter()
    render(shot, path)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
