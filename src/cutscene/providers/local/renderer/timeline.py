"""Time as motion sees it: whole cycles per loop, so that frame N is frame 0 to the last bit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

FPS: Final = 24
_OPENING: Final = 1.25
"""Seconds."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """Length in frames, and whether the end flows into the beginning.

    In a loop a period is bent to the nearest whole number of cycles, in exact
    integers; a longer clip gets more cycles, never slower ones.
    """

    frames: int
    loop: bool

    @property
    def seconds(self) -> float:
        return self.frames / FPS

    def opened(self, frame: int) -> float:
        """How far an ordinary shot that begins with a given picture has left it, 0 to 1."""
        done = min(1.0, frame / max(1, min(_OPENING * FPS, self.frames - 1)))
        return done * done * (3 - 2 * done)

    def cycles(self, period: float) -> int:
        """How often something of about ``period`` seconds happens in a loop."""
        return max(1, round(self.seconds / period))

    def copies(self, life: float) -> int:
        """How many loops a life of ``life`` seconds spans: so many copies, a loop apart, fill it."""
        return max(1, round(life / self.seconds)) if self.loop else 1

    def turn(self, frame: int, period: float) -> float:
        """Position in a cycle of about ``period`` seconds, 0 to 1 (unbounded outside of loops)."""
        if not self.loop:
            return frame / (FPS * period)
        return (self.cycles(period) * frame % self.frames) / self.frames

    def swing(self, frame: int, period: float, phase: float = 0) -> float:
        """A sine of about ``period`` seconds; smaller where a short loop has to hurry it."""
        wave = math.sin(math.tau * (self.turn(frame, period) + phase))
        return wave * min(1.0, self.seconds / period) if self.loop else wave

    def ages(self, frame: int, life: float) -> NDArray[np.float64]:
        """Ages, 0 to 1, of the copies of something that lives about ``life`` seconds."""
        if not self.loop:
            return np.array([frame / (FPS * life) % 1])
        copies = self.copies(life)
        cycles = self.cycles(life) if copies == 1 else 1
        steps = (cycles * frame + self.frames * np.arange(copies)) % (copies * self.frames)
        return steps / (copies * self.frames)

    def dissolve(self, frame: int, life: float) -> list[tuple[float, float]]:
        """(age, weight) of lives that fade into one another: endless drift. Weights add up to 1."""
        ages = self.ages(frame, life)
        if len(ages) == 1:
            ages = np.array([ages[0], (ages[0] + 0.5) % 1])
        # Sums of floats depend on their order: the copies' changes from loop to loop.
        ages = np.sort(ages)
        weights = np.sin(np.pi * ages) ** 2
        return list(zip(ages.tolist(), (weights / weights.sum()).tolist(), strict=True))

    def scroll(self, frame: int, tile: int, speed: float) -> int:
        """Pixels to move a tile of ``tile`` pixels at about ``speed`` a second: whole tiles per loop."""
        if not self.loop:
            return round(speed * frame / FPS) % tile
        tiles = max(1, round(abs(speed) * self.seconds / tile))
        offset = tiles * tile * frame % (self.frames * tile) // self.frames
        return offset if speed >= 0 else -offset % tile
