"""Having a segment accepted by its provider: at most one paid call for each attempt.

The fence is crossed and committed before the call; whoever loses it never calls. A call
known to have been refused may be made again. One whose answer was lost may have been paid
for, and is not repeated unasked.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

import structlog
from sqlalchemy import Connection, Row

from cutscene import jobs, ledger, limits, segments, sources, storage, transitions
from cutscene.database import Database
from cutscene.domain import Credits, SegmentState, VideoRequest
from cutscene.errors import (
    BudgetExceededError,
    CancelledError,
    CutsceneError,
    DatabaseAwayError,
    ProviderError,
    StorageError,
    SubmissionUnknownError,
)
from cutscene.fallback import Understudy
from cutscene.media.workbench import Workbench
from cutscene.plan import plan_of
from cutscene.providers import NotSubmitted, Provider, SubmissionUnknown
from cutscene.settings import Settings

__all__ = ["VANISHED", "Submissions"]

VANISHED: Final = (
    "Footage that was paid for has vanished from the store: "
    "'cutscene job retry' fetches it from the provider once more."
)

P = ParamSpec("P")
T = TypeVar("T")

_log = structlog.get_logger()


class Submissions:
    """All paid calls of this process. Borrows everything, closes nothing."""

    PREPARE: Final = 600.0
    """Seconds that a provider has for what it does before the paid call."""
    LOST: Final = 3
    """Attempts after which nothing whose answer was lost is sent again unasked, whatever the policy."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        store: storage.Store,
        workbench: Workbench,
        understudy: Understudy,
        slot_freed: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._database = database
        self._store = store
        self._workbench = workbench
        self._understudy = understudy
        self._slot_freed = slot_freed
        self._posts: set[asyncio.Task[NotSubmitted | None]] = set()
        self._closing = False
        self._hurried = asyncio.Event()

    async def accepted(
        self, job: Row[Any], handover: int, request: VideoRequest, provider: Provider
    ) -> str | None:
        """The id of the job's segment once the provider has it; raises why it never will.

        None where this run is over: its job waits for its turn again, or belongs to another run.
        """
        prepared: VideoRequest | None = None
        while (segment := await self._until_postable(job, handover)) is not None:
            if segment.state != SegmentState.PLANNED:
                return str(segment.id)
            if (await self._database.read(jobs.read, job.id)).cancel_requested:
                await self._withdraw(job.id, handover, segment.id, CancelledError("The job was cancelled."))
                continue
            if pause := await self._database.read(limits.pause_of, job.provider):
                if not pause.is_long:
                    await self._put_back(job.id, handover)
                elif not await self._understudy.steps_in(job, handover, pause.error):
                    await self._put_back(job.id, handover, after=limits.LONG / 2)
                continue
            try:
                prepared = prepared or await self._prepare(provider, job, request, segment)
            except NotSubmitted as unprepared:
                await self._give_way(job, handover, segment, unprepared, provider, is_call=False)
                continue
            if refusal := await self._post(job.id, handover, segment.id, provider, prepared):
                await self._give_way(job, handover, segment, refusal, provider)
        return None

    async def _prepare(
        self, provider: Provider, job: Row[Any], request: VideoRequest, segment: Row[Any]
    ) -> VideoRequest:
        try:
            async with asyncio.timeout(self.PREPARE):
                return await provider.prepare(await self._asked(provider, job, request, segment))
        except TimeoutError:
            slow = ProviderError(f"What {provider.id} needs beforehand took more than {self.PREPARE:g} s.")
            raise NotSubmitted(slow, retry_after=1.0) from None

    async def _asked(
        self, provider: Provider, job: Row[Any], request: VideoRequest, segment: Row[Any]
    ) -> VideoRequest:
        """What the provider is asked for in this segment."""
        before = await self._footage_before(job.id, segment.position)
        return await sources.read(
            self._store,
            self._workbench,
            request,
            provider.check(replace(request, model=job.model)),
            plan_of(job),
            segment.position,
            before=before,
            scratch=self._settings.scratch,
        )

    async def _footage_before(self, job_id: str, position: int) -> str | None:
        if position == 0:
            return None
        segment = (await self._database.read(segments.latest, job_id))[position - 1]
        if await self._store.stat(segment.footage_key) is None:
            await self._database.write(segments.lose_footage, segment.id, segment.footage_key)
            raise StorageError(VANISHED)
        return str(segment.footage_key)

    async def drain(self, seconds: float) -> int:
        """Wait for the answers to all calls that are being made, and make no more: each is money.

        Returns how many had not come in time. What they say is lost then, though never paid for twice.
        """
        self._closing = True
        waiting = [asyncio.create_task(self._hurried.wait()), asyncio.create_task(self._answers())]
        await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        unanswered = list(self._posts)
        for task in (*waiting, *unanswered):
            task.cancel()
        await asyncio.gather(*waiting, *unanswered, return_exceptions=True)
        return len(unanswered)

    async def _answers(self) -> None:
        while self._posts:
            await asyncio.wait(self._posts)

    def hurry(self) -> None:
        """Wait for no answer, now or later."""
        self._hurried.set()

    async def _post(
        self, job_id: str, handover: int, segment_id: str, provider: Provider, request: VideoRequest
    ) -> NotSubmitted | None:
        """The paid call, at last. Cancelling the job's task does not cut it in two."""
        if self._closing:
            await asyncio.Event().wait()  # until the engine's stop cancels this run
        post = asyncio.create_task(self._post_and_record(job_id, handover, segment_id, provider, request))
        self._posts.add(post)
        post.add_done_callback(self._posts.discard)
        return await asyncio.shield(post)

    async def _post_and_record(
        self, job_id: str, handover: int, segment_id: str, provider: Provider, request: VideoRequest
    ) -> NotSubmitted | None:
        """Cross the fence, call once, and write down what is known of it, however long that takes."""
        fence, begun = uuid.uuid4().hex, time.monotonic()
        if not await self._surely(transitions.begin_post, job_id, handover, segment_id, fence):
            # It may have crossed the fence in a commit whose answer was lost, and been refused since.
            await self._surely(segments.reopen, segment_id, fence)
            return None
        if time.monotonic() - begun > self._settings.submit_timeout:  # something stood still
            _log.warning("submission_not_begun", segment=segment_id)
            await self._surely(segments.reopen, segment_id, fence)  # unless others have given it up by now
            return None
        try:
            async with asyncio.timeout(self._settings.submit_timeout):
                submitted = await provider.submit(request)
        except NotSubmitted as refusal:
            await self._surely(segments.reopen, segment_id, fence)
            return refusal
        except Exception as error:  # noqa: BLE001 -- whatever it is, the call may have been accepted
            # A provider's own words are made for the log; others' exceptions may hold a key or a link.
            reason = str(error) if isinstance(error, SubmissionUnknown) else type(error).__name__
            _log.warning("submission_unknown", segment=segment_id, reason=reason)
            await self._surely(segments.lose, segment_id, fence)
            return None
        try:
            is_recorded = await self._surely(segments.record_task, segment_id, fence, submitted.task_id)
        except asyncio.CancelledError:
            _log.error("task_not_recorded", segment=segment_id, task=submitted.task_id)
            raise
        if not is_recorded:
            _log.error("task_unclaimed", segment=segment_id, task=submitted.task_id)
        held = await self._database.read(ledger.open_amount, segment_id)
        if submitted.estimate is not None and submitted.estimate > held:  # a price has risen
            _log.warning("estimate_exceeds_hold", segment=segment_id, estimate=str(submitted.estimate))
        return None

    async def _surely(
        self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """A write that must not be given up, since only this process knows what it says."""
        while True:
            try:
                return await self._database.write(work, *args, **kwargs)
            except DatabaseAwayError as error:
                _log.error("not_recorded_yet", what=work.__name__, reason=str(error))
                await asyncio.sleep(1)

    async def _give_way(
        self,
        job: Row[Any],
        handover: int,
        segment: Row[Any],
        refusal: NotSubmitted,
        provider: Provider,
        *,
        is_call: bool = True,
    ) -> None:
        """Refused for good: say so. Refused for now: the job waits, and nobody asks there for a while.

        What was refused for now before the paid call concerns that job alone.
        """
        lost_patience = segment.refused_for > provider.capabilities().timeout and not refusal.passes
        if refusal.closed_for:
            await self._close(job, handover, segment.id, refusal)
        elif refusal.retry_after is None:
            await self._withdraw(job.id, handover, segment.id, refusal.error)
        elif lost_patience:
            if not await self._understudy.steps_in(job, handover, refusal.error):
                await self._withdraw(job.id, handover, segment.id, refusal.error)
        else:
            seconds = max(refusal.retry_after, min(60.0, 0.5 * 2.0 ** min(segment.refusals, 10)))
            if not refusal.passes:
                await self._database.write(segments.count_refusal, segment.id, seconds)
            if is_call:
                await self._pause(job.provider, seconds, refusal.error)
            # A long pause holds it as it holds all others, so that somebody may step in.
            is_held = is_call and seconds > limits.LONG
            await self._put_back(job.id, handover, after=0.0 if is_held else seconds)

    async def _close(self, job: Row[Any], handover: int, segment_id: str, refusal: NotSubmitted) -> None:
        """The account is refused whatever it asks. Who finds out fails, the others wait."""
        error = refusal.error
        pause = limits.Pause(job.provider, refusal.closed_for, str(error), error.code, refuses_jobs=True)
        if await self._database.write(limits.close, pause):
            _log.warning("provider_closed", provider=job.provider, code=error.code, reason=str(error))
            if not await self._understudy.steps_in(job, handover, error):
                await self._withdraw(job.id, handover, segment_id, error)
        else:
            await self._put_back(job.id, handover)

    async def _pause(self, provider: str, seconds: float, error: CutsceneError) -> None:
        _log.warning(
            "provider_paused", provider=provider, seconds=seconds, code=error.code, reason=str(error)
        )
        await self._database.write(limits.pause, limits.Pause(provider, seconds, str(error), error.code))

    async def _put_back(self, job_id: str, handover: int, *, after: float = 0.0) -> None:
        await self._database.write(transitions.put_back, job_id, handover, after=after)
        self._slot_freed()

    async def _withdraw(self, job_id: str, handover: int, segment_id: str, reason: CutsceneError) -> None:
        """Raises the reason, unless another run has the job or has begun to post the segment."""
        if await self._database.write(transitions.give_up, job_id, handover, segment_id, reason):
            self._slot_freed()
            raise reason

    async def _until_postable(self, job: Row[Any], handover: int) -> Row[Any] | None:
        """The current segment, once nobody else is posting it and nothing about it is unknown.

        None where the job is no longer this run's.
        """
        while await self._database.read(jobs.is_run, job.id, handover):
            segment = await self._database.read(segments.current, job.id)
            match SegmentState(segment.state):
                case SegmentState.POSTING:
                    await self._watch_other_post(segment)
                case SegmentState.UNKNOWN:
                    await self._resubmit_or_stop(job, handover, segment)
                case _:
                    return segment
        return None

    async def _watch_other_post(self, segment: Row[Any]) -> None:
        """Another run crossed the fence: never call, only see what becomes of it."""
        grace = 1.25 * self._settings.submit_timeout
        free = await self._is_free(segment.id)
        if free or await self._database.read(segments.age, segment.id) > grace:
            await self._database.write(segments.lose, segment.id, segment.fence)
        else:
            await asyncio.sleep(0.5)

    async def _resubmit_or_stop(self, job: Row[Any], handover: int, segment: Row[Any]) -> None:
        """What may have been paid is not sent again unasked; what is free cannot be paid twice."""
        may_pay = self._settings.unknown_submit == "resubmit" or await self._is_free(segment.id)
        if may_pay and segment.attempt < self.LOST and await self._resubmit(job.id, handover, segment.id):
            return
        raise SubmissionUnknownError(
            f"The answer of {job.provider} to the submission was lost, so it may have been paid for. "
            "Look there, then decide: 'cutscene job retry' submits again, 'cutscene job cancel' lets it go."
        )

    async def _resubmit(self, job_id: str, handover: int, segment_id: str) -> bool:
        try:
            await self._database.write(transitions.resubmit, job_id, handover, segment_id)
        except BudgetExceededError as refusal:
            _log.warning("submission_not_made_again", job=job_id, reason=str(refusal))
            return False
        return True

    async def _is_free(self, segment_id: str) -> bool:
        return await self._database.read(ledger.open_amount, segment_id) == Credits()
