"""Paid calls as the rows of segments and the ledger have them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy import Connection

from cutscene.domain import Credits
from cutscene.tables import ledger, segments

__all__ = ["PaidCall", "of_job"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidCall:
    """One call that was, or may have been, paid for."""

    provider: str
    model: str
    task_id: str | None
    """None where the answer was lost."""
    attempt: int
    """Counted from 1, at its part of the job."""
    posted_at: float
    """Seconds since 1970."""
    credits: Credits | None
    """None until it is settled."""
    usd: Decimal | None


def of_job(connection: Connection, job_id: str) -> Sequence[PaidCall]:
    """In the order in which they were made."""
    hold, settle = ledger.alias("hold"), ledger.alias("settle")
    query = (
        sa.select(
            hold.c.provider,
            hold.c.model,
            hold.c.micro_usd_per_credit,
            segments.c.task_id,
            segments.c.attempt,
            segments.c.posted_at,
            settle.c.milli_credits,
        )
        .join(hold, (hold.c.segment_id == segments.c.id) & (hold.c.kind == "hold"))
        .outerjoin(settle, (settle.c.segment_id == segments.c.id) & (settle.c.kind == "settle"))
        .where(segments.c.job_id == job_id, segments.c.posted_at.is_not(None))
        .order_by(segments.c.posted_at)
    )
    return [
        PaidCall(
            provider=row.provider,
            model=row.model,
            task_id=row.task_id,
            attempt=row.attempt,
            posted_at=row.posted_at,
            credits=None if row.milli_credits is None else Credits(row.milli_credits),
            usd=None
            if row.milli_credits is None
            else Decimal(row.milli_credits * row.micro_usd_per_credit) / 1_000_000_000,
        )
        for row in connection.execute(query)
    ]
