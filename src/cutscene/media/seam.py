"""How well the end of a clip flows into its beginning.

A loop is seamless when nothing happens at its seam that does not happen everywhere else in it. So
the seam is never judged by likeness of two pictures (a doubled frame is a perfect likeness, and a
visible stutter) but against the clip's own motion.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path
from typing import Final

import numpy as np

from cutscene.media.boxes import DEFAULT_LIMITS, Limits
from cutscene.media.change import Thumbnail, View, change, flow, thumbnail, thumbnail_size, turn
from cutscene.media.probe import decode, to_bgr

__all__ = [
    "SEAMLESS",
    "UNMIXED",
    "Mixed",
    "Seam",
    "judge",
    "measure_seam",
    "seam",
    "thumbnail",
    "thumbnails_of",
]

SEAMLESS: Final = 85.0
"""From here on nobody sees the seam; 60-85 is soft, below 60 visible, below 30 a cut."""

_CHANGE_FLOOR: Final = 0.15
_TURN_FLOOR: Final = 0.05
"""What codec noise alone does, in Lab units and in pixels: keeps ratios of two stills at one."""
_GHOST_COST: Final = 0.45
"""Share of the score that a full double exposure costs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seam:
    """The verdict on a loop, and what it rests on; 1.0 or less means no worse than the clip itself."""

    score: float
    """0-100."""
    jump: float
    """Largest change of picture at the seam over the clip's own large changes."""
    turn: float
    """Largest change of motion at the seam over the clip's own large ones."""
    hitch: float
    """Small changes as the clip has them over the smallest at the seam: a doubled frame stands still."""
    ghost: float = 0.0
    """0 nothing is seen twice, 1 two unrelated pictures lie on top of each other."""

    @property
    def seamless(self) -> bool:
        return self.score >= SEAMLESS


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixed:
    """What the maker of a loop did to its end, which the file alone does not tell."""

    frames: int = 0
    """How many, counted from the end, were made of two."""
    ghost: float = 0.0
    """How much of a double exposure the worst of them is, as in `Seam`."""


UNMIXED: Final = Mixed()


def measure_seam(path: Path, limits: Limits = DEFAULT_LIMITS, *, mixed: Mixed = UNMIXED) -> Seam:
    """Score the loop that an MP4 makes when it is played again and again.

    One decoding pass, a few thumbnails in memory. Raises `UnplayableVideo`.
    """
    return _score(thumbnails_of(path, limits), mixed)


def seam(thumbnails: Sequence[Thumbnail], mixed: Mixed = UNMIXED) -> Seam:
    """Score the loop that these frames make: BGR pictures of one size, as `thumbnail` makes them.

    With *change* the mean Lab distance of two neighbours, *turn* the mean change of optical flow
    (pixels) at a frame, *near* the steps into, across and out of the seam and all that lead to or
    from a mixed frame, and percentiles over the rest of the clip::

        jump  = max(change near) / p90(change)
        turn  = max(turn near)   / p90(turn)
        hitch = min(p10(change), awaited) / min(change near)
        score = 100 / max(1, jump, sqrt(turn), (1 + hitch) / 2) * (1 - 0.45 min(1, ghost))

    *Awaited* at the smallest change is what the two before it, or the two after it, lead to in a
    straight line: a clip may come to rest at its seam, but not all at once. Small floors are added
    above and below each stroke, so that a still picture scores 100.
    Raises `ValueError` where there is no picture.
    """
    return _score(iter(thumbnails), mixed)


def judge(changes: Sequence[float], turns: Sequence[float], mixed: Mixed = UNMIXED) -> Seam:
    """The verdict on what was measured along one cycle.

    ``changes`` of every step from the first frame on, across the seam, and the first step again;
    ``turns`` at every frame from the second on, the last being the first frame's.
    """
    seen = mixed.frames + 2
    own_changes, near_changes = changes[:-seen], changes[-max(3, seen) :]
    own_turns, near_turns = turns[:-seen] or turns, [*turns[-max(3, seen) :], turns[0]]
    low, high = np.percentile(own_changes or changes, (10, 90))
    jump = _ratio(max(near_changes), high, _CHANGE_FLOOR)
    turned = _ratio(max(near_turns), float(np.percentile(own_turns, 90)), _TURN_FLOOR)
    least = min(near_changes)
    at = len(changes) - len(near_changes) + near_changes.index(least)
    hitch = _ratio(min(low, _awaited(changes, at)), least, _CHANGE_FLOOR)
    score = 100 / max(1.0, jump, turned**0.5, (1 + hitch) / 2) * (1 - _GHOST_COST * min(1.0, mixed.ghost))
    return Seam(score=score, jump=jump, turn=turned, hitch=hitch, ghost=mixed.ghost)


def thumbnails_of(path: Path, limits: Limits = DEFAULT_LIMITS) -> Iterator[Thumbnail]:
    """Of every frame of an MP4, upright, in one decoding pass. Raises `UnplayableVideo`."""
    for frame in decode(path, limits):
        picture = to_bgr(frame, *thumbnail_size(frame.width, frame.height))
        yield np.ascontiguousarray(np.rot90(picture, frame.rotation // 90))


def _score(pictures: Iterator[Thumbnail], mixed: Mixed) -> Seam:
    return judge(*_motion(_cycle(pictures)), mixed)


def _cycle(pictures: Iterator[Thumbnail]) -> Iterator[Thumbnail]:
    """All pictures, and the first two once more: one step past the seam."""
    first = list(islice(pictures, 2))
    if not first:
        raise ValueError("no pictures, no loop")
    yield from first
    yield from pictures
    yield from (first[0], first[-1])


def _motion(pictures: Iterable[Thumbnail]) -> tuple[list[float], list[float]]:
    """Change of every step, and turn at every picture between two steps."""
    changes, turns = [], []
    flow_before = None
    for before, after in pairwise(map(View.of, pictures)):
        changes.append(change(before, after))
        moved = flow(before, after)
        if flow_before is not None:
            turns.append(turn(flow_before, moved))
        flow_before = moved
    return changes, turns


def _awaited(changes: Sequence[float], at: int) -> float:
    """Of the step at that place, where the steps before or after it go on as they do."""
    count = max(1, len(changes) - 1)
    before, after = ([changes[(at + way * far) % count] for far in (1, 2)] for way in (-1, 1))
    return max(0.0, 2 * before[0] - before[1], 2 * after[0] - after[1])


def _ratio(above: float, below: float, floor: float) -> float:
    return float((above + floor) / (below + floor))
