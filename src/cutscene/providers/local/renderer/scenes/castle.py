"""A castle on a crag above a misty valley."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from itertools import pairwise
from typing import Final

import numpy as np

from cutscene.providers.local.renderer.arrays import Plane, Points, mix, rectangle
from cutscene.providers.local.renderer.canvas import Canvas, aerial
from cutscene.providers.local.renderer.cutout import Cutout
from cutscene.providers.local.renderer.palette import bgr
from cutscene.providers.local.renderer.scenes.mountains import PEAKS, SHOULDERS, paint_woods
from cutscene.providers.local.renderer.scenes.sky import paint_sky
from cutscene.providers.local.renderer.scenes.terrain import Land, crest, paint_land, paint_mist


class Top(Enum):
    SPIRE = auto()
    BATTLEMENT = auto()


@dataclass(frozen=True, slots=True)
class Tower:
    """A part of the castle; lengths are parts of the castle's size."""

    at: float
    """Centre, from the castle's middle."""
    width: float
    height: float
    top: Top
    windows: int = 0
    flag: bool = False


# From the back to the front.
TOWERS: Final = (
    Tower(-0.16, 0.10, 0.80, Top.SPIRE, 3),
    Tower(0.21, 0.09, 0.70, Top.SPIRE, 2),
    Tower(0.02, 0.17, 0.98, Top.SPIRE, 4, flag=True),
    Tower(0.10, 0.15, 0.62, Top.BATTLEMENT, 2),
    Tower(-0.27, 0.26, 0.40, Top.BATTLEMENT, 1),
    Tower(-0.40, 0.11, 0.60, Top.SPIRE, 2, flag=True),
    Tower(-0.07, 0.14, 0.56, Top.BATTLEMENT, 2),
    Tower(0.28, 0.28, 0.36, Top.BATTLEMENT, 1),
    Tower(0.42, 0.12, 0.55, Top.SPIRE, 2, flag=True),
    Tower(0.0, 0.50, 0.27, Top.BATTLEMENT),
    Tower(-0.24, 0.10, 0.40, Top.SPIRE, 1),
    Tower(0.22, 0.10, 0.42, Top.SPIRE, 1),
)
CRAG: Final = Land(near=0.42, sharp=0.5, cells=5, relief=0.45, mist=0.55)
PENNANT: Final[Points] = np.array([(0, 0.07), (0.038, 0.060), (0.075, 0.055), (0.038, 0.043), (0, 0.035)])
STRIPS: Final = 24
"""Vertical strips that round a tower's wall."""


def paint_castle(canvas: Canvas) -> None:
    right = canvas.rng.random() < 0.5
    paint_sky(canvas, horizon=0.62, clouds=0.55, light_x=0.30 if right else 0.70)
    paint_land(canvas, crest(canvas, PEAKS, base=0.66, height=0.22), PEAKS)
    paint_mist(canvas, at=0.60, thickness=0.05, share=0.4)
    paint_land(canvas, crest(canvas, SHOULDERS, base=0.72, height=0.14), SHOULDERS)
    paint_mist(canvas, at=0.68, thickness=0.05, share=0.35)
    portrait = canvas.height > canvas.width
    build_castle(canvas, canvas.width * (0.5 if portrait else 0.62 if right else 0.38), canvas.height * 0.60)
    paint_woods(canvas)


def build_castle(canvas: Canvas, x: float, ground: float, size: float = 0.36) -> None:
    """A castle of ``size`` units around ``x`` with its crag; the walls stand on ``ground``."""
    pixels = size * canvas.unit
    castle = Cutout(canvas, (x, ground), (pixels, -pixels))
    side = 1 if canvas.light[0] > x else -1
    for tower in TOWERS:
        _build(canvas, castle, tower, side)
    _open_gate(canvas, castle)
    castle.lay(CRAG.near, glow=canvas.unit * 0.012, gain=0.9)
    across = (np.arange(canvas.width) - x) / pixels
    rise = np.exp(-((np.abs(across) / 0.66) ** 6)) * 0.20 + np.exp(-(across**2) / 0.9) * 0.14
    rough = crest(canvas, CRAG, base=0, height=0.05)
    line = ground + pixels * 0.36 - rise * pixels + rough + 0.025 * canvas.unit
    paint_land(canvas, line.astype(np.float32), CRAG)


# Below, lengths are parts of the castle's size, and y points up from the ground.


def _build(canvas: Canvas, castle: Cutout, tower: Tower, side: int) -> None:
    half, top = tower.width / 2, tower.height * 0.62
    stone = mix(aerial(canvas.paints, 0.36), canvas.paints.horizon, 0.10)
    castle.draw(rectangle(tower.at - half, -0.14, tower.at + half, top), stone)
    for left, right, facing in _strips(half, side):
        wall = rectangle(tower.at + left, -0.14, tower.at + right, top)
        castle.shade(wall, _lit(canvas, stone, facing))
    match tower.top:
        case Top.BATTLEMENT:
            _crenellate(castle, _lit(canvas, stone, -0.2), tower.at, half, top)
        case Top.SPIRE:
            _roof(canvas, castle, tower.at, half, top, side)
    if tower.flag:
        _raise_flag(canvas, castle, tower.at, top + half * 3.0)
    for window in range(tower.windows):
        _light_window(canvas, castle, tower.at, top - (window + 0.7) * 0.085)


def _strips(half: float, side: int) -> Iterator[tuple[float, float, float]]:
    """Left and right edge of the strips that round a wall, and how much each faces the light, -1 to 1."""
    edges = np.linspace(-half, half, STRIPS + 1).tolist()
    for left, right in pairwise(edges):
        yield left, right, side * (left + right) / (2 * half)


def _lit(canvas: Canvas, tone: Plane, facing: float) -> Plane:
    """``tone`` on a face that looks towards the light (1) or away (-1)."""
    return mix(tone * (0.86 + 0.24 * facing), canvas.paints.light, max(0.0, facing) ** 1.6 * 0.5)


def _crenellate(castle: Cutout, tone: Plane, at: float, half: float, top: float) -> None:
    tooth, over = 0.016, half + 0.012
    castle.draw(rectangle(at - over, top - tooth * 0.9, at + over, top + tooth * 0.4), tone)
    teeth = max(2, round(over / tooth * 0.62))
    step = 2 * over / (2 * teeth - 1)
    for index in range(teeth):
        left = at - over + 2 * index * step
        castle.draw(rectangle(left, top, left + step, top + tooth * 1.7), tone)


def _roof(canvas: Canvas, castle: Cutout, at: float, half: float, top: float, side: int) -> None:
    eaves, foot, peak = half * 1.22, top - half * 0.1, (at, top + half * 3.0)
    slate = mix(aerial(canvas.paints, 0.55), canvas.paints.sky, 0.12)
    castle.draw(np.array([(at - eaves, foot), peak, (at + eaves, foot)]), slate)
    for left, right, facing in _strips(eaves, side):
        sliver = np.array([(at + left, foot), peak, (at + right, foot)])
        castle.shade(sliver, _lit(canvas, slate, facing))


def _raise_flag(canvas: Canvas, castle: Cutout, at: float, peak: float) -> None:
    cloth = mix(canvas.paints.accent, bgr("#d23c3c"), 0.55)
    castle.draw_line(np.array([(at, peak - 0.014), (at, peak + 0.07)]), 1, canvas.paints.near)
    castle.draw(PENNANT + np.array((at, peak)), cloth)


def _open_gate(canvas: Canvas, castle: Cutout) -> None:
    """An arch with torches at both sides."""
    turn = np.linspace(0, np.pi, 12)
    arch = np.stack([np.cos(turn) * 0.030, 0.062 + np.sin(turn) * 0.030], 1)
    castle.draw(np.concatenate([arch, [(-0.030, -0.1), (0.030, -0.1)]]), canvas.paints.near)
    for at in (-0.055, 0.055):
        _light_window(canvas, castle, at, 0.075, 0.6)


def _light_window(canvas: Canvas, castle: Cutout, x: float, y: float, size: float = 1) -> None:
    half, high = 0.0065 * size, 0.013 * size
    warm = mix(canvas.paints.accent, bgr("#ffcd78"), 0.6)
    castle.light(rectangle(x - half, y - high, x + half, y + high), warm, canvas.unit * 0.005 * size)
