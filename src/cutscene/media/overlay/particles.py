"""Particles: points of light that rise, sway, twinkle and fade."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cutscene.media.frames import Frame, planes
from cutscene.media.overlay.colors import BGR, to_yuva
from cutscene.media.overlay.cycle import Cycle

__all__ = ["Particles"]

GOLDEN: Final = ("#ffd76a", "#fff1c2", "#ffb84a")
_COUNT: Final = 72
_LIFE: Final = 5.0
"""Seconds."""
_SIZES: Final = (0.0018, 0.0066)
"""Of the bright core, shares of the frame's mean side."""
_HALO: Final = 2.6
"""Times the core."""
_REACH: Final = 2.0
"""How many times its size a light is seen from its middle."""
_RIM: Final = 0.4 * math.exp(-(_REACH**2))
"""What is left of it there; less that, it ends softly."""
_WHITE: Final = 235.0


class Particles:
    """Lights over a frame of ``width`` x ``height`` pixels."""

    def __init__(
        self, colors: Sequence[BGR], *, width: int, height: int, cycle: Cycle, rng: np.random.Generator
    ) -> None:
        self._size, self._cycle = (width, height), cycle
        self._unit = math.sqrt(width * height)
        count = max(1, round(_COUNT / cycle.copies(_LIFE)))
        nearness = rng.random(count) ** 1.8
        self._core = (_SIZES[0] + (_SIZES[1] - _SIZES[0]) * nearness) * self._unit
        self._x, self._y = (rng.permutation((np.arange(count) * 0.618034) % 1), rng.random(count) * 1.3 - 0.1)
        self._birth, self._phase = rng.random(count), rng.random(count)
        self._rise = (0.10 + 0.22 * nearness) * self._unit
        self._sway = (0.012 + 0.03 * nearness) * self._unit
        self._twinkles = rng.integers(2, 6, count)
        opaque = np.array([(*color, 255) for color in colors], np.float32)[None]
        self._tones = to_yuva(opaque)[0, rng.integers(0, len(colors), count), :3].astype(np.float32)

    def draw(self, frame: Frame, number: int) -> None:
        for lived in self._cycle.ages(number, _LIFE):
            self._draw(frame, (self._birth + lived) % 1)

    def _draw(self, frame: Frame, age: NDArray[np.float64]) -> None:
        width, height = self._size
        x = self._x * width + self._sway * np.sin(math.tau * (age + self._phase))
        y = self._y * height + self._rise * (0.5 - age)
        twinkle = 0.66 + 0.34 * np.sin(math.tau * (self._twinkles * age + self._phase))
        strength = np.sin(np.pi * age) ** 0.7 * twinkle
        for at in np.flatnonzero(strength > 0.02):
            _glow(frame, float(x[at]), float(y[at]), float(self._core[at]), strength[at], self._tones[at])


def _glow(frame: Frame, x: float, y: float, core: float, strength: float, tone: NDArray[np.float32]) -> None:
    """Lighten a frame around a point, and tint it: light adds, it never darkens."""
    luma, blue, red = planes(frame)
    seen = _light(luma.shape, x, y, core, strength)
    if seen is not None:
        rows, columns, light = seen
        under = luma[rows, columns]
        luma[rows, columns] = under + (_WHITE - np.minimum(under, _WHITE)) * light * (tone[0] / _WHITE) + 0.5
    seen = _light(blue.shape, x / 2 - 0.25, y / 2 - 0.25, core / 2, strength)
    if seen is not None:
        rows, columns, light = seen
        for plane, value in ((blue, tone[1]), (red, tone[2])):
            under = plane[rows, columns]
            plane[rows, columns] = under + (value - under) * light + 0.5


def _light(
    shape: tuple[int, ...], x: float, y: float, core: float, strength: float
) -> tuple[slice, slice, NDArray[np.float32]] | None:
    """The part of a plane that is lit and how much, 0 to 1; None outside."""
    reach = _REACH * _HALO * core
    left, right = max(0, math.ceil(x - reach)), min(shape[1], math.floor(x + reach) + 1)
    top, bottom = max(0, math.ceil(y - reach)), min(shape[0], math.floor(y + reach) + 1)
    if left >= right or top >= bottom:
        return None
    across = ((np.arange(left, right, dtype=np.float32) - x) / core) ** 2
    down = ((np.arange(top, bottom, dtype=np.float32) - y) / core) ** 2
    spark = np.exp(-down)[:, None] * np.exp(-across)
    halo = np.exp(-down / _HALO**2)[:, None] * np.exp(-across / _HALO**2)
    light = np.maximum(0.6 * spark + 0.4 * halo - _RIM, 0) * np.float32(strength)
    return slice(top, bottom), slice(left, right), light
