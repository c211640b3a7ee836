"""Looks and delays of adaptive polling beside a fixed interval of 10 s, simulated: ``polling.py [JOBS]``.

Both sides see the same generations. "bare" looks every 10 s exactly, which is the least that keeps the
rule of at most 10 s between two looks; "fixed" is CUTSCENE_POLLING=fixed, whose gaps are up to a tenth
shorter. Each row learns from nothing on; delays are seconds from the end to the look that sees it.
"""

from __future__ import annotations

import math
import random
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

from cutscene.courses import Course, Ending
from cutscene.pacing import KEPT, Pace, fixed_gap, untaught_gap

INTERVAL = 10.0
CHANCE = random.Random(1)  # noqa: S311 -- the same generations in every run
RELEARN = 5
"""Generations between two times of learning, once there are a few: workers learn every 20 s."""

Take = Callable[[int], float]
"""Seconds that the generation of that number takes."""
Tell = Callable[[float], float | None]
"""The progress at a part of the time that a generation takes; None: none is told."""


def normal(mean: float, deviation: float) -> Take:
    return lambda _number: max(2.0, CHANCE.gauss(mean, deviation))


TAKES: dict[str, Take] = {
    "always 62 s": lambda _number: 62.0,
    "59 s, +-1": normal(59, 1),
    "62 s, +-1": normal(62, 1),
    "66 s, +-1": normal(66, 1),
    "45 s, +-3": normal(45, 3),
    "180 s, +-4": normal(180, 4),
    "180 s, +-20": normal(180, 20),
    "20 to 90 s, any": lambda _number: CHANCE.uniform(20, 90),
    "60 s, log-normal 25%": lambda _number: 60 * math.exp(CHANCE.gauss(0, 0.25)),
    "32 or 75 s": lambda _number: CHANCE.choice((CHANCE.gauss(32, 1), CHANCE.gauss(75, 2))),
    "62 s, later 47 s": lambda number: CHANCE.gauss(62 if number < 200 else 47, 1),
    "62 s, 5% up to 120 s": lambda _number: (
        CHANCE.gauss(62, 1) if CHANCE.random() > 0.05 else CHANCE.uniform(65, 120)
    ),
}
TELLS: dict[str, Tell] = {
    "none": lambda _part: None,
    "even": lambda part: round(part, 2),
    "slowing down": lambda part: round(0.97 * part**0.8, 2),
    "stuck at a half": lambda _part: 0.5,
    "off by up to 5%": lambda part: round(min(0.99, part * CHANCE.uniform(0.95, 1.05)), 2),
}


@dataclass
class Side:
    """What one way of looking came to."""

    looks: list[int] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)

    def add(self, looks: int, delay: float) -> None:
        self.looks.append(looks)
        self.delays.append(delay)

    @property
    def mean_looks(self) -> float:
        return sum(self.looks) / len(self.looks)

    @property
    def delay(self) -> float:
        return sum(self.delays) / len(self.delays)

    @property
    def late(self) -> float:
        return sorted(self.delays)[int(0.95 * len(self.delays))]


def watch(seconds: float, tell: Tell, gap: Callable[[Course, float], float]) -> tuple[int, float, Ending]:
    """Looks, delay, and what is learned of one generation."""
    course, now, looks = Course(began=0.0, seen=0.0), 0.0, 0
    while True:
        now, looks = now + gap(course, now), looks + 1
        if now >= seconds:
            ending = course.ending(now, INTERVAL)
            assert ending is not None
            return looks, now - seconds, ending
        course.saw(now, tell(now / seconds), queued=False)


def bare(_course: Course, _now: float) -> float:
    return INTERVAL


def fixed(_course: Course, _now: float) -> float:
    return fixed_gap(INTERVAL)


def untaught(course: Course, now: float) -> float:
    return untaught_gap(course, now, INTERVAL)


def paced(pace: Pace, course: Course, now: float) -> float:
    return pace.gap(now, course.believed)


def adaptive(durations: Iterable[float], tell: Tell) -> tuple[Side, list[float]]:
    """And the seconds that learning took each time."""
    side, took = Side(), list[float]()
    endings, pace = list[Ending](), None
    for number, seconds in enumerate(durations):
        looks, delay, ending = watch(seconds, tell, untaught if pace is None else partial(paced, pace))
        side.add(looks, delay)
        endings = [*endings, ending][-KEPT:]
        if number < 12 or number % RELEARN == 0:
            began = time.perf_counter()
            pace = Pace.learn(endings, INTERVAL)
            took.append(time.perf_counter() - began)
    return side, took


def main(count: int) -> None:
    print(f"{'takes':22}{'progress':17}{'looks: bare  fixed  adaptive':>30}", end="")
    print(f"{'adaptive: /bare /fixed':>24}{'mean delay: bare  fixed  adaptive':>35}{'p95 adaptive':>14}")
    learning, reduced = list[float](), list[float]()
    for takes, take in TAKES.items():
        for tells, tell in TELLS.items():
            durations = [take(number) for number in range(count)]
            sides = []
            for way in (bare, fixed):
                side = Side()
                for seconds in durations:
                    side.add(*watch(seconds, tell, way)[:2])
                sides.append(side)
            learned, took = adaptive(durations, tell)
            learning += took
            plain, spread = sides
            reduced.append(learned.mean_looks / spread.mean_looks)
            print(
                f"{takes:22}{tells:17}{plain.mean_looks:18.2f}{spread.mean_looks:6.2f}"
                f"{learned.mean_looks:6.2f}{learned.mean_looks / plain.mean_looks:17.3f}"
                f"{reduced[-1]:7.3f}{plain.delay:23.1f}{spread.delay:6.1f}{learned.delay:6.1f}"
                f"{learned.late:14.1f}"
            )
    print(f"learning took {sum(learning) / len(learning) * 1e3:.1f} ms on average")
    print(f"looks of adaptive over those of fixed, mean of all rows: {sum(reduced) / len(reduced):.3f}")


if __name__ == "__main__":
    random.seed(1)
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 400)
