"""What falls or drifts through a frame, seen through if it is asked to be."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from cutscene.media.frames import Frame
from cutscene.media.overlay.colors import parse_color
from cutscene.media.overlay.confetti import FESTIVE, Confetti
from cutscene.media.overlay.cycle import Cycle
from cutscene.media.overlay.particles import GOLDEN, Particles
from cutscene.overlays import LayerOverlay, Weather

__all__ = ["Layer"]

_KINDS: Final[dict[Weather, tuple[type[Confetti | Particles], tuple[str, ...]]]] = {
    Weather.CONFETTI: (Confetti, FESTIVE),
    Weather.PARTICLES: (Particles, GOLDEN),
}


class Layer:
    """One layer; the same ``rng``, the same frames."""

    def __init__(
        self, overlay: LayerOverlay, *, width: int, height: int, cycle: Cycle, rng: np.random.Generator
    ) -> None:
        kind, usual = _KINDS[overlay.weather]
        colors = [parse_color(color) for color in overlay.colors or usual]
        self._drawn = kind(colors, width=width, height=height, cycle=cycle, rng=rng)
        self._opacity = overlay.opacity

    def draw(self, frame: Frame, number: int) -> None:
        if self._opacity >= 1:
            self._drawn.draw(frame, number)
        elif self._opacity > 0:
            over = frame.copy()
            self._drawn.draw(over, number)
            cv2.addWeighted(over, self._opacity, frame, 1 - self._opacity, 0, dst=frame)
