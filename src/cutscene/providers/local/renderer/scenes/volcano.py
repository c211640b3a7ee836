"""A volcano at work: a glowing crater, streams of lava, a river of it to the foreground."""

from __future__ import annotations

import numpy as np

from cutscene.providers.local.renderer.arrays import (
    Picture,
    Plane,
    Points,
    blurred,
    coordinates,
    fill,
    mix,
    resized,
    smoothstep,
    stroke,
)
from cutscene.providers.local.renderer.canvas import Canvas
from cutscene.providers.local.renderer.noise import fractal, profile
from cutscene.providers.local.renderer.palette import bgr
from cutscene.providers.local.renderer.scenes.sky import paint_sky
from cutscene.providers.local.renderer.scenes.terrain import Land, crest, hot_air, paint_land, paint_mist
from cutscene.providers.local.renderer.scenes.water import receding

CONE = Land(near=0.34, sharp=0.5, cells=5, gain=0.55, relief=0.5, mist=0.5)
RIDGES = Land(near=0.12, sharp=0.6, cells=3, gain=0.52, relief=0.4, mist=0.6)
ROCKS = Land(near=0.62, sharp=0.5, cells=4, gain=0.55, relief=0.4, mist=0.25)
FRONT = Land(near=0.95, sharp=0.6, cells=3, gain=0.6, relief=0.3, mist=0)
WHITE_HOT, ORANGE, RED = bgr("#fff3c0"), bgr("#ff9a2e"), bgr("#e2330f")


def paint_volcano(canvas: Canvas) -> None:
    rng = canvas.rng
    x = canvas.width * (0.38 + 0.24 * rng.random())
    paint_sky(canvas, horizon=0.66, clouds=0.5, light_x=x / canvas.width)
    paint_land(canvas, crest(canvas, RIDGES, base=0.68, height=0.16), RIDGES)
    peak = canvas.height * 0.66 - 0.27 * canvas.unit
    canvas.light = (x, peak)
    _raise_smoke(canvas, x, peak)
    line = _cone(canvas, x, peak)
    paint_land(canvas, line, CONE)
    _run_streams(canvas, x, peak, line)
    paint_mist(canvas, at=0.70, thickness=0.06, share=0.5)
    rocks = crest(canvas, ROCKS, base=0.82, height=0.12)
    paint_land(canvas, rocks, ROCKS)
    _run_river(canvas, x)
    paint_land(canvas, _banks(canvas, crest(canvas, FRONT, base=1.02, height=0.16)), FRONT)
    canvas.ripple = hot_air(0.80, 0.10)


def _cone(canvas: Canvas, x: float, peak: float) -> Plane:
    """(width,) y: steep at the crater, flat at the foot, with a notch at the top."""
    away = np.abs(np.arange(canvas.width) - x) / canvas.unit
    foot = canvas.height * 0.72
    slope = foot - (foot - peak) * np.exp(-np.maximum(away - 0.035, 0) / 0.20)
    notch = 0.016 * canvas.unit * (away < 0.035) * np.cos(away / 0.035 * np.pi / 2)
    rough = crest(canvas, CONE, base=0, height=0.03) + 0.015 * canvas.unit
    return np.asarray(slope + notch + rough * np.clip(away / 0.05, 0.15, 1), np.float32)


def _raise_smoke(canvas: Canvas, x: float, peak: float) -> None:
    """A plume that leans with the wind, lit from below."""
    width, height = canvas.width // 3, canvas.height // 3
    billows = fractal(canvas.rng, width, height, cells=6 * canvas.width / canvas.unit, octaves=6, gain=0.58)
    across, y = coordinates(width, height)
    up = np.maximum(peak / 3 - y, 0) / (canvas.unit / 3)
    lean = x / 3 + up**1.4 * 0.32 * canvas.unit / 3
    spread = (0.040 + 0.50 * up) * canvas.unit / 3
    inside = np.exp(-(((across - lean) / spread) ** 2)) * (y < peak / 3 + 4)
    share = smoothstep(0.34, 0.62, inside * 0.80 + billows * 0.5 - 0.12) * smoothstep(0.0, 0.02, up + 0.01)
    glow = np.exp(-up / 0.09)[..., None]
    edge = np.gradient(blurred(billows, 1.5), axis=0)[..., None] * canvas.unit * 0.16
    dark = mix(canvas.paints.mid, canvas.paints.near, 0.45)
    colour = mix(dark, canvas.paints.sky, np.clip(0.35 + edge, 0, 1)) + ORANGE * glow * 0.75
    canvas.tint(share * 0.92, colour.astype(np.float32))


def _run_streams(canvas: Canvas, x: float, peak: float, line: Plane) -> None:
    """Lava over the rim and down the slopes, thinner as it cools."""
    unit = canvas.unit
    mask = canvas.mask()
    for start, length in ((-0.026, 0.30), (-0.008, 0.17), (0.014, 0.34), (0.028, 0.22)):
        fill(mask, _stream(canvas, x + start * unit, peak + 0.004 * unit, start * 9, length))
    rim = np.linspace(-1, 1, 15)
    lip = np.stack([x + rim * 0.036 * unit, peak + (0.004 + 0.014 * (1 - rim**2)) * unit], 1)
    stroke(mask, lip, unit * 0.006)
    under = np.arange(canvas.height)[:, None] > line[None] - 3
    _glow(canvas, np.where(under, mask, 0).astype(np.uint8), 0.03)
    canvas.glint(x, peak + 0.01 * unit, unit * 0.05, ORANGE * 0.6)


def _stream(canvas: Canvas, x: float, y: float, lean: float, length: float) -> Points:
    part = np.linspace(0, 1, 40)
    wander = profile(canvas.rng, 40, cells=4, octaves=2) - 0.5
    away = (lean * (0.25 * part + 0.9 * part**2) + wander * 0.15 * part**0.5) * length * canvas.unit
    knots = 0.8 + 0.5 * profile(canvas.rng, 40, cells=9, octaves=2)
    half = canvas.unit * 0.0062 * (1 - 0.80 * part) * knots
    down = y + part * length * canvas.unit
    left, right = np.stack([x + away - half, down], 1), np.stack([x + away + half, down], 1)
    return np.concatenate([left, right[::-1]])


def _run_river(canvas: Canvas, x: float) -> None:
    """Lava winds towards the viewer, with dark crust floating on it."""
    part = np.linspace(0, 1, 60)
    top, bottom = canvas.height * 0.775, canvas.height * 1.03
    y = top + (bottom - top) * part**1.35
    centre = x + np.sin(part * 5.2 + 0.6) * canvas.unit * (0.03 + 0.12 * part) + (canvas.width / 2 - x) * part
    half = canvas.unit * (0.006 + 0.17 * part**1.6)
    left, right = np.stack([centre - half, y], 1), np.stack([centre + half, y], 1)
    mask = canvas.mask()
    fill(mask, np.concatenate([left, right[::-1]]))
    rows = round(canvas.height * 0.25)
    heat = np.zeros((canvas.height, canvas.width), np.float32)
    crust = receding(canvas, rows, cells=11, stretch=1.4)
    heat[-rows:] = smoothstep(0.17, 0.02, np.abs(crust - 0.5)) * 0.85 + 0.16
    _glow(canvas, (mask * heat).astype(np.uint8), 0.045)
    rng = canvas.rng
    for _ in range(16):
        at = int(rng.integers(12, 58))
        canvas.glint(
            float(centre[at] + rng.normal() * half[at] * 0.4), float(y[at]), 3 + 10 * part[at], ORANGE * 0.7
        )


def _glow(canvas: Canvas, heat: Picture, radius: float) -> None:
    """Lay heat (a mask) as lava: white at the core, red around it, light on everything near."""
    share = heat.astype(np.float32) / 255
    core = share[..., None]
    colour = mix(RED, mix(ORANGE, WHITE_HOT, core**2), core**0.7)
    canvas.tint(np.clip(share * 1.4, 0, 1), colour)
    small = resized(share, canvas.width // 4, canvas.height // 4)
    near, wide = blurred(small, radius * canvas.unit / 16), blurred(small, radius * canvas.unit / 4)
    canvas.shine((near[..., None] * ORANGE * 0.55 + wide[..., None] * RED * 1.0).astype(np.float32))


def _banks(canvas: Canvas, line: Plane) -> Plane:
    """Lower the front rocks where the river comes through."""
    away = (np.arange(canvas.width) - canvas.width * 0.5) / canvas.unit
    opening = np.exp(-((away / 0.22) ** 4)) * 0.22 * canvas.unit
    return np.asarray(line + opening, np.float32)
