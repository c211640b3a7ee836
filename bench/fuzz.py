"""Throws broken clips and pictures at the door, and says how it held.

    python bench/fuzz.py [--count 5000] [--pictures 1000] [--seed 1]

Every file goes the way of real ones: probed in a child process, and made into a clip if it passes.
It has to be accepted or refused with a sentence. Whatever crashes a child, takes longer or more
memory than allowed or fails in any other way is kept in bench/out, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final

from rich.progress import Progress

from cutscene.errors import InputValidationError
from cutscene.media.boxes import Limits, UnplayableVideo
from cutscene.media.forkserver import Ended
from cutscene.media.picture import crop_to
from cutscene.media.probe import Facts, probe
from cutscene.media.recipe import Piece, Recipe, shape_clip
from cutscene.media.workbench import Attempt, Workbench
from mutants import CLIP_MUTATORS, PICTURE_MUTATORS, clips, pictures

OUT: Final = Path(__file__).parent / "out"
SECONDS: Final = 10.0
LIMITS: Final = Limits(decode_seconds=SECONDS, work_seconds=SECONDS)


@dataclass(slots=True)
class Tally:
    """How it held."""

    counts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    peak_bytes: int = 0
    offending: int = 0

    def add(self, name: str, data: bytes, attempt: Attempt[Any]) -> None:
        verdict = _verdict(attempt)
        self.counts[verdict] += 1
        self.peak_bytes = max(self.peak_bytes, attempt.peak_bytes)
        if verdict == "refused":
            self.reasons[str(attempt.error)] += 1
        elif verdict != "accepted":
            self.offending += 1
            OUT.mkdir(exist_ok=True)
            (OUT / f"{verdict}-{name}").write_bytes(data)
            (OUT / f"{verdict}-{name}.txt").write_text(f"{attempt.error}\n{attempt.noise}")


def _verdict(attempt: Attempt[Any]) -> str:
    if attempt.ended is Ended.LATE:
        return "hung"
    if attempt.ended is not Ended.BY_ITSELF:
        return "crashed"
    if attempt.error is None:
        return "accepted"
    expected = isinstance(attempt.error, (UnplayableVideo, InputValidationError))
    return "refused" if expected else "failed"


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--count", type=int, default=5000, help="clips")
    parser.add_argument("--pictures", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    probed, made, cropped = Tally(), Tally(), Tally()
    with tempfile.TemporaryDirectory() as name, Progress() as progress:
        folder, chance = Path(name), Random(wanted.seed)  # noqa: S311 -- nothing to keep secret
        async with Workbench(LIMITS) as workbench:
            seeds, task = clips(folder), progress.add_task("clips", total=wanted.count)
            for index in range(wanted.count):
                mutant = _mutant(chance, CLIP_MUTATORS, seeds)
                await _try_clip(workbench, folder, f"{wanted.seed}-{index}.mp4", mutant, probed, made)
                progress.advance(task)
            seeds, task = pictures(), progress.add_task("pictures", total=wanted.pictures)
            for index in range(wanted.pictures):
                mutant = _mutant(chance, PICTURE_MUTATORS, seeds)
                cropped.add(
                    f"{wanted.seed}-{index}.img", mutant, await workbench.attempt(crop_to, mutant, 80, 45)
                )
                progress.advance(task)
    for what, tally in (("clips probed", probed), ("clips made", made), ("pictures cropped", cropped)):
        _report(what, tally)
    return 1 if probed.offending + made.offending + cropped.offending else 0


def _mutant(
    chance: Random, mutators: Sequence[Callable[[Random, bytes, Sequence[bytes]], bytes]], seeds: list[bytes]
) -> bytes:
    return chance.choice(mutators)(chance, chance.choice(seeds), seeds)


async def _try_clip(
    workbench: Workbench, folder: Path, name: str, data: bytes, probed: Tally, made: Tally
) -> None:
    source = folder / "mutant.mp4"
    source.write_bytes(data)
    attempt = await workbench.attempt(probe, source, LIMITS)
    probed.add(name, data, attempt)
    if attempt.value is not None:
        made.add(name, data, await workbench.attempt(_conforming(source, attempt.value)))


def _conforming(source: Path, facts: Facts) -> Callable[[], Facts]:
    frames = min(48, max(1, round(facts.frames / facts.fps * 24)))
    wanted = Recipe(width=160, height=90, frames=frames)
    return partial(shape_clip, [Piece(path=source)], source.with_name("made.mp4"), wanted, LIMITS)


def _report(what: str, tally: Tally) -> None:
    verdicts = ", ".join(f"{count} {verdict}" for verdict, count in tally.counts.most_common())
    print(f"{what}: {tally.counts.total()}; {verdicts or 'none'}; peak {tally.peak_bytes / 2**20:.0f} MiB")
    for reason, count in tally.reasons.most_common(8):
        print(f"    {count:5} {reason}")


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
