"""Still and moving water: reflections, ripples, the glitter path of the light."""

from __future__ import annotations

import cv2
import numpy as np

from cutscene.providers.local.renderer.arrays import (
    Plane,
    coordinates,
    mix,
    smoothstep,
)
from cutscene.providers.local.renderer.canvas import Canvas, blend
from cutscene.providers.local.renderer.noise import fractal


def paint_water(
    canvas: Canvas, *, level: float, colour: Plane, mirror: float, choppy: float, glitter: float
) -> None:
    """Water from ``level`` (part of the height) to the bottom.

    ``mirror`` is how much it reflects, ``choppy`` how much that is torn, both 0-1.
    """
    top = round(canvas.height * level)
    rows = canvas.height - top
    waves = receding(canvas, rows)
    _, y = coordinates(1, rows)
    fall = y / rows
    deep = mix(
        mix(colour, canvas.paints.horizon, 0.35), mix(colour, canvas.paints.near, 0.45), fall[..., None]
    )
    body = np.broadcast_to(deep, (rows, canvas.width, 3)).astype(np.float32)
    share = mirror * (1 - 0.45 * fall) * np.ones((1, canvas.width), np.float32)
    body = blend(body, _reflection(canvas, top, waves, choppy), share.astype(np.float32))
    body += (waves - 0.5)[..., None] * (10 + 26 * choppy) * (0.3 + 0.7 * fall)[..., None]
    canvas.picture[top:] = np.clip(body, 0, 255)
    _ramp_depth(canvas, top)
    if glitter:
        _paint_glitter(canvas, top, waves, glitter)
    canvas.ripple = _ripple(canvas, top)


def receding(canvas: Canvas, rows: int, *, cells: float = 6, stretch: float = 2.5) -> Plane:
    """(rows, width) noise, 0-1, on level ground at the picture's foot: finer towards the horizon."""
    side = 512
    tile = fractal(canvas.rng, side, side, cells=cells, octaves=5, gain=0.62, stretch=stretch)
    x, y = coordinates(canvas.width, rows)
    distance = 1 / (y / rows + 0.035)
    across = (x - canvas.width / 2) / canvas.unit * (distance * 0.16 + 0.10) * side + 8 * side
    along = distance * 90 + 0 * x
    seen = cv2.remap(
        tile,
        across.astype(np.float32),
        along.astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_WRAP,
    )
    return np.asarray(seen, np.float32)


def _reflection(canvas: Canvas, top: int, waves: Plane, choppy: float) -> Plane:
    """What stands above the water, upside down, torn by the waves."""
    rows = len(waves)
    x, y = coordinates(canvas.width, rows)
    fall = y / rows
    torn = (waves - 0.5) * (0.02 + 0.12 * choppy) * (0.25 + fall) * canvas.unit
    map_x = (x + torn * 0.6).astype(np.float32)
    map_y = np.maximum(top - 1 - y * min(1.0, top / rows) + torn, 0).astype(np.float32)
    above = cv2.GaussianBlur(canvas.picture[:top], (0, 0), sigmaX=1.2, sigmaY=2 + 6 * choppy)
    return np.asarray(
        cv2.remap(above, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32
    )


def _paint_glitter(canvas: Canvas, top: int, waves: Plane, strength: float) -> None:
    rows = len(waves)
    x, y = coordinates(canvas.width, rows)
    fall = y / rows
    spread = canvas.unit * (0.03 + 0.16 * fall)
    path = np.exp(-(((x - canvas.light[0]) / spread) ** 2)) * (1 - 0.35 * fall)
    sparkle = smoothstep(0.54, 0.74, waves) * 0.9 + 0.16
    light = np.zeros_like(canvas.picture)
    light[top:] = (path * sparkle * strength)[..., None] * canvas.paints.light
    canvas.shine(light)
    rng = canvas.rng
    for _ in range(46):
        down = rng.random() ** 1.4
        reach = canvas.unit * (0.03 + 0.15 * down)
        canvas.glint(
            canvas.light[0] + float(rng.normal()) * reach * 0.7,
            top + 4 + down * rows * 0.9,
            2.0 + 3.5 * down,
            canvas.paints.light * 0.8 * strength,
        )


def _ramp_depth(canvas: Canvas, top: int) -> None:
    rows, _ = canvas.depth.shape
    first = top * rows // canvas.height
    canvas.depth[first:] = np.linspace(0.12, 0.95, rows - first, dtype=np.float32)[:, None]


def _ripple(canvas: Canvas, top: int) -> Plane:
    """Water sways more the nearer it is, and not at its shore."""
    _, y = coordinates(64, 64)
    level = top / canvas.height
    sway = smoothstep(level + 0.02, 1.0, (y + 0.5) / 64)
    return np.repeat(sway, 64, axis=1).astype(np.float32)
