"""How far two neighbouring pictures of a clip differ, in what they show and in how it moves.

Judged on small thumbnails: finer detail than that is codec noise, and the eye does not follow it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = [
    "THUMBNAIL_SIDE",
    "Thumbnail",
    "View",
    "change",
    "detail",
    "flow",
    "thumbnail",
    "thumbnail_size",
    "turn",
]

Thumbnail = NDArray[np.uint8]
"""BGR (height, width, 3), the longer side `THUMBNAIL_SIDE`."""
THUMBNAIL_SIDE: Final = 160
"""Pixels."""


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A thumbnail as it is compared: in Lab, where distance is how different colours look, and in gray."""

    lab: NDArray[np.float32]
    gray: NDArray[np.uint8]

    @classmethod
    def of(cls, picture: Thumbnail) -> View:
        lab = cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_BGR2Lab)
        # Softened: optical flow takes noise for motion.
        gray = cv2.GaussianBlur(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), (0, 0), 1.0)
        return cls(np.asarray(lab, np.float32), np.asarray(gray, np.uint8))


def thumbnail(picture: NDArray[np.uint8]) -> Thumbnail:
    """A BGR picture scaled down to `THUMBNAIL_SIDE`."""
    height, width = picture.shape[:2]
    small = cv2.resize(picture, thumbnail_size(width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.uint8)


def thumbnail_size(width: int, height: int) -> tuple[int, int]:
    scale = THUMBNAIL_SIDE / max(width, height)
    return max(16, round(width * scale)), max(16, round(height * scale))


def change(before: View, after: View) -> float:
    """Mean distance of two pictures in Lab units."""
    return _distance(before.lab, after.lab)


def flow(before: View, after: View) -> NDArray[np.float32]:
    """Where each pixel went, height x width x (x, y) pixels."""
    start = np.zeros((*before.gray.shape, 2), np.float32)
    moved = cv2.calcOpticalFlowFarneback(
        before.gray,
        after.gray,
        start,
        pyr_scale=0.5,
        levels=3,
        winsize=15,
        iterations=3,
        poly_n=5,
        poly_sigma=1.2,
        flags=0,
    )
    return np.asarray(moved, dtype=np.float32)


def turn(before: NDArray[np.float32], after: NDArray[np.float32]) -> float:
    """Mean distance of two flows, pixels: how much motion changes at the picture between them."""
    return _distance(before, after)


def detail(picture: NDArray[np.uint8] | NDArray[np.float32]) -> NDArray[np.float32]:
    """Edges and texture of a thumbnail without the light they stand in, in levels."""
    gray = cv2.cvtColor(picture.astype(np.float32), cv2.COLOR_BGR2GRAY)
    fine = cv2.GaussianBlur(gray, (0, 0), 1.0)
    return np.asarray(fine - cv2.GaussianBlur(fine, (0, 0), 6), np.float32)


def _distance(before: NDArray[np.float32], after: NDArray[np.float32]) -> float:
    """Mean over all pixels of how far apart two vectors are."""
    apart = after - before
    return float(np.sqrt(np.einsum("...c,...c", apart, apart)).mean())
