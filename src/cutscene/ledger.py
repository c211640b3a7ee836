"""The ledger: append-only entries, at most one of each kind for a segment.

    hold      what a segment may cost, before anything is sent
    settle    what it did cost
    release   what is given back: hold minus settle

Amounts are integers of a thousandth of a credit; balances are sums. An entry's basis
says where its figure comes from. All entries of a segment bear the time of its hold, so
that they meet in the same day, and in the same month of a budget.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Connection, RowMapping

from cutscene.database import clock, insert_all_new, insert_new, is_postgres
from cutscene.domain import Credits, JobState, SegmentState
from cutscene.tables import job_queued, jobs, segments
from cutscene.tables import ledger as table

__all__ = [
    "NANO_USD",
    "Account",
    "Basis",
    "Grouping",
    "Usage",
    "close",
    "hold",
    "hold_again",
    "hold_all",
    "least_held",
    "open_amount",
    "spent",
    "spent_by_job",
    "usage",
    "usd",
]

NANO_USD: Final = table.c.milli_credits * table.c.micro_usd_per_credit


class Basis(StrEnum):
    """Where a figure comes from."""

    ESTIMATE = "estimate"
    """Computed by us from the model's price."""
    REPORTED = "reported"
    """Said by the provider."""
    ASSUMED = "assumed"
    """Perhaps paid, and nobody says: counted as paid."""


class Grouping(StrEnum):
    """By what usage is summed up."""

    TENANT = "tenant"
    DAY = "day"
    SKILL = "skill"
    PROVIDER = "provider"
    MODEL = "model"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Who a segment's credits concern, and what one is worth."""

    tenant: str
    job_id: str
    provider: str
    model: str
    usd_per_credit: str
    """A decimal number."""

    @property
    def micro_usd_per_credit(self) -> int:
        return int(Decimal(self.usd_per_credit) * 1_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What one group of ledger entries adds up to."""

    name: str | None
    """None: jobs of no skill."""
    jobs: int
    segments: int
    failures: int
    """Jobs that failed, and were not retried."""
    credits: Credits
    """Settled."""
    held: Credits
    """Set aside and not yet settled."""
    usd: Decimal
    """Of what is settled."""
    failed_credits: Credits
    """Of what is settled: for jobs that failed, and for failed attempts of others."""
    failed_usd: Decimal


def hold(connection: Connection, segment_id: str, amount: Credits, account: Account) -> None:
    """Set the upper bound of a segment's cost aside."""
    hold_all(connection, [(segment_id, amount, account)])


def hold_all(
    connection: Connection, holds: Iterable[tuple[str, Credits, Account]], *, at: float | None = None
) -> None:
    """The same for many segments; ``at`` that moment, in seconds since 1970, or now."""
    rows = [
        {
            "segment_id": segment_id,
            "milli_credits": amount.milli,
            "micro_usd_per_credit": account.micro_usd_per_credit,
            "tenant": account.tenant,
            "job_id": account.job_id,
            "provider": account.provider,
            "model": account.model,
        }
        for segment_id, amount, account in holds
    ]
    when = clock() if at is None else sa.literal(at)
    insert_all_new(connection, table, rows, kind="hold", basis=Basis.ESTIMATE, at=when)


def hold_again(connection: Connection, segment_id: str, *, like: str) -> None:
    """Set as much aside as was for the segment ``like``."""
    held = _without_number(_entries(connection, like)["hold"])
    insert_new(connection, table, **{**held, "segment_id": segment_id, "at": clock()})


def close(connection: Connection, segment_id: str, charged: Credits, basis: Basis) -> None:
    """Settle what was charged and release the rest; a second time changes nothing."""
    entries = _entries(connection, segment_id)
    if "settle" not in entries:
        held = _without_number(entries["hold"])
        amounts = {"settle": charged.milli, "release": held["milli_credits"] - charged.milli}
        changes = [{"kind": kind, "milli_credits": milli, "basis": basis} for kind, milli in amounts.items()]
        insert_all_new(connection, table, [{**held, **change} for change in changes])


def open_amount(connection: Connection, segment_id: str) -> Credits:
    """What is held for a segment and not yet settled."""
    entries = _entries(connection, segment_id)
    if "settle" in entries or "hold" not in entries:
        return Credits()
    return Credits(entries["hold"]["milli_credits"])


def least_held(connection: Connection, provider: str) -> Credits:
    """The smallest hold of a job that waits for a provider; nothing where none does."""
    held = sa.select(sa.func.min(table.c.milli_credits)).join(jobs, jobs.c.id == table.c.job_id)
    there = (jobs.c.provider == provider) & (table.c.provider == provider)  # not what it held with another
    waiting = held.where(job_queued, there, table.c.kind == "hold")
    return Credits(connection.execute(waiting).scalar() or 0)


def spent(connection: Connection, job_id: str) -> Credits | None:
    """What a job's settled segments cost together; None while none is settled."""
    return spent_by_job(connection, [job_id]).get(job_id)


def spent_by_job(connection: Connection, job_ids: Sequence[str]) -> dict[str, Credits]:
    """The same of many jobs, without those of which none is settled."""
    of_each = sa.select(table.c.job_id, sa.func.sum(table.c.milli_credits)).group_by(table.c.job_id)
    rows = connection.execute(of_each.where(table.c.job_id.in_(job_ids), table.c.kind == "settle"))
    return {job_id: Credits(int(milli)) for job_id, milli in rows}


def usd(nano: Decimal | int) -> Decimal:
    return Decimal(int(nano)) / 1_000_000_000


def usage(connection: Connection, by: Grouping, *, tenant: str | None, since: float | None) -> list[Usage]:
    """Sums per group, of one tenant or of all, ``since`` so many seconds after 1970."""
    group = _group(connection, by)
    query = sa.select(group, *_counts(), *_amounts())
    query = query.outerjoin(jobs, jobs.c.id == table.c.job_id)
    query = query.outerjoin(segments, segments.c.id == table.c.segment_id)
    if tenant is not None:
        query = query.where(table.c.tenant == tenant)
    if since is not None:
        query = query.where(table.c.at >= since)
    rows = connection.execute(query.group_by(group).order_by(group))
    return [
        Usage(
            name=row[0],
            jobs=row.jobs,
            segments=row.segments,
            failures=row.failures,
            credits=Credits(int(row.settled)),
            held=Credits(int(row.held)),
            usd=usd(row.settled_usd),
            failed_credits=Credits(int(row.failed)),
            failed_usd=usd(row.failed_usd),
        )
        for row in rows
    ]


def _counts() -> Sequence[sa.ColumnElement[int]]:
    """Of the holds alone: each segment has just one, and that is a third of what is to be sorted."""
    held = table.c.kind == "hold"
    job = sa.case((held, table.c.job_id))
    failed_job = sa.case((held & (jobs.c.state == JobState.FAILED), table.c.job_id))
    return (
        sa.func.count(job.distinct()).label("jobs"),
        sa.func.count(sa.case((held, 1))).label("segments"),
        sa.func.count(failed_job.distinct()).label("failures"),
    )


def _amounts() -> Sequence[sa.ColumnElement[int]]:
    """What a job cost that failed was spent in vain, and what a failed attempt of another did."""
    settled, amount = table.c.kind == "settle", table.c.milli_credits
    is_hold = table.c.kind == "hold"
    failed = settled & ((jobs.c.state == JobState.FAILED) | (segments.c.state == SegmentState.FAILED))
    return (
        (_sum_where(is_hold, amount) - _sum_where(~is_hold, amount)).label("held"),
        _sum_where(settled, amount).label("settled"),
        _sum_where(settled, NANO_USD).label("settled_usd"),
        _sum_where(failed, amount).label("failed"),
        _sum_where(failed, NANO_USD).label("failed_usd"),
    )


def _sum_where(condition: sa.ColumnElement[bool], column: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
    return sa.func.sum(sa.case((condition, column), else_=0))


def _group(connection: Connection, by: Grouping) -> sa.ColumnElement[str]:
    match by:
        case Grouping.TENANT:
            return table.c.tenant
        case Grouping.SKILL:
            return jobs.c.skill
        case Grouping.PROVIDER:
            return table.c.provider
        case Grouping.MODEL:
            return table.c.model
        case Grouping.DAY if is_postgres(connection):
            utc = sa.func.timezone(sa.literal_column("'UTC'"), sa.func.to_timestamp(table.c.at))
            return sa.func.to_char(utc, sa.literal_column("'YYYY-MM-DD'"))
        case Grouping.DAY:
            return sa.func.date(table.c.at, sa.literal_column("'unixepoch'"))


def _entries(connection: Connection, segment_id: str) -> dict[str, RowMapping]:
    """Of a segment, by kind."""
    query = sa.select(table).where(table.c.segment_id == segment_id)
    return {entry["kind"]: entry for entry in connection.execute(query).mappings()}


def _without_number(entry: RowMapping) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name != "entry"}
