"""Fractal noise from wrapped lattices: every texture tiles, so that it can scroll for ever."""

from __future__ import annotations

import cv2
import numpy as np

from cutscene.providers.local.renderer.arrays import Plane, Rng, resized

_PAD = 3
"""Lattice cells around the tile, so that the cubic filter sees the other side."""


def fractal(
    rng: Rng,
    width: int,
    height: int,
    *,
    cells: float,
    octaves: int = 5,
    gain: float = 0.5,
    stretch: float = 1,
) -> Plane:
    """A tile (height, width), 0 to 1: ``cells`` features across, ``stretch`` times as wide as high."""
    total = np.zeros((height, width), np.float32)
    amplitude = 1.0
    for octave in range(octaves):
        across = max(2, round(cells * 2**octave))
        down = max(2, round(cells * 2**octave * stretch * height / width))
        if across > width or down > height:
            break
        total += amplitude * _lattice(rng, width, height, across, down)
        amplitude *= gain
    low, high = float(total.min()), float(total.max())
    return (total - low) / (high - low + 1e-6)


def _lattice(rng: Rng, width: int, height: int, across: int, down: int) -> Plane:
    knots = np.pad(rng.random((down, across), np.float32), _PAD, mode="wrap")
    step_x, step_y = width / across, height / down
    size = (round((across + 2 * _PAD) * step_x), round((down + 2 * _PAD) * step_y))
    left, top = round(_PAD * step_x), round(_PAD * step_y)
    smooth = resized(knots, *size, cv2.INTER_CUBIC)
    return smooth[top : top + height, left : left + width]


def profile(
    rng: Rng, width: int, *, cells: float, octaves: int = 6, gain: float = 0.5, sharp: float = 0
) -> Plane:
    """A line (width,) from 0 to 1; ``sharp`` 1 makes peaks of its hills."""
    total = np.zeros(width, np.float32)
    amplitude = 1.0
    for octave in range(octaves):
        across = max(2, round(cells * 2**octave)) + 1
        knots = rng.random((1, across), np.float32)
        line = resized(knots, width, 1, cv2.INTER_CUBIC)[0]
        if octave < 4:
            line = line * (1 - sharp) + (1 - np.abs(2 * line - 1)) * sharp
        total += amplitude * line
        amplitude *= gain
    low, high = float(total.min()), float(total.max())
    level: Plane = (total - low) / (high - low + 1e-6)
    return level ** (1 + 0.4 * sharp)
