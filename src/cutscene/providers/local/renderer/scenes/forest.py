"""Deep woods: boles in the mist, a canopy above, ferns at the foot, light from between."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from cutscene.providers.local.renderer.arrays import (
    Picture,
    blurred,
    coordinates,
    fill,
    mix,
    resized,
    smoothstep,
)
from cutscene.providers.local.renderer.canvas import Canvas
from cutscene.providers.local.renderer.noise import fractal
from cutscene.providers.local.renderer.scenes.sky import paint_sky
from cutscene.providers.local.renderer.scenes.terrain import Land, below, crest, paint_land, paint_mist
from cutscene.providers.local.renderer.scenes.trees import blob, bough, pine, sow_grass, trunk


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """Trees at one distance; lengths in units."""

    near: float
    foot: float
    """Part of the height."""
    thickness: float
    density: float
    """Boles per unit."""
    crown: float
    """How deep the leaves hang from above."""
    mist: float


STANDS: Final = (
    Stand(near=0.10, foot=0.66, thickness=0.012, density=34, crown=0.10, mist=0.75),
    Stand(near=0.28, foot=0.72, thickness=0.020, density=17, crown=0.13, mist=0.6),
    Stand(near=0.52, foot=0.79, thickness=0.036, density=8, crown=0.15, mist=0.45),
    Stand(near=0.80, foot=0.88, thickness=0.070, density=3.2, crown=0.17, mist=0.22),
)


def paint_forest(canvas: Canvas) -> None:
    paint_sky(canvas, horizon=0.70, clouds=0, light_x=0.42 + 0.16 * canvas.rng.random())
    _paint_thicket(canvas)
    for stand in STANDS:
        _paint_stand(canvas, stand)
        paint_mist(canvas, at=stand.foot, thickness=0.10, share=stand.mist * 0.65)
    _paint_front(canvas)


def _paint_thicket(canvas: Canvas) -> None:
    """Leaves in the distance: soft patches of light and dark around the clearing."""
    width, height = canvas.width // 3, canvas.height // 3
    leaves = fractal(canvas.rng, width, height, cells=9 * canvas.width / canvas.unit, octaves=5, gain=0.6)
    x, _ = coordinates(width, height)
    away = np.abs(x * 3 - canvas.light[0]) / canvas.unit
    share = smoothstep(0.40, 0.72, leaves + 0.35 * np.minimum(away, 0.7) - 0.08)
    canvas.tint(share * 0.55, mix(canvas.paints.far, canvas.paints.mid, 0.35))


def _paint_stand(canvas: Canvas, stand: Stand) -> None:
    rng, unit = canvas.rng, canvas.unit
    land = Land(near=stand.near, cells=2.0, gain=0.38, relief=0.05, mist=0.5, texture=0.05)
    line = crest(canvas, land, base=stand.foot + 0.04, height=0.05)
    mask = below(canvas, line)
    count = max(2, round(stand.density * canvas.width / unit))
    for index in range(count):
        x = (index + 0.15 + 0.7 * rng.random()) / count * canvas.width
        if abs(x - canvas.light[0]) < unit * (0.05 + 0.16 * stand.near) and rng.random() < 0.85:
            continue
        thickness = stand.thickness * unit * (0.65 + 0.7 * rng.random())
        foot = float(line[int(min(x, canvas.width - 1))]) + 4
        fill(mask, trunk(rng, x, foot, -10, thickness))
        for _ in range(3):
            bough(
                rng,
                mask,
                x,
                foot * (0.15 + 0.5 * rng.random()),
                thickness * (3 + 3 * rng.random()),
                max(1.0, thickness * 0.18),
            )
    _hang_leaves(canvas, mask, stand)
    _plant_undergrowth(canvas, mask, stand, line.tolist())
    paint_land(canvas, line, land, mask)


def _hang_leaves(canvas: Canvas, mask: Picture, stand: Stand) -> None:
    """A ragged edge of leaves from the top of the picture, thinner towards the light."""
    width, height = canvas.width // 2, canvas.height // 2
    cells = (5 + 7 * (1 - stand.near)) * canvas.width / canvas.unit
    leaves = fractal(canvas.rng, width, height, cells=cells, octaves=6, gain=0.72)
    x, y = coordinates(width, height)
    away = np.minimum(np.abs(x * 2 - canvas.light[0]) / canvas.unit, 0.6)
    depth = (stand.crown + 0.30 * away) * canvas.unit / 2
    share = smoothstep(0.48, 0.52, leaves - 0.55 * (y / depth - 0.75))
    whole = resized(blurred(share.astype(np.float32), 0.6), canvas.width, canvas.height)
    np.maximum(mask, (whole * 255).astype(np.uint8), out=mask)


def _plant_undergrowth(canvas: Canvas, mask: Picture, stand: Stand, line: list[float]) -> None:
    rng, unit = canvas.rng, canvas.unit
    for x in rng.random(round(26 * canvas.width / unit * (1.2 - stand.near))) * canvas.width:
        y = line[int(min(x, canvas.width - 1))]
        size = unit * (0.010 + 0.030 * stand.near) * (0.5 + rng.random())
        if rng.random() < 0.25:
            fill(mask, pine(rng, float(x), y + size, size * 4.5))
        else:
            fill(mask, blob(rng, float(x), y + size * 0.3, size))


def _paint_front(canvas: Canvas) -> None:
    """Dark boles at the sides and ferns below frame the clearing."""
    rng, unit = canvas.rng, canvas.unit
    land = Land(near=0.97, cells=1.4, gain=0.38, relief=0.05, mist=0, texture=0.05)
    line = crest(canvas, land, base=1.0, height=0.07)
    mask = below(canvas, line)
    for x in (0.02, 0.97):
        at = canvas.width * (x + 0.03 * rng.random())
        fill(mask, trunk(rng, at, canvas.height + 20, -10, unit * (0.10 + 0.03 * rng.random())))
    _grow_ferns(canvas, mask)
    sow_grass(canvas, mask, line, height=0.05, density=150)
    paint_land(canvas, line, land, mask)


def _grow_ferns(canvas: Canvas, mask: Picture) -> None:
    rng, unit = canvas.rng, canvas.unit
    for x in (0.06, 0.15, 0.27, 0.72, 0.84, 0.95):
        root = (canvas.width * (x + 0.04 * rng.random()), canvas.height * 0.99)
        for frond in range(7):
            _draw_frond(mask, root, angle=-2.7 + 2.3 * frond / 6, length=unit * (0.10 + 0.06 * rng.random()))


def _draw_frond(mask: Picture, root: tuple[float, float], *, angle: float, length: float) -> None:
    """A stalk that bends over, with leaflets along both sides."""
    part = np.linspace(0, 1, 13)
    bent = angle + (0.9 if np.cos(angle) > 0 else -0.9) * part**2
    step = length / len(part)
    x, y = root[0] + np.cumsum(np.cos(bent)) * step, root[1] + np.cumsum(np.sin(bent)) * step
    for index in range(2, len(part)):
        reach = length * 0.20 * (1 - part[index] * 0.85)
        for side in (-1, 1):
            tip = bent[index] + side * 1.05
            leaflet = np.array(
                [
                    (x[index - 1], y[index - 1]),
                    (x[index] + np.cos(tip) * reach, y[index] + np.sin(tip) * reach),
                    (x[index], y[index]),
                ]
            )
            fill(mask, leaflet)
    stalk = np.concatenate([np.stack([x - 1, y], 1), np.stack([x + 1, y], 1)[::-1]])
    fill(mask, stalk)
