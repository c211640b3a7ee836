"""Open sea: a sailing ship in the glitter of a low sun, islands beyond."""

from __future__ import annotations

from typing import Final

import numpy as np

from cutscene.providers.local.renderer.arrays import Points, mix
from cutscene.providers.local.renderer.canvas import Canvas, aerial
from cutscene.providers.local.renderer.cutout import Cutout
from cutscene.providers.local.renderer.palette import bgr
from cutscene.providers.local.renderer.scenes.sky import paint_sky
from cutscene.providers.local.renderer.scenes.terrain import Land, crest, paint_land, paint_mist
from cutscene.providers.local.renderer.scenes.water import paint_water

HORIZON = 0.60
# The ship, in its own lengths: x to the right, y up from the water.
HULL: Final[Points] = np.array(
    [
        (-0.48, 0.20), (-0.46, 0.23), (-0.33, 0.22), (-0.31, 0.15), (0.25, 0.12), (0.36, 0.15),
        (0.60, 0.25), (0.61, 0.24), (0.40, 0.10), (0.34, -0.03), (-0.38, -0.03), (-0.44, 0.08),
    ]
)  # fmt: skip
STRAKE: Final[Points] = np.array([(-0.44, 0.12), (0.36, 0.085), (0.38, 0.10), (-0.45, 0.135)])
JIB: Final[Points] = np.array([(0.36, 0.15), (0.62, 0.24), (0.33, 0.50)])
MASTS: Final = ((-0.26, 0.62), (0.02, 0.74), (0.27, 0.58))
"""Where, and how high."""
SAILS: Final = ((0.20, 0.45, 0.125), (0.47, 0.68, 0.100), (0.70, 0.86, 0.072))
"""Lower and upper edge as parts of the mast, and half the width."""
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
    ship = Cutout(canvas, (x, waterline), (pixels, -pixels))
    hull = mix(aerial(canvas.paints, 0.75), bgr("#462d23"), 0.4)
    cloth = mix(canvas.paints.light, canvas.paints.horizon, 0.35)
    cloth = cloth * (1.0 if canvas.light[0] > x else 0.84)
    ship.draw(HULL, hull)
    ship.shade(STRAKE, mix(hull, canvas.paints.accent, 0.35))
    for at, height in MASTS:
        ship.draw_line(np.array([(at, 0.08), (at, height)]), pixels * 0.012, hull)
        for low, high, half in SAILS:
            outline = _square_sail(at, height * low + 0.03, height * high + 0.03, half)
            ship.draw(outline, mix(cloth, canvas.paints.mid, 0.25 * (1 - high)))
    ship.draw(JIB, cloth * 0.88)
    ship.lay(0.36)


def _square_sail(at: float, low: float, high: float, half: float) -> Points:
    """A sail full of wind."""
    part = np.linspace(0, 1, 9)
    belly = 0.035 * np.sin(part * np.pi)
    reach, y = half * (1.08 - 0.16 * part), low + (high - low) * part
    right, left = np.stack([at + reach + belly, y], 1), np.stack([at - reach + belly * 1.6, y], 1)
    foot = np.linspace(-0.9, 0.9, 7)
    hem = np.stack([at + half * foot, low + 0.03 * np.cos(foot * 1.55)], 1)
    return np.concatenate([right, left[::-1], hem])
