"""Pictures moved along the motion between them. Works on thumbnails and on frames alike."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from cutscene.media.frames import planes

__all__ = ["Picture", "between", "layers", "moved_together"]

Picture = NDArray[np.uint8]
"""BGR (height, width, 3), or a `frames.Frame`."""
_Gray = NDArray[np.uint8]
_Flow = NDArray[np.float32]

_FLOW_WIDTH: Final = 480
_STEP_FLOW_WIDTH: Final = 320
"""Pixels at which motion is looked for; less serves for the short way from one frame to the next."""
_SHOWN_AS_IS: Final = 0.04
"""A frame that is due this much of a step earlier or later is not worth softening another."""


def moved_together(tail: Picture, head: Picture, time: float) -> tuple[Picture, Picture]:
    """Both with their contents at ``time`` (0 to 1) of the way from ``tail`` to ``head``."""
    return _moved(tail, head, time, _FLOW_WIDTH, cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)


def between(before: Picture, after: Picture, time: float) -> Picture:
    """What is to be seen at ``time`` (0 to 1) of the way from one frame to the next."""
    if time <= _SHOWN_AS_IS:
        return before
    if time >= 1 - _SHOWN_AS_IS:
        return after
    # The fast search skips the finest levels, which is all that a thumbnail has.
    fast = before.ndim == 2
    preset = cv2.DISOPTICAL_FLOW_PRESET_FAST if fast else cv2.DISOPTICAL_FLOW_PRESET_MEDIUM
    one, other = _moved(before, after, time, _STEP_FLOW_WIDTH, preset)
    return np.asarray(cv2.addWeighted(one, 1 - time, other, time, 0), np.uint8)


def layers(picture: Picture) -> Iterator[NDArray[np.uint8]]:
    """What is moved and mixed by itself: the picture, or the planes of a frame; views to be written to."""
    yield from planes(picture) if picture.ndim == 2 else (picture,)


def _moved(
    tail: Picture, head: Picture, time: float, flow_width: int, preset: int
) -> tuple[Picture, Picture]:
    one, other = _gray(tail, flow_width), _gray(head, flow_width)
    search = cv2.DISOpticalFlow.create(preset)
    return (
        _warped(tail, _flow(search, other, one), time),
        _warped(head, _flow(search, one, other), 1 - time),
    )


def _flow(search: cv2.DISOpticalFlow, before: _Gray, after: _Gray) -> _Flow:
    start = np.zeros((*before.shape, 2), np.float32)
    return np.asarray(cv2.GaussianBlur(search.calc(before, after, start), (0, 0), 1.5), np.float32)


def _warped(picture: Picture, flow: _Flow, share: float) -> Picture:
    """Every pixel fetched from ``share`` of its flow away."""
    warped = np.empty_like(picture)
    # Thumbnails have no detail to lose: softened, they would promise less change than frames show.
    sharpness = cv2.INTER_LINEAR if picture.ndim == 2 else cv2.INTER_LANCZOS4
    for layer, into in zip(layers(picture), layers(warped), strict=True):
        height, width = layer.shape[:2]
        large = cv2.resize(flow, (width, height), interpolation=cv2.INTER_LINEAR)
        places = cv2.scaleAdd(large, share * width / flow.shape[1], _grid(width, height))
        into[...] = cv2.remap(layer, places, None, sharpness, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[call-overload]  # the stub forgets that no second map is needed
    return warped


@lru_cache(maxsize=4)
def _grid(width: int, height: int) -> _Flow:
    """Where every pixel is, (height, width, 2)."""
    across, down = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return np.dstack((across, down))


def _gray(picture: Picture, width: int) -> _Gray:
    """At most ``width`` wide, and no smaller than the flow's patches."""
    gray = planes(picture)[0] if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    scale = min(1.0, width / max(gray.shape))
    size = tuple(max(24, round(side * scale)) for side in gray.shape[::-1])
    return np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_AREA), np.uint8)
