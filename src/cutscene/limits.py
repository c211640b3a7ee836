"""Rows of providers: paused until when, and why. All workers share them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Connection

from cutscene.database import clock, insert_new, is_postgres
from cutscene.tables import provider_limits as table

__all__ = ["Pause", "claim_open", "pause", "pauses", "register"]


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing is submitted to the provider for a while."""

    provider: str
    seconds: float
    reason: str


def register(connection: Connection, providers: Collection[str]) -> None:
    for provider in providers:
        insert_new(connection, table, provider=provider)


def claim_open(connection: Connection) -> set[str]:
    """Providers that are not paused and that no other gate looks at right now.

    Their rows stay locked until the transaction ends, so that two gates cannot both
    give away the last place of an account.
    """
    query = sa.select(table.c.provider).where(table.c.paused_until <= clock())
    if is_postgres(connection):
        query = query.with_for_update(skip_locked=True)
    return set(connection.execute(query).scalars())


def pause(connection: Connection, pause: Pause) -> None:
    """Pause a provider for everybody; a longer pause that is on already stays."""
    register(connection, [pause.provider])
    until = clock() + pause.seconds
    longer = (table.c.provider == pause.provider) & (table.c.paused_until < until)
    connection.execute(sa.update(table).where(longer).values(paused_until=until, reason=pause.reason))


def pauses(connection: Connection) -> list[Pause]:
    """Those in force."""
    left = (table.c.paused_until - clock()).label("left")
    query = sa.select(table.c.provider, left, table.c.reason).where(table.c.paused_until > clock())
    return [Pause(row.provider, row.left, row.reason) for row in connection.execute(query)]
