"""A skyline at night: towers with lit floors, signs, a wet street that mirrors them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from cutscene.providers.local.renderer.arrays import (
    Picture,
    Plane,
    coordinates,
    fill,
    mix,
    rectangle,
    smoothstep,
)
from cutscene.providers.local.renderer.canvas import Canvas, aerial
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
    Row(near=0.28, lowest=0.12, highest=0.46, width=0.075, pitch=0.0105, lit=0.34),
    Row(near=0.50, lowest=0.08, highest=0.36, width=0.105, pitch=0.0145, lit=0.36, signs=7),
    Row(near=0.72, lowest=0.03, highest=0.20, width=0.150, pitch=0.0200, lit=0.30, signs=6),
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


def _paint_row(canvas: Canvas, row: Row) -> None:
    mask, colours = canvas.mask(), np.zeros((canvas.height, canvas.width, 3), np.uint8)
    lights = np.zeros_like(colours)
    rng, unit = canvas.rng, canvas.unit
    left = -rng.random() * row.width * unit
    blocks: list[tuple[float, float, float]] = []
    while left < canvas.width:
        width = row.width * unit * (0.6 + 0.8 * rng.random())
        # The skyline opens where the light stands.
        away = (left + width / 2 - canvas.light[0]) / (0.22 * unit)
        room = 1 - 0.55 * math.exp(-away * away)
        height = unit * (row.lowest + (row.highest - row.lowest) * rng.random() ** 1.7) * room
        blocks.append((left, left + width, canvas.height * STREET - height))
        left += width * (1 + 0.25 * rng.random())
    for block in blocks:
        _build(canvas, row, mask, colours, lights, *block)
    for index in rng.permutation(len(blocks))[: row.signs]:
        _hang_sign(canvas, lights, *blocks[int(index)])
    canvas.lay(mask, colours.astype(np.float32), row.near)
    canvas.bloom(lights, unit * (0.005 + 0.012 * row.near), 0.55 + 0.5 * row.near)


def _build(
    canvas: Canvas,
    row: Row,
    mask: Picture,
    colours: Picture,
    lights: Picture,
    left: float,
    right: float,
    top: float,
) -> None:
    rng, bottom = canvas.rng, canvas.height * STREET + 4
    tone = aerial(canvas.paints, row.near * 0.75 + 0.2) * (0.9 + 0.25 * rng.random())
    body = rectangle(left, top, right, bottom)
    fill(mask, body)
    fill(colours, body, tone)
    light_left = canvas.light[0] < (left + right) / 2
    edge = (left, left + 0.16 * (right - left)) if light_left else (right - 0.16 * (right - left), right)
    fill(colours, rectangle(edge[0], top, edge[1], bottom), mix(tone, canvas.paints.horizon, 0.22))
    _crown(canvas, mask, colours, tone, left, right, top)
    _light_floors(canvas, row, lights, left, right, top)


def _crown(
    canvas: Canvas, mask: Picture, colours: Picture, tone: Plane, left: float, right: float, top: float
) -> None:
    """Set-backs and a mast, so that roofs differ."""
    rng, width = canvas.rng, right - left
    style = rng.random()
    parts = []
    if style < 0.6:
        inset, rise = width * (0.12 + 0.16 * rng.random()), width * (0.12 + 0.4 * rng.random())
        parts.append(rectangle(left + inset, top - rise, right - inset, top + 2))
        if style < 0.3:
            parts.append(rectangle((left + right) / 2 - 1, top - rise * 2.4, (left + right) / 2 + 1, top))
    elif style < 0.8:
        parts.append(np.array([(left, top + 1), (right, top + 1), (right, top - width * 0.5)]))
    for part in parts:
        fill(mask, part)
        fill(colours, part, tone)


def _light_floors(canvas: Canvas, row: Row, lights: Picture, left: float, right: float, top: float) -> None:
    """Windows in runs along a floor, most of them in the building's own colour."""
    rng, pitch = canvas.rng, row.pitch * canvas.unit
    columns = int((right - left) / pitch) - 1
    floors = int((canvas.height * STREET - top) / (pitch * 1.25)) - 1
    if columns < 1 or floors < 1:
        return
    own = bgr(WINDOWS[int(rng.integers(len(WINDOWS)))])
    busy = rng.random(floors)[:, None] * 0.6 + rng.random((floors, columns)) * 0.4
    margin = (right - left - columns * pitch) / 2
    wide, high = pitch * 0.56, pitch * 0.68
    haze = 0.35 + 0.65 * row.near
    for floor, column in np.argwhere(busy < row.lit):
        x, y = left + margin + (column + 0.22) * pitch, top + (floor + 0.7) * pitch * 1.25
        tone = own * (0.35 + 0.65 * rng.random()) * haze
        fill(lights, rectangle(x, y, x + wide, y + high), tone)
        if rng.random() < 0.012:
            canvas.glint(x + wide / 2, y + high / 2, pitch * 0.8, tone)


def _hang_sign(canvas: Canvas, lights: Picture, left: float, right: float, top: float) -> None:
    rng, unit = canvas.rng, canvas.unit
    colour = bgr(SIGNS[int(rng.integers(len(SIGNS)))])
    x = left + (right - left) * (0.2 + 0.6 * rng.random())
    y = top + unit * (0.02 + 0.03 * rng.random())
    wide, high = (0.010, 0.075) if rng.random() < 0.6 else (0.055, 0.018)
    wide, high = wide * unit, high * unit
    fill(lights, rectangle(x - wide / 2, y, x + wide / 2, y + high), colour * 0.45)
    across = wide > high
    strokes = 4
    for index in range(strokes):
        start, end = (index + 0.18) / strokes, (index + 0.78) / strokes
        bar = (
            rectangle(
                x - wide / 2 + wide * start, y + high * 0.22, x - wide / 2 + wide * end, y + high * 0.78
            )
            if across
            else rectangle(x - wide * 0.30, y + high * start, x + wide * 0.30, y + high * end)
        )
        fill(lights, bar, colour)
    canvas.glint(x, y + high / 2, unit * 0.02, colour * 0.5)
