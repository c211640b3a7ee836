"""Rows of segments, and the fence: the compare-and-set that a paid call happens behind.

``planned -> posting`` is won by one process, committed before the call is made. Whoever
loses never calls. What follows (``running``, ``unknown``, ...) says what became of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from cutscene.database import clock, insert_new
from cutscene.domain import SegmentState
from cutscene.tables import job_holds_slot, jobs
from cutscene.tables import segments as table

__all__ = [
    "age",
    "cross_fence",
    "current",
    "end",
    "keep_footage",
    "lose",
    "lost_for",
    "of_job",
    "plan",
    "read",
    "record_task",
    "reopen",
]


def plan(connection: Connection, job_id: str, position: int, attempt: int) -> str:
    """A further attempt at one segment of a job; returns its id."""
    segment_id = f"{job_id}-{position}-{attempt}"
    insert_new(
        connection,
        table,
        id=segment_id,
        job_id=job_id,
        position=position,
        attempt=attempt,
        state=SegmentState.PLANNED,
    )
    return segment_id


def read(connection: Connection, segment_id: str) -> Row[Any]:
    return connection.execute(sa.select(table).where(table.c.id == segment_id)).one()


def of_job(connection: Connection, job_id: str) -> Sequence[Row[Any]]:
    """Every attempt, in order."""
    query = sa.select(table).where(table.c.job_id == job_id).order_by(table.c.position, table.c.attempt)
    return connection.execute(query).all()


def current(connection: Connection, job_id: str) -> Row[Any]:
    """The latest attempt."""
    return of_job(connection, job_id)[-1]


def cross_fence(connection: Connection, segment_id: str, fence: str) -> bool:
    """Win the right to make the paid call; ``fence`` is unique to this try.

    Asked again with the same fence (the commit's own answer was lost), it is still won.
    """
    query = (
        sa.update(table)
        .where(table.c.id == segment_id, table.c.state == SegmentState.PLANNED)
        .values(state=SegmentState.POSTING, fence=fence, posted_at=clock())
    )
    if connection.execute(query).rowcount == 1:
        return True
    row = read(connection, segment_id)
    return bool(row.fence == fence and row.state == SegmentState.POSTING)


def reopen(connection: Connection, segment_id: str) -> None:
    """The call is known not to have been accepted: it may be made again."""
    query = sa.update(table).where(table.c.id == segment_id, table.c.state == SegmentState.POSTING)
    connection.execute(query.values(state=SegmentState.PLANNED, fence=None, posted_at=None))


def record_task(connection: Connection, segment_id: str, task_id: str) -> None:
    """The provider accepted; also after the wait for its answer had been given up."""
    accepted = table.c.state.in_((SegmentState.POSTING, SegmentState.UNKNOWN))
    query = sa.update(table).where(table.c.id == segment_id, accepted)
    connection.execute(query.values(state=SegmentState.RUNNING, task_id=task_id))


def lose(connection: Connection, segment_id: str) -> None:
    """The answer to the call was lost."""
    query = sa.update(table).where(table.c.id == segment_id, table.c.state == SegmentState.POSTING)
    connection.execute(query.values(state=SegmentState.UNKNOWN))


def end(connection: Connection, segment_id: str, state: SegmentState) -> bool:
    """Succeeded, failed or cancelled, once: what has ended stays as it ended."""
    open_states = [state for state in SegmentState if not state.final]
    query = sa.update(table).where(table.c.id == segment_id, table.c.state.in_(open_states))
    return connection.execute(query.values(state=state)).rowcount == 1


def keep_footage(connection: Connection, segment_id: str, key: str) -> None:
    """What was paid for is in the store."""
    connection.execute(sa.update(table).where(table.c.id == segment_id).values(footage_key=key))


def lost_for(connection: Connection, provider: str, seconds: float) -> list[str]:
    """Ids of jobs that hold a slot for a submission lost longer ago than that."""
    query = (
        sa.select(jobs.c.id)
        .join(table, table.c.job_id == jobs.c.id)
        .where(
            job_holds_slot,
            jobs.c.provider == provider,
            table.c.state.in_((SegmentState.POSTING, SegmentState.UNKNOWN)),
            table.c.posted_at < clock() - seconds,
        )
    )
    return list(connection.execute(query).scalars())


def age(connection: Connection, segment_id: str) -> float:
    """Seconds since the paid call was made, by the clock that all workers share."""
    query = sa.select(clock() - table.c.posted_at).where(table.c.id == segment_id)
    return float(connection.execute(query).scalar_one())
