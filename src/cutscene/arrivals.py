"""Jobs that arrive: those that come together share a transaction, and each has an outcome of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from cutscene import balances, jobs, ledger, limits, segments, tables, tenants
from cutscene.balances import NOTHING, Sums
from cutscene.budgets import Judge
from cutscene.domain import Credits, VideoRequest
from cutscene.errors import ConflictError, CutsceneError
from cutscene.jobs import NewJob
from cutscene.ledger import Account

__all__ = ["Arrival", "Recorded", "record"]


@dataclass(frozen=True, slots=True)
class Arrival:
    """A job that was submitted, and what it may cost."""

    job: NewJob
    estimates: Sequence[Credits]
    """Of each segment. All is held at once, so that a job is not stopped halfway by a budget."""
    account: Account

    @property
    def id(self) -> str:
        return self.job.id

    @property
    def tenant(self) -> str:
        return self.job.tenant

    @property
    def key(self) -> tuple[str, str]:
        """Tenant and idempotency key; those without one stay in their order."""
        return self.tenant, self.job.idempotency_key or ""

    @property
    def worth(self) -> Sums:
        return balances.worth(self.account, self.estimates)


@dataclass(frozen=True, slots=True)
class Recorded:
    """The job as it is in the database."""

    row: Row[Any]
    is_new: bool
    """Else its idempotency key was used before, for the same request."""


Outcome = Recorded | CutsceneError


def record(connection: Connection, arrivals: Sequence[Arrival], max_active: int) -> list[Outcome]:
    """Job, holds and place in the queue of each: all or nothing. The outcomes, in the order of the arrivals.

    Refusals are `BudgetExceededError` and `RateLimitError` where its tenant may not have it, `ConflictError`
    where its idempotency key belongs to another request, and why its provider is closed.
    """
    # Who waits for a key that others insert does so in one order, so that no two wait for each other.
    in_order = sorted(arrivals, key=lambda arrival: arrival.key)
    outcomes: dict[str, Outcome] = {}
    while left := [arrival for arrival in in_order if arrival.id not in outcomes]:
        # A second round is for those whose key was that of one refused in the first.
        outcomes |= _record(connection, left, max_active)
    return [outcomes[arrival.id] for arrival in arrivals]


def _record(connection: Connection, arrivals: Sequence[Arrival], max_active: int) -> dict[str, Outcome]:
    rows = {row.id: row for row in jobs.insert_all(connection, [arrival.job for arrival in arrivals])}
    new = [arrival for arrival in arrivals if arrival.id in rows]
    outcomes: dict[str, Outcome] = {job_id: Recorded(row, is_new=True) for job_id, row in rows.items()}
    if new:
        refused = _take_in(connection, new, rows[new[0].id].created_at, max_active)
        outcomes |= refused
        _forget(connection, refused)
    return outcomes | _known(connection, [arrival for arrival in arrivals if arrival.id not in rows])


def _take_in(
    connection: Connection, new: Sequence[Arrival], at: float, max_active: int
) -> Mapping[str, CutsceneError]:
    """Holds and places for all that may have them; why the others may not."""
    closed = limits.closed(connection)
    refused: dict[str, CutsceneError] = {
        arrival.id: closed[arrival.job.provider].error for arrival in new if arrival.job.provider in closed
    }
    judged = [arrival for arrival in new if arrival.id not in refused]
    if not judged:
        return refused
    _hold(connection, judged, at)
    # Late: who else submits, and the gate, wait for the rest alone.
    rows = tenants.lock_all(connection, {arrival.tenant for arrival in judged}, max_active)
    judge = Judge(connection, rows, _worth(judged), at)
    places: Counter[str] = Counter()
    for arrival in judged:
        try:
            judge.take(arrival.tenant, arrival.worth)
        except CutsceneError as refusal:
            refused[arrival.id] = refusal
        else:
            places[arrival.tenant] += 1
    tenants.start_waiting(connection, places)
    return refused


def _hold(connection: Connection, arrivals: Sequence[Arrival], at: float) -> None:
    places = [(arrival, position) for arrival in arrivals for position in range(len(arrival.estimates))]
    planned = segments.plan_all(connection, [(arrival.id, position) for arrival, position in places])
    holds = zip(planned, places, strict=True)
    ledger.hold_all(
        connection,
        [(segment, arrival.estimates[position], arrival.account) for segment, (arrival, position) in holds],
        at=at,
    )


def _worth(arrivals: Sequence[Arrival]) -> Mapping[str, Sums]:
    worth: dict[str, Sums] = {}
    for arrival in arrivals:
        worth[arrival.tenant] = worth.get(arrival.tenant, NOTHING) + arrival.worth
    return worth


def _forget(connection: Connection, refused: Collection[str]) -> None:
    """Of those that were inserted in this very transaction nothing stays."""
    if refused:
        for job_id in (tables.ledger.c.job_id, tables.segments.c.job_id, tables.jobs.c.id):
            connection.execute(sa.delete(job_id.table).where(job_id.in_(refused)))


def _known(connection: Connection, arrivals: Sequence[Arrival]) -> dict[str, Outcome]:
    """Of those that are there already; without any whose key is free again."""
    if not arrivals:
        return {}
    keyed = [arrival for arrival in arrivals if arrival.job.idempotency_key is not None]
    by_key = jobs.find(connection, [arrival.key for arrival in keyed])
    outcomes: dict[str, Outcome] = {
        arrival.id: _compared(arrival.job, by_key[arrival.key]) for arrival in keyed if arrival.key in by_key
    }
    for arrival in arrivals:
        if arrival.job.idempotency_key is None:  # the commit had worked, and its answer was lost
            outcomes[arrival.id] = Recorded(jobs.read(connection, arrival.id), is_new=False)
    return outcomes


def _compared(job: NewJob, earlier: Row[Any]) -> Outcome:
    if (VideoRequest.from_json(earlier.request), jobs.asked(earlier)) == (job.request, job.asked):
        return Recorded(earlier, is_new=False)
    return ConflictError(
        f"The idempotency key {job.idempotency_key!r} belongs to another request (job {earlier.id}): "
        "use a new key, or send the same request."
    )
