"""Things drawn flat before they are laid on the canvas: houses, towers, ships."""

from __future__ import annotations

import numpy as np

from cutscene.providers.local.renderer.arrays import Plane, Points, fill, stroke
from cutscene.providers.local.renderer.canvas import Canvas


class Cutout:
    """Outline, colours and lights of a thing.

    Points are in the thing's own measure: (0, 0) lies at ``origin``, and ``scale`` is how many pixels
    one of it is, across and down (negative: its y points up).
    """

    def __init__(
        self, canvas: Canvas, origin: tuple[float, float] = (0, 0), scale: tuple[float, float] = (1, 1)
    ) -> None:
        self._canvas = canvas
        self._origin, self._scale = np.array(origin), np.array(scale)
        self._mask = canvas.mask()
        self._colours = np.zeros((canvas.height, canvas.width, 3), np.uint8)
        self._lights = np.zeros_like(self._colours)
        self._flickers: list[tuple[float, float, float, Plane]] = []

    def draw(self, outline: Points, colour: Plane) -> None:
        """Add a part; it hides the lights behind it."""
        fill(self._mask, self._placed(outline))
        fill(self._lights, self._placed(outline), 0)
        self.shade(outline, colour)

    def shade(self, outline: Points, colour: Plane) -> None:
        """Colour a part of what is already there."""
        fill(self._colours, self._placed(outline), colour)

    def draw_line(self, line: Points, thickness: float, colour: Plane) -> None:
        """``thickness`` in pixels."""
        stroke(self._mask, self._placed(line), thickness)
        stroke(self._colours, self._placed(line), thickness, colour)

    def light(self, outline: Points, colour: Plane, flicker: float = 0) -> None:
        """Add a light; with ``flicker``, pixels around it, it does so."""
        placed = self._placed(outline)
        fill(self._lights, placed, colour)
        if flicker:
            x, y = placed.mean(axis=0).tolist()
            self._flickers.append((x, y, flicker, colour))

    def lay(self, near: float, *, glow: float = 0, gain: float = 0) -> None:
        """Put it on the canvas at depth ``near``; its lights shine ``glow`` pixels around by ``gain``."""
        canvas = self._canvas
        canvas.lay(self._mask, self._colours.astype(np.float32), near)
        if not self._lights.any():
            return
        canvas.bloom(self._lights, glow, gain)
        for x, y, radius, colour in self._flickers:
            inside = 0 <= x < canvas.width and 0 <= y < canvas.height
            if inside and self._lights[int(y), int(x)].any():
                canvas.glint(x, y, radius, colour * 0.5)

    def _placed(self, points: Points) -> Points:
        return np.asarray(points * self._scale + self._origin, np.float64)
