"""When to look at a generation, from how long such generations took. Pure: seconds in, seconds out.

No two looks are further apart than the interval, and a fixed interval has the fewest looks that keep
this rule. So what can be chosen is where inside the interval the last ones lie: a `Pace` has them where
the delay is least at no more looks than the fixed interval has, with the spread that this has here.
`docs/decisions/0011-looks-when-an-end-is-likely.md` has the figures.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from cutscene.courses import Course, Ending

__all__ = ["KEPT", "Pace", "fixed_gap", "untaught_gap"]

KEPT: Final = 40
"""Endings that are learned from: the latest."""
_SPREAD: Final = 0.1
"""Part of the interval that a fixed gap may be shorter by, so that jobs that began together drift apart."""
_FIRST_SPREAD: Final = 0.05
"""The same of the first gap alone, where more is known."""
_ENOUGH: Final = 4
"""Endings that say nothing yet."""
_SPARE: Final = 0.1
"""Looks of each generation that learning may cost."""
_CELLS: Final = 40
"""Of an interval: how finely times are told apart, where that makes not too many."""
_MOST_CELLS: Final = 800
_MOST_INTERVALS: Final = 200
"""From the first end to the last; further apart, an interval is short anyway."""
_ROUNDS: Final = 30
"""In which the density settles."""
_CLOSEST: Final = 0.05
"""Part of the interval that two looks are apart at the least."""
_PRICES: Final = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
"""What a look is worth, in intervals of delay, until there are not too many."""
_WORTH: Final = 0.75
"""The same by progress, which changes with every look."""
_OPTIONS: Final = 20
_TRUST: Final = 0.03
"""How far off progress is thought to be, part of the whole, where nothing was seen that tells."""
_MOST: Final = 0.75
"""Part of the endings that must have kept what their progress promised, or none is believed."""
_RATIOS: Final = np.linspace(0.5, 2.0, 301)
"""Of the time that a generation took to the time that its progress promised."""
_GUESS: Final = np.exp(-np.abs(_RATIOS - 1) / _TRUST)

Numbers = NDArray[np.float64]


def untaught_gap(course: Course, at: float, interval: float) -> float:
    """Seconds to the next look, where no ending was seen: progress is believed, until it is wrong once."""
    gap, elapsed = interval, at - course.began
    promised = math.inf if course.promised is None or course.broken else course.promised
    if promised * _UNTAUGHT.least <= elapsed + interval:
        gap, _ = _by_progress(interval, elapsed, promised, _UNTAUGHT)
    return fixed_gap(interval) if gap >= interval else max(gap, interval * _CLOSEST)


def fixed_gap(interval: float) -> float:
    """Seconds to the next look, where nothing is known."""
    return _spread(interval, _SPREAD)


def _spread(seconds: float, part: float) -> float:
    return seconds * random.uniform(1 - part, 1.0)  # noqa: S311 -- spreads load, hides nothing


@dataclass(frozen=True, slots=True)
class Pace:
    """Learned from the endings of like generations. Made by `learn`."""

    interval: float
    _start: float
    """Before which no look but the longest gap makes sense."""
    _cell: float
    _gaps: list[float]
    """By the cell that a look falls into."""
    _costs: list[float]
    """Of what is to come then: seconds of delay, and of looks, `_WORTH` each."""
    _ratios: _Ratios | None
    """None: progress says nothing."""

    @classmethod
    def learn(cls, endings: Sequence[Ending], interval: float) -> Self | None:
        """None where too little is known."""
        if len(endings) < _ENOUGH:
            return None
        spans = np.array([(ending.after, ending.by) for ending in endings])
        start = interval * max(0, int(spans.min() / interval) - 1)  # where the fixed interval looks
        intervals = max(1.0, (spans.max() - start) / interval)
        if intervals > _MOST_INTERVALS:
            return None
        cell = interval / min(_CELLS, int(_MOST_CELLS / intervals))
        edges = start + cell * np.arange(int((spans.max() - start) / cell) + 3, dtype=np.float64)
        plan = _Plan(_density(spans, edges), edges, interval)
        gaps, costs = plan.cheapest()
        return cls(interval, start, cell, gaps.tolist(), costs.tolist(), _Ratios.learn(endings))

    def gap(self, elapsed: float, promised: float | None = None) -> float:
        """Seconds from a look that found it at work ``elapsed`` seconds after its beginning to the next.

        ``promised``: when it is to end by its progress, None where it has not told any.
        """
        gap, cost = self._by_duration(elapsed)
        if promised is not None and self._ratios is not None:
            far = promised * self._ratios.least > elapsed + self.interval
            if not (far and gap == self.interval):
                other, its_cost = _by_progress(self.interval, elapsed, promised, self._ratios)
                gap = other if its_cost < cost else gap
        if gap == self.interval and elapsed <= 0:
            return _spread(self.interval, _FIRST_SPREAD)
        return min(max(gap, self.interval * _CLOSEST), self.interval)

    def _by_duration(self, elapsed: float) -> tuple[float, float]:
        """The gap and what it costs."""
        at = int((elapsed - self._start) / self._cell)
        if at < 0 or at >= len(self._gaps):
            return self.interval, math.inf
        return self._gaps[at], self._costs[at]


@dataclass(frozen=True, slots=True)
class _Ratios:
    """Of the time that a generation took to the time that its progress promised, and how likely each is."""

    values: Numbers
    weights: Numbers
    least: float

    @classmethod
    def learn(cls, endings: Sequence[Ending]) -> Self | None:
        spans = np.array([(e.after / e.promised, e.by / e.promised) for e in endings if e.promised])
        if len(spans) < max(_ENOUGH, _MOST * len(endings)):
            return None
        density = _density(np.clip(spans, _RATIOS[0], _RATIOS[-1] - 0.01), _RATIOS, _GUESS)
        return cls.of(density)

    @classmethod
    def of(cls, density: Numbers) -> Self:
        likely = density > 1e-4
        return cls(_RATIOS[likely], density[likely], float(_RATIOS[likely][0]))


def _by_progress(interval: float, elapsed: float, promised: float, ratios: _Ratios) -> tuple[float, float]:
    """The gap and what it costs, one step ahead: as if all gaps after that were the longest."""
    ends = promised * ratios.values - elapsed
    first = int(np.searchsorted(ends, 0.0, side="right"))
    if first == len(ends):
        return interval, math.inf
    ends, weights = ends[first:], ratios.weights[first:]
    within = ends[: np.searchsorted(ends, interval)]
    options = np.append(within[:: max(1, len(within) // _OPTIONS)], interval)
    looks = np.maximum(0.0, np.ceil((ends - options[:, None]) / interval))
    late = options[:, None] + looks * interval - ends
    costs = (late + looks * _WORTH * interval) @ weights / weights.sum()
    best = int(costs.argmin())
    return float(options[best]), float(costs[best]) + _WORTH * interval


_UNTAUGHT: Final = _Ratios.of(_GUESS / _GUESS.sum())


def _density(spans: Numbers, edges: Numbers, guess: Numbers | None = None) -> Numbers:
    """How likely an end in each cell is, the one before each edge, where each span holds one end.

    ``guess``: what to think where no span tells; None: that all are as likely.

    The most likely one (the self-consistent estimate of Turnbull), smoothed a little in every round
    (Silverman's EMS), since a few ends are no law.
    """
    low, high = spans[:, :1], spans[:, 1:]
    width = edges[1] - edges[0]
    inside = np.minimum(high, edges) - np.maximum(low, edges - width)
    inside = np.maximum(inside / width, 0.0)
    inside[np.arange(len(spans)), np.searchsorted(edges, spans[:, 1]).clip(0, len(edges) - 1)] += 1e-6
    density: Numbers = np.ones(len(edges)) if guess is None else guess
    density = density / density.sum()
    for _ in range(_ROUNDS):
        shares = inside * density
        density = (shares / shares.sum(axis=1, keepdims=True)).mean(axis=0)
        density[1:-1] = 0.1 * density[:-2] + 0.8 * density[1:-1] + 0.1 * density[2:]
        density /= density.sum()
    return density


class _Plan:
    """The best looks from every cell on, by dynamic programming from the last one back."""

    def __init__(self, density: Numbers, edges: Numbers, interval: float) -> None:
        self._edges = edges
        self._interval = interval
        self._reach = max(1, int(interval / (edges[1] - edges[0]) + 1e-9))
        self._density = density
        self._ended = np.cumsum(density)
        self._moment = np.cumsum(density * edges)

    def cheapest(self) -> tuple[Numbers, Numbers]:
        """Gaps, and what is still to come costs, at the lowest price that makes not too many looks."""
        for price in _PRICES:
            gaps, costs, looks = self._solve(price * self._interval)
            if looks <= self._fixed_looks() + _SPARE:
                break
        return gaps, costs

    def _fixed_looks(self) -> float:
        """Of the fixed interval, from the first cell on."""
        return float(self._density @ np.ceil((self._edges - self._edges[0]) / self._interval - 1e-9))

    def _solve(self, price: float) -> tuple[Numbers, Numbers, float]:
        edges, ended, moment = self._edges, self._ended, self._moment
        count = len(edges)
        value, looks = np.zeros(count + self._reach), np.zeros(count + self._reach)
        gaps = np.full(count, self._interval)
        for at in range(count - 2, -1, -1):
            left = 1.0 - ended[at]
            to = slice(at + 1, min(count, at + 1 + self._reach))
            delays = edges[to] * (ended[to] - ended[at]) - (moment[to] - moment[at])
            options = delays + value[to]
            best = int(options.argmin())
            value[at] = options[best] + price * left
            looks[at] = looks[at + 1 + best] + left
            if best + 1 < self._reach:
                gaps[at] = edges[at + 1 + best] - edges[at]
        left = np.maximum(1.0 - ended, 1e-9)
        costs = value + (_WORTH * self._interval - price) * looks
        return gaps, costs[:count] / left, float(looks[0])
