"""What tenants have set aside or paid, in both units that budgets have: sums of the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import sqlalchemy as sa
from sqlalchemy import Connection

from cutscene.domain import Credits
from cutscene.ledger import NANO_USD, Account, usd
from cutscene.tables import ledger as table

__all__ = ["NOTHING", "Sums", "committed", "holds", "worth"]


@dataclass(frozen=True, slots=True)
class Sums:
    """Amounts in both units that budgets have."""

    credits: Credits
    usd: Decimal

    def __add__(self, other: Sums) -> Sums:
        return Sums(self.credits + other.credits, self.usd + other.usd)

    def __sub__(self, other: Sums) -> Sums:
        return Sums(self.credits - other.credits, self.usd - other.usd)


NOTHING: Final = Sums(Credits(), Decimal(0))


def worth(account: Account, amounts: Sequence[Credits]) -> Sums:
    """What holds of these amounts add up to."""
    milli = sum(amount.milli for amount in amounts)
    return _sums(milli, milli * account.micro_usd_per_credit)


def holds(connection: Connection, segment_ids: Sequence[str]) -> tuple[Sums, float]:
    """What is set aside for new segments together, and since when, in seconds after 1970."""
    query = sa.select(
        sa.func.sum(table.c.milli_credits),
        sa.func.sum(NANO_USD),
        sa.func.min(table.c.at),
    ).where(table.c.kind == "hold", table.c.segment_id.in_(segment_ids))
    milli, nano_usd, at = connection.execute(query).one()
    return _sums(milli, nano_usd), float(at)


def committed(
    connection: Connection, *, since: float, tenants: Sequence[str] | None = None
) -> dict[str, Sums]:
    """What is settled or held, per tenant, for segments that were held ``since`` then; of some or of all.

    What is settled is the hold without the release, so that neither counts twice.
    """
    sign = sa.case((table.c.kind == "hold", 1), else_=-1)
    query = sa.select(
        table.c.tenant, sa.func.sum(sign * table.c.milli_credits), sa.func.sum(sign * NANO_USD)
    ).where(table.c.kind != "settle", table.c.at >= since)
    if tenants is not None:
        query = query.where(table.c.tenant.in_(tenants))
    rows = connection.execute(query.group_by(table.c.tenant))
    return {name: _sums(milli, nano_usd) for name, milli, nano_usd in rows}


def _sums(milli_credits: Decimal | int, nano_usd: Decimal | int) -> Sums:
    return Sums(Credits(int(milli_credits)), usd(nano_usd))
