"""The life of an admitted job: read `Pipeline.run` first.

Every step may run again after a crash, and in two processes at once: what it finds in our
rows decides what is left to do. Only plain values cross a step.
"""

from __future__ import annotations

import asyncio
import mimetypes
import tempfile
import uuid
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

import aiohttp
import structlog
from dbos import DBOS
from sqlalchemy import Connection, Row

from cutscene import fetch, jobs, ledger, limits, segments, storage, transitions
from cutscene.database import Database
from cutscene.domain import FPS, Clip, Credits, JobState, SegmentState, Stage, VideoRequest
from cutscene.errors import (
    CancelledError,
    CutsceneError,
    DatabaseAwayError,
    ProviderError,
    StorageError,
    SubmissionUnknownError,
    from_code,
)
from cutscene.media import boxes, conform, loop, picture, poster, probe
from cutscene.poller import Poller
from cutscene.providers import (
    Done,
    Failed,
    NotSubmitted,
    Pending,
    Provider,
    Providers,
)
from cutscene.settings import Settings

__all__ = ["Pipeline"]

P = ParamSpec("P")
T = TypeVar("T")

_log = structlog.get_logger()


class Pipeline:
    """Carries jobs through their steps. Borrows everything, closes nothing."""

    ATTEMPTS: Final = 8
    """Submissions surely refused before a job gives up."""
    LOST: Final = 3
    """Submissions whose answers were lost before nothing is sent unasked any more, whatever the policy."""
    FETCHES: Final = 5
    """Downloads that failed before a job gives up; the footage stays paid."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        providers: Providers,
        store: storage.Store,
        session: aiohttp.ClientSession,
        poller: Poller,
        slot_freed: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._database = database
        self._providers = providers
        self._store = store
        self._session = session
        self._poller = poller
        self._slot_freed = slot_freed
        self._posts: set[asyncio.Task[NotSubmitted | None]] = set()
        self._closing = False
        # Not the loop's own threads: the engine needs those for its records.
        self._media_threads = ThreadPoolExecutor(2, thread_name_prefix="media")

    async def run(self, job_id: str, handover: int) -> None:
        """From the gate to a stored clip, or to an error that says why not."""
        try:
            segment_id = await _step(self.submit, job_id)
            await _step(self.wait, job_id, segment_id)
            await _step(self.fetch, job_id, segment_id)
            clip = await _step(self.finish, job_id, segment_id)
            await _step(self.publish, job_id, handover, segment_id, clip)
        except CutsceneError as error:
            await _step(self.fail, job_id, handover, error.code, str(error), error.detail)

    async def submit(self, job_id: str) -> str:
        """Have the current segment accepted by the provider: at most one paid call for each attempt."""
        job, request, provider = await self._load(job_id)
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

    async def wait(self, job_id: str, segment_id: str) -> None:
        """One step for all looks at a task. The tenant's slot is free when the task has ended."""
        segment = await self._database.read(segments.read, segment_id)
        if segment.state == SegmentState.SUCCEEDED:
            return
        if segment.state != SegmentState.RUNNING:
            raise ProviderError("The generation had ended without footage.")
        _, _, provider = await self._load(job_id)
        left = provider.capabilities().timeout - await self._database.read(segments.age, segment_id)
        state = await self._poller.outcome(job_id, provider, segment.task_id, left=left)
        match state:
            case Done(credits=charged):
                await self._close(segment_id, SegmentState.SUCCEEDED, charged)
            case Failed(error=error, credits=charged):
                await self._close(segment_id, _ended_by(error), charged, error)
                raise error

    async def fetch(self, job_id: str, segment_id: str) -> None:
        """Bring the footage into the store before its link expires."""
        segment = await self._database.read(segments.read, segment_id)
        if segment.footage_key is not None:
            return
        job, _, provider = await self._load(job_id)
        await self._obey_cancel(job_id)
        await self._report(job_id, Stage.FINISHING)
        key = storage.segment_key(job.tenant, job.run, segment_id)
        with self._scratch() as folder:
            footage = await self._download(provider, segment.task_id, folder / "footage.mp4")
            await storage.put_file(self._store, key, footage, "video/mp4")
        await self._database.write(segments.keep_footage, segment_id, key)

    async def finish(self, job_id: str, segment_id: str) -> dict[str, Any]:
        """Make the footage exactly what was asked for, measure it, and store it for good."""
        segment = await self._database.read(segments.read, segment_id)
        job, request, _ = await self._load(job_id)
        await self._obey_cancel(job_id)
        await self._report(job_id, Stage.FINISHING)
        with self._scratch() as folder:
            footage, target = folder / "footage.mp4", folder / "clip.mp4"
            await storage.copy_to(self._store, segment.footage_key, footage)
            measured = await self._in_thread(_make_clip, footage, target, request)
            await self._report(job_id, Stage.STORING)
            clip = await self._store_clip(job, target, measured)
        return clip.to_json()

    async def publish(self, job_id: str, handover: int, segment_id: str, clip: dict[str, Any]) -> None:
        """Record the result; the raw footage has served."""
        await self._database.write(jobs.finish, job_id, handover, Clip(**clip))
        if (await self._database.read(jobs.read, job_id)).state != JobState.DONE:
            return  # another run does it, and needs the footage
        segment = await self._database.read(segments.read, segment_id)
        try:
            await self._store.delete(segment.footage_key)
        except StorageError as error:
            _log.warning("footage_left", job=job_id, key=segment.footage_key, reason=str(error))
        _log.info("job_done", job=job_id, clip=clip["key"])

    async def fail(self, job_id: str, handover: int, code: str, message: str, detail: str | None) -> None:
        """Record why the job ended without a clip."""
        _log.warning("job_failed", job=job_id, code=code, reason=message, detail=detail)
        await self._database.write(transitions.fail, job_id, handover, from_code(code, message, detail))
        self._slot_freed()

    async def drain(self) -> None:
        """Wait for the answers to all calls that are being made, and make no more: each is money."""
        self._closing = True
        while self._posts:
            await asyncio.wait(self._posts)
        self._media_threads.shutdown(wait=False, cancel_futures=True)

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
        if refusals >= self.ATTEMPTS:
            return ProviderError(f"{job.provider} refused {refusals} submissions in a row: try again later.")
        return None

    async def _withdraw(self, segment_id: str, reason: CutsceneError) -> None:
        """Raises the reason, unless another run has begun to post the segment."""
        if await self._database.write(transitions.withdraw, segment_id, reason):
            self._slot_freed()
            raise reason

    async def _obey_cancel(self, job_id: str) -> None:
        if await self._is_cancelled(job_id):
            raise CancelledError("The job was cancelled; its footage is paid for, and kept for a retry.")

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

    async def _download(self, provider: Provider, task_id: str, target: Path) -> Path:
        """Fetch and check; a link that expired is refreshed by polling again."""
        reason = "it has no footage"
        for attempt in range(self.FETCHES):
            await asyncio.sleep(0.0 if attempt == 0 else 0.5 * 2.0**attempt)
            try:
                state = await provider.poll(task_id)
                if isinstance(state, Pending | Failed) or not state.urls:
                    continue
                root = provider.capabilities().file_root
                await fetch.fetch(state.urls[0], target, session=self._session, file_root=root)
                await self._in_thread(probe.probe, target)
            except (fetch.FetchError, fetch.LinkExpired, boxes.UnplayableVideo, CutsceneError) as error:
                reason = str(error)
                _log.warning("fetch_failed", task=task_id, reason=reason)
            else:
                return target
        raise ProviderError(
            f"The finished footage could not be fetched from {provider.id}: {reason} "
            "It is paid for: 'cutscene job retry' fetches it again without paying."
        )

    async def _store_clip(self, job: Row[Any], file: Path, measured: _Measured) -> Clip:
        facts, seam = measured.facts, measured.seam
        key = storage.clip_key(job.tenant, job.run, facts.sha256)
        poster_key = storage.poster_key(job.tenant, job.run, facts.sha256, ".jpg")
        await storage.put_file(self._store, key, file, "video/mp4")
        await storage.put_bytes(self._store, poster_key, measured.poster, "image/jpeg")
        return Clip(
            key=key,
            video_url=await self._store.url(key, expires_in=None),
            poster_key=poster_key,
            poster_url=await self._store.url(poster_key, expires_in=None),
            width=facts.width,
            height=facts.height,
            fps=facts.fps,
            codec=facts.codec,
            frames=facts.frames,
            duration_ms=facts.duration_ms,
            bytes=facts.bytes,
            sha256=facts.sha256,
            loop_seam=round(seam.score, 1),
            is_loopable=seam.seamless,
        )

    async def _load(self, job_id: str) -> tuple[Row[Any], VideoRequest, Provider]:
        job = await self._database.read(jobs.read, job_id)
        return job, VideoRequest.from_json(job.request), await self._providers.get("video", job.provider)

    async def _with_picture(self, request: VideoRequest) -> VideoRequest:
        """The request with its stored picture in it, as providers take it."""
        if request.image is None:
            return request
        data = await storage.read_bytes(self._store, request.image)
        media_type = mimetypes.guess_type(request.image)[0] or "image/jpeg"
        return replace(request, image=picture.to_data_uri(data, media_type))

    async def _close(
        self,
        segment_id: str,
        state: SegmentState,
        charged: Credits | None,
        error: CutsceneError | None = None,
    ) -> None:
        await self._database.write(transitions.close_segment, segment_id, state, charged, error)
        self._slot_freed()

    async def _in_thread(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        call = partial(work, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._media_threads, call)

    async def _report(self, job_id: str, stage: Stage) -> None:
        await self._database.write(jobs.report, job_id, stage)

    @contextmanager
    def _scratch(self) -> Iterator[Path]:
        self._settings.scratch.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._settings.scratch) as folder:
            yield Path(folder)


async def _step(work: Callable[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run once, unless its result was recorded before a crash. Only our own errors leave it."""

    async def step() -> T:
        while True:
            try:
                return await work(*args, **kwargs)
            except DatabaseAwayError as error:
                _log.warning("step_waits", step=work.__name__, reason=str(error))
                await asyncio.sleep(1)
            except CutsceneError:
                raise
            except Exception as error:
                _log.exception("step_broke", step=work.__name__)
                sentence = "Something unexpected broke; the log has the trace. Try: cutscene job retry."
                raise ProviderError(sentence).with_detail(f"INTERNAL {type(error).__name__}") from error

    return await DBOS.run_step_async({"name": work.__name__}, step)


@dataclass(frozen=True, slots=True)
class _Measured:
    facts: probe.Facts
    seam: loop.Seam
    poster: bytes


def _ended_by(error: CutsceneError) -> SegmentState:
    return SegmentState.CANCELLED if isinstance(error, CancelledError) else SegmentState.FAILED


def _make_clip(footage: Path, target: Path, request: VideoRequest) -> _Measured:
    """Exactly the asked size and length, then measured: what is returned is never echoed."""
    width, height = request.aspect.size
    try:
        facts = probe.probe(footage)
        conform.conform(
            footage, target, width=width, height=height, frames=request.frames, fps=FPS, facts=facts
        )
    except boxes.UnplayableVideo as error:
        raise ProviderError(f"The provider's footage cannot be used. {error}") from error
    if probe.sha256(target) != facts.sha256:  # the same bytes are the same facts
        facts = probe.probe(target)
    return _Measured(facts, loop.measure_seam(target), poster.draw_poster(target))
