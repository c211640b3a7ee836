"""Land: mountain ridges with lit faces, hills, dunes, and the haze between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from cutscene.providers.local.renderer.arrays import (
    Picture,
    Plane,
    Rng,
    blurred,
    coordinates,
    mix,
    resized,
    smoothstep,
)
from cutscene.providers.local.renderer.canvas import Canvas, aerial
from cutscene.providers.local.renderer.noise import fractal, profile
from cutscene.providers.local.renderer.scenes.sky import distance_to_light

_SCALE: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Land:
    """How a strip of land looks; lengths in units."""

    near: float
    """0 far to 1 close: depth, tone and how much air is in between."""
    sharp: float = 0
    """1: peaks, 0: hills."""
    cells: float = 3
    """Hills across one unit."""
    gain: float = 0.5
    """How rough the finer forms are."""
    relief: float = 0.3
    """Contrast of lit and shaded faces."""
    snow: float = 0
    """How far snow reaches down from the top, as a part of the strip's height."""
    texture: float = 0.06
    """Contrast of the ground."""
    mist: float = 0.6
    """Haze at the foot."""


def crest(canvas: Canvas, land: Land, *, base: float, height: float) -> Plane:
    """(width,) y of a ridge: from ``base`` (part of the picture's height) up by ``height`` units."""
    octaves = 7 if land.gain > 0.4 else 3
    cells = max(1.0, land.cells * canvas.width / canvas.unit)
    line = profile(canvas.rng, canvas.width, cells=cells, octaves=octaves, gain=land.gain, sharp=land.sharp)
    return (canvas.height * base - line * height * canvas.unit).astype(np.float32)


def below(canvas: Canvas, line: Plane) -> Picture:
    """The mask of everything under ``line`` (width,): how much of each pixel lies beneath it."""
    mask = canvas.mask()
    top = int(np.clip(line.min() - 1, 0, canvas.height))
    bottom = int(np.clip(line.max() + 2, top, canvas.height))
    y = np.arange(top, bottom, dtype=np.float32)[:, None]
    mask[top:bottom] = np.clip(y + 0.5 - line, 0, 1) * 255
    mask[bottom:] = 255
    return mask


def paint_land(canvas: Canvas, line: Plane, land: Land, mask: Picture | None = None) -> None:
    """Paint what is under ``line``; ``mask`` may hold more of the same: trees, walls."""
    canvas.lay(below(canvas, line) if mask is None else mask, ground(canvas, line, land), land.near)


def ground(canvas: Canvas, line: Plane, land: Land) -> Plane:
    """The colours of a strip of land, smaller than the canvas: they are softer than its outline."""
    width, height = canvas.width // _SCALE, canvas.height // _SCALE
    small_line = resized(line[None], width, 1)[0] / _SCALE
    x, y = coordinates(width, height)
    drop = np.maximum(y - small_line, 0) / (canvas.unit / _SCALE)
    grain = fractal(canvas.rng, width, height, cells=7 * canvas.width / canvas.unit, octaves=6, gain=0.6)
    against = np.exp(-((distance_to_light(canvas, width, height) / 0.45) ** 2))
    lit = _lit_faces(canvas, small_line, x, drop) * land.relief
    paints = canvas.paints
    tone = aerial(paints, land.near)
    shade = 0.94 + lit * (0.9 - 0.3 * land.near) + (grain - 0.5) * land.texture * 4
    colour = tone * shade[..., None]
    colour = colour + paints.light * (np.maximum(lit, 0) * 0.16 * (1 - 0.6 * land.near))[..., None]
    if land.snow:
        colour = _snowed(canvas, colour, small_line, lit, grain, land, y)
    # What stands before the light is seen from its dark side, with a bright rim.
    colour = colour * (1 - 0.30 * against * (1 - land.near))[..., None]
    # Trees stand above the line: they get no rim.
    rim = np.exp(-np.abs(y - small_line - 0.7) / (0.004 * canvas.unit / _SCALE)) * against
    colour = colour + paints.light * (rim * 0.42 * (1 - 0.5 * land.near))[..., None]
    haze = mix(paints.horizon, paints.far, 0.35)
    foot = smoothstep(0.02, 0.34, drop.astype(np.float32)) * land.mist * (1 - land.near) ** 0.7
    return np.clip(mix(colour.astype(np.float32), haze, foot[..., None]), 0, 255).astype(np.float32)


def _lit_faces(canvas: Canvas, line: Plane, x: Plane, drop: Plane) -> Plane:
    """-1 in shadow to 1 in the light: creased rock, and the slope of the crest just below it."""
    unit = canvas.unit / _SCALE
    height, width = drop.shape
    creases = creased(canvas.rng, width, height, cells=2.2 * canvas.width / canvas.unit)
    faces = np.gradient(creases, axis=1) * unit * 0.34 - np.gradient(creases, axis=0) * unit * 0.10
    slope = np.gradient(blurred(line[None], unit * 0.010)[0]) * np.exp(-drop / 0.05)
    side = np.tanh((canvas.light[0] / _SCALE - x) / (0.25 * unit))
    return np.asarray(np.tanh((faces + slope * 1.1) * side * 1.2), np.float32)


def creased(rng: Rng, width: int, height: int, *, cells: float) -> Plane:
    """Noise (height, width) with sharp ridges between its hollows: rock, ice, crumpled ground."""
    total = np.zeros((height, width), np.float32)
    amplitude = 1.0
    for octave in range(5):
        hills = fractal(rng, width, height, cells=cells * 2**octave, octaves=2, gain=0.35, stretch=0.6)
        total += amplitude * (1 - np.abs(2 * hills - 1))
        amplitude *= 0.52
    return total / 2


def _snowed(
    canvas: Canvas, colour: Plane, line: Plane, lit: Plane, grain: Plane, land: Land, y: Plane
) -> Plane:
    unit = canvas.unit / _SCALE
    top, foot = float(line.min()), float(line.max())
    reach = top + (foot - top + 0.05 * unit) * land.snow
    ragged = y + (grain - 0.5) * 0.20 * unit
    share = smoothstep(reach, reach - 0.05 * unit, ragged.astype(np.float32)) * (0.85 - 0.4 * land.near)
    paints = canvas.paints
    shadow = mix(mix(paints.sky, paints.far, 0.5), paints.light, 0.25)
    snow = mix(shadow, mix(paints.light, paints.horizon, 0.4) * 0.94, smoothstep(-0.4, 0.5, lit)[..., None])
    return mix(colour, snow, share[..., None])


def paint_mist(canvas: Canvas, *, at: float, thickness: float, share: float) -> None:
    """A bank of mist around ``at`` (part of the height), ``thickness`` units."""
    width, height = canvas.width // 4, canvas.height // 4
    _, y = coordinates(width, height)
    wisps = fractal(canvas.rng, width, height, cells=2.5 * canvas.width / canvas.unit, octaves=4, stretch=3)
    away = (y - height * at) / (thickness * canvas.unit / 4)
    veil = np.exp(-away * away) * (0.35 + 0.65 * smoothstep(0.3, 0.7, wisps)) * share
    warmth = np.exp(-((distance_to_light(canvas, width, height) / 0.5) ** 2))[..., None]
    colour = mix(canvas.paints.horizon, canvas.paints.light, warmth * 0.5)
    canvas.tint(veil.astype(np.float32), colour)


def hot_air(at: float, thickness: float) -> Plane:
    """A ripple map: air that shimmers around ``at``, both parts of the height."""
    _, y = coordinates(64, 64)
    away = (y / 64 - at) / thickness
    return np.asarray(np.repeat(np.exp(-away * away) * 0.35, 64, axis=1), np.float32)
