"""Pictures over a frame: at their usual places and sizes, with their own transparency."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cutscene.media.frames import Frame
from cutscene.media.overlay.area import Box, picture_box
from cutscene.media.overlay.colors import to_yuva
from cutscene.media.overlay.stamp import Stamp
from cutscene.media.picture import open_overlay
from cutscene.overlays import PictureOverlay, Place

__all__ = ["PictureLayer"]

_MOST_ENLARGED: Final = 2.0
"""Beyond that a small picture only shows its pixels."""
Premultiplied = NDArray[np.float32]
"""BGRA (height, width, 4), 0-255."""


class PictureLayer:
    """One picture that stands still; ``nth`` of its kind.

    An overlay covers the frame, cropped around its centre. A logo or a mascot is shown whole,
    without its transparent borders. Raises `InputValidationError` where ``data`` is no picture.
    """

    def __init__(self, overlay: PictureOverlay, data: bytes, *, nth: int, width: int, height: int) -> None:
        box = picture_box(overlay.place, nth, width, height)
        image = open_overlay(data)
        placed = _covering(image, box) if overlay.place is Place.OVERLAY else _standing(image, box)
        self._stamp = _stamp(placed, overlay, box, nth, overlay.opacity)

    def draw(self, frame: Frame, _number: int) -> None:
        self._stamp.draw(frame)


def _covering(image: Image.Image, box: Box) -> Premultiplied:
    scale = max(box.width / image.width, box.height / image.height)
    wide, high = box.width / scale, box.height / scale
    left, top = (image.width - wide) / 2, (image.height - high) / 2
    return _resized(image, (round(box.width), round(box.height)), (left, top, left + wide, top + high))


def _standing(image: Image.Image, box: Box) -> Premultiplied:
    inked = image.getchannel("A").getbbox() or (0, 0, image.width, image.height)
    wide, high = inked[2] - inked[0], inked[3] - inked[1]
    scale = min(box.width / wide, box.height / high, _MOST_ENLARGED)
    size = (max(1, round(wide * scale)), max(1, round(high * scale)))
    return _resized(image.crop(inked), size, (0, 0, wide, high))


def _resized(
    image: Image.Image, size: tuple[int, int], part: tuple[float, float, float, float]
) -> Premultiplied:
    """Pillow weighs colours by their alpha here: no dark fringes from what is transparent."""
    resized = image.convert("RGBa").resize(size, Image.Resampling.LANCZOS, part)
    red, green, blue, alpha = np.moveaxis(np.asarray(resized, np.float32), 2, 0)
    # The filter overshoots at hard edges; no colour is stronger than its alpha.
    return np.stack([np.minimum(channel, alpha) for channel in (blue, green, red, alpha)], axis=2)


def _stamp(picture: Premultiplied, overlay: PictureOverlay, box: Box, nth: int, opacity: float) -> Stamp:
    """Outwards and, of a mascot, downwards in its box."""
    high, wide = picture.shape[:2]
    left = box.left if nth % 2 else box.right - wide
    top = box.bottom - high if overlay.place is Place.MASCOT else box.top
    x, y = math.floor(left), math.floor(top)
    padding = ((y % 2, (y + high) % 2), (x % 2, (x + wide) % 2), (0, 0))
    return Stamp.of(to_yuva(np.pad(picture, padding)), x - x % 2, y - y % 2, opacity)
