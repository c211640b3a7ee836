"""Confetti: paper that flutters down, and bursts from below where a shot has a beginning."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cutscene.providers.local.renderer.arrays import Picture, Rng, fill
from cutscene.providers.local.renderer.palette import bgr
from cutscene.providers.local.renderer.timeline import FPS, Timeline

COLOURS: Final = ("#ffcf3a", "#ff5a6a", "#45b8ff", "#74dc86", "#b97bff", "#ffffff", "#ff9a2a")
_PIECES: Final = 190
_LIFE: Final = 4.2
"""Seconds that a far piece takes from top to bottom."""
_CORNERS: Final = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)], np.float64)
_ROUND: Final = np.stack([np.cos(np.arange(10) / 10 * math.tau), np.sin(np.arange(10) / 10 * math.tau)], 1)
Values = NDArray[np.float64]
Indices = NDArray[np.intp]


class Confetti:
    """Pieces over a frame of ``width`` x ``height`` pixels."""

    def __init__(self, width: int, height: int, *, timeline: Timeline, rng: Rng) -> None:
        self._size, self._timeline = (width, height), timeline
        self._unit = math.sqrt(width * height)
        count = max(1, round(_PIECES / timeline.copies(_LIFE)))
        nearness = np.sort(rng.random(count) ** 1.4)
        self._nearness = nearness
        self._x = (np.arange(count) * 0.618034 + 0.02 * rng.random(count)) % 1 * 1.1 - 0.05
        rng.shuffle(self._x)
        self._birth = rng.random(count)
        self._fast = nearness > 0.62
        self._half = (0.0042 + 0.0078 * nearness) * self._unit * (0.8 + 0.4 * rng.random(count))
        self._aspect = 0.45 + 0.45 * rng.random(count)
        self._sway = (0.012 + 0.030 * rng.random(count)) * self._unit
        self._sways, self._phase = rng.integers(1, 4, count), rng.random(count)
        self._spins = rng.choice([-2, -1, 1, 2], count)
        self._flips, self._flip_phase = rng.integers(4, 9, count), rng.random(count)
        self._round = rng.random(count) < 0.18
        self._colours = np.stack([bgr(COLOURS[index]) for index in rng.integers(0, len(COLOURS), count)])
        self._burst = _Burst(rng, count)

    def draw(self, picture: Picture, frame: int) -> None:
        """Draw the pieces on ``picture`` (height, width, 3)."""
        if not self._timeline.loop:
            self._draw_burst(picture, frame)
            return
        slow = np.sort(self._timeline.ages(frame, _LIFE))
        fast = np.sort(self._timeline.ages(frame, _LIFE / 2))
        # Piece by piece, not copy by copy: what lies on top must not change from loop to loop.
        index = np.concatenate(
            [np.full(len(fast if quick else slow), at) for at, quick in enumerate(self._fast)]
        )
        ages = np.concatenate([fast if quick else slow for quick in self._fast])
        age = (self._birth[index] + ages) % 1
        width, height = self._size
        x = self._x[index] * width + self._sway[index] * np.sin(
            math.tau * (self._sways[index] * age + self._phase[index])
        )
        self._draw_pieces(picture, index, x, (-0.08 + 1.16 * age) * height, age)

    def _draw_burst(self, picture: Picture, frame: int) -> None:
        seconds = frame / FPS
        x, y = self._burst.positions(seconds, *self._size, self._unit)
        x = x + self._sway * np.sin(math.tau * (self._sways * seconds / _LIFE + self._phase)) * min(
            1, seconds
        )
        index = np.flatnonzero((y < self._size[1] * 1.05) & (seconds > self._burst.start))
        self._draw_pieces(picture, index, x[index], y[index], np.full(len(index), seconds / _LIFE))

    def _draw_pieces(self, picture: Picture, index: Indices, x: Values, y: Values, age: Values) -> None:
        """Draw piece ``index[i]`` at ``x[i]``, ``y[i]``, as turned as it is at ``age[i]``."""
        turn = math.tau * (self._spins[index] * age + self._phase[index])
        flip = np.cos(math.tau * (self._flips[index] * age + self._flip_phase[index]))
        half, around = self._half[index], self._round[index]
        high = half * np.maximum(np.abs(flip), 0.10) * np.where(around, 1, self._aspect[index])
        cosine, sine = np.cos(turn), np.sin(turn)
        axes = np.stack([half * cosine, half * sine, -high * sine, high * cosine], 1).reshape(-1, 2, 2)
        centres = np.stack([x, y], 1)
        for at, tone in enumerate(self._lit(index, flip)):
            outline = _ROUND if around[at] else _CORNERS
            fill(picture, outline @ axes[at] + centres[at], tone)

    def _lit(self, index: Indices, flip: Values) -> Values:
        """(pieces, 3) BGR: bright when it faces us, darker on its back, a flash when it catches the light."""
        front = np.where(flip > 0, 0.74 + 0.28 * flip, 0.58 + 0.20 * -flip)
        flash = np.maximum(0, flip - 0.93) * 9
        return np.asarray(self._colours[index] * front[:, None] + 255 * flash[:, None] * 0.5, np.float64)


class _Burst:
    """Two cannons in the lower corners, slowed by the air, then a long fall."""

    def __init__(self, rng: Rng, count: int) -> None:
        self.start = 0.15 + 0.5 * rng.random(count) ** 2
        self._left = rng.random(count) < 0.5
        self._angle = 0.95 + 0.62 * rng.random(count)
        self._speed = 1.5 + 2.1 * rng.random(count)
        self._terminal = 0.16 + 0.14 * rng.random(count)

    def positions(self, seconds: float, width: int, height: int, unit: float) -> tuple[Values, Values]:
        flight = np.maximum(0, seconds - self.start)
        slowed = (1 - np.exp(-2.2 * flight)) / 2.2
        side = np.where(self._left, 1, -1)
        x = np.where(self._left, -0.02 * width, 1.02 * width)
        x = x + side * np.cos(self._angle) * self._speed * slowed * unit * (0.6 + 0.4 * width / unit)
        climb = np.sin(self._angle) * self._speed * slowed * height
        fall = self._terminal * (flight - (1 - np.exp(-1.6 * flight)) / 1.6) * height * 1.6
        return x, 1.02 * height - climb + fall
