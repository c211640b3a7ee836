"""How well the end of a clip flows into its beginning.

A loop is seamless when nothing happens at its seam that does not happen everywhere else in it. So
the seam is never judged by likeness of two pictures (a doubled frame is a perfect likeness, and a
visible stutter) but against the clip's own motion, on small thumbnails: finer detail than that is
codec noise.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from cutscene.media.boxes import DEFAULT_LIMITS, Limits
from cutscene.media.probe import decode, to_bgr

__all__ = ["SEAMLESS", "Seam", "measure_seam", "seam", "thumbnail"]

SEAMLESS: Final = 85.0
"""From here on nobody sees the seam; 60-85 is soft, below 60 visible, below 30 a cut."""
THUMBNAIL_SIDE: Final = 160
"""Pixels of a thumbnail's longer side."""

_CHANGE_FLOOR: Final = 0.15
_TURN_FLOOR: Final = 0.05
"""What codec noise alone does, in Lab units and in pixels: keeps ratios of two stills at one."""


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
    """The clip's own small changes over the smallest at the seam: a doubled frame stands still."""

    @property
    def seamless(self) -> bool:
        return self.score >= SEAMLESS


def measure_seam(path: Path, limits: Limits = DEFAULT_LIMITS) -> Seam:
    """Score the loop that an MP4 makes when it is played again and again.

    One decoding pass, a few thumbnails in memory. Raises `UnplayableVideo`.
    """
    return _score(_thumbnails(path, limits))


def seam(thumbnails: Sequence[NDArray[np.uint8]]) -> Seam:
    """Score the loop that these frames make: BGR pictures of one size, as `thumbnail` makes them.

    With *change* the mean Lab distance of two neighbours, *turn* the mean change of optical flow
    (pixels) at a frame, *near* the steps into, across and out of the seam, and percentiles over the
    clip without the seam::

        jump  = max(change near) / p90(change)
        turn  = max(turn near)   / p90(turn)
        hitch = p10(change)      / min(change near)
        score = 100 / max(1, jump, sqrt(turn), (1 + hitch) / 2)

    Small floors are added above and below each stroke, so that a still picture scores 100.
    Raises `ValueError` where there is no picture.
    """
    return _score(iter(thumbnails))


def thumbnail(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A BGR picture scaled down to `THUMBNAIL_SIDE`, for `seam`."""
    height, width = picture.shape[:2]
    small = cv2.resize(picture, _thumbnail_size(width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.uint8)


def _thumbnails(path: Path, limits: Limits) -> Iterator[NDArray[np.uint8]]:
    for frame in decode(path, limits):
        yield to_bgr(frame, *_thumbnail_size(frame.width, frame.height))


def _thumbnail_size(width: int, height: int) -> tuple[int, int]:
    scale = THUMBNAIL_SIDE / max(width, height)
    return max(16, round(width * scale)), max(16, round(height * scale))


def _score(pictures: Iterator[NDArray[np.uint8]]) -> Seam:
    changes, turns = _motion(_cycle(pictures))
    # The cycle ends with the steps into the seam, across it and out of it, which is its first again.
    own_changes, near_changes = changes[:-2], changes[-3:]
    own_turns, near_turns = turns[:-2] or turns, [*turns[-3:], turns[0]]
    low, high = np.percentile(own_changes or changes, (10, 90))
    jump = _ratio(max(near_changes), high, _CHANGE_FLOOR)
    turn = _ratio(max(near_turns), np.percentile(own_turns, 90), _TURN_FLOOR)
    hitch = _ratio(low, min(near_changes), _CHANGE_FLOOR)
    score = 100 / max(1.0, jump, turn**0.5, (1 + hitch) / 2)
    return Seam(score=score, jump=jump, turn=turn, hitch=hitch)


def _cycle(pictures: Iterator[NDArray[np.uint8]]) -> Iterator[NDArray[np.uint8]]:
    """All pictures, and the first two once more: one step past the seam."""
    first = list(islice(pictures, 2))
    if not first:
        raise ValueError("no pictures, no loop")
    yield from first
    yield from pictures
    yield from (first[0], first[-1])


def _motion(pictures: Iterable[NDArray[np.uint8]]) -> tuple[list[float], list[float]]:
    """Change of every step, and turn at every picture between two steps."""
    changes, turns = [], []
    flow_before = None
    views = ((_lab(picture), _gray(picture)) for picture in pictures)
    for (lab_before, gray_before), (lab, gray) in pairwise(views):
        changes.append(_distance(lab_before, lab))
        flow = _flow(gray_before, gray)
        if flow_before is not None:
            turns.append(_distance(flow_before, flow))
        flow_before = flow
    return changes, turns


def _lab(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.asarray(cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_BGR2Lab), dtype=np.float32)


def _gray(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Softened: optical flow takes noise for motion."""
    gray = cv2.GaussianBlur(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), (0, 0), 1.0)
    return np.asarray(gray, dtype=np.uint8)


def _flow(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Where each pixel went, height x width x (x, y) pixels."""
    start = np.zeros((*before.shape, 2), np.float32)
    flow = cv2.calcOpticalFlowFarneback(
        before,
        after,
        start,
        pyr_scale=0.5,
        levels=3,
        winsize=15,
        iterations=3,
        poly_n=5,
        poly_sigma=1.2,
        flags=0,
    )
    return np.asarray(flow, dtype=np.float32)


def _distance(before: NDArray[np.float32], after: NDArray[np.float32]) -> float:
    """Mean over all pixels of how far apart two vectors are."""
    return float(np.linalg.norm(after - before, axis=-1).mean())


def _ratio(above: float, below: float, floor: float) -> float:
    return float((above + floor) / (below + floor))
