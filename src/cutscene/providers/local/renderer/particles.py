"""Dust, embers, snow, bokeh: soft lights that live, drift and fade."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from cutscene.providers.local.renderer.arrays import Picture, Plane, Rng
from cutscene.providers.local.renderer.timeline import Timeline

_PHASES: Final = 4
"""Sub-pixel positions per axis: whole-pixel blits without jitter."""
_LEVELS: Final = 6
"""Brightness steps of a sprite."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Swarm:
    """A kind of particle; sizes in thousandths of a unit, speeds in units per second."""

    count: int
    smallest: float
    largest: float
    rise: float
    """Upward; negative falls."""
    drift: float = 0.0
    """Sideways, to the right."""
    sway: float = 0.02
    life: float = 4.0
    """Seconds."""
    twinkle: float = 1.3
    """Seconds of one flicker."""
    strength: float = 0.8
    soft: bool = False
    """Out of focus: a pale disc instead of a spark."""


class Particles:
    """One swarm, in a light layer of ``width`` x ``height`` pixels."""

    def __init__(
        self, swarm: Swarm, colour: Plane, width: int, height: int, *, timeline: Timeline, rng: Rng
    ) -> None:
        self._swarm, self._timeline = swarm, timeline
        self._size = (width, height)
        unit = math.sqrt(width * height)
        copies = timeline.copies(swarm.life)
        count = max(1, round(swarm.count / copies))
        nearness = rng.random(count) ** 1.8
        radius = (swarm.smallest + (swarm.largest - swarm.smallest) * nearness) * unit / 1000
        self._radius = np.maximum(np.round(radius * 2) / 2, 0.5)
        self._x, self._y = rng.random(count) * 1.2 - 0.1, rng.random(count) * 1.2 - 0.1
        self._birth, self._phase = rng.random(count), rng.random(count)
        self._speed = (0.55 + 0.9 * nearness) * unit * swarm.life
        self._sway = swarm.sway * (0.4 + nearness) * unit
        self._twinkle = swarm.twinkle * (0.6 + 0.9 * rng.random(count))
        bright = colour * swarm.strength
        self._sprites = {
            float(size): sprites(float(size), bright, _LEVELS, soft=swarm.soft)
            for size in np.unique(self._radius)
        }

    def draw(self, layer: Picture, frame: int) -> None:
        """Add the swarm to a light ``layer`` (height, width, 3)."""
        flicker = np.array([self._timeline.turn(frame, period) for period in self._twinkle.tolist()])
        brightness = 0.55 + 0.45 * np.sin(math.tau * (flicker + self._phase * 3))
        for age in self._timeline.ages(frame, self._swarm.life):
            self._draw_ages(layer, (self._birth + age) % 1, brightness)

    def _draw_ages(self, layer: Picture, age: NDArray[np.float64], brightness: NDArray[np.float64]) -> None:
        swarm, (width, height) = self._swarm, self._size
        moved = (age - 0.5) * self._speed
        x = self._x * width + swarm.drift * moved + self._sway * np.sin(math.tau * (age + self._phase))
        y = self._y * height - swarm.rise * moved
        level = np.sin(np.pi * age) ** 0.7 * brightness * _LEVELS
        for index in np.flatnonzero(level >= 1):
            levels = self._sprites[float(self._radius[index])]
            stamp(layer, levels[min(int(level[index]), _LEVELS) - 1], float(x[index]), float(y[index]))


Sprite = NDArray[np.uint8]
"""(16, side, side, 3): one soft light at every sub-pixel phase, row by row."""


def sprites(radius: float, colour: Plane, levels: int, *, soft: bool = False) -> list[Sprite]:
    """A soft light of ``radius`` pixels, from faint to bright; ``colour`` BGR 0-255 at its centre."""
    side = math.ceil(radius * 2) + 3
    axis = np.arange(side, dtype=np.float32) - (side - 1) / 2
    shifted = axis[None, :] - np.arange(_PHASES, dtype=np.float32)[:, None] / _PHASES
    squared = (shifted * shifted)[:, None, :, None] + (shifted * shifted)[None, :, None, :]
    distance = np.sqrt(squared).reshape(_PHASES * _PHASES, side, side) / radius
    light = (_disc(distance) if soft else _spark(distance))[..., None] * colour
    return [np.clip(light * ((level + 1) / levels), 0, 255).astype(np.uint8) for level in range(levels)]


def _spark(distance: Plane) -> Plane:
    halo = np.clip(1 - distance, 0, 1) ** 2 * 0.7
    return np.asarray(halo + np.clip(1 - distance / 0.4, 0, 1) * 0.6, np.float32)


def _disc(distance: Plane) -> Plane:
    """A lens draws far lights as discs, a little brighter at the edge."""
    edge = np.clip((1 - distance) / 0.16, 0, 1)
    return np.asarray(edge * (0.72 + 0.28 * np.clip(distance, 0, 1) ** 4), np.float32)


def stamp(layer: Picture, sprite: Sprite, x: float, y: float) -> None:
    """Add ``sprite`` to ``layer``, centred on x, y."""
    side = sprite.shape[1]
    left, top = math.floor(x - side / 2), math.floor(y - side / 2)
    column, row = int((x - side / 2 - left) * _PHASES), int((y - side / 2 - top) * _PHASES)
    height, width = layer.shape[:2]
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + side, width), min(top + side, height)
    if x0 >= x1 or y0 >= y1:
        return
    under = layer[y0:y1, x0:x1]
    light = sprite[row * _PHASES + column]
    cv2.add(under, light[y0 - top : y1 - top, x0 - left : x1 - left], dst=under)
