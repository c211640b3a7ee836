"""When to look: never too late, never more often than the fixed interval in the long run."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cutscene.courses import Course, Ending
from cutscene.pacing import KEPT, Pace, _density, _Plan, fixed_gap, untaught_gap

INTERVAL = 10.0
SPARE = 0.1


@st.composite
def an_ending(draw: st.DrawFn) -> Ending:
    after = draw(st.floats(0, 400))
    by = after + draw(st.floats(0.001, 20))
    promised = draw(st.none() | st.floats(1.0, 1e6))
    return Ending(after, by, promised)


seen = st.lists(an_ending(), min_size=4, max_size=KEPT)


def looks_at(
    seconds: float, pace: Pace, tell: Callable[[float], float | None] = lambda _t: None
) -> list[float]:
    """Moments of all looks at a generation of that length."""
    moments, course = [0.0], Course(began=0.0, seen=0.0)
    while moments[-1] < seconds:
        moments.append(moments[-1] + pace.gap(moments[-1] - course.began, course.believed))
        if moments[-1] < seconds:
            course.saw(moments[-1], tell(moments[-1]), queued=False)
    return moments


@settings(max_examples=60, deadline=None)
@given(seen, st.floats(0.05, 60), st.floats(0, 500), st.none() | st.floats(0.01, 1))
def test_no_gap_is_longer_than_the_interval_or_gets_nowhere(
    endings: list[Ending], interval: float, elapsed: float, progress: float | None
) -> None:
    pace = Pace.learn(endings, interval)
    promised = elapsed / progress if progress else None
    if pace is not None:
        assert 0.01 * interval < pace.gap(elapsed, promised) <= interval


@settings(max_examples=60, deadline=None)
@given(seen, st.floats(1.0, 60))
def test_there_are_no_more_looks_than_the_fixed_interval_has(endings: list[Ending], interval: float) -> None:
    """On average over the ends that are thought likely."""
    spans = np.array([(ending.after, ending.by) for ending in endings])
    cell = interval / 20
    edges = cell * np.arange(int(spans.max() / cell) + 3, dtype=np.float64)
    density = _density(spans, edges)
    gaps, _ = _Plan(density, edges, interval).cheapest()
    left, looks, at = 1.0 - np.cumsum(density), 0.0, 0
    while at < len(edges) - 1:
        looks += max(left[at], 0.0)
        step = round(gaps[at] / cell)
        assert 1 <= step <= 20
        at += step
    fixed = float(density @ np.ceil(edges / interval - 1e-9))
    assert looks <= fixed + SPARE + 1e-6


@settings(max_examples=40, deadline=None)
@given(seen, st.floats(1, 400), st.floats(0.5, 1.5))
def test_moments_rise_until_the_end_is_seen(endings: list[Ending], seconds: float, bent: float) -> None:
    pace = Pace.learn(endings, INTERVAL)
    assert pace is not None
    moments = looks_at(seconds, pace, lambda now: (now / seconds) ** bent)
    assert all(0 < later - earlier <= INTERVAL + 1e-9 for earlier, later in pairwise(moments))
    assert seconds <= moments[-1] <= seconds + INTERVAL


def delay(pace: Pace, seconds: float, tell: Callable[[float], float | None] = lambda _t: None) -> float:
    return looks_at(seconds, pace, tell)[-1] - seconds


def learned_from(
    take: Callable[[], float], tell: Callable[[float], float | None] = lambda _part: None, jobs: int = 60
) -> tuple[Pace, float]:
    """What comes of looking, from nothing on; and looks for each of the later ones."""
    endings, pace, looks = list[Ending](), None, list[int]()
    for _ in range(jobs):
        seconds, now, course = take(), 0.0, Course(began=0.0, seen=0.0)
        looks.append(0)
        while True:
            now += fixed_gap(INTERVAL) if pace is None else pace.gap(now, course.believed)
            looks[-1] += 1
            if now >= seconds:
                break
            course.saw(now, tell(now / seconds), queued=False)
        ending = course.ending(now, INTERVAL)
        assert ending is not None
        endings.append(ending)
        pace = Pace.learn(endings[-KEPT:], INTERVAL)
    assert pace is not None
    return pace, sum(looks[20:]) / len(looks[20:])


def test_generations_of_one_length_are_seen_soon_after_their_end() -> None:
    """Although no look says more than that it was between two looks."""
    random.seed(4)
    pace, looks = learned_from(lambda: random.gauss(62, 0.5))
    assert delay(pace, 62.0) < 2.0
    assert looks == pytest.approx(7.0, abs=0.15)


def test_progress_tells_where_lengths_differ() -> None:
    random.seed(5)
    pace, looks = learned_from(lambda: random.uniform(20, 90), lambda part: round(part, 2))
    delays = [delay(pace, seconds, lambda now, s=seconds: now / s) for seconds in range(21, 90, 3)]  # type: ignore[misc]
    assert sum(delays) / len(delays) < 2.0
    assert looks < 6.9  # 6.0 for the bare interval, in the mean of all lengths


@pytest.mark.parametrize(
    "tell",
    [lambda _part: 0.5, lambda _part: 0.99, lambda part: part % 0.3],
    ids=["stands still", "about to end", "starts over"],
)
def test_progress_that_promises_nothing_costs_no_looks(tell: Callable[[float], float]) -> None:
    """At every look it may seem that the end is near."""
    random.seed(7)
    pace, looks = learned_from(lambda: random.gauss(62, 0.5), tell)
    assert looks == pytest.approx(7.0, abs=0.3)
    assert delay(pace, 62.0, lambda now: tell(now / 62)) < 3.0


def test_lengths_that_nobody_can_foretell_cost_no_further_looks() -> None:
    random.seed(6)
    _, looks = learned_from(lambda: random.choice((24.0, 33.0, 47.0, 56.0, 68.0, 79.0)))
    assert looks <= 6.0  # 5.7 for the bare interval


def test_nothing_is_learned_from_little_or_from_what_goes_on_for_ever() -> None:
    assert Pace.learn([Ending(1, 2)] * 3, INTERVAL) is None
    at_once = Pace.learn([Ending(0, 0)] * 4, INTERVAL)
    assert at_once is not None
    assert 0 < at_once.gap(0.0) <= INTERVAL
    assert Pace.learn([Ending(1, 2)] * 4 + [Ending(5000, 5001)], INTERVAL) is None


def test_progress_is_believed_before_anything_is_learned_until_it_is_wrong_once() -> None:
    course = Course(began=0.0, seen=0.0)
    course.saw(50.0, 0.91, queued=False)  # until 55
    assert 5.0 < untaught_gap(course, 50.0, INTERVAL) < 8.0
    course.saw(57.0, 0.95, queued=False)  # it was wrong
    assert 9.0 <= untaught_gap(course, 57.0, INTERVAL) <= INTERVAL


def test_the_fixed_gap_is_spread_and_never_longer() -> None:
    gaps = [fixed_gap(INTERVAL) for _ in range(200)]
    assert 9.0 <= min(gaps) < 9.3
    assert 9.7 < max(gaps) <= 10.0


def test_time_in_the_queue_does_not_count() -> None:
    course = Course(began=100.0, seen=100.0)
    course.saw(110.0, None, queued=True)
    course.saw(120.0, None, queued=True)
    course.saw(130.0, 0.1, queued=False)  # it began between 120 and 130
    course.saw(140.0, 0.5, queued=False)
    assert course.promised == pytest.approx(30.0)
    ending = course.ending(150.0, INTERVAL)
    assert ending == Ending(after=10.0, by=30.0, promised=30.0)


@pytest.mark.parametrize("seen_at", [None, 100.0])
def test_an_end_that_nobody_was_near_says_nothing(seen_at: float | None) -> None:
    assert Course(began=0.0, seen=seen_at).ending(130.0, INTERVAL) is None


def test_a_task_that_was_only_seen_in_the_queue_says_nothing() -> None:
    course = Course(began=0.0, seen=0.0)
    course.saw(9.0, None, queued=True)
    assert course.ending(18.0, INTERVAL) is None
