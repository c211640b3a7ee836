"""How a camera was held: cameras write pictures as their sensor lies, and say how to turn them."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

__all__ = ["UPRIGHT", "Orientation", "orientation"]


@dataclass(frozen=True, slots=True)
class Orientation:
    """One of the eight ways to lay a picture: rows become columns or not, then mirrored or not."""

    transposed: bool = False
    left_right: bool = False
    upside_down: bool = False

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height once it is upright."""
        return (height, width) if self.transposed else (width, height)

    def upright(self, plane: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A plane (height, width), or a picture (height, width, 3), as it is meant to be seen."""
        turned = cv2.transpose(plane) if self.transposed else plane
        if self.left_right or self.upside_down:
            turned = cv2.flip(turned, _FLIPS[self.left_right, self.upside_down])
        return np.asarray(turned, np.uint8)


_FLIPS: Final = {(True, False): 1, (False, True): 0, (True, True): -1}
UPRIGHT: Final = Orientation()


def orientation(frame: VideoFrame) -> Orientation:
    """Of a decoded frame; only quarter turns and mirrors count, all else is taken as upright.

    The file has a matrix that takes x to ``a x + c y`` and y to ``b x + d y``.
    """
    side_data: Any = frame.side_data  # its types know of one kind alone
    matrix = side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return UPRIGHT
    a, b, _, c, d, *_ = struct.unpack("=9i", bytes(matrix))
    if a and d and not b and not c:
        return Orientation(False, a < 0, d < 0)
    if b and c and not a and not d:
        return Orientation(True, c < 0, b < 0)
    return UPRIGHT
