"""Dunes and pyramids under a large, low sun."""

from __future__ import annotations

from typing import Final

import numpy as np

from cutscene.providers.local.renderer.arrays import Plane, coordinates, fill, mix, resized, smoothstep
from cutscene.providers.local.renderer.canvas import Canvas, aerial
from cutscene.providers.local.renderer.noise import fractal, profile
from cutscene.providers.local.renderer.scenes.sky import paint_sky
from cutscene.providers.local.renderer.scenes.terrain import (
    Land,
    below,
    crest,
    hot_air,
    paint_land,
    paint_mist,
)

MESAS = Land(near=0.10, sharp=0.2, cells=3.0, relief=0.35, mist=0.5)
# Where each dune begins (part of the height), its height (units) and nearness.
DUNES: Final = ((0.66, 0.05, 0.28), (0.73, 0.08, 0.42), (0.84, 0.12, 0.58), (1.0, 0.15, 0.80))
# Across (parts of the width), half the base (units), nearness.
PYRAMIDS: Final = ((0.20, 0.10, 0.14), (0.30, 0.16, 0.20), (0.72, 0.075, 0.12))


def paint_desert(canvas: Canvas) -> None:
    mirrored = canvas.rng.random() < 0.5
    paint_sky(canvas, horizon=0.62, clouds=0.4, light_x=0.36 if mirrored else 0.62, disc=0.07)
    paint_land(canvas, crest(canvas, MESAS, base=0.64, height=0.06), MESAS)
    for across, half, near in PYRAMIDS:
        _raise_pyramid(canvas, canvas.width * (1 - across if mirrored else across), half, near)
    paint_mist(canvas, at=0.62, thickness=0.04, share=0.5)
    for base, height, near in DUNES:
        _paint_dune(canvas, base, height, near)
    canvas.ripple = hot_air(0.64, 0.06)


def _raise_pyramid(canvas: Canvas, x: float, half: float, near: float) -> None:
    foot, size = canvas.height * 0.655, half * canvas.unit
    tip = (x, foot - size * 1.2)
    edge = (x + size * 0.22 * (1 if canvas.light[0] < x else -1), foot)
    tone = aerial(canvas.paints, near + 0.15)
    lit = mix(tone, canvas.paints.light, 0.30)
    shaded = mix(tone, canvas.paints.near, 0.28)
    for corner in (x - size, x + size):
        mask = canvas.mask()
        fill(mask, np.array([tip, (corner, foot), edge]))
        towards = (corner < x) == (canvas.light[0] < x)
        canvas.lay(mask, _courses(canvas, lit if towards else shaded, size), near)


def _courses(canvas: Canvas, tone: Plane, size: float) -> Plane:
    """Rows of stone, and haze at the foot."""
    _, y = coordinates(1, canvas.height)
    up = np.clip((canvas.height * 0.655 - y) / size, 0, 1.2)
    rows = 1 - 0.05 * (np.sin(up * 130) > 0.55)
    return mix(
        (tone * rows[..., None]).astype(np.float32),
        canvas.paints.horizon,
        (np.exp(-up / 0.22) * 0.55)[..., None],
    )


def _paint_dune(canvas: Canvas, base: float, height: float, near: float) -> None:
    """One dune: a sharp crest, a lit windward side, a shaded lee whose edge winds down."""
    rng, unit = canvas.rng, canvas.unit
    cells = 1.3 * canvas.width / unit
    hills = profile(rng, canvas.width, cells=cells, octaves=2, gain=0.35, sharp=0.55)
    line = (canvas.height * base - hills * height * unit).astype(np.float32)
    width, rows = canvas.width // 2, canvas.height // 2
    half_line = resized(line[None], width, 1)[0] / 2
    x, y = coordinates(width, rows)
    drop = np.maximum(y - half_line, 0) / (unit / 2)
    bends = fractal(rng, width, rows, cells=cells * 1.2, octaves=3, gain=0.4)
    column = np.clip(x + (bends - 0.5) * (0.2 + 3.2 * drop) * unit / 2 * 0.7, 0, width - 1).astype(np.int32)
    slope = np.gradient(half_line)[column] * np.tanh((canvas.light[0] / 2 - x) / (0.12 * unit))
    lit = smoothstep(-0.10, 0.16, slope.astype(np.float32))
    ripples = np.sin((drop * 260 / (0.6 + near) + bends * 34) * (1.2 - 0.5 * near)) * (0.008 + 0.018 * near)
    tone = aerial(canvas.paints, near * 0.85)
    shaded, bright = mix(tone, canvas.paints.near, 0.30), mix(tone, canvas.paints.light, 0.30 * (1.15 - near))
    colour = mix(shaded, bright, lit[..., None]) * (1 + ripples * (0.4 + 0.6 * lit))[..., None]
    haze = smoothstep(0.02, 0.25, drop.astype(np.float32)) * 0.35 * (1 - near)
    colour = mix(colour.astype(np.float32), canvas.paints.horizon, haze[..., None])
    canvas.lay(below(canvas, line), colour, near)
