"""How a job moves on: each function is one transaction over all the rows that change together.

Job, segment, ledger and slot never disagree, and doing a transition twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row

from cutscene import arrivals, budgets, jobs, ledger, limits, segments, tenants
from cutscene.arrivals import Arrival
from cutscene.domain import Credits, Fallback, JobState, SegmentState
from cutscene.errors import CancelledError, ConflictError, CutsceneError, SubmissionUnknownError
from cutscene.ledger import Account, Basis
from cutscene.plan import Offer

__all__ = [
    "begin_post",
    "cancel",
    "change_provider",
    "close_segment",
    "fail",
    "free_slot",
    "give_up",
    "go_on",
    "plan_again",
    "put_back",
    "resubmit",
    "retry",
    "submit",
    "try_again",
    "withdraw",
    "write_off",
]


def submit(
    connection: Connection,
    job: jobs.NewJob,
    estimates: Sequence[Credits],
    account: Account,
    max_active: int,
) -> Row[Any]:
    """Job, holds and place in the queue: all or nothing. Returns the job's row.

    ``estimates``: of each segment. Raises what `arrivals.record` refuses by.
    """
    [outcome] = arrivals.record(connection, [Arrival(job, estimates, account)], max_active)
    if isinstance(outcome, CutsceneError):
        raise outcome
    return outcome.row


def begin_post(connection: Connection, job_id: str, handover: int, segment_id: str, fence: str) -> bool:
    """Cross the fence: only the run that a job was handed over to may, and not once it is cancelled."""
    job = jobs.lock_run(connection, job_id, handover)
    may_post = job is not None and not job.cancel_requested
    return may_post and segments.cross_fence(connection, segment_id, fence)


def put_back(connection: Connection, job_id: str, handover: int, *, after: float = 0.0) -> bool:
    """The provider takes nothing now: the job waits for its turn again, and others have its slot.

    False where its run was replaced, another run is at its paid call, or somebody has cancelled it.
    """
    tenant = _lock_tenant(connection, job_id)
    job = jobs.lock_run(connection, job_id, handover)
    if job is None or job.cancel_requested:
        return False
    if segments.current(connection, job_id).state != SegmentState.PLANNED:
        return False
    _wait_again(connection, job_id, tenant, after)
    return True


def try_again(connection: Connection, job_id: str, handover: int, segment_id: str, *, after: float) -> bool:
    """A generation failed at no cost, and may well succeed in ``after`` seconds: one more attempt.

    Raises `BudgetExceededError` where the budget is smaller by now, or the month another.
    """
    tenant = _lock_tenant(connection, job_id)
    job = jobs.lock_run(connection, job_id, handover)
    if job is None or job.cancel_requested:
        return False
    ledger.close(connection, segment_id, Credits(), Basis.REPORTED)
    planned = plan_again(connection, job_id, after=segment_id, is_retry=True)
    budgets.enforce(connection, tenant, planned)
    _wait_again(connection, job_id, tenant, after)
    return True


def change_provider(
    connection: Connection, job_id: str, handover: int, offer: Offer, reason: Fallback, failed: str | None
) -> bool:
    """Another provider makes the job, unless anything of it was or may have been paid for.

    ``failed``: a segment whose generation ended at no cost. Raises `BudgetExceededError`, and why the
    other provider takes nothing either.
    """
    tenant = _lock_tenant(connection, job_id)
    job = jobs.lock_run(connection, job_id, handover)
    if job is None or job.cancel_requested or ledger.spent(connection, job_id) not in {None, Credits()}:
        return False
    earlier = [segments.lock(connection, segment.id) for segment in segments.latest(connection, job_id)]
    if any(segment.state != SegmentState.PLANNED and segment.id != failed for segment in earlier):
        return False
    if segments.was_sent(connection, job_id, beyond=len(offer.plan)):
        return False
    limits.refuse_if_closed(connection, offer.provider)
    for segment in earlier:
        segments.end(connection, segment.id, SegmentState.FAILED)
        ledger.close(connection, segment.id, Credits(), Basis.REPORTED)
    segments.forget_unsent(connection, job_id, beyond=len(offer.plan))
    jobs.change_provider(connection, job_id, offer.provider, offer.model, offer.plan_as_json, reason)
    planned = _plan_offer(connection, job_id, offer, offer.account(tenant, job_id), earlier)
    budgets.enforce(connection, tenant, planned)
    _wait_again(connection, job_id, tenant, after=0.0)
    return True


def _plan_offer(
    connection: Connection, job_id: str, offer: Offer, account: Account, earlier: Sequence[Row[Any]]
) -> list[str]:
    attempts = {segment.position: segment.attempt for segment in earlier}
    planned = []
    for position, estimate in enumerate(offer.estimates):
        planned.append(segments.plan(connection, job_id, position, attempts.get(position, 0) + 1))
        ledger.hold(connection, planned[-1], estimate, account)
    return planned


def resubmit(connection: Connection, job_id: str, handover: int, segment_id: str) -> None:
    """A lost submission is made once more, by the run that the job was handed over to.

    Not if its answer has come after all. Raises `BudgetExceededError` where twice its cost is too much.
    """
    tenant = _lock_tenant(connection, job_id)
    is_mine = jobs.lock_run(connection, job_id, handover) is not None
    if is_mine and segments.lock(connection, segment_id).state == SegmentState.UNKNOWN:
        budgets.enforce(connection, tenant, plan_again(connection, job_id, after=segment_id))


def go_on(connection: Connection, job_id: str, handover: int) -> bool:
    """Whether that run has all footage. Else its job waits for its turn with the next segment.

    False also where the run was replaced.
    """
    tenant = _lock_tenant(connection, job_id)
    job = jobs.lock_run(connection, job_id, handover)
    if job is None:
        return False
    if segments.current(connection, job_id).footage_key is not None:
        return True
    if job.cancel_requested:
        raise CancelledError("The job was cancelled; its footage is paid for, and kept for a retry.")
    _wait_again(connection, job_id, tenant, after=0.0)
    return False


def free_slot(connection: Connection, job_id: str, handover: int) -> None:
    """Nothing of that run is generated any more."""
    if jobs.lock_run(connection, job_id, handover) is not None:
        _free_slot(connection, job_id)


def _lock_tenant(connection: Connection, job_id: str) -> str:
    tenant = str(jobs.read(connection, job_id).tenant)
    tenants.lock(connection, tenant)
    return tenant


def _start_waiting(connection: Connection, tenant: str, planned: Sequence[str]) -> None:
    """Unless its holds, or one job more in the queue, are more than the tenant may have."""
    budgets.refuse_full_queue(connection, tenant)
    budgets.enforce(connection, tenant, planned)
    tenants.starts_waiting(connection, tenant)


def _wait_again(connection: Connection, job_id: str, tenant: str, after: float) -> None:
    made = [segment.footage_key is not None for segment in segments.latest(connection, job_id)]
    jobs.put_back(connection, job_id, after=after, progress=sum(made) / len(made))
    _free_slot(connection, job_id)
    tenants.starts_waiting(connection, tenant)


def close_segment(
    connection: Connection,
    segment_id: str,
    state: SegmentState,
    charged: Credits | None,
    error: CutsceneError | None = None,
) -> None:
    """A task has ended: its segment's state, its money, its job's slot, and with ``error`` its job.

    Without a word from the provider a success costs its estimate, and the hold of
    anything else stays: a timeout is not a refund.
    """
    job_id = segments.end(connection, segment_id, state)
    if job_id is None:
        return  # somebody else closed it, and the slot may be another run's by now
    held = ledger.open_amount(connection, segment_id)
    if charged is not None:
        ledger.close(connection, segment_id, charged, Basis.REPORTED)
    elif state == SegmentState.SUCCEEDED or held == Credits():
        ledger.close(connection, segment_id, held, Basis.ESTIMATE)
    _free_slot(connection, job_id)
    if error is not None:
        _end_job(connection, job_id, error)


def withdraw(connection: Connection, segment_id: str, error: CutsceneError) -> bool:
    """End a segment that nobody is posting, at no cost, and its job with it."""
    if not _withdraw_alone(connection, segment_id, error):
        return False
    job_id = segments.read(connection, segment_id).job_id
    _free_slot(connection, job_id)
    _end_job(connection, job_id, error)
    return True


def _end_job(connection: Connection, job_id: str, error: CutsceneError) -> None:
    if jobs.fail(connection, job_id, error):
        _withdraw_planned(connection, job_id, error)


def _withdraw_planned(connection: Connection, job_id: str, error: CutsceneError) -> None:
    """What was still to come is not asked for, and its holds are given back."""
    for segment in segments.latest(connection, job_id):
        if segment.state == SegmentState.PLANNED:
            _withdraw_alone(connection, segment.id, error)


def _withdraw_alone(connection: Connection, segment_id: str, error: CutsceneError) -> bool:
    state = SegmentState.CANCELLED if isinstance(error, CancelledError) else SegmentState.FAILED
    if segments.end(connection, segment_id, state, among=[SegmentState.PLANNED]) is None:
        return False
    ledger.close(connection, segment_id, Credits(), Basis.REPORTED)
    return True


def give_up(
    connection: Connection, job_id: str, handover: int, segment_id: str, error: CutsceneError
) -> bool:
    """The same by the run that the job was handed over to."""
    return jobs.lock_run(connection, job_id, handover) is not None and withdraw(connection, segment_id, error)


def plan_again(connection: Connection, job_id: str, after: str, *, is_retry: bool = False) -> list[str]:
    """An attempt after that one, with a hold of its own; what that one may have cost counts as paid.

    Returns its id, unless somebody else has planned one.
    """
    last = segments.current(connection, job_id)
    if last.id != after or last.state == SegmentState.PLANNED:
        return []
    ledger.close(connection, last.id, ledger.open_amount(connection, last.id), Basis.ASSUMED)
    segments.end(connection, last.id, SegmentState.FAILED)
    return [_plan_after(connection, last, is_retry=is_retry)]


def _plan_after(connection: Connection, last: Row[Any], *, is_retry: bool = False) -> str:
    segment_id = segments.plan(connection, last.job_id, last.position, last.attempt + 1, is_retry=is_retry)
    ledger.hold_again(connection, segment_id, like=last.id)
    return segment_id


def fail(connection: Connection, job_id: str, handover: int, error: CutsceneError) -> None:
    """The run of that hand-over ends its job; a run that was replaced ends nothing.

    The slot stays taken only while a lost submission may still be at work.
    """
    if jobs.lock_run(connection, job_id, handover) is None:
        return
    segment = segments.current(connection, job_id)
    state = SegmentState(segment.state)
    if state == SegmentState.POSTING:
        segments.lose(connection, segment.id, segment.fence)
        error = SubmissionUnknownError(str(error))
    _end_job(connection, job_id, error)
    match state:
        case SegmentState.POSTING | SegmentState.UNKNOWN:
            pass
        case _:
            _free_slot(connection, job_id)


def cancel(connection: Connection, tenant: str, job_id: str) -> None:
    """At once while it waits; by a flag that the steps obey while it runs.

    A job that stopped at a lost submission is let go: somebody looked, and it was not paid.
    """
    tenants.lock(connection, tenant)
    job = jobs.get(connection, tenant, job_id)
    segment = segments.lock(connection, segments.current(connection, job_id).id)
    match JobState(job.state):
        case JobState.QUEUED:
            error = CancelledError("The job was cancelled while it waited.")
            jobs.cancel_waiting(connection, job_id, error)
            tenants.stops_waiting(connection, tenant)
            _withdraw_planned(connection, job_id, error)
        case JobState.RUNNING:
            jobs.request_cancel(connection, job_id)
        case JobState.FAILED if segment.state == SegmentState.UNKNOWN:
            close_segment(connection, segment.id, SegmentState.CANCELLED, Credits())
        case state:
            raise ConflictError(f"Job {job_id} is {state} already: there is nothing to cancel.")


def retry(connection: Connection, tenant: str, job_id: str) -> None:
    """Back into the queue, keeping what was paid for.

    Raises `BudgetExceededError` and `RateLimitError` where its tenant may not have it.
    """
    tenants.lock(connection, tenant)
    job = jobs.get(connection, tenant, job_id)
    last = segments.lock(connection, segments.current(connection, job_id).id)
    is_accepted = last.state in _ACCEPTED
    if not jobs.requeue(connection, job_id, is_accepted=is_accepted):
        raise ConflictError(f"Job {job_id} is {job.state}: only failed or cancelled jobs can be retried.")
    _free_slot(connection, job_id)
    planned = [] if is_accepted else plan_again(connection, job_id, after=last.id)
    # What goes on from footage that is made anew is made anew itself.
    keeps = {SegmentState.PLANNED, *(_ACCEPTED if is_accepted else ())}
    for later in segments.latest(connection, job_id)[last.position + 1 :]:
        if later.state not in keeps:
            planned.append(_plan_after(connection, later))
    _start_waiting(connection, tenant, planned)


_ACCEPTED: Final = frozenset({SegmentState.SUCCEEDED, SegmentState.RUNNING})


def write_off(connection: Connection, longest_life: Mapping[str, float]) -> None:
    """What no task can be at work on any more: slots are freed, open holds count as paid.

    Not those of lost submissions: somebody may still find out that they were not.
    ``longest_life``: seconds that a task of each provider lives at the most.
    """
    for provider, seconds in longest_life.items():
        for segment in segments.outlived(connection, provider, seconds):
            if segment.state != SegmentState.UNKNOWN:
                held = ledger.open_amount(connection, segment.id)
                ledger.close(connection, segment.id, held, Basis.ASSUMED)
            if segments.current(connection, segment.job_id).id == segment.id:
                _free_slot(connection, segment.job_id)


def _free_slot(connection: Connection, job_id: str) -> None:
    """Give the job's slot back to its tenant, once."""
    tenant = jobs.give_back_slot(connection, job_id)
    if tenant is not None:
        tenants.slot_freed(connection, tenant)
