"""Rain: tiles of streaks that scroll whole tiles per loop."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from cutscene.providers.local.renderer.arrays import Picture, Rng, stroke
from cutscene.providers.local.renderer.timeline import Timeline


@dataclass(frozen=True, slots=True, kw_only=True)
class Curtain:
    """Rain at one distance; lengths in units of the layer, speed in units per second."""

    drops: int
    length: float
    thickness: float
    brightness: float
    speed: float
    tile: tuple[float, float]
    """Width and height of what repeats."""


CURTAINS: Final = (
    Curtain(drops=150, length=0.030, thickness=1, brightness=44, speed=0.95, tile=(0.53, 0.71)),
    Curtain(drops=90, length=0.055, thickness=1, brightness=62, speed=1.45, tile=(0.61, 0.97)),
    Curtain(drops=26, length=0.105, thickness=2, brightness=54, speed=2.2, tile=(0.83, 1.31)),
)
_SLANT: Final = 0.13
"""Sideways for each pixel of fall."""


class Rain:
    """All curtains, in a layer of ``width`` x ``height`` pixels."""

    def __init__(self, width: int, height: int, *, timeline: Timeline, rng: Rng) -> None:
        self._size, self._timeline = (width, height), timeline
        self._unit = math.sqrt(width * height)
        self._tiles = [(curtain, *self._tile(curtain, rng)) for curtain in CURTAINS]

    def _tile(self, curtain: Curtain, rng: Rng) -> tuple[Picture, int, int]:
        """Enough repetitions to cover the layer at any offset, and the size of one."""
        wide, high = (max(8, round(side * self._unit)) for side in curtain.tile)
        # A fall of one tile moves a whole tile's part sideways: the drops' slant.
        one = np.zeros((high * 3, wide * 3), np.uint8)
        # In a small layer a drop cannot be as thin as it should: paler instead.
        paleness = min(1.0, self._unit / 480)
        for _ in range(curtain.drops):
            x, y = rng.random() * wide, rng.random() * high
            length = curtain.length * self._unit * (0.6 + 0.8 * rng.random())
            shade = curtain.brightness * paleness * (0.4 + 0.6 * rng.random())
            for column in range(-1, 3):
                for row in range(-1, 3):
                    start = np.array((x + column * wide, y + row * high))
                    stroke(
                        one,
                        np.array([start, start + np.array((-_SLANT * length, length))]),
                        curtain.thickness,
                        shade,
                    )
        one = np.asarray(cv2.GaussianBlur(one, (1, 5), 1.2), np.uint8)[high : 2 * high, wide : 2 * wide]
        width, height = self._size
        return np.tile(one, (-(-height // high) + 1, -(-width // wide) + 1)), wide, high

    def draw(self, layer: Picture, frame: int) -> None:
        """Add the rain to a light ``layer`` (height, width, 3)."""
        width, height = self._size
        sheet = np.zeros((height, width), np.uint8)
        for curtain, tiles, wide, high in self._tiles:
            fall = self._timeline.scroll(frame, high, curtain.speed * self._unit)
            blown = self._timeline.scroll(frame, wide, curtain.speed * self._unit * _SLANT)
            top, left = (high - fall) % high, blown % wide
            cv2.add(sheet, tiles[top : top + height, left : left + width], dst=sheet)
        cv2.add(layer, cv2.merge([sheet, sheet, sheet]), dst=layer)
