"""A skyline at night: towers with lit floors, signs, a wet street that mirrors them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from cutscene.providers.local.renderer.arrays import Points, coordinates, mix, rectangle, smoothstep
from cutscene.providers.local.renderer.canvas import Canvas, aerial
from cutscene.providers.local.renderer.cutout import Cutout
from cutscene.providers.local.renderer.palette import PALETTES, PaletteName, bgr
from cutscene.providers.local.renderer.scenes.sky import paint_sky
from cutscene.providers.local.renderer.scenes.terrain import paint_mist
from cutscene.providers.local.renderer.scenes.water import paint_water

SUN: Final = 0.125
"""Radius of the disc, units."""
STREET: Final = 0.80
"""Where the ground begins, part of the height."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row of buildings; lengths in units."""

    near: float
    lowest: float
    highest: float
    width: float
    pitch: float
    """Distance of windows."""
    lit: float
    """Share of windows with light."""
    signs: int = 0


ROWS: Final = (
    Row(near=0.10, lowest=0.12, highest=0.50, width=0.050, pitch=0.0075, lit=0.30),
    Row(near=0.28, lowest=0.12, highest=0.46, width=0.075, pitch=0.0105, lit=0.40),
    Row(near=0.50, lowest=0.08, highest=0.36, width=0.105, pitch=0.0145, lit=0.44, signs=7),
    Row(near=0.72, lowest=0.03, highest=0.20, width=0.150, pitch=0.0200, lit=0.42, signs=6),
)
WINDOWS: Final = ("#ffd9a0", "#ffe8c8", "#9fd8ff")
SIGNS: Final = ("#ff4fb0", "#4af1ff", "#ffb13d", "#a56bff", "#7dffb0")


def paint_city(canvas: Canvas) -> None:
    paint_sky(canvas, horizon=0.74, clouds=0.35, light_x=0.5, disc=SUN)
    if canvas.palette is PALETTES[PaletteName.NEON]:
        _stripe_sun(canvas)
    for row in ROWS:
        _paint_row(canvas, row)
        paint_mist(canvas, at=0.78, thickness=0.10, share=0.34 * (1 - row.near))
    paint_water(canvas, level=STREET, colour=canvas.paints.near, mirror=0.72, choppy=0.35, glitter=0.25)


def _stripe_sun(canvas: Canvas) -> None:
    """The sun of the eighties: yellow to pink, with bars that widen towards the horizon."""
    x, y = coordinates(canvas.width, canvas.height)
    across, down = (x - canvas.light[0]) / canvas.unit, (y - canvas.light[1]) / canvas.unit
    edge = 1 / canvas.unit
    inside = smoothstep(SUN + edge, SUN - edge, np.sqrt(across * across + down * down))
    fall = np.clip(down / SUN / 2 + 0.5, 0, 1)[..., None]
    canvas.tint(inside, mix(bgr("#ffe27a"), bgr("#ff3f8e"), smoothstep(0.1, 0.9, fall)) + 0 * x[..., None])
    phase = (down / SUN * 5.2) % 1
    bar = np.clip(0.16 + down / SUN * 0.4, 0, 0.7)
    bars = smoothstep(0.04, 0.0, np.abs(phase - 0.5) - bar / 2) * (down > 0.012)
    canvas.tint(inside * bars * 0.8, mix(canvas.paints.sky, canvas.paints.horizon, 0.55))


@dataclass(frozen=True, slots=True)
class Block:
    """A building: edges in pixels; it stands on the street."""

    left: float
    right: float
    top: float

    @property
    def width(self) -> float:
        return self.right - self.left


def _paint_row(canvas: Canvas, row: Row) -> None:
    cutout, blocks = Cutout(canvas), _plan(canvas, row)
    for block in blocks:
        _build(canvas, row, cutout, block)
    for index in canvas.rng.permutation(len(blocks))[: row.signs]:
        _hang_sign(canvas, cutout, blocks[int(index)])
    cutout.lay(row.near, glow=canvas.unit * (0.005 + 0.012 * row.near), gain=0.55 + 0.5 * row.near)


def _plan(canvas: Canvas, row: Row) -> list[Block]:
    rng, unit = canvas.rng, canvas.unit
    left, blocks = -rng.random() * row.width * unit, []
    while left < canvas.width:
        width = row.width * unit * (0.6 + 0.8 * rng.random())
        # The skyline opens where the light stands.
        away = (left + width / 2 - canvas.light[0]) / (0.22 * unit)
        room = 1 - 0.55 * math.exp(-away * away)
        height = unit * (row.lowest + (row.highest - row.lowest) * rng.random() ** 1.7) * room
        blocks.append(Block(left, left + width, canvas.height * STREET - height))
        left += width * (1 + 0.25 * rng.random())
    return blocks


def _build(canvas: Canvas, row: Row, cutout: Cutout, block: Block) -> None:
    tone = aerial(canvas.paints, row.near * 0.75 + 0.2) * (0.9 + 0.25 * canvas.rng.random())
    bottom, edge = canvas.height * STREET + 4, 0.16 * block.width
    cutout.draw(rectangle(block.left, block.top, block.right, bottom), tone)
    light_left = canvas.light[0] < (block.left + block.right) / 2
    start = block.left if light_left else block.right - edge
    lit = mix(tone, canvas.paints.horizon, 0.22)
    cutout.shade(rectangle(start, block.top, start + edge, bottom), lit)
    for part in _crown(canvas, block):
        cutout.draw(part, tone)
    _light_floors(canvas, row, cutout, block)


def _crown(canvas: Canvas, block: Block) -> list[Points]:
    """Set-backs, a mast or a slope, so that roofs differ."""
    rng, top, width = canvas.rng, block.top, block.width
    style = rng.random()
    if style > 0.8:
        return []
    if style > 0.6:
        return [np.array([(block.left, top + 1), (block.right, top + 1), (block.right, top - width * 0.5)])]
    inset, rise = width * (0.12 + 0.16 * rng.random()), width * (0.12 + 0.4 * rng.random())
    storey = rectangle(block.left + inset, top - rise, block.right - inset, top + 2)
    middle = (block.left + block.right) / 2
    mast = rectangle(middle - 1, top - rise * 2.4, middle + 1, top)
    return [storey, mast] if style < 0.3 else [storey]


def _light_floors(canvas: Canvas, row: Row, cutout: Cutout, block: Block) -> None:
    """Windows in runs along a floor, most of them in the building's own colour."""
    rng, pitch = canvas.rng, row.pitch * canvas.unit
    columns = int(block.width / pitch) - 1
    floors = int((canvas.height * STREET - block.top) / (pitch * 1.25)) - 1
    if columns < 1 or floors < 1:
        return
    own = bgr(WINDOWS[int(rng.integers(len(WINDOWS)))])
    busy = rng.random(floors)[:, None] * 0.6 + rng.random((floors, columns)) * 0.4
    margin = (block.width - columns * pitch) / 2
    haze = 0.35 + 0.65 * row.near
    for floor, column in np.argwhere(busy < row.lit).tolist():
        x = block.left + margin + (column + 0.22) * pitch
        y = block.top + (floor + 0.7) * pitch * 1.25
        tone = own * (0.35 + 0.65 * rng.random()) * haze
        flicker = pitch * 0.8 if rng.random() < 0.012 else 0
        cutout.light(rectangle(x, y, x + pitch * 0.56, y + pitch * 0.68), tone, flicker)


def _hang_sign(canvas: Canvas, cutout: Cutout, block: Block) -> None:
    """A dim panel with four bright letters, upright or across."""
    rng, unit = canvas.rng, canvas.unit
    colour = bgr(SIGNS[int(rng.integers(len(SIGNS)))])
    x = block.left + block.width * (0.2 + 0.6 * rng.random())
    y = block.top + unit * (0.02 + 0.03 * rng.random())
    upright = rng.random() < 0.6
    wide, high = (0.010 * unit, 0.075 * unit) if upright else (0.055 * unit, 0.018 * unit)
    panel = rectangle(x - wide / 2, y, x + wide / 2, y + high)
    cutout.light(panel, colour * 0.45, unit * 0.02)
    corner, extent = panel[0], np.array((wide, high))
    for letter in range(4):
        start, end = (letter + 0.18) / 4, (letter + 0.78) / 4
        part = rectangle(0.2, start, 0.8, end) if upright else rectangle(start, 0.22, end, 0.78)
        cutout.light(part * extent + corner, colour)
