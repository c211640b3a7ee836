"""The life of an admitted job: read `Pipeline.run` first.

Every step may run again after a crash, and in two processes at once: what it finds in our
rows decides what is left to do. Only plain values cross a step.
"""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
import structlog
from sqlalchemy import Row

from cutscene import fetch, jobs, segments, sources, storage, transitions
from cutscene.database import Database
from cutscene.domain import Clip, Credits, JobState, SegmentState, Stage, VideoRequest
from cutscene.errors import (
    BudgetExceededError,
    CancelledError,
    CutsceneError,
    NotFoundError,
    ProviderError,
    StorageError,
    from_code,
)
from cutscene.fallback import Understudy
from cutscene.fetch import Fetched
from cutscene.media import recipe
from cutscene.media.boxes import UnplayableVideo
from cutscene.media.probe import probe
from cutscene.media.workbench import Workbench
from cutscene.plan import PlannedSegment, Start, plan_of
from cutscene.poller import Poller
from cutscene.providers import (
    Done,
    Failed,
    Gone,
    Provider,
    Providers,
)
from cutscene.settings import Settings
from cutscene.specs import Container
from cutscene.steps import step
from cutscene.submission import VANISHED, Submissions

__all__ = ["Pipeline", "Sessions"]

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Sessions:
    """Where footage may be fetched from."""

    public: aiohttp.ClientSession
    private: aiohttp.ClientSession
    """Also from addresses that are not public: for providers that have such an address themselves."""


class Pipeline:
    """Carries jobs through their steps. Borrows everything, closes nothing."""

    FETCHES: Final = 5
    """Downloads that failed before a job gives up; the footage stays paid."""
    BEGINNINGS: Final = 128
    """Jobs on their way to their wait at once: those that begin by the thousand take no room until then."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        providers: Providers,
        store: storage.Store,
        workbench: Workbench,
        sessions: Sessions,
        poller: Poller,
        submissions: Submissions,
        understudy: Understudy,
        slot_freed: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._database = database
        self._providers = providers
        self._store = store
        self._workbench = workbench
        self._sessions = sessions
        self._poller = poller
        self._submissions = submissions
        self._understudy = understudy
        self._slot_freed = slot_freed
        self._beginnings = asyncio.Semaphore(self.BEGINNINGS)

    async def run(self, job_id: str, handover: int) -> None:
        """From the gate to a stored clip, or to an error that says why not."""
        try:
            segment_id = await step(self.submit, job_id, handover)
            if segment_id is None or not await step(self.wait, job_id, handover, segment_id):
                return  # the job waits for its turn again, or belongs to another run
            reached = await step(self.fetch, job_id, segment_id)
            if not await step(self.go_on, job_id, handover):
                return  # the next segment waits for its turn
            clip = await step(self.finish, job_id, reached)
            await step(self.publish, job_id, handover, clip)
        except CutsceneError as error:
            await step(self.fail, job_id, handover, error.code, str(error), error.detail)

    async def submit(self, job_id: str, handover: int) -> str | None:
        """Have the current segment accepted by the provider: at most one paid call for each attempt."""
        async with self._beginnings:
            job, request, provider = await self._load(job_id)
            return await self._submissions.accepted(job, handover, request, provider)

    async def wait(self, job_id: str, handover: int, segment_id: str) -> bool:
        """All looks at a task; thousands wait here, in little memory.

        Whether there is footage now; if not, and nothing is raised, another run makes one more attempt.
        The tenant's slot is free when the task has ended.
        """
        async with self._beginnings:
            begun = await self._begin_to_wait(job_id, handover, segment_id)
        if isinstance(begun, bool):
            return begun
        is_retry, outcome = begun
        state = await outcome
        match state:
            case Done(credits=charged):
                await self._close(segment_id, SegmentState.SUCCEEDED, charged)
                return True
            case Failed(retry_after=float(pause), credits=Credits(milli=0)) if not is_retry and (
                await self._try_again(job_id, handover, segment_id, state, pause)
            ):
                return False
            case Failed(retry_after=float(), credits=Credits(milli=0), error=error) if (
                await self._understudy.steps_in(
                    await self._database.read(jobs.read, job_id), handover, error, failed=segment_id
                )
            ):
                return False
            case Failed(error=error, credits=charged):
                await self._close(segment_id, _ended_by(error), charged, error)
                raise error

    async def _begin_to_wait(
        self, job_id: str, handover: int, segment_id: str
    ) -> bool | tuple[bool, Coroutine[Any, Any, Done | Failed]]:
        """Whether there is footage, if that is known; else whether it is a retry, and what to wait for.

        Rows are large: of thousands that wait nobody keeps one.
        """
        segment = await self._database.read(segments.read, segment_id)
        if segment.state == SegmentState.SUCCEEDED:
            await self._database.write(transitions.free_slot, job_id, handover)
            self._slot_freed()
            return True
        if not await self._database.read(jobs.is_run, job_id, handover):
            return False
        if segment.state != SegmentState.RUNNING:
            return True  # its footage was given up: `fetch` says so, as it did before a crash
        job, request, provider = await self._load(job_id)
        age = await self._database.read(segments.age, segment_id)
        plan = plan_of(job)
        return segment.is_retry, self._poller.outcome(
            job_id,
            provider,
            segment.task_id,
            age=age,
            share=(segment.position, len(plan)),
            kind=_kind(job.model, request, plan[segment.position]),
        )

    async def fetch(self, job_id: str, segment_id: str) -> dict[str, float] | None:
        """Bring the footage into the store before its link expires.

        When that began and ended, in seconds after the paid call; None where it was there already.
        """
        segment = await self._database.read(segments.read, segment_id)
        if segment.footage_key is not None:
            return None
        generated = await self._database.read(segments.age, segment_id)
        job, _, provider = await self._load(job_id)
        await self._obey_cancel(job_id)
        await self._report(job_id, Stage.FINISHING)
        key = storage.segment_key(job.tenant, job.run, segment_id)
        with self._scratch() as folder:
            footage = folder / "footage.mp4"
            fetched = await self._download(provider, segment, footage)
            await storage.put_file(self._store, key, footage, "video/mp4", sha256=fetched.sha256)
        await self._database.write(segments.keep_footage, segment_id, key)
        return {"generated": generated, "fetched": await self._database.read(segments.age, segment_id)}

    async def go_on(self, job_id: str, handover: int) -> bool:
        """Whether all footage is there; if not, the job waits for its turn with the next segment."""
        await self._obey_cancel(job_id)
        is_complete = await self._database.write(transitions.go_on, job_id, handover)
        if not is_complete:
            self._slot_freed()
        return is_complete

    async def finish(self, job_id: str, reached: Mapping[str, float] | None) -> dict[str, Any]:
        """Make the footage exactly what was asked for, measure it, and store it for good."""
        job, request, _ = await self._load(job_id)
        await self._obey_cancel(job_id)
        await self._report(job_id, Stage.FINISHING)
        with self._scratch() as folder:
            target = folder / f"clip.{request.specs.container}"
            pieces = await self._pieces(job, request, folder)
            request = await sources.with_font_files(self._store, request, folder)
            pictures = await sources.read_overlays(self._store, request)
            made = await self._make_clip(pieces, target, recipe.Recipe.of(request, pictures))
            await self._report(job_id, Stage.STORING)
            last = await self._database.read(segments.current, job_id)
            reached = {**(reached or {}), "made": await self._database.read(segments.age, last.id)}
            clip = await self._store_clip(job, target, made, reached)
        return clip.to_json()

    async def publish(self, job_id: str, handover: int, clip: dict[str, Any]) -> None:
        """Record the result; the raw footage has served."""
        await self._database.write(jobs.finish, job_id, handover, Clip(**clip))
        if (await self._database.read(jobs.read, job_id)).state != JobState.DONE:
            return  # another run does it, and needs the footage
        for segment in await self._database.read(segments.latest, job_id):
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

    async def _obey_cancel(self, job_id: str) -> None:
        if (await self._database.read(jobs.read, job_id)).cancel_requested:
            raise CancelledError("The job was cancelled; its footage is paid for, and kept for a retry.")

    async def _download(self, provider: Provider, segment: Row[Any], target: Path) -> Fetched:
        """Fetch and check; a link that expired is refreshed by polling again."""
        reason, state = "it has no footage", None
        for attempt in range(self.FETCHES):
            await asyncio.sleep(0.0 if attempt == 0 else 0.5 * 2.0**attempt)
            try:
                state = await provider.poll(segment.task_id)
                if isinstance(state, Failed):
                    break
                if not isinstance(state, Done) or not state.urls:
                    continue
                able = provider.capabilities()
                session = self._sessions.private if able.private_links else self._sessions.public
                fetched = await fetch.fetch(
                    state.urls[0],
                    target,
                    session=session,
                    file_root=able.file_root,
                    headers=state.headers,
                )
                limits = self._workbench.limits
                await self._workbench.run(probe, target, limits, seconds=limits.decode_seconds)
            except (fetch.FetchError, fetch.LinkExpired, UnplayableVideo, CutsceneError) as error:
                reason = str(error)
                _log.warning("fetch_failed", task=segment.task_id, reason=reason)
            else:
                return fetched
        if isinstance(state, Failed) or (
            isinstance(state, Gone) and await self._poller.is_gone(provider, segment.task_id)
        ):
            await self._database.write(segments.give_up_footage, segment.id)
            raise ProviderError(
                f"{provider.id} has not kept the finished footage: "
                "'cutscene job retry' has it made again, and pays for it again."
            )
        raise ProviderError(
            f"The finished footage could not be fetched from {provider.id}: {reason} "
            "It is paid for: 'cutscene job retry' fetches it again without paying."
        )

    async def _pieces(self, job: Row[Any], request: VideoRequest, folder: Path) -> list[recipe.Piece]:
        """All footage of a job as local files, what it goes on from in front."""
        pieces, plan = [], plan_of(job)
        if request.extend and request.video is not None:
            given = await storage.copy_to(self._store, request.video, folder / "given.mp4")
            pieces.append(recipe.Piece(path=given))
        for segment in await self._database.read(segments.latest, job.id):
            path = folder / f"footage-{segment.position}.mp4"
            await self._copy_footage(segment, path)
            repeats = plan[segment.position].start is not Start.REQUEST
            pieces.append(recipe.Piece(path=path, repeats=repeats))
        return pieces

    async def _copy_footage(self, segment: Row[Any], path: Path) -> None:
        try:
            await storage.copy_to(self._store, segment.footage_key, path)
        except NotFoundError as error:
            await self._database.write(segments.lose_footage, segment.id, segment.footage_key)
            raise StorageError(VANISHED) from error

    async def _store_clip(
        self, job: Row[Any], file: Path, made: recipe.Made, reached: Mapping[str, float]
    ) -> Clip:
        facts, seam = made.facts, made.seam
        container = Container(file.suffix[1:])
        key = storage.clip_key(job.tenant, job.run, facts.sha256, container)
        poster_key = storage.poster_key(job.tenant, job.run, facts.sha256, ".jpg")
        await storage.put_file(self._store, key, file, container.media_type, sha256=facts.sha256)
        await storage.put_bytes(self._store, poster_key, made.poster, "image/jpeg")
        return Clip(
            key=key,
            video_url=self._store.uri(key),
            poster_key=poster_key,
            poster_url=self._store.uri(poster_key),
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
            format=container,
            loop=made.loop,
            poster_sha256=hashlib.sha256(made.poster).hexdigest(),
            reached=reached,
        )

    async def _load(self, job_id: str) -> tuple[Row[Any], VideoRequest, Provider]:
        job = await self._database.read(jobs.read, job_id)
        return job, VideoRequest.from_json(job.request), await self._providers.get("video", job.provider)

    async def _close(
        self,
        segment_id: str,
        state: SegmentState,
        charged: Credits | None,
        error: CutsceneError | None = None,
    ) -> None:
        await self._database.write(transitions.close_segment, segment_id, state, charged, error)
        self._slot_freed()

    async def _try_again(
        self, job_id: str, handover: int, segment_id: str, failed: Failed, pause: float
    ) -> bool:
        """The only retry of a generation, since it cost nothing and what broke it passes."""
        try:
            again = await self._database.write(
                transitions.try_again, job_id, handover, segment_id, after=pause
            )
        except BudgetExceededError as refusal:
            _log.warning("generation_not_tried_again", job=job_id, reason=str(refusal))
            return False
        if again:
            _log.warning(
                "generation_tried_again", job=job_id, reason=str(failed.error), detail=failed.error.detail
            )
            self._slot_freed()
        return again

    async def _make_clip(
        self, pieces: Sequence[recipe.Piece], target: Path, asked: recipe.Recipe
    ) -> recipe.Made:
        bench = self._workbench
        try:
            return await bench.run(recipe.make_clip, pieces, target, asked, bench.limits)
        except UnplayableVideo as error:
            raise ProviderError(f"The provider's footage cannot be used. {error}") from error

    async def _report(self, job_id: str, stage: Stage) -> None:
        await self._database.write(jobs.report, job_id, stage)

    @contextmanager
    def _scratch(self) -> Iterator[Path]:
        self._settings.scratch.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._settings.scratch) as folder:
            yield Path(folder)


def _kind(model: str, request: VideoRequest, part: PlannedSegment) -> str:
    """Of generations that take about as long as each other."""
    if part.start is not Start.REQUEST:
        source = "picture"
    elif request.video is not None:
        source = "video"
    else:
        source = "words" if request.image is None else "picture"
    return f"{model} {part.seconds:.0f} s from {source}"


def _ended_by(error: CutsceneError) -> SegmentState:
    return SegmentState.CANCELLED if isinstance(error, CancelledError) else SegmentState.FAILED
