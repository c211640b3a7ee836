"""Skies: gradient, stars, clouds lit from one side, sun and moon."""

from __future__ import annotations

import numpy as np

from cutscene.providers.local.renderer.arrays import (
    Plane,
    blurred,
    coordinates,
    mix,
    resized,
    smoothstep,
)
from cutscene.providers.local.renderer.canvas import Canvas
from cutscene.providers.local.renderer.noise import fractal
from cutscene.providers.local.renderer.palette import Body

_STARS = 900
_TWINKLING = 36


def paint_sky(canvas: Canvas, *, horizon: float, clouds: float, light_x: float, disc: float = 0.05) -> None:
    """A sky down to ``horizon``, lit from ``light_x`` (parts of height and width); ``disc`` in units."""
    altitude = canvas.palette.altitude
    canvas.light = (canvas.width * light_x, canvas.height * horizon * (1 - altitude))
    _paint_gradient(canvas, horizon)
    _paint_stars(canvas, horizon)
    _paint_body(canvas, disc)
    if clouds:
        _paint_clouds(canvas, horizon, clouds)


def distance_to_light(canvas: Canvas, width: int, height: int) -> Plane:
    """(height, width) of a smaller plane: distance to the light, units."""
    x, y = coordinates(width, height)
    scale = canvas.width / width
    across, down = x * scale - canvas.light[0], y * scale - canvas.light[1]
    return np.asarray(np.sqrt(across * across + down * down) / canvas.unit, np.float32)


def _paint_gradient(canvas: Canvas, horizon: float) -> None:
    paints = canvas.paints
    width, height = canvas.width // 4, canvas.height // 4
    _, y = coordinates(width, height)
    fall = (y / (height * horizon))[..., None]
    upper = smoothstep(0, 0.72, fall)
    lower = smoothstep(0.42, 1.02, fall)
    sky = mix(mix(paints.zenith, paints.sky, upper), paints.horizon, lower)
    distance = distance_to_light(canvas, width, height)[..., None]
    warmth = np.exp(-((distance / 0.36) ** 1.4))
    sky = mix(sky, mix(paints.horizon, paints.light, 0.2), warmth * 0.62)
    canvas.picture[:] = resized(sky, canvas.width, canvas.height)


def _paint_stars(canvas: Canvas, horizon: float) -> None:
    if not canvas.palette.stars:
        return
    rng = canvas.rng
    count = round(_STARS * canvas.palette.stars)
    x = rng.integers(0, canvas.width, count)
    y = (rng.random(count) * canvas.height * horizon * 0.95).astype(np.int64)
    fading = 1 - y / (canvas.height * horizon)
    brightness = rng.random(count) ** 4 * fading
    points = np.zeros((canvas.height, canvas.width), np.float32)
    points[y, x] = 40 + 600 * brightness
    tints = blurred(points, 0.75)[..., None] * np.array([1.0, 0.95, 0.9], np.float32)
    canvas.shine(tints)
    for star in np.argsort(-brightness)[: round(_TWINKLING * canvas.palette.stars)]:
        canvas.glint(float(x[star]), float(y[star]), 2.2, np.array([255, 240, 225], np.float32))


def _paint_body(canvas: Canvas, disc: float) -> None:
    width, height = canvas.width // 2, canvas.height // 2
    distance = distance_to_light(canvas, width, height)
    paints = canvas.paints
    match canvas.palette.body:
        case Body.SUN:
            _paint_disc(canvas, distance, disc, mix(paints.light, np.full(3, 255, np.float32), 0.5))
            halo, core = 0.5, 0.55
        case Body.MOON:
            face = fractal(canvas.rng, width, height, cells=width / (disc * canvas.unit) * 1.3, octaves=4)
            shade = (0.80 + 0.24 * smoothstep(0.35, 0.65, face))[..., None]
            _paint_disc(canvas, distance, disc * 0.85, paints.light * shade)
            halo, core = 0.28, 0.22
        case Body.VEILED:
            halo, core = 0.42, 0.25
    # A wide halo in the light's own white would turn the evening gray.
    wide = np.exp(-((distance / 0.24) ** 1.15))[..., None] * halo * mix(paints.horizon, paints.light, 0.35)
    close = np.exp(-((distance / (disc * 2)) ** 1.4))[..., None] * core * paints.light
    canvas.shine((wide + close).astype(np.float32))


def _paint_disc(canvas: Canvas, distance: Plane, radius: float, colour: Plane) -> None:
    whole = resized(distance, canvas.width, canvas.height)
    edge = 1.2 / canvas.unit
    canvas.tint(smoothstep(radius + edge, radius - edge, whole), colour)


def _paint_clouds(canvas: Canvas, horizon: float, amount: float) -> None:
    width, height = canvas.width // 2, canvas.height // 2
    rng, paints = canvas.rng, canvas.paints
    cells = 2.2 * canvas.width / canvas.unit
    body = fractal(rng, width, height, cells=cells, octaves=6, gain=0.52, stretch=2.6)
    _, y = coordinates(width, height)
    fall = y / (height * horizon)
    band = smoothstep(0.0, 0.35, fall) * smoothstep(1.08, 0.72, fall)
    low = 0.78 - 0.42 * amount
    share = smoothstep(low, low + 0.34, body) * band
    lit = _lit_edges(canvas, body)
    distance = distance_to_light(canvas, width, height)
    near_light = np.exp(-distance / 0.5)
    shadow = mix(mix(paints.sky, paints.zenith, 0.35), paints.horizon, (near_light * 0.45)[..., None])
    bright = mix(mix(paints.horizon, paints.sky, 0.25), paints.light, near_light[..., None])
    colour = mix(shadow, bright, lit[..., None])
    canvas.tint(share * 0.85, colour)


def _lit_edges(canvas: Canvas, body: Plane) -> Plane:
    """Where a cloud thins out towards the light, 0 to 1."""
    height, width = body.shape
    x, y = coordinates(width, height)
    across, down = canvas.light[0] / 2 - x, canvas.light[1] / 2 - y
    length = np.sqrt(across * across + down * down) + 1e-3
    slope_x = np.gradient(blurred(body, 2), axis=1)
    slope_y = np.gradient(blurred(body, 2), axis=0)
    towards = -(slope_x * across + slope_y * down) / length * canvas.unit
    return smoothstep(-1.2, 2.6, towards.astype(np.float32))
