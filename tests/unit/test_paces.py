"""Endings in the database: bounded, shared by all workers, on both databases."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from cutscene import endings
from cutscene.courses import Course, Ending
from cutscene.database import Database, open_database
from cutscene.endings import Kind
from cutscene.paces import Paces
from cutscene.pacing import KEPT
from cutscene.tables import endings as table

pytestmark = pytest.mark.anyio

KIND, OTHER = Kind("runway", "gen4.5 5 s from words"), Kind("runway", "gen4.5 10 s from words")
INTERVAL = 10.0


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = open_database(database_url)
    yield opened
    await opened.close()


async def test_only_the_latest_are_kept(database: Database) -> None:
    await database.write(endings.add, {OTHER: [Ending(1.0, 2.0)]})
    for number in range(KEPT + 5):
        await database.write(endings.add, {KIND: [Ending(number, number + 0.5, promised=number + 0.25)]})
    found = await database.read(endings.latest, KIND)
    assert found == [Ending(n, n + 0.5, n + 0.25) for n in reversed(range(5, KEPT + 5))]
    assert await database.read(endings.latest, OTHER) == [Ending(1.0, 2.0)]
    with database.engine.begin() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(table)).scalar() == KEPT + 1


async def test_many_writers_at_once(database: Database) -> None:
    """Half of them name the kinds the other way round."""
    began = list[int]()

    def add(connection: sa.Connection, writer: int) -> None:
        began.append(writer)
        seen = {KIND: [Ending(writer, writer + 1)] * 5, OTHER: [Ending(0, 1)] * 5}
        endings.add(connection, seen if writer % 2 else dict(reversed(seen.items())))

    await asyncio.gather(*(database.write(add, writer) for writer in range(60)))
    assert len(began) == 60  # none had to begin again, as after a deadlock
    await database.write(endings.add, {KIND: [Ending(99, 100)]})
    found = await database.read(endings.latest, KIND)
    assert len(found) == KEPT
    assert found[0] == Ending(99, 100)


async def test_a_time_beyond_all_bounds_can_be_kept(database: Database) -> None:
    await database.write(endings.add, {KIND: [Ending(1.0, 1e12, promised=1e300)]})
    [found] = await database.read(endings.latest, KIND)
    assert found.by == found.promised == (2**31 - 1) / 1000


async def test_what_one_worker_saw_another_knows(database: Database) -> None:
    one, other = Paces(database), Paces(database)
    course = Course(began=0.0, seen=50.0)
    assert 9.0 <= one.gap(KIND, INTERVAL, course, 60.0) <= 10.0  # nothing is known
    for _ in range(6):
        one.saw(KIND, Ending(61.5, 62.0))
    await one.exchange()
    assert 2.0 <= one.gap(KIND, INTERVAL, course, 60.0) < 3.0
    other.gap(KIND, INTERVAL, course, 0.0)
    await other.exchange()
    assert other.gap(KIND, INTERVAL, course, 60.0) == one.gap(KIND, INTERVAL, course, 60.0)
    assert 9.0 <= other.gap(OTHER, INTERVAL, course, 60.0) <= 10.0


async def test_learning_anew_takes_its_time_once_there_is_something_to_go_by(database: Database) -> None:
    paces, course = Paces(database), Course(began=0.0, seen=50.0)
    paces.gap(KIND, INTERVAL, course, 60.0)
    for _ in range(Paces.FEW):
        paces.saw(KIND, Ending(61.5, 62.0))
    await paces.exchange()
    learned = paces.gap(KIND, INTERVAL, course, 60.0)
    for _ in range(KEPT):
        paces.saw(KIND, Ending(66.5, 67.0))
    await paces.exchange()
    assert paces.gap(KIND, INTERVAL, course, 60.0) == learned
    paces.LEARN_EVERY = 0.0  # type: ignore[misc]
    await paces.exchange()
    assert paces.gap(KIND, INTERVAL, course, 60.0) > learned + 4


async def test_it_learns_while_the_loops_own_threads_are_shut_down(database: Database) -> None:
    """As the engine does in its end, before the poller has ended."""
    loop, shut = asyncio.get_running_loop(), ThreadPoolExecutor(1)
    shut.shutdown()
    loop.set_default_executor(shut)
    try:
        paces, course = Paces(database), Course(began=0.0, seen=50.0)
        paces.gap(KIND, INTERVAL, course, 60.0)
        for _ in range(6):
            paces.saw(KIND, Ending(61.5, 62.0))
        await paces.exchange()
        assert paces.gap(KIND, INTERVAL, course, 60.0) < 3.0
    finally:
        loop.set_default_executor(ThreadPoolExecutor(1))


@pytest.mark.parametrize(
    "tell", [lambda _now: 0.99, lambda now: 1 - 0.1 * math.exp((54 - now) / 30)], ids=["stands", "creeps"]
)
async def test_a_generation_that_stalls_near_its_end_is_looked_at_little_more_often(
    database: Database, tell: Callable[[float], float]
) -> None:
    """Though the progress of all before it was to be believed."""
    paces, course, now, looks = Paces(database), Course(began=0.0, seen=0.0), 50.0, 0
    for number in range(KEPT):
        seconds = 20.0 + 2 * number
        paces.saw(KIND, Ending(seconds - 2, seconds + 1, promised=seconds))
    paces.gap(KIND, INTERVAL, course, 0.0)
    await paces.exchange()
    course.saw(now, now / 55, queued=False)
    assert paces.gap(KIND, INTERVAL, course, now) < 7.0  # it is believed
    while now < 300.0:
        now, looks = now + paces.gap(KIND, INTERVAL, course, now), looks + 1
        course.saw(now, min(now / 60, tell(now)), queued=False)
    assert looks <= 34  # 25 for the bare interval
