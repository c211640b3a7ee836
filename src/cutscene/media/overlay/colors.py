"""Colours as people write them, and what contrasts with them."""

from __future__ import annotations

import math
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ImageColor

from cutscene.errors import InputValidationError

__all__ = ["BGR", "contrasting", "luminance", "parse_color", "to_yuva"]

BGR: TypeAlias = tuple[int, int, int]
"""0-255."""

_DARK: Final = 0.12
_LIGHT: Final = 0.94
_BALANCE: Final = 0.179
"""The luminance that black and white contrast with alike."""
_TO_YUVA: Final = np.array(
    [
        # Blue, green, red (premultiplied) and alpha, of which the offsets are a share: BT.709, limited.
        [0.0722 * 219 / 255, 0.7152 * 219 / 255, 0.2126 * 219 / 255, 16 / 255],
        [0.5 * 224 / 255, -0.7152 / 1.8556 * 224 / 255, -0.2126 / 1.8556 * 224 / 255, 128 / 255],
        [-0.0722 / 1.5748 * 224 / 255, -0.7152 / 1.5748 * 224 / 255, 0.5 * 224 / 255, 128 / 255],
        [0, 0, 0, 1],
    ],
    np.float32,
)


def parse_color(name: str) -> BGR:
    """Of ``#rgb``, ``#rrggbb`` or a CSS name; raises `InputValidationError`."""
    try:
        red, green, blue = ImageColor.getrgb(name)[:3]
    except ValueError:
        raise InputValidationError(f"Unknown color {name!r}: write #rrggbb or a CSS name.") from None
    return blue, green, red


def contrasting(color: BGR) -> BGR:
    """A dark shade of a light colour, a light tint of a dark one."""
    if luminance(color) > _BALANCE:
        blue, green, red = (round(_DARK * value) for value in color)
    else:
        blue, green, red = (round(255 - (1 - _LIGHT) * (255 - value)) for value in color)
    return blue, green, red


def luminance(color: BGR) -> float:
    """0 (black) to 1 (white), as the eye weighs light."""
    blue, green, red = (math.pow(value / 255, 2.2) for value in color)
    return 0.0722 * blue + 0.7152 * green + 0.2126 * red


def to_yuva(bgra: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Premultiplied BGRA (height, width, 4), 0-255, as premultiplied luma, blue, red and alpha.

    What a colour is in a frame is linear in it, so that premultiplied values stay premultiplied.
    """
    converted = cv2.transform(bgra, _TO_YUVA)
    return np.clip(np.rint(converted), 0, 255).astype(np.uint8)
