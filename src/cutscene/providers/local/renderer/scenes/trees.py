"""Trees as polygons: pines, broad crowns, tall trunks, grass."""

from __future__ import annotations

import numpy as np

from cutscene.providers.local.renderer.arrays import Picture, Plane, Points, Rng, fill, stroke
from cutscene.providers.local.renderer.canvas import Canvas


def pine(rng: Rng, x: float, foot: float, height: float) -> Points:
    """A conifer of ``height`` pixels: boughs that droop, wider towards the ground, none like its twin."""
    tiers = int(np.clip(height / 11, 4, 13))
    half = height * (0.15 + 0.06 * rng.random())
    sides: list[list[tuple[float, float]]] = []
    for side in (-1, 1):
        edge = [(x, foot - height)]
        for tier in range(1, tiers + 1):
            part = tier / tiers
            reach = half * part**0.85 * (0.78 + 0.44 * rng.random())
            level = foot - height * (1 - part * 0.92)
            droop = height / tiers * 0.35
            edge.append((x + side * reach, level + droop * rng.random()))
            edge.append((x + side * reach * 0.42, level - droop * 0.5))
        edge.append((x + side * height * 0.022, foot - height * 0.07))
        edge.append((x + side * height * 0.022, foot + height * 0.06))
        sides.append(edge)
    left, right = sides
    return np.array(left + right[::-1], np.float64)


def plant_pines(
    canvas: Canvas, mask: Picture, line: Plane, *, height: float, density: float, gaps: float = 0.35
) -> None:
    """Pines of about ``height`` units along ``line``; ``density`` per unit, in groups with ``gaps``."""
    rng = canvas.rng
    count = round(density * canvas.width / canvas.unit)
    grouping = rng.random(64)
    for x in np.sort(rng.random(count)) * canvas.width:
        if grouping[int(x / canvas.width * 63)] < gaps:
            continue
        size = height * canvas.unit * (0.55 + 0.75 * rng.random() ** 1.5)
        foot = float(line[min(int(x), canvas.width - 1)]) + size * 0.08
        fill(mask, pine(rng, float(x), foot, size))


def crown(rng: Rng, x: float, foot: float, height: float) -> list[Points]:
    """A broad tree: a trunk and overlapping leaf clusters."""
    trunk = height * 0.045
    parts = [
        np.array(
            [
                (x - trunk, foot),
                (x - trunk * 0.6, foot - height * 0.5),
                (x + trunk * 0.6, foot - height * 0.5),
                (x + trunk, foot),
            ]
        )
    ]
    for _ in range(9):
        angle, away = rng.random() * np.pi * 2, rng.random() ** 0.5 * height * 0.24
        centre = (x + np.cos(angle) * away * 1.15, foot - height * 0.62 + np.sin(angle) * away)
        parts.append(blob(rng, *centre, height * (0.13 + 0.08 * rng.random())))
    return parts


def blob(rng: Rng, x: float, y: float, radius: float) -> Points:
    """A leafy, bumpy disc."""
    angle = np.arange(28) / 28 * np.pi * 2
    bumps = radius * (0.86 + 0.28 * rng.random(28))
    return np.stack([x + np.cos(angle) * bumps, y + np.sin(angle) * bumps * 0.92], 1)


def plant_crowns(canvas: Canvas, mask: Picture, line: Plane, *, height: float, density: float) -> None:
    rng = canvas.rng
    for x in rng.random(round(density * canvas.width / canvas.unit)) * canvas.width:
        size = height * canvas.unit * (0.6 + 0.7 * rng.random())
        foot = float(line[min(int(x), canvas.width - 1)]) + size * 0.06
        for part in crown(rng, float(x), foot, size):
            fill(mask, part)


def trunk(rng: Rng, x: float, foot: float, top: float, thickness: float) -> Points:
    """A tall bole from ``foot`` to ``top``, flared at the root, leaning a little."""
    part = np.linspace(0, 1, 14)
    lean = thickness * (rng.random() - 0.5) * 2.4
    sway = np.sin(part * 3 + rng.random() * 6) * thickness * 0.22
    centre = x + lean * part + sway
    half = thickness * 0.5 * (1 - 0.35 * part + 0.9 * np.exp(-part * 22))
    y = foot + (top - foot) * part
    left, right = np.stack([centre - half, y], 1), np.stack([centre + half, y], 1)
    return np.concatenate([left, right[::-1]])


def bough(rng: Rng, mask: Picture, x: float, y: float, length: float, thickness: float) -> None:
    """A bare branch that forks."""
    side = 1 if rng.random() < 0.5 else -1
    angle = -0.25 - 0.7 * rng.random()
    tip = (x + side * np.cos(angle) * length, y + np.sin(angle) * length)
    bend = ((x + tip[0]) / 2, (y + tip[1]) / 2 + length * 0.08)
    stroke(mask, np.array([(x, y), bend, tip]), thickness)
    fork = (bend[0] + side * length * 0.22, bend[1] - length * 0.38)
    stroke(mask, np.array([bend, fork]), thickness * 0.6)


def sow_grass(canvas: Canvas, mask: Picture, line: Plane, *, height: float, density: float) -> None:
    """Blades along ``line``, ``height`` units high."""
    rng = canvas.rng
    for x in rng.random(round(density * canvas.width / canvas.unit)) * canvas.width:
        size = height * canvas.unit * (0.4 + 0.9 * rng.random())
        foot = float(line[min(int(x), canvas.width - 1)]) + 3
        bend = size * (rng.random() - 0.5) * 0.9
        width = max(1.0, size * 0.045)
        fill(
            mask,
            np.array(
                [
                    (x - width, foot),
                    (x + bend * 0.35, foot - size * 0.6),
                    (x + bend, foot - size),
                    (x + bend * 0.35 + width, foot - size * 0.6),
                    (x + width, foot),
                ]
            ),
        )
