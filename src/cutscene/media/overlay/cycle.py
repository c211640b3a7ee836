"""Time as falling and drifting things see it: lives that follow one another, whole ones per loop."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Cycle"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycle:
    """A clip's rate and length, and whether its end flows into its beginning."""

    fps: int
    frames: int
    loop: bool

    def copies(self, life: float) -> int:
        """How many loops a life of about ``life`` seconds spans: so many copies, a loop apart, fill it."""
        return max(1, round(life * self.fps / self.frames)) if self.loop else 1

    def ages(self, number: int, life: float) -> NDArray[np.float64]:
        """Lives that the copies have lived at frame ``number``: the fraction is the age.

        In a loop ``life`` seconds are bent to a whole number of lives or of loops.
        """
        if not self.loop:
            return np.array([number / (self.fps * life)])
        copies, at = self.copies(life), number % self.frames
        if copies > 1:
            return (at / self.frames + np.arange(copies)) / copies
        lives = max(1, round(self.frames / (self.fps * life)))
        return np.array([lives * at % self.frames / self.frames])
