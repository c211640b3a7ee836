"""Particles: points of light that rise, sway, twinkle and fade."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from cutscene.media.frames import Frame, planes
from cutscene.media.overlay.colors import BGR, to_yuva
from cutscene.media.overlay.cycle import Cycle
from cutscene.media.overlay.stamp import even_span

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
_WHITE: Final = np.float32(235)
Plane = NDArray[np.uint8]


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
        canvas = planes(frame)
        for at in np.flatnonzero(strength > 0.02):
            lit = _lit(self._size, float(x[at]), float(y[at]), float(self._core[at]))
            if lit is not None:
                _glow(canvas, lit, float(strength[at]), self._tones[at])


@dataclass(frozen=True, slots=True)
class _Lit:
    """The part of a frame that a light is seen in, even pixels, and how much, 0 to 1."""

    left: int
    top: int
    light: NDArray[np.float32]


def _lit(size: tuple[int, int], x: float, y: float, core: float) -> _Lit | None:
    """Around x, y; None outside of the frame."""
    reach = _REACH * _HALO * core
    left, right = even_span(x - reach, x + reach, size[0])
    top, bottom = even_span(y - reach, y + reach, size[1])
    if left >= right or top >= bottom:
        return None
    across = ((np.arange(left, right, dtype=np.float32) - x) / core) ** 2
    down = ((np.arange(top, bottom, dtype=np.float32) - y)[:, None] / core) ** 2
    spark = 0.6 * np.exp(-down) * np.exp(-across)
    halo = 0.4 * np.exp(-down / _HALO**2) * np.exp(-across / _HALO**2)
    return _Lit(left, top, np.maximum(spark + halo - _RIM, 0))


def _glow(canvas: tuple[Plane, Plane, Plane], lit: _Lit, strength: float, tone: NDArray[np.float32]) -> None:
    """Lighten and tint: light adds, it never darkens."""
    high, wide = lit.light.shape
    under = canvas[0][lit.top : lit.top + high, lit.left : lit.left + wide]
    under += ((_WHITE - np.minimum(under, _WHITE)) * (lit.light * (strength * tone[0] / _WHITE))).astype(
        np.uint8
    )
    tint = cv2.resize(lit.light, (wide // 2, high // 2), interpolation=cv2.INTER_AREA) * strength
    for plane, value in zip(canvas[1:], tone[1:], strict=True):
        under = plane[lit.top // 2 : (lit.top + high) // 2, lit.left // 2 : (lit.left + wide) // 2]
        under[...] = under + (value - under) * tint + 0.5
