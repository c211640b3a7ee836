"""Pieces of footage as one: retimed to a constant rate, joined where one goes on from another.

A generation that starts from the last frame of another begins with that very frame: it is dropped
because of how it was made, never for its likeness, since the codec's noise is as large as a real
step. Models come back a little brighter or duller than what they were given: colours are matched at
the joint, and let go of within a second.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from cutscene.media.boxes import DEFAULT_LIMITS, Limits, UnplayableVideo
from cutscene.media.frames import Frame, from_video, planes
from cutscene.media.probe import Facts, decode, open_video, pixel_aspect
from cutscene.media.shape import cover

__all__ = ["Part", "Timing", "joined", "last_frame"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One piece of footage."""

    path: Path
    facts: Facts
    repeats: bool = False
    """Its first frame is the last one of the part before."""

    @property
    def seconds(self) -> float:
        """That are shown of it."""
        return (self.facts.frames - self.repeats) / self.facts.fps


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Which moments of the footage are shown."""

    frames: int
    step: float
    """Seconds of footage from one frame to the next."""

    def until(self, seconds: float) -> int:
        """Frames that are shown before a moment; each shows the picture in the middle of its step.

        That forgives timestamps that are off by up to half a frame.
        """
        return self.frames if math.isinf(seconds) else min(self.frames, math.ceil(seconds / self.step - 0.5))


def joined(
    parts: Sequence[Part], timing: Timing, width: int, height: int, limits: Limits = DEFAULT_LIMITS
) -> Iterator[Frame]:
    """The frames of all parts in a row, cropped and scaled to the size in pixels.

    One that is shown twice is the same array twice. Raises `UnplayableVideo`.
    """
    start, last = 0.0, None
    for part in parts:
        end = math.inf if part is parts[-1] else start + part.seconds
        pictures = decode(part.path, limits)
        match, aspect = _NO_MATCH, part.facts.pixel_aspect
        if part.repeats and last is not None:
            match = _Match.between(last, cover(next(pictures), aspect, width, height))
        for number, (picture, times) in enumerate(_retimed(pictures, timing, start, end)):
            last = match.applied(cover(picture, aspect, width, height), number)
            for _ in range(times):
                yield last
        start = end


def last_frame(path: Path, limits: Limits = DEFAULT_LIMITS, *, size: tuple[int, int] | None = None) -> Frame:
    """The very last frame of a clip, upright; cut to a size in pixels if that is given.

    Raises `UnplayableVideo`.

    Only for files that `check_boxes` has passed.
    """
    with open_video(path, limits) as (container, stream):
        if stream.duration:
            container.seek((stream.start_time or 0) + stream.duration, stream=stream, backward=True)
        # To the end of the file: the decoder holds the last frames back until it is flushed.
        frames = [frame for frame in container.decode(stream) if frame.pts is not None]
        if not frames:
            raise UnplayableVideo("The video has no last picture.")
        last, aspect = max(frames, key=lambda frame: frame.pts or 0), pixel_aspect(stream)
        return from_video(last, aspect) if size is None else cover(last, aspect, *size)


def _retimed(
    pictures: Iterator[VideoFrame], timing: Timing, start: float, end: float
) -> Iterator[tuple[VideoFrame, int]]:
    """Which pictures are shown from ``start`` to ``end`` (seconds of all footage), and how often each."""
    shown, origin = timing.until(start) if start else 0, None
    for picture, following in pairwise(chain(pictures, [None])):
        assert picture is not None
        origin = picture.time - start if origin is None else origin
        until = timing.until(end if following is None else min(end, following.time - origin))
        if until > shown:
            yield picture, until - shown
            shown = until
        if shown == timing.frames:
            return


@dataclass(frozen=True, slots=True)
class _Match:
    """What makes the colours of one part those of the part before: a table for each plane."""

    tables: tuple[NDArray[np.float32], ...] = ()
    """Level to level, 256 each; none where nothing need change."""

    FADE: Final = 24
    """Frames after which a part has its own colours again."""

    @classmethod
    def between(cls, last: Frame, repeated: Frame) -> _Match:
        """From the same picture as either part has it."""
        tables = tuple(
            _table(wanted, given) for wanted, given in zip(planes(last), planes(repeated), strict=True)
        )
        change = max(float(np.abs(table - _LEVELS).mean()) for table in tables)
        return cls(tables) if change > _VISIBLE else _NO_MATCH

    def applied(self, frame: Frame, number: int) -> Frame:
        """To the frame that is ``number`` frames behind the joint."""
        weight = 1 - number / self.FADE
        if not self.tables or weight <= 0:
            return frame
        matched = frame.copy()
        for plane, table in zip(planes(matched), self.tables, strict=True):
            levels = np.clip(np.rint(_LEVELS + (table - _LEVELS) * weight), 0, 255).astype(np.uint8)
            plane[:] = cv2.LUT(plane, levels)
        return matched


_LEVELS: Final = np.arange(256, dtype=np.float32)
_VISIBLE: Final = 0.6
"""Levels of change that may as well be the codec's."""
_NO_MATCH: Final = _Match()


def _table(wanted: NDArray[np.uint8], given: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Brings mean and spread of one plane to those of another, within bounds that cannot look wrong."""
    (mean, spread), (given_mean, given_spread) = (
        (float(plane.mean()), float(plane.std()) + 1) for plane in (wanted, given)
    )
    gain = min(1.15, max(0.87, spread / given_spread))
    return (_LEVELS - given_mean) * gain + mean
