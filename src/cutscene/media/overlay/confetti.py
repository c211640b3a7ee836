"""Confetti: paper that flutters down, and bursts from the lower corners where a clip has a beginning."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from cutscene.media.frames import Frame, planes
from cutscene.media.overlay.colors import BGR, to_yuva
from cutscene.media.overlay.cycle import Cycle

__all__ = ["Confetti"]

FESTIVE: Final = ("#ffcf3a", "#ff5a6a", "#45b8ff", "#74dc86", "#b97bff", "#ff9a2a", "#ffffff")
_PIECES: Final = 190
_LIFE: Final = 4.4
"""Seconds from top to bottom for a far piece; near ones take half of them."""
_START: Final = 0.6
"""Seconds until the first ones come from above, after the burst."""
_NEAR: Final = 0.62
_CORNERS: Final = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)], np.float64)
_ROUND: Final = np.stack([np.cos(np.arange(12) / 12 * math.tau), np.sin(np.arange(12) / 12 * math.tau)], 1)
_BITS: Final = 4
"""Of a pixel's fraction, as OpenCV wants corners."""
Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Moment:
    """Where pieces are (pixels) and how far each has turned, in lives."""

    piece: NDArray[np.intp]
    x: Values
    y: Values
    age: Values


class Confetti:
    """Pieces over a frame of ``width`` x ``height`` pixels."""

    def __init__(
        self, colors: Sequence[BGR], *, width: int, height: int, cycle: Cycle, rng: np.random.Generator
    ) -> None:
        self._size, self._cycle = (width, height), cycle
        self._unit = math.sqrt(width * height)
        count = max(1, round(_PIECES / cycle.copies(_LIFE)))
        # Far ones first: near ones are drawn over them.
        nearness = np.sort(rng.random(count) ** 1.4)
        self._near = nearness > _NEAR
        self._x = rng.permutation((np.arange(count) * 0.618034) % 1) * 1.1 - 0.05
        self._birth, self._phase = rng.random(count), rng.random(count)
        self._half = (0.0045 + 0.0075 * nearness) * self._unit * (0.8 + 0.4 * rng.random(count))
        self._aspect = 0.45 + 0.4 * rng.random(count)
        self._sway = (0.012 + 0.030 * nearness) * self._unit
        self._sways, self._spins = rng.integers(1, 4, count), rng.choice([-2, -1, 1, 2], count)
        self._flips = rng.integers(4, 9, count)
        self._round = rng.random(count) < 0.16
        self._colors = np.array(colors, np.float64)[rng.integers(0, len(colors), count)]
        self._burst = None if cycle.loop else _Burst(rng, count)

    def draw(self, frame: Frame, number: int) -> None:
        if self._burst is not None:
            self._paint(frame, self._flying(self._burst, number / self._cycle.fps))
        self._paint(frame, self._falling(number))

    def _falling(self, number: int) -> _Moment:
        far, near = self._cycle.ages(number, _LIFE), self._cycle.ages(number, _LIFE / 2)
        # Piece by piece: which of two lies on top must not change from loop to loop.
        lived = [near if quick else far for quick in self._near]
        piece = np.repeat(np.arange(len(lived)), [len(ages) for ages in lived])
        age = np.concatenate(lived) + self._birth[piece]
        if not self._cycle.loop:
            # Nobody has come from above before the first ones do.
            age -= 1 + _START / np.where(self._near[piece], _LIFE / 2, _LIFE)
            piece, age = piece[age > 0], age[age > 0]
        return self._swaying(piece, self._x[piece] * self._size[0], -0.08 + 1.16 * (age % 1), age % 1)

    def _flying(self, burst: _Burst, seconds: float) -> _Moment:
        width, height = self._size
        x, y = burst.positions(seconds)
        seen = np.flatnonzero((burst.start < seconds) & (y < 1.05))
        moved = (0.5 + x[seen] * self._unit / width) if width > height else 0.5 + x[seen]
        return self._swaying(seen, moved * width, y[seen], np.full(len(seen), seconds / _LIFE * 1.6))

    def _swaying(self, piece: NDArray[np.intp], x: Values, y: Values, age: Values) -> _Moment:
        turned = math.tau * (self._sways[piece] * age + self._phase[piece])
        return _Moment(piece=piece, x=x + self._sway[piece] * np.sin(turned), y=y * self._size[1], age=age)

    def _paint(self, frame: Frame, moment: _Moment) -> None:
        piece = moment.piece
        turn = math.tau * (self._spins[piece] * moment.age + self._phase[piece])
        flip = np.cos(math.tau * (self._flips[piece] * moment.age + self._phase[piece] * 7))
        around = self._round[piece]
        half = self._half[piece]
        high = half * np.maximum(np.abs(flip), 0.1) * np.where(around, 1, self._aspect[piece])
        cosine, sine = np.cos(turn), np.sin(turn)
        axes = np.stack([half * cosine, half * sine, -high * sine, high * cosine], 1).reshape(-1, 2, 2)
        centres = np.stack([moment.x, moment.y], 1)[:, None]
        discs, sheets = _corners(_ROUND @ axes + centres), _corners(_CORNERS @ axes + centres)
        for at, tone in enumerate(self._lit(piece, flip)):
            _fill(frame, (discs if around[at] else sheets)[:, at], tone)

    def _lit(self, piece: NDArray[np.intp], flip: Values) -> list[tuple[float, float, float]]:
        """Bright when it faces us, darker on its back, a flash when it catches the light."""
        front = np.where(flip > 0, 0.74 + 0.28 * flip, 0.66 - 0.2 * flip)
        flash = np.maximum(0, flip - 0.93) * 9
        bgr = np.clip(self._colors[piece] * front[:, None] + 128 * flash[:, None], 0, 255)
        opaque = np.concatenate([bgr, np.full((len(piece), 1), 255.0)], 1)
        yuva = to_yuva(opaque[None].astype(np.float32))[0] if len(piece) else np.zeros((0, 4))
        return [(luma, blue, red) for luma, blue, red, _ in yuva.tolist()]


class _Burst:
    """Two cannons in the lower corners, slowed by the air, then a long fall."""

    def __init__(self, rng: np.random.Generator, count: int) -> None:
        self.start = 0.1 + 0.45 * rng.random(count) ** 2
        self._side = rng.choice([-1, 1], count)
        self._angle = 0.95 + 0.6 * rng.random(count)
        self._speed = 1.5 + 2.1 * rng.random(count)
        self._terminal = 0.26 + 0.22 * rng.random(count)

    def positions(self, seconds: float) -> tuple[Values, Values]:
        """X from the middle in shares of the frame, y from the top."""
        flight = np.maximum(0, seconds - self.start)
        slowed = (1 - np.exp(-2.2 * flight)) / 2.2
        x = self._side * (0.52 - np.cos(self._angle) * self._speed * slowed)
        fall = self._terminal * (flight - (1 - np.exp(-1.6 * flight)) / 1.6)
        return x, 1.02 - np.sin(self._angle) * self._speed * slowed + fall


def _corners(corners: Values) -> NDArray[np.int32]:
    """Of pieces in pixels, as OpenCV wants them: for luma, and for the chromas at half the size."""
    parts = 1 << _BITS
    return np.rint(np.stack([corners * parts, (corners - 0.5) * (parts / 2)])).astype(np.int32)


def _fill(frame: Frame, corners: NDArray[np.int32], tone: tuple[float, float, float]) -> None:
    """One convex piece, smooth at its edges, in all three planes."""
    luma, blue, red = planes(frame)
    cv2.fillConvexPoly(luma, corners[0], (tone[0],), cv2.LINE_AA, _BITS)
    cv2.fillConvexPoly(blue, corners[1], (tone[1],), cv2.LINE_AA, _BITS)
    cv2.fillConvexPoly(red, corners[1], (tone[2],), cv2.LINE_AA, _BITS)
