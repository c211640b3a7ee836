"""The arrays that pictures are made of, and OpenCV's few calls on them with exact types."""

from __future__ import annotations

from typing import Any, TypeAlias, cast

import cv2
import numpy as np
from numpy.typing import NDArray

Plane: TypeAlias = NDArray[np.floating[Any]]
"""One channel (height, width) or three (height, width, 3): BGR, 0-255."""
Picture: TypeAlias = NDArray[np.uint8]
"""Eight bits: BGR (height, width, 3) or a mask (height, width)."""
Points: TypeAlias = NDArray[np.float64]
"""A polygon: (n, 2), x and y in pixels."""
Rng: TypeAlias = np.random.Generator

SUBPIXEL_BITS = 4


def smoothstep(low: float, high: float, value: Plane) -> Plane:
    """0 at ``low``, 1 at ``high``, soft at both ends; ``low`` may be the larger."""
    ramp = np.clip((value - low) / (high - low), 0, 1)
    return cast("Plane", ramp * ramp * (3 - 2 * ramp))


def mix(first: Plane, second: Plane, share: float | Plane) -> Plane:
    """``first`` where ``share`` is 0, ``second`` where it is 1."""
    return (first + (second - first) * share).astype(np.float32, copy=False)


def resized(plane: Plane, width: int, height: int, interpolation: int = cv2.INTER_LINEAR) -> Plane:
    return cast("Plane", cv2.resize(plane, (width, height), interpolation=interpolation))


def blurred(plane: Plane, sigma: float) -> Plane:
    """``sigma`` in pixels."""
    return cast("Plane", cv2.GaussianBlur(plane, (0, 0), sigma))


def coordinates(width: int, height: int) -> tuple[Plane, Plane]:
    """X as (1, width) and y as (height, 1), pixels: they broadcast to a plane."""
    x = np.arange(width, dtype=np.float32)[None, :]
    y = np.arange(height, dtype=np.float32)[:, None]
    return x, y


def fill(image: Picture, polygon: Points, colour: float | Plane = 255) -> None:
    """Fill one polygon, anti-aliased at a sixteenth of a pixel."""
    points = np.round(polygon * (1 << SUBPIXEL_BITS)).astype(np.int32)
    cv2.fillPoly(image, [points], _scalar(colour), cv2.LINE_AA, SUBPIXEL_BITS)


def stroke(image: Picture, line: Points, thickness: float, colour: float | Plane = 255) -> None:
    """Draw an open line, anti-aliased."""
    points = np.round(line * (1 << SUBPIXEL_BITS)).astype(np.int32)
    width = max(1, round(thickness))
    cv2.polylines(image, [points], False, _scalar(colour), width, cv2.LINE_AA, SUBPIXEL_BITS)


def _scalar(colour: float | Plane) -> tuple[float, ...]:
    if isinstance(colour, np.ndarray):
        return tuple(float(value) for value in np.clip(colour, 0, 255))
    return (float(colour),)


def rectangle(left: float, top: float, right: float, bottom: float) -> Points:
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.float64)
