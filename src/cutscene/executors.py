"""Who is a worker: rows of executors with their heartbeats, and the lock of a SQLite home."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from sqlalchemy import Connection

from cutscene.database import Database, clock, insert_new, is_postgres
from cutscene.errors import WorkerConflictError
from cutscene.tables import executors as table

__all__ = [
    "DEAD_AFTER",
    "Farewell",
    "Pulse",
    "RollCall",
    "WorkerLock",
    "beat",
    "bury",
    "enter",
    "leave",
    "roll_call",
    "worker_lives",
]

DEAD_AFTER: Final = 6.0
"""Seconds without a heartbeat, by the database's clock."""
_FORGOTTEN_AFTER: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Farewell:
    """How a worker stopped."""

    unfinished: Sequence[str] = ()
    """Ids of the jobs that were under way."""
    unanswered: int = 0
    """Paid calls whose answers were not waited for."""


class Pulse:
    """Of a worker itself: who was cut off from the database is no judge of who is dead."""

    def __init__(self) -> None:
        self._beaten_at = time.monotonic()
        self._steady_from = 0.0

    def note(self, *, was_alive: bool) -> None:
        """It has shown that it lives; whether it counted as alive until then."""
        self._beaten_at = time.monotonic()
        if not was_alive:  # what kept it away may have kept others away, who are not back yet
            self._steady_from = self._beaten_at + DEAD_AFTER

    def is_steady(self) -> bool:
        now = time.monotonic()
        return now >= self._steady_from and now - self._beaten_at < DEAD_AFTER / 2


@dataclass(frozen=True, slots=True)
class RollCall:
    """Who works and who has died, with the version of the engine that each is, or was."""

    living: Mapping[str, int]
    dead: Mapping[str, int]

    @property
    def forsaken(self) -> set[int]:
        """Versions that nobody living has."""
        return set(self.dead.values()) - set(self.living.values())


class WorkerLock:
    """SQLite means one worker process: whoever holds this lock is it, and the kernel frees it on death."""

    def __init__(self, database: Database) -> None:
        self._path = Path(f"{database.engine.url.database}.worker") if database.is_sqlite else None
        self._file: int | None = None

    def acquire(self, *, tries: int = 5) -> None:
        """Raises `WorkerConflictError` while another process is the worker.

        Trying again rules out those who only looked, and held it for a moment.
        """
        if self._path is None:
            return
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        while not _lock(file):
            tries -= 1
            if tries <= 0:
                owner = os.read(file, 32).decode(errors="replace").strip() or "unknown"
                os.close(file)
                raise WorkerConflictError(
                    f"Another process (id {owner}) is the worker of {self._path.parent}: stop it first, let "
                    "it do the work, or use Postgres (CUTSCENE_DATABASE_URL) for several workers."
                )
            time.sleep(0.1)
        self._file = file

    def sign(self) -> None:
        """Write down who holds it, for those who are refused."""
        if self._file is not None:
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, str(os.getpid()).encode(), 0)

    def is_taken(self) -> bool:
        """Whether any process is the worker."""
        try:
            self.acquire(tries=1)
        except WorkerConflictError:
            return True
        self.release()
        return False

    def release(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


async def worker_lives(database: Database) -> bool:
    """Whether any process is a worker right now."""
    if database.is_sqlite:
        return WorkerLock(database).is_taken()
    return bool((await database.read(roll_call)).living)


def enter(connection: Connection, executor_id: str, version: int) -> None:
    """Begin to live; on SQLite, where the lock is ours, whoever else did is dead."""
    if not is_postgres(connection):
        _stop_hearts(connection, table.c.beat_at > _last_sign())
    beat(connection, executor_id, version)


def beat(connection: Connection, executor_id: str, version: int) -> bool:
    """Show that one lives; False where others may have taken one for dead meanwhile."""
    mine = sa.update(table).where(table.c.id == executor_id).values(beat_at=clock())
    if connection.execute(mine.where(table.c.beat_at > _last_sign())).rowcount == 1:
        return True
    if connection.execute(mine).rowcount == 0:
        insert_new(connection, table, id=executor_id, version=version, beat_at=clock())
    return False


def leave(connection: Connection, executor_id: str) -> None:
    """Count as dead at once, so that others take over now."""
    _stop_hearts(connection, table.c.id == executor_id)


def roll_call(connection: Connection) -> RollCall:
    query = sa.select(table.c.id, table.c.version, (table.c.beat_at > _last_sign()).label("lives"))
    rows = connection.execute(query).all()
    return RollCall(
        living={row.id: row.version for row in rows if row.lives},
        dead={row.id: row.version for row in rows if not row.lives},
    )


def bury(connection: Connection, swept: Collection[str]) -> None:
    """Forget those that have nothing pending, once no late write of theirs can come."""
    old = table.c.beat_at <= clock() - _FORGOTTEN_AFTER
    connection.execute(sa.delete(table).where(table.c.id.in_(swept), old))


def _stop_hearts(connection: Connection, whose: sa.ColumnElement[bool]) -> None:
    connection.execute(sa.update(table).where(whose).values(beat_at=_last_sign()))


def _last_sign() -> sa.ColumnElement[float]:
    """Whose last heartbeat is older than this is dead."""
    return clock() - DEAD_AFTER
