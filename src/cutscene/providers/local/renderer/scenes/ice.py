"""A frozen lake under glaciers, with an aurora above and shards of ice in front."""

from __future__ import annotations

import numpy as np

from cutscene.providers.local.renderer.arrays import Plane, Rng, coordinates, fill, mix, smoothstep
from cutscene.providers.local.renderer.canvas import Canvas
from cutscene.providers.local.renderer.scenes.sky import paint_sky
from cutscene.providers.local.renderer.scenes.terrain import Land, below, crest, paint_land, paint_mist
from cutscene.providers.local.renderer.scenes.trees import plant_pines
from cutscene.providers.local.renderer.scenes.water import paint_water

PEAKS = Land(near=0.10, sharp=0.6, cells=2.0, gain=0.52, relief=0.6, snow=0.85, mist=0.4)
GLACIER = Land(near=0.28, sharp=0.5, cells=3.2, relief=0.5, snow=0.7, mist=0.45)
BANK = Land(near=0.45, cells=2.0, gain=0.4, relief=0.2, snow=1.3, mist=0.3)
LEVEL = 0.68


def paint_ice(canvas: Canvas) -> None:
    paint_sky(canvas, horizon=0.62, clouds=0.35, light_x=0.28 + 0.44 * canvas.rng.random())
    canvas.aurora = True
    paint_land(canvas, crest(canvas, PEAKS, base=0.66, height=0.34), PEAKS)
    paint_mist(canvas, at=0.60, thickness=0.05, share=0.4)
    paint_land(canvas, crest(canvas, GLACIER, base=0.69, height=0.18), GLACIER)
    line = crest(canvas, BANK, base=0.705, height=0.045)
    mask = below(canvas, line)
    plant_pines(canvas, mask, line, height=0.045, density=46, gaps=0.5)
    paint_land(canvas, line, BANK, mask)
    paint_mist(canvas, at=LEVEL, thickness=0.03, share=0.5)
    colour = mix(canvas.paints.far, canvas.paints.sky, 0.4)
    paint_water(canvas, level=LEVEL, colour=colour, mirror=0.60, choppy=0.06, glitter=0.35)
    canvas.ripple = None
    _crack(canvas)
    _raise_shards(canvas)


def _crack(canvas: Canvas) -> None:
    """Pale cracks that run together towards the far shore."""
    rng = canvas.rng
    mask = canvas.mask()
    top, rows = canvas.height * LEVEL, canvas.height * (1 - LEVEL)
    for _ in range(11):
        x, part = rng.random() * 1.6 - 0.3, 0.06
        line = []
        while part < 1.1:
            line.append((canvas.width * (0.5 + (x - 0.5) * (0.35 + 0.65 * part)), top + rows * part))
            x += (rng.random() - 0.5) * 0.16
            part *= 1.18 + 0.25 * rng.random()
        points = np.array(line)
        half = np.linspace(0.4, 2.4, len(points))
        side = np.stack([half, np.zeros(len(points))], 1)
        fill(mask, np.concatenate([points - side, (points + side)[::-1]]))
    share = mask.astype(np.float32) / 255 * 0.5
    canvas.tint(share, canvas.paints.light)


def _raise_shards(canvas: Canvas) -> None:
    """Clusters of crystals in both lower corners."""
    rng, unit = canvas.rng, canvas.unit
    for corner in (0.0, 1.0):
        inward = 1 - 2 * corner
        for index in range(9):
            x = canvas.width * corner + inward * unit * (0.30 - 0.035 * index + 0.03 * rng.random())
            height = unit * (0.05 + 0.022 * index) * (0.6 + 0.7 * rng.random())
            lean = -inward * (0.25 - 0.6 * rng.random()) * height * 0.6
            _draw_shard(canvas, rng, x, canvas.height + 8, height + 0.05 * unit, lean)


def _draw_shard(canvas: Canvas, rng: Rng, x: float, foot: float, height: float, lean: float) -> None:
    """A crystal with a lit and a shaded face."""
    half = height * (0.13 + 0.06 * rng.random())
    tip, ridge = (x + lean, foot - height), (x + half * (rng.random() - 0.5) * 0.9, foot)
    shoulder = height * 0.72
    left = (x - half + lean * 0.7, foot - shoulder * (0.8 + 0.2 * rng.random()))
    right = (x + half + lean * 0.7, foot - shoulder * (0.8 + 0.2 * rng.random()))
    faces = (
        np.array([tip, left, (x - half, foot), ridge]),
        np.array([tip, right, (x + half, foot), ridge]),
    )
    lit_left = canvas.light[0] < x
    for face, lit in zip(faces, (lit_left, not lit_left), strict=True):
        mask = canvas.mask()
        fill(mask, face)
        canvas.lay(mask, _ice(canvas, foot, height, lit=lit), 0.95)


def _ice(canvas: Canvas, foot: float, height: float, *, lit: bool) -> Plane:
    """Clear at the tip, deep blue at the foot."""
    paints = canvas.paints
    _, y = coordinates(1, canvas.height)
    fall = smoothstep(foot - height, foot, y)[..., None]
    top = mix(paints.far, paints.light, 0.55 if lit else 0.12)
    base = mix(paints.near, paints.mid, 0.65 if lit else 0.25)
    return mix(top, base, fall**0.8)
