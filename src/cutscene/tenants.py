"""Rows of tenants: how many jobs wait, how many are under way, how many may be."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from sqlalchemy import Connection

from cutscene.database import clock, insert_new
from cutscene.tables import tenants as table

__all__ = [
    "apply_default",
    "limit",
    "lock",
    "served",
    "slot_freed",
    "starts_waiting",
    "stops_waiting",
    "waits_again",
]


_NEVER: Final = 1e10
"""Seconds: who was never served comes before all who were, in order of arrival."""


def lock(connection: Connection, tenant: str) -> None:
    """Keep the gate away from a tenant, and everybody else who changes its queue, until the commit."""
    connection.execute(sa.select(table.c.id).where(table.c.id == tenant).with_for_update())


def starts_waiting(connection: Connection, tenant: str, default_max_active: int) -> None:
    """One job more waits; the tenant is made known if it is new."""
    insert_new(connection, table, id=tenant, max_active=default_max_active, served_at=clock() - _NEVER)
    _update(connection, tenant, waiting=table.c.waiting + 1)


def waits_again(connection: Connection, tenant: str) -> None:
    """A job that was let in is back in the queue."""
    _update(connection, tenant, waiting=table.c.waiting + 1)


def stops_waiting(connection: Connection, tenant: str) -> None:
    """A waiting job was cancelled."""
    _update(connection, tenant, waiting=table.c.waiting - 1)


def served(connection: Connection, tenant: str) -> None:
    """The gate let one of its jobs in."""
    _update(connection, tenant, active=table.c.active + 1, waiting=table.c.waiting - 1, served_at=clock())


def slot_freed(connection: Connection, tenant: str) -> None:
    _update(connection, tenant, active=table.c.active - 1)


def limit(connection: Connection, tenant: str, max_active: int) -> None:
    """Give a tenant a limit of its own, which the default no longer touches."""
    insert_new(connection, table, id=tenant, max_active=max_active)
    _update(connection, tenant, max_active=max_active, max_active_is_own=True)


def apply_default(connection: Connection, max_active: int) -> None:
    """Let a changed default reach the tenants that have no limit of their own."""
    stale = table.c.max_active_is_own.is_(sa.false()) & (table.c.max_active != max_active)
    connection.execute(sa.update(table).where(stale).values(max_active=max_active))


def _update(connection: Connection, tenant: str, **values: object) -> None:
    connection.execute(sa.update(table).where(table.c.id == tenant).values(values))
