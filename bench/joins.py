"""Draws what is to be seen where one clip goes on from another, and measures it.

    python bench/joins.py

Each clip goes on from the last frame of the one before, as an extension does; models come back
brighter, duller or in another shape than what they were given, which is imitated here. *joint* is the
largest change at the joint over the clip's own large ones (1 or less: nothing to be seen), *raw* the
same of plain concatenation. Contact sheets, two frames before the joint and ten after it, go to
`bench/out`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import chain, pairwise
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from cutscene.media.change import View, change, thumbnail
from cutscene.media.encode import Encoder
from cutscene.media.frames import Frame, read_frames, size_of, to_picture, to_video
from cutscene.media.join import last_frame
from cutscene.media.recipe import Piece, Recipe, shape_clip
from cutscene.providers.local.renderer import Moves, Shot, render

WIDTH, HEIGHT, FPS = 1280, 720, 24
"""Pixels, frames per second."""
FRAMES: Final = 4 * FPS
OUT: Final = Path(__file__).parent / "out"
COMES_BACK: Final = {
    "as it went": (1.0, 0.0, 1.0),
    "brighter": (1.06, 4.0, 1.0),
    "duller": (0.92, 6.0, 1.0),
    "larger": (1.0, 0.0, 1.25),
}
"""Contrast, brightness (levels) and size of the second clip over those of the first."""


def main() -> None:
    OUT.mkdir(exist_ok=True)
    print(f"{'':20}{'frames':>8}{'raw':>8}{'joint':>8}")
    for name, change_of in COMES_BACK.items():
        with tempfile.TemporaryDirectory() as folder:
            first, second = draw_pair(Path(folder), *change_of)
            target = Path(folder) / "joined.mp4"
            recipe = Recipe(width=WIDTH, height=HEIGHT, frames=2 * FRAMES - 1, fps=FPS)
            facts = shape_clip([Piece(path=first), Piece(path=second, repeats=True)], target, recipe)
            frames = list(read_frames(target))
            raw = jump(shown(chain(read_frames(first), read_frames(second))), FRAMES)
            print(f"{name:20}{facts.frames:8}{raw:8.2f}{jump(shown(iter(frames)), FRAMES - 1):8.2f}")
            draw_sheet(name, frames)


def draw_pair(folder: Path, contrast: float, brightness: float, size: float) -> tuple[Path, Path]:
    """Two clips, of which the second begins with the last picture of the first."""
    first, clean, second = (folder / f"{name}.mp4" for name in ("first", "clean", "second"))
    width, height = round(WIDTH * size), round(HEIGHT * size)
    render(shot(None, WIDTH, HEIGHT), first)
    ok, png = cv2.imencode(".png", to_picture(last_frame(first)))
    assert ok
    render(shot(png.tobytes(), width, height), clean)
    with Encoder(second, width=width, height=height, fps=FPS) as encoder:
        for frame in read_frames(clean):
            encoder.write(to_video(altered(frame, contrast, brightness)))
    return first, second


def shot(image: bytes | None, width: int, height: int) -> Shot:
    return Shot(
        prompt="castle",
        image=image,
        width=width,
        height=height,
        frames=FRAMES,
        seed=4,
        loop=False,
        moves=Moves(zoom=3),
    )


def altered(frame: Frame, contrast: float, brightness: float) -> Frame:
    levels = frame.copy()
    rows = size_of(frame)[1]
    levels[:rows] = cv2.convertScaleAbs(frame[:rows], alpha=contrast, beta=brightness)
    return levels


def shown(frames: Iterator[Frame]) -> list[View]:
    return [View.of(thumbnail(to_picture(frame))) for frame in frames]


def jump(views: list[View], joint: int) -> float:
    """Of the steps into, across and out of the joint, over the 90th percentile of all others."""
    steps = [change(*step) for step in pairwise(views)]
    near = steps[joint - 1 : joint + 2]
    return float(max(near) / np.percentile(steps[: joint - 1] + steps[joint + 2 :], 90))


def draw_sheet(name: str, frames: list[Frame]) -> None:
    around = frames[FRAMES - 2 : FRAMES + 10]
    small = [cv2.resize(to_picture(frame), (400, 225), interpolation=cv2.INTER_AREA) for frame in around]
    rows = [np.hstack(small[start : start + 4]) for start in range(0, 12, 4)]
    cv2.imwrite(str(OUT / f"join-{name.replace(' ', '-')}.png"), np.vstack(rows))


if __name__ == "__main__":
    main()
