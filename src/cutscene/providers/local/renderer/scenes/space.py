"""A ringed planet and its moon before a nebula."""

from __future__ import annotations

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
    x = canvas.width * (0.5 if portrait else 0.64 if right else 0.36)
    _paint_planet(canvas, x, canvas.height * 0.47, 0.205)
    away = -1 if right else 1
    _paint_moon(canvas, x + away * 0.34 * canvas.unit, canvas.height * 0.47 + 0.24 * canvas.unit, 0.040)
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


def _paint_planet(canvas: Canvas, x: float, y: float, radius: float) -> None:
    bright, dark = (bgr(code) for code in WORLDS[int(canvas.rng.integers(len(WORLDS)))])
    ring = _ring(canvas, x, y, radius * canvas.unit)
    column, row = coordinates(canvas.width, canvas.height)
    _, down = _turned(column - x, row - y)
    hidden = (down < 0).astype(np.float32)
    tone = mix(bright, canvas.paints.light, 0.45)
    canvas.tint(ring * hidden * 0.75, tone)
    _paint_sphere(canvas, x, y, radius, bright, dark, bands=True)
    shadow = _ring_shadow(canvas, x, radius)
    canvas.tint(ring * (1 - hidden) * 0.85, mix(canvas.paints.near, tone, shadow[..., None]))
    _lift(canvas, ring * 0.5, 0.55)


def _turned(across: Plane, down: Plane) -> tuple[Plane, Plane]:
    cosine, sine = np.cos(TILT), np.sin(TILT)
    return (across * cosine + down * sine).astype(np.float32), (down * cosine - across * sine).astype(
        np.float32
    )


def _ring(canvas: Canvas, x: float, y: float, radius: float) -> Plane:
    """(height, width) share of the ring, with its gaps."""
    column, row = coordinates(canvas.width, canvas.height)
    across, down = _turned(column - x, row - y)
    distance = np.sqrt(across * across + (down * 4.6) ** 2) / radius
    grooves = 0.62 + 0.38 * np.sin(distance * 31) * np.sin(distance * 13 + 1)
    gap = smoothstep(0.0, 0.025, np.abs(distance - 1.78))
    inside = smoothstep(1.30, 1.38, distance) * smoothstep(2.12, 2.04, distance)
    return (inside * grooves * gap).astype(np.float32)


def _ring_shadow(canvas: Canvas, x: float, radius: float) -> Plane:
    """1 in the light, less where the planet keeps it from the ring."""
    column, _ = coordinates(canvas.width, 1)
    side = 1 if canvas.light[0] < x else -1
    away = (column - x) / canvas.unit * side
    return smoothstep(1.6 * radius, 0.7 * radius, away) * 0.6 + 0.4


def _paint_moon(canvas: Canvas, x: float, y: float, radius: float) -> None:
    _paint_sphere(canvas, x, y, radius, bgr("#d8d2e0"), bgr("#77708c"), bands=False)


def _paint_sphere(
    canvas: Canvas, x: float, y: float, radius: float, bright: Plane, dark: Plane, *, bands: bool
) -> None:
    """A world lit from the canvas' light, with an atmosphere along its lit rim."""
    column, row = coordinates(canvas.width, canvas.height)
    across, down = (column - x) / (radius * canvas.unit), (row - y) / (radius * canvas.unit)
    distance = np.sqrt(across * across + down * down).astype(np.float32)
    bulge = np.sqrt(np.clip(1 - distance * distance, 0, 1))
    light = np.array([canvas.light[0] - x, canvas.light[1] - y, 0.55 * canvas.unit])
    light = light / np.linalg.norm(light)
    facing = across * light[0] + down * light[1] + bulge * light[2]
    day = smoothstep(-0.12, 0.75, facing.astype(np.float32))
    surface = _bands(canvas, across, down) if bands else _craters(canvas)
    colour = mix(dark, bright, surface[..., None]) * (0.05 + 0.98 * day)[..., None]
    limb = smoothstep(0.80, 1.0, distance) * day
    colour = colour + canvas.paints.light * (limb * 0.45)[..., None]
    edge = 1.3 / (radius * canvas.unit)
    disc = smoothstep(1 + edge, 1 - edge, distance)
    if bands:
        air = (
            np.exp(-np.maximum(distance - 1, 0) / 0.055)
            * smoothstep(-0.3, 0.8, facing.astype(np.float32))
            * (distance > 0.97)
        )
        canvas.shine((air * 0.75)[..., None] * mix(bright, canvas.paints.light, 0.4))
    canvas.tint(disc, np.clip(colour, 0, 255).astype(np.float32))
    _lift(canvas, disc, 0.50 if bands else 0.66)


def _bands(canvas: Canvas, across: Plane, down: Plane) -> Plane:
    """Belts of cloud along the planet's latitude, curled by noise."""
    curls = fractal(
        canvas.rng, canvas.width // 2, canvas.height // 2, cells=7, octaves=6, gain=0.55, stretch=3
    )
    curls = resized(curls, canvas.width, canvas.height)
    _, latitude = _turned(across, down)
    wave = np.sin(latitude * 7 + (curls - 0.5) * 3.2) + 0.55 * np.sin(latitude * 17 + 2 + (curls - 0.5) * 4)
    return smoothstep(-1.3, 1.3, wave.astype(np.float32))


def _craters(canvas: Canvas) -> Plane:
    return resized(
        fractal(canvas.rng, canvas.width // 2, canvas.height // 2, cells=34, octaves=4, gain=0.6),
        canvas.width,
        canvas.height,
    )


def _paint_surface(canvas: Canvas) -> None:
    """The dark ground of another moon, where the viewer stands."""
    for near, base, height in ((0.62, 0.93, 0.09), (0.95, 1.03, 0.10)):
        land = Land(near=near, sharp=0.6, cells=3.4, gain=0.5, relief=0.55, mist=0)
        paint_land(canvas, crest(canvas, land, base=base, height=height), land)


def _lift(canvas: Canvas, share: Plane, near: float) -> None:
    small = resized(share, canvas.depth.shape[1], canvas.depth.shape[0])
    canvas.depth += (near - canvas.depth) * small
