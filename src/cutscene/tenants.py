"""Rows of tenants: how many jobs wait, how many are under way, how many may be, what may be spent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, TypedDict

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from cutscene.database import clock, insert_all_new, insert_new
from cutscene.domain import Credits
from cutscene.errors import InputValidationError, NotFoundError
from cutscene.tables import tenants as table

__all__ = [
    "LimitChanges",
    "apply_default",
    "lock",
    "lock_all",
    "make_known",
    "read",
    "read_all",
    "served",
    "set_limits",
    "slot_freed",
    "start_waiting",
    "starts_waiting",
    "stops_waiting",
]


_NEVER: Final = 1e10
"""Seconds: who was never served comes before all who were, in order of arrival."""
_MOST_JOBS: Final = 1_000_000
_MOST_MONEY: Final = 1_000_000_000


class LimitChanges(TypedDict, total=False):
    """Limits to set. Those that are absent stay as they are; None lifts one."""

    monthly_credits: Credits | None
    """Of all providers together, 0 to a thousand million."""
    monthly_usd: Decimal | None
    """Exact to a millionth, 0 to a thousand million."""
    max_queued: int | None
    """Jobs that may wait for their turn, 1 to a million."""
    max_concurrent: int | None
    """Generations that may be under way at once, 1 to a million; None: as many as anybody else's."""


def make_known(connection: Connection, tenant: str, default_max_active: int) -> None:
    """Give a new tenant its row."""
    insert_new(connection, table, id=tenant, max_active=default_max_active, served_at=clock() - _NEVER)


def read(connection: Connection, tenant: str) -> Row[Any]:
    """Raises `NotFoundError` for a tenant that nothing was ever submitted or set for."""
    row = connection.execute(sa.select(table).where(table.c.id == tenant)).first()
    if row is None:
        raise NotFoundError(f"There is no tenant {tenant!r}.")
    return row


def read_all(connection: Connection) -> Sequence[Row[Any]]:
    return connection.execute(sa.select(table).order_by(table.c.id)).all()


def lock(connection: Connection, tenant: str) -> None:
    """Keep the gate away from a tenant, and everybody else who changes its queue, until the commit."""
    connection.execute(sa.select(table.c.id).where(table.c.id == tenant).with_for_update())


def lock_all(connection: Connection, names: Iterable[str], default_max_active: int) -> dict[str, Row[Any]]:
    """The same of many: first new ones, then all, in one order: no two wait for each other. Their rows."""
    wanted = sorted(set(names))
    known = set(connection.execute(sa.select(table.c.id).where(table.c.id.in_(wanted))).scalars())
    if unknown := [name for name in wanted if name not in known]:
        new = [{"id": name, "max_active": default_max_active} for name in unknown]
        insert_all_new(connection, table, new, served_at=clock() - _NEVER)
    query = sa.select(table).where(table.c.id.in_(wanted)).order_by(table.c.id).with_for_update()
    return {row.id: row for row in connection.execute(query)}


def starts_waiting(connection: Connection, tenant: str) -> None:
    """One job more waits: a new one, or one that was let in."""
    start_waiting(connection, {tenant: 1})


def start_waiting(connection: Connection, counts: Mapping[str, int]) -> None:
    """So many more wait of each of these tenants."""
    for count in set(counts.values()):
        names = [name for name, more in counts.items() if more == count]
        more = sa.update(table).where(table.c.id.in_(names)).values(waiting=table.c.waiting + count)
        connection.execute(more)


def stops_waiting(connection: Connection, tenant: str) -> None:
    """A waiting job was cancelled."""
    _update(connection, tenant, waiting=table.c.waiting - 1)


def served(connection: Connection, tenant: str) -> None:
    """The gate let one of its jobs in."""
    _update(connection, tenant, active=table.c.active + 1, waiting=table.c.waiting - 1, served_at=clock())


def slot_freed(connection: Connection, tenant: str) -> None:
    _update(connection, tenant, active=table.c.active - 1)


def set_limits(connection: Connection, tenant: str, default_max_active: int, changes: LimitChanges) -> None:
    """Change a tenant's limits, of one that is not known yet too; raises `InputValidationError`."""
    make_known(connection, tenant, default_max_active)
    if "monthly_credits" in changes:
        budget = changes["monthly_credits"]
        milli = None if budget is None else _money(budget.amount, 1_000)
        _update(connection, tenant, monthly_milli_credits=milli)
    if "monthly_usd" in changes:
        usd = changes["monthly_usd"]
        micro = None if usd is None else _money(usd, 1_000_000)
        _update(connection, tenant, monthly_micro_usd=micro)
    if "max_queued" in changes:
        _update(connection, tenant, max_queued=_count(changes["max_queued"]))
    if "max_concurrent" in changes:
        own = _count(changes["max_concurrent"])
        _update(connection, tenant, max_active=own or default_max_active, max_active_is_own=own is not None)


def _count(number: int | None) -> int | None:
    if number is not None and not 1 <= number <= _MOST_JOBS:
        raise InputValidationError(f"A limit of {number} jobs is out of range: choose 1 to {_MOST_JOBS}.")
    return number


def _money(amount: Decimal, parts: int) -> int:
    if not amount.is_finite() or not 0 <= amount <= _MOST_MONEY:
        raise InputValidationError(f"A budget of {amount} is out of range: choose 0 to {_MOST_MONEY}.")
    if amount * parts % 1:
        raise InputValidationError(f"A budget of {amount} is too fine: give fewer digits after the point.")
    return int(amount * parts)


def apply_default(connection: Connection, max_active: int) -> None:
    """Let a changed default reach the tenants that have no limit of their own."""
    stale = table.c.max_active_is_own.is_(sa.false()) & (table.c.max_active != max_active)
    in_order = sa.select(table.c.id).where(stale).order_by(table.c.id).with_for_update()
    connection.execute(sa.update(table).where(table.c.id.in_(in_order)).values(max_active=max_active))


def _update(connection: Connection, tenant: str, **values: object) -> None:
    connection.execute(sa.update(table).where(table.c.id == tenant).values(values))
