"""The size of frames: scaled and cropped around their centre, never squeezed."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from cutscene.media.frames import Frame, planes, size_of

__all__ = ["cover"]


def cover(frame: Frame, width: int, height: int) -> Frame:
    """The frame at a size in pixels (both even), what differs in ratio cut off around its centre.

    One that has the size already is returned as it is.
    """
    given_width, given_height = size_of(frame)
    if (given_width, given_height) == (width, height):
        return frame
    scale = max(width / given_width, height / given_height)
    # Even sizes and edges: a chroma sample covers two pixels each way.
    scaled_width = max(width, round(given_width * scale / 2) * 2)
    scaled_height = max(height, round(given_height * scale / 2) * 2)
    left, top = (scaled_width - width) // 4 * 2, (scaled_height - height) // 4 * 2
    target = np.empty((height * 3 // 2, width), np.uint8)
    for divisor, plane, covered in zip((1, 2, 2), planes(frame), planes(target), strict=True):
        scaled = _scaled(plane, scaled_width // divisor, scaled_height // divisor)
        rows, columns = covered.shape
        row, column = top // divisor, left // divisor
        covered[:] = scaled[row : row + rows, column : column + columns]
    return target


def _scaled(plane: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    if plane.shape == (height, width):
        return plane
    smooth = cv2.INTER_AREA if width < plane.shape[1] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(plane, (width, height), interpolation=smooth), np.uint8)
