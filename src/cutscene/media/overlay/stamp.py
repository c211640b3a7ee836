"""A picture with transparency in a frame's own form: blended in place, at its place, in one pass."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from cutscene.media.frames import Frame, planes

__all__ = ["Patch", "Stamp", "even_span"]

Patch = NDArray[np.uint8]
"""(height, width, 4): luma, blue, red, premultiplied by alpha, and alpha; both sides even."""
Plane = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """Ready to be blended: each plane of the picture beside what it lets through of the frame."""

    left: int
    top: int
    """Even pixels; all of the stamp lies inside the frame."""
    luma: Plane
    blue: Plane
    red: Plane
    luma_through: Plane
    chroma_through: Plane

    @classmethod
    def of(cls, patch: Patch, left: int, top: int, opacity: float = 1.0) -> Self:
        """From a patch whose upper left pixel comes to lie on ``left``, ``top``, both even."""
        if opacity < 1:
            patch = np.asarray(cv2.convertScaleAbs(patch, alpha=opacity), np.uint8)
        luma, blue, red, alpha = cv2.split(patch)
        return cls(
            left=left,
            top=top,
            luma=np.asarray(luma, np.uint8),
            blue=_halved(blue),
            red=_halved(red),
            luma_through=np.asarray(cv2.bitwise_not(alpha), np.uint8),
            chroma_through=np.asarray(cv2.bitwise_not(_halved(alpha)), np.uint8),
        )

    def draw(self, frame: Frame) -> None:
        """Blend into ``frame``; where the stamp is transparent nothing changes by a single bit."""
        luma, blue, red = planes(frame)
        _blend(luma, self.luma, self.luma_through, self.left, self.top)
        _blend(blue, self.blue, self.chroma_through, self.left // 2, self.top // 2)
        _blend(red, self.red, self.chroma_through, self.left // 2, self.top // 2)


def even_span(low: float, high: float, side: int) -> tuple[int, int]:
    """The even pixels around a stretch, as far as they are in the frame."""
    return max(0, math.floor(low / 2) * 2), min(side, math.ceil(high / 2) * 2)


def _halved(plane: cv2.typing.MatLike) -> Plane:
    height, width = plane.shape
    half = cv2.resize(plane, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    return np.asarray(half, np.uint8)


def _blend(plane: Plane, over: Plane, through: Plane, left: int, top: int) -> None:
    height, width = over.shape
    under = plane[top : top + height, left : left + width]
    cv2.add(cv2.multiply(under, through, scale=1 / 255), over, dst=under)
