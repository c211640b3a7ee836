"""How a job moves on: each function is one transaction over all the rows that change together.

Job, segment, ledger and slot never disagree, and doing a transition twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row

from cutscene import jobs, ledger, segments, tenants
from cutscene.domain import Credits, JobState, SegmentState
from cutscene.errors import CancelledError, ConflictError, CutsceneError
from cutscene.ledger import Account, Basis

__all__ = ["cancel", "close_segment", "fail", "free_stale_slots", "plan_again", "retry", "submit"]


def submit(
    connection: Connection, job: jobs.NewJob, estimate: Credits, account: Account, max_active: int
) -> Row[Any]:
    """Job, hold and place in the queue: all three or nothing. Returns the job's row."""
    if jobs.insert(connection, job):
        segment_id = segments.plan(connection, job.id, position=0, attempt=1)
        ledger.hold(connection, segment_id, estimate, account)
        tenants.starts_waiting(connection, job.tenant, max_active)
        return jobs.read(connection, job.id)
    assert job.idempotency_key is not None
    earlier = jobs.find(connection, job.tenant, job.idempotency_key)
    assert earlier is not None
    if (earlier.request, earlier.provider) != (job.request.to_json(), job.provider):
        raise ConflictError(
            f"The idempotency key {job.idempotency_key!r} belongs to another request (job {earlier.id}): "
            "use a new key, or send the same request."
        )
    return earlier


def close_segment(
    connection: Connection,
    segment_id: str,
    state: SegmentState,
    charged: Credits | None,
    error: CutsceneError | None = None,
) -> None:
    """A segment has ended: its state, its money, its job's slot, and with ``error`` its job.

    Without a word from the provider a success costs its estimate, and the hold of
    anything else stays: a timeout is not a refund.
    """
    if not segments.end(connection, segment_id, state):
        return  # somebody else closed it, and the slot may be another run's by now
    held = ledger.open_amount(connection, segment_id)
    if charged is not None:
        ledger.close(connection, segment_id, charged, Basis.REPORTED)
    elif state == SegmentState.SUCCEEDED or held == Credits():
        ledger.close(connection, segment_id, held, Basis.ESTIMATE)
    job_id = segments.read(connection, segment_id).job_id
    _free_slot(connection, job_id)
    if error is not None:
        jobs.fail(connection, job_id, error)


def plan_again(connection: Connection, job_id: str) -> None:
    """A further attempt with a hold of its own; what the last one may have cost counts as paid."""
    last = segments.current(connection, job_id)
    if last.state == SegmentState.PLANNED:
        return
    ledger.close(connection, last.id, ledger.open_amount(connection, last.id), Basis.ASSUMED)
    segments.end(connection, last.id, SegmentState.FAILED)
    segment_id = segments.plan(connection, job_id, last.position, last.attempt + 1)
    ledger.hold_again(connection, segment_id, like=last.id)


def fail(connection: Connection, job_id: str, handover: int, error: CutsceneError) -> None:
    """The run of that hand-over ends its job; a run that was replaced ends nothing.

    The slot stays taken only while a lost submission may still be at work.
    """
    if not jobs.fail(connection, job_id, error, handover):
        return
    segment = segments.current(connection, job_id)
    match SegmentState(segment.state):
        case SegmentState.PLANNED:
            close_segment(connection, segment.id, SegmentState.FAILED, Credits())
        case SegmentState.POSTING | SegmentState.UNKNOWN:
            pass
        case _:
            _free_slot(connection, job_id)


def cancel(connection: Connection, tenant: str, job_id: str) -> None:
    """At once while it waits; by a flag that the steps obey while it runs.

    A job that stopped at a lost submission is let go: somebody looked, and it was not paid.
    """
    job = jobs.get(connection, tenant, job_id)
    segment = segments.current(connection, job_id)
    lost = segment.state == SegmentState.UNKNOWN
    match JobState(job.state):
        case JobState.QUEUED:
            tenants.stops_waiting(connection, tenant)
            jobs.fail(connection, job_id, CancelledError("The job was cancelled while it waited."))
            if segment.state == SegmentState.PLANNED:
                close_segment(connection, segment.id, SegmentState.CANCELLED, Credits())
        case JobState.RUNNING:
            jobs.request_cancel(connection, job_id)
        case JobState.FAILED if lost:
            close_segment(connection, segment.id, SegmentState.CANCELLED, Credits())
        case state:
            raise ConflictError(f"Job {job_id} is {state} already: there is nothing to cancel.")


def retry(connection: Connection, tenant: str, job_id: str, max_active: int) -> None:
    """Back into the queue, keeping what was paid for."""
    job = jobs.get(connection, tenant, job_id)
    if job.state not in {JobState.FAILED, JobState.CANCELLED}:
        raise ConflictError(f"Job {job_id} is {job.state}: only failed or cancelled jobs can be retried.")
    _free_slot(connection, job_id)
    if segments.current(connection, job_id).state not in {SegmentState.SUCCEEDED, SegmentState.RUNNING}:
        plan_again(connection, job_id)
    jobs.requeue(connection, job_id)
    tenants.starts_waiting(connection, tenant, max_active)


def free_stale_slots(connection: Connection, longest_life: Mapping[str, float]) -> None:
    """Slots of lost submissions, once no task can be at work any more; seconds, by provider."""
    for provider, seconds in longest_life.items():
        for job_id in segments.lost_for(connection, provider, seconds):
            _free_slot(connection, job_id)


def _free_slot(connection: Connection, job_id: str) -> None:
    """Give the job's slot back to its tenant, once."""
    tenant = jobs.give_back_slot(connection, job_id)
    if tenant is not None:
        tenants.slot_freed(connection, tenant)
