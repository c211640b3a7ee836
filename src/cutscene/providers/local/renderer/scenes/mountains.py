"""Snowy peaks over a valley of pines."""

from __future__ import annotations

from cutscene.providers.local.renderer.canvas import Canvas
from cutscene.providers.local.renderer.scenes.sky import paint_sky
from cutscene.providers.local.renderer.scenes.terrain import Land, below, crest, paint_land, paint_mist
from cutscene.providers.local.renderer.scenes.trees import plant_pines

PEAKS = Land(near=0.08, sharp=0.6, cells=2.2, gain=0.52, relief=0.5, snow=0.45, mist=0.5)
SHOULDERS = Land(near=0.26, sharp=0.6, cells=3.2, relief=0.4, snow=0.15, mist=0.55)
FOOTHILLS = Land(near=0.48, sharp=0.25, cells=2.2, relief=0.14, mist=0.6)
SLOPE = Land(near=0.70, cells=1.6, gain=0.38, relief=0.08, mist=0.5)
FRONT = Land(near=0.95, cells=1.3, gain=0.38, relief=0.08, texture=0.05, mist=0)


def paint_mountains(canvas: Canvas) -> None:
    paint_sky(canvas, horizon=0.62, clouds=0.55, light_x=0.30 + 0.4 * canvas.rng.random())
    paint_land(canvas, crest(canvas, PEAKS, base=0.66, height=0.30), PEAKS)
    paint_mist(canvas, at=0.60, thickness=0.05, share=0.35)
    paint_land(canvas, crest(canvas, SHOULDERS, base=0.70, height=0.20), SHOULDERS)
    paint_mist(canvas, at=0.68, thickness=0.045, share=0.4)
    paint_woods(canvas)


def paint_woods(canvas: Canvas) -> None:
    """Wooded slopes from the middle distance to the foreground."""
    line = crest(canvas, FOOTHILLS, base=0.78, height=0.11)
    mask = below(canvas, line)
    plant_pines(canvas, mask, line, height=0.035, density=110)
    paint_land(canvas, line, FOOTHILLS, mask)
    paint_mist(canvas, at=0.78, thickness=0.05, share=0.42)
    line = crest(canvas, SLOPE, base=0.88, height=0.10)
    mask = below(canvas, line)
    plant_pines(canvas, mask, line, height=0.085, density=80)
    paint_land(canvas, line, SLOPE, mask)
    paint_mist(canvas, at=0.88, thickness=0.05, share=0.25)
    line = crest(canvas, FRONT, base=1.0, height=0.09)
    mask = below(canvas, line)
    plant_pines(canvas, mask, line, height=0.20, density=24, gaps=0.6)
    paint_land(canvas, line, FRONT, mask)
