"""Open sea: a sailing ship in the glitter of a low sun, islands beyond."""

from __future__ import annotations

import numpy as np

from cutscene.providers.local.renderer.arrays import Picture, Plane, Points, fill, mix, stroke
from cutscene.providers.local.renderer.canvas import Canvas, aerial
from cutscene.providers.local.renderer.scenes.sky import paint_sky
from cutscene.providers.local.renderer.scenes.terrain import Land, crest, paint_land, paint_mist
from cutscene.providers.local.renderer.scenes.water import paint_water

HORIZON = 0.60
ISLANDS = Land(near=0.10, sharp=0.4, cells=2.4, relief=0.35, mist=0.5)
CAPE = Land(near=0.30, sharp=0.5, cells=3.5, relief=0.4, mist=0.45)


def paint_sea(canvas: Canvas) -> None:
    right = canvas.rng.random() < 0.5
    paint_sky(canvas, horizon=HORIZON, clouds=0.6, light_x=0.66 if right else 0.34)
    _paint_islands(canvas, right=right)
    paint_mist(canvas, at=HORIZON, thickness=0.03, share=0.45)
    portrait = canvas.height > canvas.width
    x = canvas.width * (0.5 if portrait else 0.40 if right else 0.60)
    _sail(canvas, x, canvas.height * (HORIZON + 0.035), 0.30)
    paint_water(
        canvas, level=HORIZON + 0.035, colour=canvas.paints.mid, mirror=0.62, choppy=0.55, glitter=0.9
    )


def _paint_islands(canvas: Canvas, *, right: bool) -> None:
    x = np.arange(canvas.width) / canvas.width
    away = 1 - x if right else x
    level = canvas.height * (HORIZON + 0.035)
    for land, height, reach in ((ISLANDS, 0.13, 0.62), (CAPE, 0.22, 0.30)):
        line = crest(canvas, land, base=HORIZON + 0.035, height=height)
        sinking = 0.9 * height * canvas.unit * np.clip((reach - 0.22 - away) / -0.25, 0, 2)
        paint_land(canvas, np.minimum(line + sinking, level + 40).astype(np.float32), land)


def _sail(canvas: Canvas, x: float, waterline: float, size: float) -> None:
    """A three-master of ``size`` units, seen from the side."""
    pixels = size * canvas.unit
    mask, colours = canvas.mask(), np.zeros((canvas.height, canvas.width, 3), np.uint8)
    hull = mix(aerial(canvas.paints, 0.75), np.array([35, 45, 70], np.float32), 0.4)
    _draw(mask, colours, _placed(HULL, x, waterline, pixels), hull)
    _draw(mask, colours, _placed(STRAKE, x, waterline, pixels), mix(hull, canvas.paints.accent, 0.35))
    sail = mix(canvas.paints.light, canvas.paints.horizon, 0.35)
    for at, height in ((-0.26, 0.62), (0.02, 0.74), (0.27, 0.58)):
        mast = _placed(np.array([(at, 0.08), (at, height)]), x, waterline, pixels)
        stroke(mask, mast, pixels * 0.012)
        stroke(colours, mast, pixels * 0.012, hull)
        for low, high, half in ((0.20, 0.45, 0.125), (0.47, 0.68, 0.100), (0.70, 0.86, 0.072)):
            outline = _placed(
                _square_sail(at, height * low + 0.03, height * high + 0.03, half), x, waterline, pixels
            )
            facing = 0.80 + 0.20 * (canvas.light[0] > x) + 0.06 * (at < 0)
            _draw(mask, colours, outline, mix(sail * facing, canvas.paints.mid, 0.25 * (1 - high)))
    _draw(
        mask,
        colours,
        _placed(np.array([(0.36, 0.15), (0.62, 0.24), (0.33, 0.50)]), x, waterline, pixels),
        sail * 0.85,
    )
    canvas.lay(mask, colours.astype(np.float32), 0.36)


HULL: Points = np.array(
    [
        (-0.48, 0.20),
        (-0.46, 0.23),
        (-0.33, 0.22),
        (-0.31, 0.15),
        (0.25, 0.12),
        (0.36, 0.15),
        (0.60, 0.25),
        (0.61, 0.24),
        (0.40, 0.10),
        (0.34, -0.03),
        (-0.38, -0.03),
        (-0.44, 0.08),
    ]
)
"""In ship lengths: x to the right, y up from the water."""
STRAKE: Points = np.array([(-0.44, 0.12), (0.36, 0.085), (0.38, 0.10), (-0.45, 0.135)])


def _square_sail(at: float, low: float, high: float, half: float) -> Points:
    """A sail full of wind, in ship lengths."""
    part = np.linspace(0, 1, 9)
    belly = 0.035 * np.sin(part * np.pi)
    right = np.stack([at + half * (1.08 - 0.16 * part) + belly, low + (high - low) * part], 1)
    left = np.stack([at - half * (1.08 - 0.16 * part) + belly * 1.6, low + (high - low) * part], 1)
    foot = np.stack(
        [at + half * np.linspace(-0.9, 0.9, 7), low + 0.03 * np.cos(np.linspace(-1.4, 1.4, 7))], 1
    )
    return np.concatenate([right, left[::-1], foot])


def _placed(points: Points, x: float, waterline: float, size: float) -> Points:
    return points * (size, -size) + (x, waterline)


def _draw(mask: Picture, colours: Picture, outline: Points, colour: Plane) -> None:
    fill(mask, outline)
    fill(colours, outline, colour)
