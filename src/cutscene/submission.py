"""Having a segment accepted by its provider: at most one paid call for each attempt.

The fence is crossed and committed before the call; whoever loses it never calls. A call
known to have been refused may be made again. One whose answer was lost may have been paid
for, and is not repeated unasked.
"""

from __future__ import annotations

import asyncio
import mimetypes
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

import structlog
from sqlalchemy import Connection, Row

from cutscene import jobs, ledger, limits, segments, storage, transitions
from cutscene.database import Database
from cutscene.domain import Credits, SegmentState, VideoRequest
from cutscene.errors import (
    CancelledError,
    CutsceneError,
    DatabaseAwayError,
    ProviderError,
    SubmissionUnknownError,
)
from cutscene.media import picture
from cutscene.providers import NotSubmitted, Provider
from cutscene.settings import Settings

__all__ = ["Submissions"]

P = ParamSpec("P")
T = TypeVar("T")

_log = structlog.get_logger()


class Submissions:
    """All paid calls of this process. Borrows everything, closes nothing."""

    REFUSALS: Final = 8
    """Calls surely refused before a job gives up."""
    LOST: Final = 3
    """Calls whose answers were lost before nothing is sent unasked any more, whatever the policy."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        store: storage.Store,
        slot_freed: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._database = database
        self._store = store
        self._slot_freed = slot_freed
        self._posts: set[asyncio.Task[NotSubmitted | None]] = set()
        self._closing = False

    async def accepted(self, job: Row[Any], request: VideoRequest, provider: Provider) -> str:
        """The id of the job's segment once the provider has it; raises why it never will."""
        request = await self._with_picture(request)
        refusals = 0
        while True:
            segment = await self._until_postable(job)
            if segment.state != SegmentState.PLANNED:
                return str(segment.id)
            if reason := await self._reason_to_withdraw(job, refusals):
                await self._withdraw(segment.id, reason)
            elif refusal := await self._post(segment.id, provider, request):
                refusals += 1
                await self._back_off(job, segment.id, refusal, refusals)

    async def drain(self) -> None:
        """Wait for the answers to all calls that are being made, and make no more: each is money."""
        self._closing = True
        while self._posts:
            await asyncio.wait(self._posts)

    async def _post(self, segment_id: str, provider: Provider, request: VideoRequest) -> NotSubmitted | None:
        """The paid call, at last. Cancelling the job's task does not cut it in two."""
        if self._closing:
            await asyncio.Event().wait()  # until the engine's stop cancels this run
        post = asyncio.create_task(self._post_and_record(segment_id, provider, request))
        self._posts.add(post)
        post.add_done_callback(self._posts.discard)
        return await asyncio.shield(post)

    async def _post_and_record(
        self, segment_id: str, provider: Provider, request: VideoRequest
    ) -> NotSubmitted | None:
        """Cross the fence, call once, and write down what is known of it, however long that takes."""
        fence = uuid.uuid4().hex
        if not await self._surely(segments.cross_fence, segment_id, fence):
            return None
        try:
            async with asyncio.timeout(self._settings.submit_timeout):
                submitted = await provider.submit(request)
        except NotSubmitted as refusal:
            await self._surely(segments.reopen, segment_id, fence)
            return refusal
        except Exception as error:  # noqa: BLE001 -- whatever it is, the call may have been accepted
            _log.warning("submission_unknown", segment=segment_id, reason=type(error).__name__)
            await self._surely(segments.lose, segment_id, fence)
            return None
        if not await self._surely(segments.record_task, segment_id, fence, submitted.task_id):
            _log.error("task_unclaimed", segment=segment_id, task=submitted.task_id)
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

    async def _back_off(self, job: Row[Any], segment_id: str, refusal: NotSubmitted, refusals: int) -> None:
        """Refused for good: say so. Refused for now: nobody asks that provider for a while."""
        if refusal.retry_after is None:
            await self._withdraw(segment_id, refusal.error)
            return
        seconds = max(refusal.retry_after, min(60.0, 0.25 * 2.0**refusals))
        await self._database.write(limits.pause, limits.Pause(job.provider, seconds, str(refusal)))
        until = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < until and not await self._is_cancelled(job.id):  # noqa: ASYNC110 -- the flag is in the database
            await asyncio.sleep(min(seconds, 1.0))

    async def _reason_to_withdraw(self, job: Row[Any], refusals: int) -> CutsceneError | None:
        if await self._is_cancelled(job.id):
            return CancelledError("The job was cancelled.")
        if refusals >= self.REFUSALS:
            return ProviderError(f"{job.provider} refused {refusals} submissions in a row: try again later.")
        return None

    async def _withdraw(self, segment_id: str, reason: CutsceneError) -> None:
        """Raises the reason, unless another run has begun to post the segment."""
        if await self._database.write(transitions.withdraw, segment_id, reason):
            self._slot_freed()
            raise reason

    async def _until_postable(self, job: Row[Any]) -> Row[Any]:
        """The current segment, once nobody else is posting it and nothing about it is unknown."""
        while True:
            segment = await self._database.read(segments.current, job.id)
            match SegmentState(segment.state):
                case SegmentState.POSTING:
                    await self._watch_other_post(segment)
                case SegmentState.UNKNOWN:
                    await self._resubmit_or_stop(job, segment)
                case _:
                    return segment

    async def _watch_other_post(self, segment: Row[Any]) -> None:
        """Another run crossed the fence: never call, only see what becomes of it."""
        grace = 1.25 * self._settings.submit_timeout
        free = await self._is_free(segment.id)
        if free or await self._database.read(segments.age, segment.id) > grace:
            await self._database.write(segments.lose, segment.id, segment.fence)
        else:
            await asyncio.sleep(0.5)

    async def _resubmit_or_stop(self, job: Row[Any], segment: Row[Any]) -> None:
        """What may have been paid is not sent again unasked; what is free cannot be paid twice."""
        may_pay = self._settings.unknown_submit == "resubmit" or await self._is_free(segment.id)
        if may_pay and segment.attempt < self.LOST:
            await self._database.write(transitions.plan_again, job.id, segment.id)
            return
        raise SubmissionUnknownError(
            f"The answer of {job.provider} to the submission was lost, so it may have been paid for. "
            "Look there, then decide: 'cutscene job retry' submits again, 'cutscene job cancel' lets it go."
        )

    async def _is_free(self, segment_id: str) -> bool:
        return await self._database.read(ledger.open_amount, segment_id) == Credits()

    async def _is_cancelled(self, job_id: str) -> bool:
        return bool((await self._database.read(jobs.read, job_id)).cancel_requested)

    async def _with_picture(self, request: VideoRequest) -> VideoRequest:
        """The request with its stored picture in it, as providers take it."""
        if request.image is None:
            return request
        data = await storage.read_bytes(self._store, request.image)
        media_type = mimetypes.guess_type(request.image)[0] or "image/jpeg"
        return replace(request, image=picture.to_data_uri(data, media_type))
