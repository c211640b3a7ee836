"""Cottages among rolling meadows, hills beyond."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from cutscene.providers.local.renderer.arrays import Picture, Plane, fill, mix, rectangle
from cutscene.providers.local.renderer.canvas import Canvas
from cutscene.providers.local.renderer.cutout import Cutout
from cutscene.providers.local.renderer.palette import bgr
from cutscene.providers.local.renderer.scenes.sky import paint_sky
from cutscene.providers.local.renderer.scenes.terrain import Land, below, crest, paint_land, paint_mist
from cutscene.providers.local.renderer.scenes.trees import plant_crowns, sow_grass

RANGE = Land(near=0.06, sharp=0.5, cells=2.2, gain=0.5, relief=0.45, snow=0.3, mist=0.5)
DOWNS = Land(near=0.26, cells=2.0, gain=0.34, relief=0.20, texture=0.05, mist=0.5)
COMMON = Land(near=0.42, cells=1.6, gain=0.34, relief=0.20, texture=0.07, mist=0.4)
MEADOW = Land(near=0.58, cells=1.3, gain=0.34, relief=0.16, texture=0.09, mist=0.3)
FRONT = Land(near=0.90, cells=1.0, gain=0.34, relief=0.10, texture=0.08, mist=0)
# Across (parts of the width) and size (units), from the back.
COTTAGES: Final = ((0.30, 0.060), (0.41, 0.072), (0.55, 0.066), (0.66, 0.080), (0.48, 0.095))
# A cottage: x to the right, y up from the ground, in its own lengths.
SIDE: Final = rectangle(-0.18, 0, 0.62, 0.46)
GABLE: Final = np.array([(-0.62, 0), (-0.62, 0.46), (-0.40, 0.86), (-0.18, 0.46), (-0.18, 0)])
CHIMNEY: Final = rectangle(0.30, 0.46, 0.40, 0.98)
ROOF: Final = np.array([(-0.40, 0.91), (0.50, 0.91), (0.69, 0.41), (-0.20, 0.41)])
VERGE: Final = np.array([(-0.69, 0.40), (-0.40, 0.91), (-0.40, 0.84), (-0.62, 0.36)])
DOOR: Final = rectangle(-0.47, 0, -0.35, 0.26)
ROOFS: Final = ("#b5523c", "#8f4a44", "#a86a3f", "#6d5560")
FLOWERS: Final = ("#fff2b0", "#ffffff", "#ff9fb0", "#ffc861")


def paint_village(canvas: Canvas) -> None:
    _green(canvas)
    paint_sky(canvas, horizon=0.60, clouds=0.7, light_x=0.24 + 0.52 * canvas.rng.random())
    paint_land(canvas, crest(canvas, RANGE, base=0.62, height=0.16), RANGE)
    paint_mist(canvas, at=0.60, thickness=0.03, share=0.4)
    _plant(canvas, DOWNS, base=0.67, height=0.07, tree=0.035, density=46)
    line = _plant(canvas, COMMON, base=0.74, height=0.06, tree=0.06, density=14)
    for across, size in COTTAGES:
        x = canvas.width * across
        _build_cottage(
            canvas, x, float(line[int(x)]) + (0.012 + size * 0.35) * canvas.unit, size * canvas.unit
        )
    line = crest(canvas, MEADOW, base=0.84, height=0.06)
    mask = below(canvas, line)
    plant_crowns(canvas, mask, line, height=0.11, density=6)
    paint_land(canvas, line, MEADOW, mask)
    line = crest(canvas, FRONT, base=0.97, height=0.06)
    mask = below(canvas, line)
    sow_grass(canvas, mask, line, height=0.07, density=420)
    paint_land(canvas, line, FRONT, mask)
    _strew_flowers(canvas, line)


def _green(canvas: Canvas) -> None:
    """Meadows are green at every hour."""
    paints = canvas.paints
    canvas.paints = replace(
        paints, mid=mix(paints.mid, bgr("#5c8f52"), 0.45), near=mix(paints.near, bgr("#23402a"), 0.5)
    )


def _plant(canvas: Canvas, land: Land, *, base: float, height: float, tree: float, density: float) -> Plane:
    line = crest(canvas, land, base=base, height=height)
    mask = below(canvas, line)
    plant_crowns(canvas, mask, line, height=tree, density=density)
    paint_land(canvas, line, land, mask)
    return line


def _build_cottage(canvas: Canvas, x: float, foot: float, size: float) -> None:
    """A cottage of ``size`` pixels, its gable to the left; the side towards the light is the bright one."""
    paints = canvas.paints
    cottage = Cutout(canvas, (x, foot), (size, -size))
    wall = mix(mix(bgr("#f0e2c8"), paints.mid, 0.30), paints.light, 0.15)
    roof = mix(bgr(ROOFS[int(canvas.rng.integers(len(ROOFS)))]), paints.mid, 0.25)
    front, side = (1.0, 0.80) if canvas.light[0] < x else (0.80, 1.0)
    cottage.draw(SIDE, wall * side)
    cottage.draw(GABLE, wall * front)
    cottage.draw(CHIMNEY, wall * 0.7)
    cottage.draw(ROOF, roof * (side + 0.06))
    cottage.draw(VERGE, roof * 0.8)
    cottage.draw(DOOR, wall * 0.42)
    for at in (0.0, 0.24, 0.46):
        cottage.light(rectangle(at, 0.18, at + 0.10, 0.32), bgr("#ffd889") * 0.9, size * 0.16)
    cottage.lay(COMMON.near + 0.04, glow=size * 0.12, gain=0.6)


def _strew_flowers(canvas: Canvas, line: Plane) -> None:
    rng, unit = canvas.rng, canvas.unit
    colours: Picture = np.zeros((canvas.height, canvas.width, 3), np.uint8)
    for x in rng.random(round(130 * canvas.width / unit)) * canvas.width:
        y = float(line[int(min(x, canvas.width - 1))]) - unit * (0.03 - 0.10 * rng.random() ** 0.7)
        radius = unit * (0.0022 + 0.0026 * rng.random())
        angle = np.arange(10) / 10 * np.pi * 2
        outline = np.stack([x + np.cos(angle) * radius, y + np.sin(angle) * radius * 0.8], 1)
        fill(colours, outline, bgr(FLOWERS[int(rng.integers(len(FLOWERS)))]) * 0.85)
    canvas.bloom(colours, unit * 0.006, 0.25)
