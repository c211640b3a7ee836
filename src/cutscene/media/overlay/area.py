"""Where things may stand in a frame: inside the safe area, which every screen and player shows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from cutscene.overlays import Place, Position

__all__ = ["Box", "picture_box", "safe_area", "text_box", "unit"]

_MARGIN: Final = 0.07
"""Share of each side."""
_LINE: Final = 0.8
"""Share of the width that a line of words may have."""
_LOGO: Final = (0.19, 0.11)
_MASCOT: Final = (0.3, 0.31)
"""Largest width and height, shares of the frame's mean side."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in a frame, pixels."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top


def unit(width: int, height: int) -> float:
    """Pixels of the frame per pixel at 720 lines, which are counted along the shorter side."""
    return min(width, height) / 720


def safe_area(width: int, height: int) -> Box:
    return Box(width * _MARGIN, height * _MARGIN, width * (1 - _MARGIN), height * (1 - _MARGIN))


def text_box(position: Position, logos: int, width: int, height: int) -> Box:
    """What words at that position may fill, centred; at the top they make room for logos.

    In a wide frame they stand between the logo and where a second one would be, else below.
    """
    safe, side = safe_area(width, height), width * (1 - _LINE) / 2
    if position is Position.TOP and logos:
        logo = picture_box(Place.LOGO, 0, width, height)
        if width > 1.4 * height:
            left = max(side, width - logo.left + 0.02 * width)
            return Box(left, safe.top, width - left, safe.bottom)
        return Box(side, logo.bottom, width - side, safe.bottom)
    return Box(side, safe.top, width - side, safe.bottom)


def picture_box(place: Place, nth: int, width: int, height: int) -> Box:
    """What the ``nth`` picture of its kind (from 0) may fill: right, left, right, and so on."""
    safe = safe_area(width, height)
    if place is Place.OVERLAY:
        return Box(0, 0, width, height)
    side = math.sqrt(width * height)
    if place is Place.LOGO:
        wide, top, bottom = _LOGO[0] * side, safe.top, safe.top + _LOGO[1] * side
    else:
        wide, top, bottom = _MASCOT[0] * side, safe.bottom - _MASCOT[1] * side, safe.bottom
    if nth % 2:
        return Box(safe.left, top, safe.left + wide, bottom)
    return Box(safe.right - wide, top, safe.right, bottom)
