"""Pictures moved along the motion between them. Works on thumbnails and on frames alike."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from cutscene.media.frames import planes

__all__ = ["Morph", "Picture", "between", "layers", "mixed", "rounded"]

Picture = NDArray[np.uint8]
"""BGR (height, width, 3), or a `frames.Frame`."""
_Gray = NDArray[np.uint8]
_Flow = NDArray[np.float32]

_FLOW_WIDTH: Final = 240
"""Pixels at which motion is looked for: loops of more score no better."""
_YIELDING: Final = 0.5
"""Share of what is found between two pictures in what they are moved by."""
_SHOWN_AS_IS: Final = 0.04
"""A frame that is due this much of a step earlier or later is not worth softening another."""


class Morph:
    """Moves one pair of pictures after another towards each other.

    The motion found between two is where the search begins for the next two, and gives way to theirs
    slowly: what is found anew each time flickers.
    """

    def __init__(self) -> None:
        self._search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        self._search.setGradientDescentIterations(12)  # of 25: sooner done, and loops no worse
        self._flows: tuple[_Flow, _Flow] | None = None

    def moved(self, tail: Picture, head: Picture, time: float) -> tuple[Picture, Picture]:
        """Both with their contents at ``time`` (0 to 1) of the way from ``tail`` to ``head``."""
        one, other = _gray(tail), _gray(head)
        before = self._flows or (None, None)
        back = self._followed(before[0], other, one)
        forth = self._followed(before[1], one, other)
        self._flows = back, forth
        return _warped(tail, back, time), _warped(head, forth, 1 - time)

    def _followed(self, last: _Flow | None, before: _Gray, after: _Gray) -> _Flow:
        flow = _flow(self._search, before, after, last)
        if last is None:
            return flow
        return np.asarray(cv2.addWeighted(last, 1 - _YIELDING, flow, _YIELDING, 0), np.float32)


def between(before: Picture, after: Picture, time: float) -> Picture:
    """What is to be seen at ``time`` (0 to 1) of the way from one frame to the next."""
    if time <= _SHOWN_AS_IS:
        return before
    if time >= 1 - _SHOWN_AS_IS:
        return after
    # The fast search skips the finest levels, which is all that a thumbnail has.
    fast = before.ndim == 2
    preset = cv2.DISOPTICAL_FLOW_PRESET_FAST if fast else cv2.DISOPTICAL_FLOW_PRESET_MEDIUM
    # One search serves both ways: a step is short.
    flow = _flow(cv2.DISOpticalFlow.create(preset), _gray(before), _gray(after))
    return mixed(_warped(before, flow, -time), _warped(after, flow, 1 - time), time)


def mixed(one: Picture, other: Picture, weight: float) -> Picture:
    """``weight`` (0 to 1) of the other."""
    exact = cv2.addWeighted(one, 1 - weight, other, weight, 0, dtype=cv2.CV_32F)
    return rounded(np.asarray(exact, np.float32))


def rounded(exact: NDArray[np.float32]) -> Picture:
    """To whole levels, each pixel at a threshold of its own; ``exact`` is written over.

    Where two pictures are a level apart, all pixels would otherwise jump at once in the middle of a
    blend: a change that the eye sees, and no camera makes.
    """
    return np.asarray(cv2.convertScaleAbs(cv2.add(exact, _thresholds(exact.shape), dst=exact)), np.uint8)


@lru_cache(maxsize=8)
def _thresholds(shape: tuple[int, ...]) -> NDArray[np.float32]:
    return np.random.default_rng(1).uniform(-0.5, 0.5, shape).astype(np.float32)


def layers(picture: Picture) -> Iterator[NDArray[np.uint8]]:
    """What is moved and mixed by itself: the picture, or the planes of a frame; views to be written to."""
    yield from planes(picture) if picture.ndim == 2 else (picture,)


def _flow(search: cv2.DISOpticalFlow, before: _Gray, after: _Gray, start: _Flow | None = None) -> _Flow:
    start = np.zeros((*before.shape, 2), np.float32) if start is None else start.copy()
    return np.asarray(cv2.GaussianBlur(search.calc(before, after, start), (0, 0), 1.5), np.float32)


def _warped(picture: Picture, flow: _Flow, share: float) -> Picture:
    """Every pixel fetched from ``share`` of its flow away."""
    warped = np.empty_like(picture)
    # Thumbnails have no detail to lose: softened, they would promise less change than frames show.
    sharpness = cv2.INTER_LINEAR if picture.ndim == 2 else cv2.INTER_CUBIC
    how = sharpness | cv2.WARP_RELATIVE_MAP
    ways = np.empty((0, 0, 2), np.float32)
    for layer, into in zip(layers(picture), layers(warped), strict=True):
        height, width = layer.shape[:2]
        if ways.shape[:2] != (height, width):  # both colours go the same ways
            scaled = flow * np.float32(share * width / flow.shape[1])
            ways = np.asarray(cv2.resize(scaled, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
        cv2.remap(layer, ways, None, how, dst=into, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[call-overload]  # the stub forgets that no second map is needed
    return warped


def _gray(picture: Picture) -> _Gray:
    """As motion is looked for in it, and no smaller than the search's patches."""
    gray = planes(picture)[0] if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    while max(gray.shape) >= 2 * _FLOW_WIDTH:  # by halves it is ten times faster
        gray = cv2.resize(gray, (gray.shape[1] // 2, gray.shape[0] // 2), interpolation=cv2.INTER_AREA)
    scale = min(1.0, _FLOW_WIDTH / max(gray.shape))
    size = tuple(max(24, round(side * scale)) for side in gray.shape[::-1])
    return np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_AREA), np.uint8)
