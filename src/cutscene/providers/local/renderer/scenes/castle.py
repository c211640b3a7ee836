"""A castle on a crag above a misty valley."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

import numpy as np

from cutscene.providers.local.renderer.arrays import Picture, Plane, fill, mix, rectangle, stroke
from cutscene.providers.local.renderer.canvas import Canvas, aerial
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
STRIPS: Final = 10
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
    mask, colours = canvas.mask(), np.zeros((canvas.height, canvas.width, 3), np.uint8)
    lights = np.zeros_like(colours)
    for tower in TOWERS:
        _build(canvas, tower, mask, colours, lights, x, ground, pixels)
    _open_gate(canvas, colours, lights, x, ground, pixels)
    canvas.lay(mask, colours.astype(np.float32), CRAG.near)
    canvas.bloom(lights, canvas.unit * 0.012, 0.9)
    across = (np.arange(canvas.width) - x) / pixels
    rise = np.exp(-((np.abs(across) / 0.62) ** 4)) * 0.08 + np.exp(-(across**2) / 0.9) * 0.30
    rough = (crest(canvas, CRAG, base=0, height=0.05)).astype(np.float64)
    line = ground + pixels * 0.36 - rise * pixels + rough + 0.025 * canvas.unit
    paint_land(canvas, line.astype(np.float32), CRAG)


def _build(
    canvas: Canvas,
    tower: Tower,
    mask: Picture,
    colours: Picture,
    lights: Picture,
    x: float,
    ground: float,
    size: float,
) -> None:
    centre, half = x + tower.at * size, tower.width * size / 2
    foot, top = ground + 0.10 * size, ground - tower.height * 0.62 * size
    stone = mix(aerial(canvas.paints, 0.36), canvas.paints.horizon, 0.10)
    side = 1 if canvas.light[0] > x else -1
    for strip in range(STRIPS):
        left = centre - half + 2 * half * strip / STRIPS
        facing = side * (2 * (strip + 0.5) / STRIPS - 1)
        tone = _lit(canvas, stone, facing, 0.5)
        fill(colours, rectangle(left, top, left + 2 * half / STRIPS + 0.5, foot), tone)
    fill(mask, rectangle(centre - half, top, centre + half, foot))
    match tower.top:
        case Top.BATTLEMENT:
            _crenellate(canvas, mask, colours, stone, centre, half, top, size)
        case Top.SPIRE:
            _roof(canvas, mask, colours, centre, half, top, side)
    if tower.flag:
        _raise_flag(canvas, mask, colours, centre, top - half * 3.0, size)
    for window in range(tower.windows):
        _light_window(canvas, lights, centre, top + (window + 0.7) * 0.085 * size, size)


def _open_gate(
    canvas: Canvas, colours: Picture, lights: Picture, x: float, ground: float, size: float
) -> None:
    """An arch with torches at both sides."""
    turn = np.linspace(np.pi, 2 * np.pi, 12)
    half, spring = 0.030 * size, ground - 0.062 * size
    arch = np.stack([x + np.cos(turn) * half, spring + np.sin(turn) * half], 1)
    foot = np.array([(x + half, ground + 0.10 * size), (x - half, ground + 0.10 * size)])
    fill(colours, np.concatenate([arch, foot]), canvas.paints.near)
    for side in (-1, 1):
        _light_window(canvas, lights, x + side * 0.055 * size, spring - 0.02 * size, size * 0.6)


def _lit(canvas: Canvas, tone: Plane, facing: float, strength: float) -> Plane:
    """``tone`` on a face that looks towards the light (1) or away (-1)."""
    darkened = tone * (0.86 + 0.24 * facing)
    return mix(darkened, canvas.paints.light, max(0.0, facing) ** 1.6 * strength)


def _crenellate(
    canvas: Canvas,
    mask: Picture,
    colours: Picture,
    stone: Plane,
    centre: float,
    half: float,
    top: float,
    size: float,
) -> None:
    tooth = 0.016 * size
    over = half + 0.012 * size
    tone = _lit(canvas, stone, -0.2, 0.3)
    ledge = rectangle(centre - over, top - tooth * 0.4, centre + over, top + tooth * 0.9)
    fill(mask, ledge)
    fill(colours, ledge, tone)
    teeth = max(2, round(over / tooth * 0.62))
    step = 2 * over / (2 * teeth - 1)
    for index in range(teeth):
        left = centre - over + 2 * index * step
        merlon = rectangle(left, top - tooth * 1.7, left + step, top)
        fill(mask, merlon)
        fill(colours, merlon, tone)


def _roof(
    canvas: Canvas, mask: Picture, colours: Picture, centre: float, half: float, top: float, side: int
) -> None:
    eaves, peak = half * 1.22, top - half * 3.0
    slate = mix(aerial(canvas.paints, 0.55), canvas.paints.sky, 0.12)
    outline = np.array(
        [(centre - eaves, top + half * 0.1), (centre, peak), (centre + eaves, top + half * 0.1)]
    )
    fill(mask, outline)
    for strip in range(STRIPS):
        left, right = (-eaves + 2 * eaves * (strip + step) / STRIPS for step in (0, 1))
        tone = _lit(canvas, slate, side * (2 * (strip + 0.5) / STRIPS - 1), 0.5)
        sliver = np.array(
            [
                (centre + left - 0.5, top + half * 0.12),
                (centre, peak),
                (centre + right + 0.5, top + half * 0.12),
            ]
        )
        fill(colours, sliver, tone)


def _raise_flag(canvas: Canvas, mask: Picture, colours: Picture, x: float, y: float, size: float) -> None:
    height, length = 0.07 * size, 0.075 * size
    tone = mix(canvas.paints.accent, np.array([60, 60, 210], np.float32), 0.55)
    pole = np.array([(x, y + height * 0.2), (x, y - height)])
    pennant = np.array(
        [
            (x, y - height),
            (x + length * 0.5, y - height * 0.86),
            (x + length, y - height * 0.78),
            (x + length * 0.5, y - height * 0.62),
            (x, y - height * 0.5),
        ]
    )
    stroke(mask, pole, 1)
    stroke(colours, pole, 1, canvas.paints.near)
    fill(mask, pennant)
    fill(colours, pennant, tone)


def _light_window(canvas: Canvas, lights: Picture, x: float, y: float, size: float) -> None:
    half, height = 0.0065 * size, 0.026 * size
    warm = mix(canvas.paints.accent, np.array([120, 205, 255], np.float32), 0.6)
    fill(lights, rectangle(x - half, y - height / 2, x + half, y + height / 2), warm)
    canvas.glint(x, y, 0.014 * size, warm * 0.5)
