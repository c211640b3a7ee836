"""Who lives, who has died, and who may judge that."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from cutscene import executors
from cutscene.database import Database, open_database
from cutscene.executors import DEAD_AFTER, Pulse
from cutscene.tables import executors as table


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = open_database(database_url)
    yield opened
    opened.engine.dispose()


def is_silent_for(connection: sa.Connection, executor_id: str, seconds: float) -> None:
    earlier = sa.update(table).where(table.c.id == executor_id).values(beat_at=table.c.beat_at - seconds)
    connection.execute(earlier)


def test_who_shows_no_heartbeat_is_dead_until_it_does(database: Database) -> None:
    with database.engine.begin() as connection:
        executors.enter(connection, "a", 2)
        executors.enter(connection, "b", 3)  # on SQLite whoever enters is the only one
        executors.beat(connection, "a", 2)
        assert executors.roll_call(connection).living == {"a": 2, "b": 3}
        assert executors.beat(connection, "b", 3)
        is_silent_for(connection, "a", DEAD_AFTER + 1)
        roll = executors.roll_call(connection)
        assert (roll.living, roll.dead, roll.forsaken) == ({"b": 3}, {"a": 2}, {2})
        assert not executors.beat(connection, "a", 2)  # it learns that it was taken for dead
        assert executors.beat(connection, "a", 2)
        assert executors.roll_call(connection).forsaken == set()


def test_who_leaves_is_dead_at_once_and_forgotten_later(database: Database) -> None:
    with database.engine.begin() as connection:
        executors.enter(connection, "a", 2)
        executors.leave(connection, "a")
        assert executors.roll_call(connection).dead == {"a": 2}
        executors.bury(connection, ["a"])
        assert executors.roll_call(connection).dead == {"a": 2}  # its last write may still come
        is_silent_for(connection, "a", 3601)
        executors.bury(connection, ["a"])
        assert executors.roll_call(connection).dead == {}


def test_who_was_cut_off_judges_nobody_for_a_while() -> None:
    pulse = Pulse()
    assert pulse.is_steady()
    pulse.note(was_alive=False)
    assert not pulse.is_steady()
    pulse.note(was_alive=True)
    assert not pulse.is_steady()  # the others have as long to come back as they have to be silent
    steady = Pulse()
    steady.note(was_alive=True)
    assert steady.is_steady()
