"""Rows of jobs: what was asked, where it stands, what came of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from cutscene.database import clock, insert_new
from cutscene.domain import Clip, Credits, Fallback, Job, JobState, Stage, VideoRequest
from cutscene.errors import CutsceneError, NotFoundError
from cutscene.tables import job_holds_slot, job_queued, job_running, job_to_cancel
from cutscene.tables import jobs as table

__all__ = ["NewJob", "Report"]

Report = tuple[Stage, float | None]
"""Where a job is, and its progress from 0 to 1; None leaves that as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """What is known of a job when it is submitted."""

    id: str
    tenant: str
    run: str
    idempotency_key: str | None
    request: VideoRequest
    provider: str
    model: str
    priority: int
    plan: Sequence[Mapping[str, Any]] | None = None
    """Of its generations, as JSON; None: there is one."""
    skill: str | None = None
    may_fall_back_to: str | None = None
    """A provider that makes it where its own does not, and nothing is paid yet."""
    fallback: Fallback | None = None
    """Why that one makes it from the start."""

    @property
    def asked(self) -> str:
        """Who was to make it."""
        return self.provider if self.fallback is None else self.fallback.instead_of


def insert(connection: Connection, job: NewJob) -> bool:
    """False where the tenant used the idempotency key before."""
    return insert_new(
        connection,
        table,
        id=job.id,
        tenant=job.tenant,
        run=job.run,
        idempotency_key=job.idempotency_key,
        request=job.request.to_json(),
        provider=job.provider,
        model=job.model,
        priority=job.priority,
        plan=job.plan,
        skill=job.skill,
        may_fall_back_to=job.may_fall_back_to,
        fallback=None if job.fallback is None else asdict(job.fallback),
        state=JobState.QUEUED,
        stage=Stage.QUEUED,
        created_at=clock(),
    )


def asked(row: Row[Any]) -> str:
    """Who was to make a job, whoever makes it now."""
    return str(row.provider if row.fallback is None else row.fallback["instead_of"])


def read(connection: Connection, job_id: str) -> Row[Any]:
    """The row of a job, whoever owns it; raises `NotFoundError`."""
    row = connection.execute(sa.select(table).where(table.c.id == job_id)).first()
    if row is None:
        raise NotFoundError(f"There is no job {job_id!r}.")
    return row


def get(connection: Connection, tenant: str, job_id: str) -> Row[Any]:
    """The row of a tenant's job; another tenant's is `NotFoundError` too."""
    row = read(connection, job_id)
    if row.tenant != tenant:
        raise NotFoundError(f"There is no job {job_id!r}.")
    return row


def find(connection: Connection, tenant: str, idempotency_key: str) -> Row[Any] | None:
    query = sa.select(table).where(table.c.tenant == tenant, table.c.idempotency_key == idempotency_key)
    return connection.execute(query).first()


def page(
    connection: Connection, tenant: str, *, states: Sequence[JobState], limit: int, before: int | None
) -> Sequence[Row[Any]]:
    """A tenant's jobs, newest first, older than the sequence number ``before``."""
    query = sa.select(table).where(table.c.tenant == tenant).order_by(table.c.sequence.desc()).limit(limit)
    if states:
        query = query.where(table.c.state.in_(states))
    if before is not None:
        query = query.where(table.c.sequence < before)
    return connection.execute(query).all()


def start(connection: Connection, job_id: str) -> int | None:
    """The gate lets a waiting job in: it takes a slot. Returns the number of this hand-over."""
    waiting = (table.c.id == job_id) & (table.c.state == JobState.QUEUED)
    query = sa.update(table).where(waiting).values(state=JobState.RUNNING, slot=True)
    return _handed_over(connection, query)


def is_run(connection: Connection, job_id: str, handover: int) -> bool:
    """Whether that hand-over is a running job's latest."""
    query = sa.select(table.c.id).where(table.c.id == job_id, job_running, table.c.handover == handover)
    return connection.execute(query).first() is not None


def lock_run(connection: Connection, job_id: str, handover: int) -> Row[Any] | None:
    """The running job whose latest hand-over that is, which it stays until the commit."""
    query = sa.select(table).where(table.c.id == job_id, job_running, table.c.handover == handover)
    return connection.execute(query.with_for_update()).first()


def change_provider(
    connection: Connection,
    job_id: str,
    provider: str,
    model: str,
    plan: Sequence[Mapping[str, Any]],
    reason: Fallback,
) -> None:
    """Another one makes a job, and nobody else after that one."""
    connection.execute(
        sa.update(table)
        .where(table.c.id == job_id)
        .values(
            provider=provider,
            model=model,
            plan=plan,
            may_fall_back_to=None,
            fallback=asdict(reason),
        )
    )


def put_back(connection: Connection, job_id: str, *, after: float, progress: float) -> None:
    """Let a running job wait for its turn again, for ``after`` seconds at least."""
    query = sa.update(table).where(table.c.id == job_id, job_running)
    connection.execute(
        query.values(
            state=JobState.QUEUED,
            stage=Stage.QUEUED,
            progress=progress,
            not_before=clock() + after,
            is_accepted=False,
        )
    )


def hand_over_again(connection: Connection, job_id: str, handover: int) -> int | None:
    """The number of the next hand-over of a running job, unless there has been one since ``handover``."""
    last = (table.c.id == job_id) & (table.c.handover == handover)
    return _handed_over(connection, sa.update(table).where(last, job_running))


def _handed_over(connection: Connection, query: sa.Update) -> int | None:
    counted = query.values(handover=table.c.handover + 1).returning(table.c.handover)
    return connection.execute(counted).scalar()


def report(connection: Connection, job_id: str, stage: Stage, progress: float | None = None) -> None:
    """Say where a running job is, for those who watch."""
    values: dict[str, Any] = {"stage": stage}
    if progress is not None:
        values["progress"] = progress
    running = (table.c.id == job_id) & (table.c.state == JobState.RUNNING)
    connection.execute(sa.update(table).where(running).values(values))


def report_all(connection: Connection, reports: Mapping[str, Report]) -> None:
    """The same for many jobs, in one statement."""
    progress = sa.func.coalesce(sa.bindparam("reached", type_=sa.Double), table.c.progress)
    query = (
        sa.update(table)
        .where(table.c.id == sa.bindparam("job"), job_running)
        .values(stage=sa.bindparam("where"), progress=progress)
    )
    rows = [{"job": job, "where": stage, "reached": part} for job, (stage, part) in sorted(reports.items())]
    connection.execute(query, rows)


def give_back_slot(connection: Connection, job_id: str) -> str | None:
    """The tenant whose slot came free, or None where it was given back before."""
    query = (
        sa.update(table)
        .where(table.c.id == job_id, job_holds_slot)
        .values(slot=False)
        .returning(table.c.tenant)
    )
    return connection.execute(query).scalar()


def request_cancel(connection: Connection, job_id: str) -> None:
    running = (table.c.id == job_id) & (table.c.state == JobState.RUNNING)
    connection.execute(sa.update(table).where(running).values(cancel_requested=True))


def to_cancel(connection: Connection) -> set[str]:
    """Ids of all running jobs that somebody asked to cancel: one query for all watchers."""
    return set(connection.execute(sa.select(table.c.id).where(job_to_cancel)).scalars())


def finish(connection: Connection, job_id: str, handover: int, clip: Clip) -> bool:
    """Record the result of a run, unless that run was replaced or the job has ended."""
    mine = table.c.handover == handover
    return _end(
        connection, job_id, mine & job_running, state=JobState.DONE, progress=1.0, clip=clip.to_json()
    )


def fail(connection: Connection, job_id: str, error: CutsceneError) -> bool:
    """Record why a running job failed or was cancelled, once."""
    return _end(connection, job_id, job_running, **_why(error))


def cancel_waiting(connection: Connection, job_id: str, error: CutsceneError) -> bool:
    """End a job that was not let in yet."""
    return _end(connection, job_id, job_queued, **_why(error))


def requeue(connection: Connection, job_id: str, *, is_accepted: bool) -> bool:
    """Put a failed or cancelled job back into the queue; whether all that it will ask for was accepted."""
    ended = table.c.state.in_((JobState.FAILED, JobState.CANCELLED))
    fresh = {"error_code": None, "error": None, "detail": None, "finished_at": None}
    query = (
        sa.update(table)
        .where(table.c.id == job_id, ended)
        .values(
            state=JobState.QUEUED,
            stage=Stage.QUEUED,
            progress=0.0,
            cancel_requested=False,
            not_before=0.0,
            is_accepted=is_accepted,
            **fresh,
        )
    )
    return connection.execute(query).rowcount == 1


def _why(error: CutsceneError) -> dict[str, Any]:
    state = JobState.CANCELLED if error.code == "CANCELLED" else JobState.FAILED
    return {"state": state, "error_code": error.code, "error": str(error), "detail": error.detail}


def _end(connection: Connection, job_id: str, condition: sa.ColumnElement[bool], **values: Any) -> bool:
    query = sa.update(table).where(table.c.id == job_id, condition)
    return connection.execute(query.values(finished_at=clock(), **values)).rowcount == 1


def unfinished(connection: Connection) -> list[tuple[str, int]]:
    """Id and hand-over number of all jobs that were let in and have not ended."""
    query = sa.select(table.c.id, table.c.handover).where(job_running).order_by(table.c.sequence)
    return [(row.id, row.handover) for row in connection.execute(query)]


def waiting_or_running(connection: Connection) -> list[str]:
    """Ids of all jobs that have not ended, those that run first."""
    columns = (table.c.id, table.c.sequence)
    running, waiting = (sa.select(*columns).where(state) for state in (job_running, job_queued))
    rows = [*connection.execute(running.order_by(table.c.sequence)), *connection.execute(waiting)]
    return [row.id for row in rows]


def head(connection: Connection, tenant: str, allowed: sa.ColumnElement[bool]) -> Row[Any] | None:
    """The tenant's next job among those allowed: lowest priority number, then oldest."""
    query = (
        sa.select(table)
        .where(table.c.tenant == tenant, allowed)
        .order_by(table.c.priority, table.c.sequence)
        .limit(1)
    )
    return connection.execute(query).first()


def may_start(
    open_providers: Collection[str], paused: Collection[str], left: Collection[str]
) -> sa.ColumnElement[bool]:
    """Jobs that wait for their turn alone: a pause does not concern what was accepted already.

    ``left`` are providers that are paused for so long that others step in for them.
    """
    allowed: list[sa.ColumnElement[bool]] = []
    if open_providers:
        allowed.append(table.c.provider.in_(open_providers))
    if paused:
        allowed.append(table.c.is_accepted.is_(sa.true()) & table.c.provider.in_(paused))
    if left:
        allowed.append(table.c.may_fall_back_to.is_not(None) & table.c.provider.in_(left))
    return job_queued & (table.c.not_before <= clock()) & sa.or_(sa.false(), *allowed)


def slots_taken(connection: Connection) -> dict[str, int]:
    """How many slots are taken at each provider."""
    query = sa.select(table.c.provider, sa.func.count()).where(job_holds_slot).group_by(table.c.provider)
    return dict(iter(connection.execute(query)))


def to_job(row: Row[Any], credits_used: Credits | None, footage: Sequence[str]) -> Job:
    """``footage``: keys of what is in the store for it."""
    return Job(
        id=row.id,
        tenant=row.tenant,
        run=row.run,
        request=VideoRequest.from_json(row.request),
        provider=row.provider,
        model=row.model,
        fallback=None if row.fallback is None else Fallback(**row.fallback),
        skill=row.skill,
        state=JobState(row.state),
        stage=Stage(row.stage),
        progress=row.progress,
        priority=row.priority,
        cancel_requested=row.cancel_requested,
        credits_used=credits_used,
        clip=None if row.clip is None else Clip(**row.clip),
        parts=len(row.plan or ("",)),
        partial=tuple(footage) if row.clip is None else (),
        error_code=row.error_code,
        error=row.error,
        detail=row.detail,
        created_at=_moment(row.created_at),
        finished_at=None if row.finished_at is None else _moment(row.finished_at),
    )


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
