"""Where things may stand in a frame: inside the safe area, which every screen and player shows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from cutscene.overlays import Place, Position

__all__ = ["Box", "line_width", "picture_box", "safe_area", "unit"]

_MARGIN: Final = 0.07
"""Share of each side."""
_LINE: Final = 0.8
_LOGO: Final = (0.19, 0.13)
_MASCOT: Final = (0.4, 0.4)


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


def line_width(position: Position, logos: int, width: int, height: int) -> float:
    """Pixels that a line of text may be wide; above it makes room for logos."""
    if position is not Position.TOP or not logos:
        return width * _LINE
    logo = picture_box(Place.LOGO, 0, width, height)
    return min(width * _LINE, 2 * logo.left - width - 0.02 * width)


def picture_box(place: Place, nth: int, width: int, height: int) -> Box:
    """What the ``nth`` picture of its kind (from 0) may fill: right, left, right, and so on."""
    safe = safe_area(width, height)
    if place is Place.OVERLAY:
        return Box(0, 0, width, height)
    if place is Place.LOGO:
        side = math.sqrt(width * height)
        wide, bottom = _LOGO[0] * side, safe.top + _LOGO[1] * side
        top = safe.top
    else:
        wide, bottom = _MASCOT[0] * width, safe.bottom
        top = bottom - _MASCOT[1] * height
    if nth % 2:
        return Box(safe.left, top, safe.left + wide, bottom)
    return Box(safe.right - wide, top, safe.right, bottom)
