"""Budgets: what a tenant may spend in a calendar month, and how many of its jobs may wait.

Months are those of UTC. A generation counts in the month in which its hold was taken: with the
hold while that is open, with what it cost afterwards. So it counts once, and in one month.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

import sqlalchemy as sa
import structlog
from sqlalchemy import Connection, Row

from cutscene import balances, tenants
from cutscene.balances import NOTHING, Sums
from cutscene.database import clock, insert_new
from cutscene.domain import Credits
from cutscene.errors import BudgetExceededError, RateLimitError
from cutscene.tables import budget_warnings
from cutscene.tenants import LimitChanges

__all__ = [
    "Budget",
    "Judge",
    "Standing",
    "Unit",
    "change",
    "enforce",
    "refuse_full_queue",
    "standing",
    "standings",
]

_log = structlog.get_logger()

_NEARLY: Final = Decimal("0.8")


class Unit(StrEnum):
    """What a budget is counted in."""

    CREDITS = "credits"
    """Of all providers together."""
    USD = "USD"


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What a tenant may spend in a month, and what it has, in one unit."""

    unit: Unit
    limit: Decimal | None
    """None: there is none."""
    used: Decimal
    """Settled or held."""

    def __str__(self) -> str:
        used = _plain(self.used)
        return f"{used}, no limit" if self.limit is None else f"{used} of {_plain(self.limit)}"

    @property
    def is_exceeded(self) -> bool:
        return self.limit is not None and self.used > self.limit

    @property
    def is_nearly_used(self) -> bool:
        """Four fifths of it are gone."""
        return self.limit is not None and self.used > 0 and self.used >= _NEARLY * self.limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A tenant's limits, and where it stands to them now."""

    tenant: str
    month: str
    """As 2026-11."""
    credits: Budget
    usd: Budget
    waiting: int
    max_queued: int | None
    active: int
    """Generations under way."""
    max_concurrent: int
    max_concurrent_is_own: bool
    """Else it is everybody's."""

    @property
    def budgets(self) -> tuple[Budget, Budget]:
        return self.credits, self.usd

    @property
    def warnings(self) -> list[str]:
        """A sentence for each budget that is nearly used, for people."""
        return [
            f"Tenant {self.tenant!r} has used {budget} {budget.unit} that it may spend in {self.month}, "
            "holds included."
            for budget in self.budgets
            if budget.is_nearly_used
        ]


def standing(connection: Connection, tenant: str) -> Standing:
    """Raises `NotFoundError` for a tenant that nothing was ever submitted or set for."""
    row, month = tenants.read(connection, tenant), _month(_now(connection))
    used = balances.committed(connection, since=month.timestamp(), tenants=[tenant])
    return _standing(row, month, used.get(tenant, NOTHING))


def standings(connection: Connection) -> list[Standing]:
    """Of all tenants, by name."""
    month = _month(_now(connection))
    used = balances.committed(connection, since=month.timestamp())
    return [_standing(row, month, used.get(row.id, NOTHING)) for row in tenants.read_all(connection)]


def change(connection: Connection, tenant: str, default_max_active: int, changes: LimitChanges) -> Standing:
    """Set limits; whoever comes near a new one hears of it again. Raises `InputValidationError`."""
    tenants.set_limits(connection, tenant, default_max_active, changes)
    connection.execute(sa.delete(budget_warnings).where(budget_warnings.c.tenant == tenant))
    return standing(connection, tenant)


class Judge:
    """Who of several locked tenants may have one job more; each that may counts for those judged after it."""

    def __init__(
        self, connection: Connection, rows: Mapping[str, Row[Any]], held: Mapping[str, Sums], at: float
    ) -> None:
        """``rows`` of the tenants; what was ``held`` at that moment for all that are to be judged."""
        self._connection = connection
        self._rows = rows
        self._waiting = {name: int(row.waiting) for name, row in rows.items()}
        self._month = _month(at)
        limited = [name for name, row in rows.items() if _has_budget(row)]
        found = _committed(connection, limited, self._month)
        self._used = {name: found.get(name, NOTHING) - held[name] for name in limited}

    def take(self, tenant: str, more: Sums) -> None:
        """Raises `RateLimitError` and `BudgetExceededError`."""
        row = self._rows[tenant]
        _refuse_full_queue(row, self._waiting[tenant])
        if tenant in self._used:
            used = self._used[tenant] + more
            _enforce(self._connection, _standing(row, self._month, used), more)
            self._used[tenant] = used
        self._waiting[tenant] += 1


def refuse_full_queue(connection: Connection, tenant: str) -> None:
    """Raise `RateLimitError` where as many jobs wait as may; the caller has locked the tenant."""
    row = tenants.read(connection, tenant)
    _refuse_full_queue(row, row.waiting)


def _refuse_full_queue(row: Row[Any], waiting: int) -> None:
    if row.max_queued is not None and waiting >= row.max_queued:
        raise RateLimitError(
            f"Tenant {row.id!r} has {waiting} jobs waiting, and may have {row.max_queued}: "
            "submit again when some of them are done."
        )


def enforce(connection: Connection, tenant: str, planned: Sequence[str]) -> None:
    """Raise `BudgetExceededError` where holds that were just taken are more than the tenant may spend.

    ``planned``: the segments that they are for. The caller has locked the tenant, so that others who
    take holds for it add up after the commit, and see these. Holds of nothing are always fine.
    """
    row = tenants.read(connection, tenant)
    if not planned or not _has_budget(row):
        return
    added, at = balances.holds(connection, planned)
    month = _month(at)
    used = _committed(connection, [tenant], month)[tenant]
    _enforce(connection, _standing(row, month, used), added)


def _has_budget(row: Row[Any]) -> bool:
    return row.monthly_milli_credits is not None or row.monthly_micro_usd is not None


def _committed(connection: Connection, names: Sequence[str], month: datetime) -> dict[str, Sums]:
    return balances.committed(connection, since=month.timestamp(), tenants=names) if names else {}


def _enforce(connection: Connection, now: Standing, added: Sums) -> None:
    for budget, more in zip(now.budgets, (added.credits.amount, added.usd), strict=True):
        if more and budget.is_exceeded:
            raise _refusal(now, budget, more)
    for budget in now.budgets:
        if budget.is_nearly_used:
            _warn_once(connection, now, budget)


def _refusal(now: Standing, budget: Budget, more: Decimal) -> BudgetExceededError:
    return BudgetExceededError(
        f"Tenant {now.tenant!r} may spend {_plain(budget.limit)} {budget.unit} in {now.month}: "
        f"{_plain(budget.used - more)} are used or held, and this takes {_plain(more)}. "
        "Wait for the next month, or have the budget raised."
    )


def _warn_once(connection: Connection, now: Standing, budget: Budget) -> None:
    """In a month, for each budget; the log's readers are not told at every submit."""
    is_new = insert_new(connection, budget_warnings, tenant=now.tenant, month=now.month, unit=budget.unit)
    if is_new:
        _log.warning(
            "budget_nearly_used",
            tenant=now.tenant,
            month=now.month,
            unit=str(budget.unit),
            used=_plain(budget.used),
            limit=_plain(budget.limit),
        )


def _standing(row: Row[Any], month: datetime, used: Sums) -> Standing:
    milli, micro = row.monthly_milli_credits, row.monthly_micro_usd
    most_credits = None if milli is None else Credits(milli).amount
    most_usd = None if micro is None else Decimal(micro) / 1_000_000
    return Standing(
        tenant=row.id,
        month=f"{month:%Y-%m}",
        credits=Budget(unit=Unit.CREDITS, limit=most_credits, used=used.credits.amount),
        usd=Budget(unit=Unit.USD, limit=most_usd, used=used.usd),
        waiting=row.waiting,
        max_queued=row.max_queued,
        active=row.active,
        max_concurrent=row.max_active,
        max_concurrent_is_own=row.max_active_is_own,
    )


def _now(connection: Connection) -> float:
    return float(connection.execute(sa.select(clock())).scalar_one())


def _month(seconds: float) -> datetime:
    """The beginning of the month that a moment is in."""
    day = datetime.fromtimestamp(seconds, UTC)
    return datetime(day.year, day.month, 1, tzinfo=UTC)


def _plain(amount: Decimal | None) -> str:
    return f"{(amount or Decimal(0)).normalize():f}"
