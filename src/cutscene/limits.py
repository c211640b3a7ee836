"""Rows of providers: paused until when, and why. All workers share them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from cutscene.database import clock, insert_new, is_postgres
from cutscene.errors import CutsceneError, from_code
from cutscene.tables import provider_limits as table

__all__ = [
    "LONG",
    "Pause",
    "claim",
    "close",
    "closed",
    "lift",
    "pause",
    "pause_of",
    "pauses",
    "refuse_if_closed",
    "register",
]


LONG: Final = 60.0
"""Seconds that a job waits for its own provider rather than have another one step in."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing is submitted to the provider for a while."""

    provider: str
    seconds: float
    reason: str
    code: str = "RATE_LIMIT_ERROR"
    """As errors have it."""
    refuses_jobs: bool = False
    """New jobs are refused rather than queued: only somebody who acts can end it."""

    @property
    def is_long(self) -> bool:
        """Worth another provider, where there is one. What refuses jobs does not end by itself."""
        return self.refuses_jobs or self.seconds > LONG

    @property
    def error(self) -> CutsceneError:
        return from_code(self.code, f"{self.reason} Nothing is sent there for another {self.seconds:.0f} s.")


def register(connection: Connection, providers: Collection[str]) -> None:
    for provider in providers:
        insert_new(connection, table, provider=provider)


def claim(connection: Connection) -> dict[str, float]:
    """Providers that no other gate looks at right now, and how long each is paused: 0 is open, seconds.

    Their rows stay locked until the transaction ends, so that two gates cannot both
    give away the last place of an account.
    """
    query = sa.select(table.c.provider, table.c.paused_until - clock())
    if is_postgres(connection):
        query = query.with_for_update(skip_locked=True)
    return {provider: max(0.0, left) for provider, left in connection.execute(query)}


def pause(connection: Connection, pause: Pause) -> None:
    """Pause a provider for everybody; a longer pause that is on already stays."""
    register(connection, [pause.provider])
    until = clock() + pause.seconds
    longer = (table.c.provider == pause.provider) & (table.c.paused_until < until)
    connection.execute(
        sa.update(table)
        .where(longer)
        .values(paused_until=until, reason=pause.reason, code=pause.code, refuses_jobs=pause.refuses_jobs)
    )


def close(connection: Connection, pause_: Pause) -> bool:
    """Begin a pause that refuses jobs; False where one is in force: somebody else has found out."""
    register(connection, [pause_.provider])
    mine = table.c.provider == pause_.provider
    connection.execute(sa.select(table.c.provider).where(mine).with_for_update())
    found = pause_of(connection, pause_.provider)
    if found is not None and found.refuses_jobs:
        return False
    pause(connection, pause_)
    return True


def lift(connection: Connection, pause: Pause) -> None:
    """End a pause before its time; another one that has begun since stays."""
    same = (table.c.provider == pause.provider) & (table.c.code == pause.code)
    connection.execute(sa.update(table).where(same).values(paused_until=0))


def pauses(connection: Connection) -> list[Pause]:
    """Those in force."""
    return [_to_pause(row) for row in connection.execute(_in_force())]


def pause_of(connection: Connection, provider: str) -> Pause | None:
    row = connection.execute(_in_force().where(table.c.provider == provider)).first()
    return None if row is None else _to_pause(row)


def refuse_if_closed(connection: Connection, provider: str) -> None:
    """Raise why a provider takes no new jobs, where waiting alone would not help."""
    if provider in (found := closed(connection)):
        raise found[provider].error


def closed(connection: Connection) -> dict[str, Pause]:
    """The providers of which that is so, and their pauses."""
    return {pause.provider: pause for pause in pauses(connection) if pause.refuses_jobs}


def _in_force() -> sa.Select[Any]:
    left = (table.c.paused_until - clock()).label("left")
    return sa.select(table, left).where(table.c.paused_until > clock())


def _to_pause(row: Row[Any]) -> Pause:
    return Pause(row.provider, row.left, row.reason, row.code, row.refuses_jobs)
