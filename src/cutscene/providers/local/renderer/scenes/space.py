"""A ringed planet and its moon before a nebula."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from cutscene.providers.local.renderer.arrays import Plane, blurred, coordinates, mix, resized, smoothstep
from cutscene.providers.local.renderer.canvas import Canvas
from cutscene.providers.local.renderer.noise import fractal
from cutscene.providers.local.renderer.palette import bgr
from cutscene.providers.local.renderer.scenes.terrain import Land, crest, paint_land

WORLDS = (("#e7b07a", "#8a4f5c"), ("#7fc6d9", "#2d4f8f"), ("#d98aa8", "#5a3a8a"))
"""Bright and dark bands of a planet."""
TILT = 0.34
"""Of the ring, radians."""


def paint_space(canvas: Canvas) -> None:
    right = canvas.rng.random() < 0.5
    portrait = canvas.height > canvas.width
    canvas.light = (canvas.width * (0.16 if right else 0.84), canvas.height * 0.20)
    canvas.picture[:] = canvas.paints.zenith
    _paint_nebula(canvas)
    _paint_stars(canvas)
    x, y = canvas.width * (0.5 if portrait else 0.64 if right else 0.36), canvas.height * 0.47
    bright, dark = (bgr(code) for code in WORLDS[int(canvas.rng.integers(len(WORLDS)))])
    planet = World(x=x, y=y, radius=0.205 * canvas.unit, bright=bright, dark=dark, near=0.5, banded=True)
    moon = World(
        x=x + (-0.34 if right else 0.34) * canvas.unit,
        y=y + 0.24 * canvas.unit,
        radius=0.040 * canvas.unit,
        bright=bgr("#d8d2e0"),
        dark=bgr("#77708c"),
        near=0.66,
        banded=False,
    )
    _paint_ringed(canvas, planet)
    _paint_sphere(canvas, moon)
    _paint_surface(canvas)


def _paint_nebula(canvas: Canvas) -> None:
    width, height = canvas.width // 2, canvas.height // 2
    rng, cells = canvas.rng, 1.6 * canvas.width / canvas.unit
    bend_x = fractal(rng, width, height, cells=cells, octaves=4)
    bend_y = fractal(rng, width, height, cells=cells, octaves=4)
    gas = fractal(rng, width, height, cells=cells * 1.3, octaves=6, gain=0.56)
    dust = fractal(rng, width, height, cells=cells * 1.8, octaves=6, gain=0.6)
    x, y = coordinates(width, height)
    reach = 0.30 * canvas.unit / 2
    map_x, map_y = (
        (x + (bend_x - 0.5) * reach * 2).astype(np.float32),
        (y + (bend_y - 0.5) * reach * 2).astype(np.float32),
    )
    gas = np.asarray(cv2.remap(gas, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP), np.float32)
    dust = np.asarray(cv2.remap(dust, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP), np.float32)
    lane = (
        y / height - 0.5 + 0.5 * (x / width - 0.5) * (1 if canvas.light[0] > canvas.width / 2 else -1)
    ) / 0.42
    band = np.exp(-lane * lane)
    cloud = smoothstep(0.32, 0.95, gas * (0.45 + 0.75 * band))
    hot = smoothstep(0.62, 1.0, gas * (0.5 + 0.6 * band))
    paints = canvas.paints
    tint = mix(paints.horizon, bgr("#b0407f"), smoothstep(0.3, 0.7, bend_x)[..., None])
    tint = mix(tint, bgr("#2f7fa8"), smoothstep(0.55, 0.85, bend_y)[..., None])
    light = tint * (cloud * 1.25)[..., None] + paints.light * (hot * 0.55)[..., None] + paints.sky * 0.5
    light = light * (1 - 0.75 * smoothstep(0.50, 0.78, dust) * band)[..., None]
    canvas.shine(light.astype(np.float32))


def _paint_stars(canvas: Canvas) -> None:
    rng, count = canvas.rng, 1500
    points = np.zeros((canvas.height, canvas.width), np.float32)
    x, y = rng.integers(0, canvas.width, count), rng.integers(0, canvas.height, count)
    brightness = rng.random(count) ** 5
    points[y, x] = 60 + 900 * brightness
    halo = blurred(points, 0.75) + 2.2 * blurred(np.where(points > 500, points, 0).astype(np.float32), 2.2)
    warm = 0.85 + 0.15 * rng.random()
    canvas.shine(halo[..., None] * np.array([1.0, 0.96, warm], np.float32))
    for star in np.argsort(-brightness)[:48]:
        canvas.glint(float(x[star]), float(y[star]), 3.2, np.array([255, 240, 225], np.float32))


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A planet or a moon: centre and radius in pixels, colours BGR."""

    x: float
    y: float
    radius: float
    bright: Plane
    dark: Plane
    near: float
    banded: bool

    def offsets(self, canvas: Canvas, scale: int) -> tuple[Plane, Plane]:
        """Across and down from its centre, in radii, for a plane ``scale`` times smaller than the canvas."""
        column, row = coordinates(canvas.width // scale, canvas.height // scale)
        return (column * scale - self.x) / self.radius, (row * scale - self.y) / self.radius


def _paint_ringed(canvas: Canvas, world: World) -> None:
    across, down = _turned(*world.offsets(canvas, 2))
    ring = _ring(across, down)
    before = (down > 0).astype(np.float32)
    tone = mix(world.bright, canvas.paints.light, 0.45)
    canvas.tint(ring * (1 - before) * 0.75, tone)
    _paint_sphere(canvas, world)
    side = 1 if canvas.light[0] < world.x else -1
    lit = smoothstep(1.6, 0.7, across * side)[..., None] * 0.6 + 0.4
    canvas.tint(ring * before * 0.85, mix(canvas.paints.near, tone, lit))
    _lift(canvas, ring * 0.5, world.near)


def _turned(across: Plane, down: Plane) -> tuple[Plane, Plane]:
    cosine, sine = math.cos(TILT), math.sin(TILT)
    return across * cosine + down * sine, down * cosine - across * sine


def _ring(across: Plane, down: Plane) -> Plane:
    """Share of the ring, with its grooves and its gap."""
    distance = np.sqrt(across * across + (down * 4.6) ** 2)
    grooves = 0.62 + 0.38 * np.sin(distance * 31) * np.sin(distance * 13 + 1)
    gap = smoothstep(0.0, 0.025, np.abs(distance - 1.78))
    inside = smoothstep(1.30, 1.38, distance) * smoothstep(2.12, 2.04, distance)
    return np.asarray(inside * grooves * gap, np.float32)


def _paint_sphere(canvas: Canvas, world: World) -> None:
    """A world lit from the canvas' light, with an atmosphere along its lit rim."""
    across, down = world.offsets(canvas, 2)
    distance = np.sqrt(across * across + down * down)
    facing = _facing(canvas, world, across, down)
    day = smoothstep(-0.12, 0.75, facing)
    surface = _bands(canvas, across, down) if world.banded else _craters(canvas, world)
    limb = smoothstep(0.80, 1.0, distance) * day * 0.45
    colour = mix(world.dark, world.bright, surface[..., None]) * (0.05 + 0.98 * day)[..., None]
    colour = colour + canvas.paints.light * limb[..., None]
    if world.banded:
        air = np.exp(-np.maximum(distance - 1, 0) / 0.055) * smoothstep(-0.3, 0.8, facing)
        air = air * (distance > 0.97) * 0.75
        canvas.shine(air[..., None] * mix(world.bright, canvas.paints.light, 0.4))
    across, down = world.offsets(canvas, 1)
    edge = 1.3 / world.radius
    disc = smoothstep(1 + edge, 1 - edge, np.sqrt(across * across + down * down))
    canvas.tint(disc, np.clip(colour, 0, 255))
    _lift(canvas, disc, world.near)


def _facing(canvas: Canvas, world: World, across: Plane, down: Plane) -> Plane:
    """Cosine of the angle between the surface and the light."""
    bulge = np.sqrt(np.clip(1 - across * across - down * down, 0, 1))
    towards = (canvas.light[0] - world.x, canvas.light[1] - world.y, 0.55 * canvas.unit)
    length = math.hypot(*towards)
    facing = across * towards[0] + down * towards[1] + bulge * towards[2]
    return np.asarray(facing / length, np.float32)


def _bands(canvas: Canvas, across: Plane, down: Plane) -> Plane:
    """Belts of cloud along the planet's latitude, curled by noise."""
    height, width = np.broadcast_shapes(across.shape, down.shape)
    curls = fractal(canvas.rng, width, height, cells=7, octaves=6, gain=0.55, stretch=3) - 0.5
    _, latitude = _turned(across, down)
    wave = np.sin(latitude * 7 + curls * 3.2) + 0.55 * np.sin(latitude * 17 + 2 + curls * 4)
    return smoothstep(-1.3, 1.3, wave)


def _craters(canvas: Canvas, world: World) -> Plane:
    cells = 2.2 * canvas.width / world.radius
    return fractal(canvas.rng, canvas.width // 2, canvas.height // 2, cells=cells, octaves=3, gain=0.6)


def _paint_surface(canvas: Canvas) -> None:
    """The dark ground of another moon, where the viewer stands."""
    for near, base, height in ((0.62, 0.93, 0.09), (0.95, 1.03, 0.10)):
        land = Land(near=near, sharp=0.6, cells=3.4, gain=0.5, relief=0.55, mist=0)
        paint_land(canvas, crest(canvas, land, base=base, height=height), land)


def _lift(canvas: Canvas, share: Plane, near: float) -> None:
    small = resized(share, canvas.depth.shape[1], canvas.depth.shape[0])
    canvas.depth += (near - canvas.depth) * small
