"""Rows of segments, and the fence: the compare-and-set that a paid call happens behind.

``planned -> posting`` is won by one process, committed before the call is made. Whoever
loses never calls. What follows (``running``, ``unknown``, ...) says what became of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from cutscene.database import clock, insert_all_new
from cutscene.domain import JobState, SegmentState
from cutscene.tables import job_holds_slot, jobs, ledger
from cutscene.tables import segments as table

__all__ = [
    "age",
    "count_refusal",
    "cross_fence",
    "current",
    "end",
    "footage",
    "forget_unsent",
    "give_up_footage",
    "keep_footage",
    "latest",
    "lock",
    "lose",
    "lose_footage",
    "outlived",
    "plan",
    "plan_all",
    "read",
    "record_task",
    "reopen",
    "was_sent",
]

OPEN: Final = tuple(state for state in SegmentState if not state.final)


def plan(connection: Connection, job_id: str, position: int, attempt: int, *, is_retry: bool = False) -> str:
    """A further attempt at one segment of a job; returns its id.

    ``is_retry``: nobody asked for it, so that it is the last that nobody asks for.
    """
    [segment_id] = plan_all(connection, [(job_id, position)], attempt=attempt, is_retry=is_retry)
    return segment_id


def plan_all(
    connection: Connection, places: Sequence[tuple[str, int]], *, attempt: int = 1, is_retry: bool = False
) -> list[str]:
    """The same at many places: a job and a position in it."""
    rows = [
        {
            "id": f"{job_id}-{position}-{attempt}",
            "job_id": job_id,
            "position": position,
            "attempt": attempt,
            "state": SegmentState.PLANNED,
            "is_retry": is_retry,
        }
        for job_id, position in places
    ]
    insert_all_new(connection, table, rows)
    return [str(row["id"]) for row in rows]


def read(connection: Connection, segment_id: str) -> Row[Any]:
    return connection.execute(sa.select(table).where(table.c.id == segment_id)).one()


def latest(connection: Connection, job_id: str) -> list[Row[Any]]:
    """The latest attempt at each position of a job, in order."""
    query = sa.select(table).where(table.c.job_id == job_id).order_by(table.c.position, table.c.attempt)
    return list({row.position: row for row in connection.execute(query)}.values())


def current(connection: Connection, job_id: str) -> Row[Any]:
    """The first of them whose footage is not in the store, or the last."""
    rows = latest(connection, job_id)
    return next((row for row in rows if row.footage_key is None), rows[-1])


def footage(connection: Connection, job_ids: Sequence[str]) -> dict[str, list[str]]:
    """Keys of what each of these jobs has in the store, in order."""
    columns = (table.c.job_id, table.c.position, table.c.footage_key)
    query = sa.select(*columns).where(table.c.job_id.in_(job_ids)).order_by(*columns[:2], table.c.attempt)
    last = {(row.job_id, row.position): row.footage_key for row in connection.execute(query)}
    found: dict[str, list[str]] = {job_id: [] for job_id in job_ids}
    for (job_id, _), key in last.items():
        if key is not None:
            found[job_id].append(key)
    return found


def lock(connection: Connection, segment_id: str) -> Row[Any]:
    """The segment as it stays until the commit."""
    return connection.execute(sa.select(table).where(table.c.id == segment_id).with_for_update()).one()


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


def reopen(connection: Connection, segment_id: str, fence: str) -> None:
    """The call behind that fence is known not to have been accepted: it may be made again."""
    posting = _behind(segment_id, fence, SegmentState.POSTING)
    connection.execute(posting.values(state=SegmentState.PLANNED, fence=None, posted_at=None))


def count_refusal(connection: Connection, segment_id: str, seconds: float) -> None:
    """It was refused once more, and waits for so long."""
    counted = {"refusals": table.c.refusals + 1, "refused_for": table.c.refused_for + seconds}
    connection.execute(sa.update(table).where(table.c.id == segment_id).values(counted))


def lose(connection: Connection, segment_id: str, fence: str) -> None:
    """The answer to the call behind that fence was lost."""
    posting = _behind(segment_id, fence, SegmentState.POSTING)
    connection.execute(posting.values(state=SegmentState.UNKNOWN))


def record_task(connection: Connection, segment_id: str, fence: str, task_id: str) -> bool:
    """The provider accepted; also after others had given up waiting for its answer."""
    accepted = _behind(segment_id, fence, SegmentState.POSTING, SegmentState.UNKNOWN)
    changed = connection.execute(accepted.values(state=SegmentState.RUNNING, task_id=task_id)).rowcount
    return changed == 1 or read(connection, segment_id).task_id == task_id


def _behind(segment_id: str, fence: str, *states: SegmentState) -> sa.Update:
    mine = (table.c.id == segment_id) & (table.c.fence == fence)
    return sa.update(table).where(mine, table.c.state.in_(states))


def end(
    connection: Connection, segment_id: str, state: SegmentState, *, among: Sequence[SegmentState] = OPEN
) -> str | None:
    """Succeeded, failed or cancelled, once: what has ended stays so. Its job, where this has ended it."""
    query = sa.update(table).where(table.c.id == segment_id, table.c.state.in_(among))
    job_id: str | None = connection.execute(query.values(state=state).returning(table.c.job_id)).scalar()
    return job_id


def keep_footage(connection: Connection, segment_id: str, key: str) -> None:
    """What was paid for is in the store."""
    connection.execute(sa.update(table).where(table.c.id == segment_id).values(footage_key=key))


def forget_unsent(connection: Connection, job_id: str, *, beyond: int) -> None:
    """Drop the segments behind so many first ones, none of which was ever sent."""
    behind = (table.c.job_id == job_id) & (table.c.position >= beyond) & table.c.posted_at.is_(None)
    connection.execute(sa.delete(table).where(behind))


def was_sent(connection: Connection, job_id: str, *, beyond: int) -> bool:
    """Whether any attempt was made at a segment behind so many first ones."""
    behind = (table.c.job_id == job_id) & (table.c.position >= beyond) & table.c.posted_at.is_not(None)
    return connection.execute(sa.select(table.c.id).where(behind).limit(1)).first() is not None


def lose_footage(connection: Connection, segment_id: str, key: str) -> None:
    """It is not in the store any more, where the provider may still have it."""
    lost = (table.c.id == segment_id) & (table.c.footage_key == key)
    connection.execute(sa.update(table).where(lost).values(footage_key=None))


def give_up_footage(connection: Connection, segment_id: str) -> None:
    """Nobody has it, unless another run has stored it by now: only a further attempt makes it again."""
    nowhere = (table.c.id == segment_id) & table.c.footage_key.is_(None)
    connection.execute(sa.update(table).where(nowhere).values(state=SegmentState.FAILED))


def outlived(connection: Connection, provider: str, seconds: float) -> list[Row[Any]]:
    """Segments posted longer ago than any task lives, of jobs that have ended, and not closed.

    What a lost submission cost is for a person to say: those are here for their slots alone.
    """
    settled = sa.exists().where(ledger.c.segment_id == table.c.id, ledger.c.kind == "settle")
    query = (
        sa.select(table)
        .join(jobs, table.c.job_id == jobs.c.id)
        .where(
            jobs.c.provider == provider,
            jobs.c.state.in_([state for state in JobState if state.final]),
            table.c.posted_at < clock() - seconds,
            job_holds_slot | (~settled & (table.c.state != SegmentState.UNKNOWN)),
        )
    )
    return list(connection.execute(query))


def age(connection: Connection, segment_id: str) -> float:
    """Seconds since the paid call was made, by the clock that all workers share."""
    query = sa.select(clock() - table.c.posted_at).where(table.c.id == segment_id)
    return float(connection.execute(query).scalar_one() or 0.0)
