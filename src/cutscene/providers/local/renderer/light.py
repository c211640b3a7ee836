"""Light in the air: fog, rays, glow, a passing gleam, aurora. Drawn small: it is all soft."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from cutscene.providers.local.renderer.arrays import Picture, Plane, Rng, coordinates, mix, smoothstep
from cutscene.providers.local.renderer.noise import fractal
from cutscene.providers.local.renderer.palette import bgr
from cutscene.providers.local.renderer.timeline import Timeline
from cutscene.providers.local.renderer.words import Mood

SCALE: Final = 8
"""The frame is this many times larger."""
_ANGLES: Final = 2048
"""Steps around the light in the tables of rays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Air:
    """How much of each there is, 0 to 1."""

    fog: float
    rays: float
    glow: float
    gleam: float = 0
    warm: float = 0
    """0: in the colours of the place, 1: golden."""


AIR: Final = {
    Mood.INTRO: Air(fog=0.18, rays=0.20, glow=0.18, gleam=0.18),
    Mood.CELEBRATION: Air(fog=0.08, rays=0.62, glow=0.42, warm=0.85),
    Mood.CONSOLATION: Air(fog=0.34, rays=0.16, glow=0.20, warm=0.35),
}
_GOLD: Final = bgr("#ffd58a")
_AURORA: Final = (bgr("#3dffb0"), bgr("#7a6bff"))


class Light:
    """The light in a frame of ``width`` x ``height`` pixels that comes from ``source`` in it."""

    def __init__(
        self,
        width: int,
        height: int,
        source: tuple[float, float],
        accent: Plane,
        air: Air,
        *,
        aurora: bool,
        timeline: Timeline,
        rng: Rng,
    ) -> None:
        self._air, self._timeline = air, timeline
        self._width, self._height = width // SCALE, height // SCALE
        self._unit = math.sqrt(self._width * self._height)
        self._colour = mix(accent, _GOLD, air.warm)
        self._haze = mix(mix(accent, np.full(3, 150, np.float32), 0.5), _GOLD, air.warm * 0.4)
        self._lay_out(source)
        self._fog = [
            fractal(rng, self._width * 2, self._height, cells=cells, octaves=4, stretch=1.6)
            for cells in (5, 8)
        ]
        self._rays = [_spokes(rng, count) for count in (9, 14, 23)]
        self._curtains = _curtains(rng, self._width, self._height) if aurora else None

    def _lay_out(self, source: tuple[float, float]) -> None:
        x, y = coordinates(self._width, self._height)
        across, down = x - source[0] / SCALE, y - source[1] / SCALE
        distance = np.sqrt(across * across + down * down) / self._unit
        turn = np.arctan2(down, across) / math.tau % 1
        self._angle = (turn * _ANGLES).astype(np.int32)
        # Rays start where the glow ends: at the centre they would be a hub with spokes.
        self._reach = (np.exp(-distance / 0.50) * smoothstep(0.03, 0.26, distance)).astype(np.float32)
        self._halo = (np.exp(-((distance / 0.30) ** 1.5))).astype(np.float32)
        self._floor = (0.12 + 0.88 * smoothstep(0.35, 0.95, y / self._height)) * np.ones_like(x)
        self._diagonal = (x + 0.45 * y) / (self._width + 0.45 * self._height)

    def draw(self, frame: int) -> Picture:
        """(height / 8, width / 8, 3), to be added as a screen."""
        air, swing = self._air, self._timeline.swing
        strength = self._halo * (air.glow * (0.85 + 0.15 * swing(frame, 3.1)))
        strength += self._beams(frame) * self._reach * air.rays
        if air.gleam:
            strength += self._gleam(frame) * air.gleam
        light = strength[..., None] * self._colour
        light += (self._drifting_fog(frame) * self._floor * air.fog)[..., None] * self._haze
        if self._curtains is not None:
            light += self._northern_lights(frame, self._curtains)
        return np.asarray(np.clip(light + 0.5, 0, 255), np.uint8)

    def _drifting_fog(self, frame: int) -> Plane:
        """Banks that drift for ever: while one fades out another is on its way."""
        total = np.zeros((self._height, self._width), np.float32)
        for tile, speed, life in zip(self._fog, (0.30, -0.20), (8.0, 6.0), strict=True):
            for age, weight in self._timeline.dissolve(frame, life):
                total += weight * 0.5 * _shifted(tile, speed * self._width * (age - 0.5), self._width)
        return np.asarray(np.maximum(total - 0.30, 0) * 1.6, np.float32)

    def _beams(self, frame: int) -> Plane:
        total = np.zeros(_ANGLES, np.float32)
        for spokes, turn, life in zip(self._rays, (0.020, -0.028, 0.035), (7.0, 5.0, 6.0), strict=True):
            for age, weight in self._timeline.dissolve(frame, life):
                total += weight * np.roll(spokes, round(turn * _ANGLES * (age - 0.5) * 2))
        return np.asarray(np.maximum(total / 3 - 0.28, 0)[self._angle] * 2.6, np.float32)

    def _gleam(self, frame: int) -> Plane:
        """A band of light that passes over the picture now and then."""
        turn = self._timeline.turn(frame, 7.0) % 1
        away = self._diagonal - (-0.4 + 1.8 * turn)
        return np.asarray(np.exp(-((away / 0.09) ** 2)) * math.sin(math.pi * turn) * 0.5, np.float32)

    def _northern_lights(self, frame: int, curtains: list[Plane]) -> Plane:
        light = np.zeros((self._height, self._width, 3), np.float32)
        for curtain, colour, speed in zip(curtains, _AURORA, (0.22, -0.16), strict=True):
            for age, weight in self._timeline.dissolve(frame, 7.0):
                shown = _shifted(curtain, speed * self._width * (age - 0.5), self._width)
                light += (weight * shown * 0.55)[..., None] * colour
        return light


def _shifted(tile: Plane, offset: float, width: int) -> Plane:
    """``width`` columns of a tile that repeats, from ``offset`` on, between columns if need be."""
    whole = math.floor(offset)
    part = offset - whole
    columns = np.arange(whole, whole + width + 1) % tile.shape[1]
    window = tile[:, columns]
    return np.asarray(window[:, :-1] * (1 - part) + window[:, 1:] * part, np.float32)


def _spokes(rng: Rng, count: int) -> Plane:
    """(angles,) brightness of rays around the light, about ``count`` of them, all different."""
    return np.asarray(fractal(rng, _ANGLES, 2, cells=count, octaves=2, gain=0.35)[0], np.float32)


def _curtains(rng: Rng, width: int, height: int) -> list[Plane]:
    """Folded veils that hang in the upper half, each twice as wide as the frame."""
    x, y = coordinates(width * 2, height)
    turn = x / (width * 2) * math.tau
    veils = []
    for level, thickness in ((0.30, 0.16), (0.20, 0.13)):
        folds = fractal(rng, width * 2, 2, cells=26, octaves=3, gain=0.6)[0]
        bend = 0.05 * np.sin(turn * 2 + rng.random() * 6) + 0.03 * np.sin(turn * 5 + rng.random() * 6)
        up = (level + bend) - y / height
        veil = np.where(up > 0, np.exp(-up / thickness), np.exp(up / 0.018))
        veils.append((veil * (0.25 + 0.75 * folds) * smoothstep(0.0, 0.12, y / height)).astype(np.float32))
    return veils
