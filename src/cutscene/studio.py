"""The one door: what a tenant can do. CLI, service and skills all go through it."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Unpack

import structlog
from sqlalchemy import Connection, Row

from cutscene import budgets, calls, jobs, ledger, limits, segments, sources, storage, transitions
from cutscene.budgets import Standing
from cutscene.calls import PaidCall
from cutscene.database import Database, open_database
from cutscene.domain import Clip, Credits, Job, JobState, VideoRequest, check_tenant
from cutscene.errors import CutsceneError, InputValidationError, NotFoundError, StorageError, from_code
from cutscene.executors import Farewell, worker_lives
from cutscene.fingerprint import is_same, take_fingerprint
from cutscene.ledger import Grouping, Usage
from cutscene.media.boxes import DEFAULT_LIMITS, Limits
from cutscene.media.source import shape_of
from cutscene.media.workbench import Workbench
from cutscene.origins import Intake
from cutscene.plan import LATER, plan_of, segment_request
from cutscene.providers import Providers, Wording
from cutscene.reception import Reception
from cutscene.settings import Settings
from cutscene.specs import Container
from cutscene.storage.contents import Contents, count
from cutscene.telemetry import log_unless_configured
from cutscene.tenants import LimitChanges
from cutscene.worker import Work, Worker

__all__ = ["Studio", "open_studio"]

JOB_ID: Final = re.compile(r"job_[0-9a-f]{16}")


class Studio:
    """What a tenant can do, tenant first, always. Made by `open_studio`."""

    WATCH_EVERY: Final = 0.15
    """Seconds between two looks at a job that somebody waits for."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        providers: Providers,
        store: storage.Store,
        workbench: Workbench,
        worker: Worker,
    ) -> None:
        self.settings = settings
        self._database = database
        self._providers = providers
        self._store = store
        self._workbench = workbench
        self._worker = worker
        self._reception = Reception(settings, database, providers)

    async def submit(
        self,
        tenant: str,
        request: VideoRequest,
        *,
        provider: str | None = None,
        run: str = "default",
        priority: int = 0,
        idempotency_key: str | None = None,
        skill: str | None = None,
        local_files: bool = True,
    ) -> Job:
        """Record a job, with its hold, and let it wait for its turn.

        The same idempotency key with the same request is the same job; with another
        request, `ConflictError`. It still is the same once its links have ended, or its
        files are gone. Lower ``priority`` numbers go first. ``skill`` is whose job it is,
        for `usage`. Whoever submits for others passes ``local_files=False``: then no path of
        this machine is read. Raises `InputValidationError` for what can never succeed,
        `NotFoundError` for a key that is not the tenant's, `BudgetExceededError` for more than
        the tenant may spend this month, and `RateLimitError` where as many of its jobs wait as may.
        """
        check_tenant(tenant)
        check_tenant(run, "run")
        if skill is not None:
            check_tenant(skill, "skill")
        async with self._intake(tenant, local_files=local_files) as intake:
            sources.check(intake, request)
            if idempotency_key is not None:
                handed_over = await take_fingerprint(request, provider)
                if earlier := await self._submitted_before(tenant, idempotency_key, handed_over):
                    return earlier
                request = replace(request, fingerprint=handed_over)
            chosen = await self._providers.get("video", provider)
            chosen.check(request)
            request = await sources.keep(
                self._store, self._workbench, intake, run, request, self.settings.scratch
            )
        await self._worker.ensure()
        recorded = await self._reception.record(
            chosen,
            named=provider is not None,
            id=f"job_{secrets.token_hex(8)}",
            tenant=tenant,
            run=run,
            idempotency_key=idempotency_key,
            request=request,
            priority=priority,
            skill=skill,
        )
        self._worker.wake()
        return await self._job(recorded.row, is_new=recorded.is_new)

    async def extend(
        self,
        tenant: str,
        clip: str,
        *,
        to: float,
        prompt: str | None = None,
        provider: str | None = None,
        specs: Mapping[str, Any] | None = None,
        local_files: bool = True,
        **submitted: Any,
    ) -> Job:
        """Let a clip go on until it is ``to`` seconds long: in its own size, joined where nobody sees it.

        ``clip`` is one of the tenant's jobs or keys, a local path or a data URI. Without a prompt the job's
        own is used again. ``specs`` are fields of `Specs` that are to differ from the clip's. What is
        ``submitted`` beside are further fields of `VideoRequest`, and ``run``, ``priority``,
        ``idempotency_key`` and ``skill`` as `submit` has them, but that the clip must still be there;
        ``local_files`` is as there.
        """
        options = {name: submitted.pop(name) for name in _SUBMIT_OPTIONS if name in submitted}
        if JOB_ID.fullmatch(clip):
            job = await self.get(tenant, clip)
            prompt = prompt or job.request.prompt
            made = _clip_of(job)
            if made.format != Container.MP4:
                raise InputValidationError("Only MP4 clips can go on: this one is WebM.")
            clip = made.key
        async with self._intake(tenant, local_files=local_files) as intake:
            shape = await shape_of(self._workbench, (await intake.clip(clip)).source, specs or {})
        submitted = {**shape, **submitted}
        request = VideoRequest(prompt=prompt or _GOES_ON, video=clip, extend=True, duration=to, **submitted)
        return await self.submit(tenant, request, provider=provider, local_files=local_files, **options)

    async def get(self, tenant: str, job_id: str) -> Job:
        return await self._job(await self._database.read(jobs.get, tenant, job_id))

    async def list(
        self, tenant: str, *, states: Sequence[JobState] = (), limit: int = 50, before: int | None = None
    ) -> Sequence[Job]:
        """The tenant's jobs, newest first."""
        rows = await self._database.read(jobs.page, tenant, states=states, limit=limit, before=before)
        return await self._jobs(rows)

    async def watch(self, tenant: str, job_id: str) -> AsyncIterator[Job]:
        """The job now, and again whenever something about it changed, until it has ended."""
        seen = None
        while True:
            await self._worker.ensure()
            [job] = await self._unlinked([await self._database.read(jobs.get, tenant, job_id)])
            if job != seen:
                yield (await self._with_links([job]))[0]
                seen = job
            if job.state.final:
                return
            await asyncio.sleep(self.WATCH_EVERY)

    async def wait(
        self,
        tenant: str,
        job_id: str,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 -- the job goes on; only the waiting ends
        on_progress: Callable[[Job], None] | None = None,
    ) -> Clip:
        """The job's clip; raises the error it ended with. Seconds; `TimeoutError` leaves it running."""
        async with asyncio.timeout(timeout):
            async for job in self.watch(tenant, job_id):
                if on_progress is not None:
                    on_progress(job)
        if job.clip is None:
            raise from_code(job.error_code or "", job.error or "The job failed.", job.detail)
        return job.clip

    async def cancel(self, tenant: str, job_id: str) -> Job:
        """Stop a job: at once if it waits, soon if it runs. Lets go of a lost submission."""
        await self._database.write(transitions.cancel, tenant, job_id)
        self._worker.wake()
        return await self.get(tenant, job_id)

    async def retry(self, tenant: str, job_id: str) -> Job:
        """Queue a failed or cancelled job again, paying only for what is missing.

        Raises `BudgetExceededError` and `RateLimitError` as `submit` does.
        """
        await self._worker.ensure()
        await self._database.write(transitions.retry, tenant, job_id)
        self._worker.wake()
        return await self.get(tenant, job_id)

    async def usage(
        self, by: Grouping, *, tenant: str | None = None, since: float | None = None
    ) -> Sequence[Usage]:
        """What was spent and what is held, of one tenant or of all; seconds since 1970."""
        return await self._database.read(ledger.usage, by, tenant=tenant, since=since)

    async def stored(
        self, *, tenant: str | None = None, on_progress: Callable[[int], None] | None = None
    ) -> Sequence[Contents]:
        """What one tenant or all of them keep, the largest first; ``on_progress``: objects seen so far.

        It lists everything that is stored, which takes minutes for millions of objects.
        """
        return await count(self._store, tenant=tenant, on_progress=on_progress)

    async def standing(self, tenant: str) -> Standing:
        """A tenant's limits, and what it has used of them this month; raises `NotFoundError`."""
        return await self._database.read(budgets.standing, tenant)

    async def standings(self) -> Sequence[Standing]:
        """The same of all tenants, by name."""
        return await self._database.read(budgets.standings)

    async def set_limits(self, tenant: str, **limits: Unpack[LimitChanges]) -> Standing:
        """Change a tenant's limits, also of one that has no jobs yet; None lifts a limit.

        What it has waiting or under way goes on. Raises `InputValidationError`.
        """
        check_tenant(tenant)
        default = self.settings.max_concurrent
        return await self._database.write(budgets.change, tenant, default, limits)

    async def save(self, tenant: str, job_id: str, path: Path) -> Clip:
        """Copy the job's clip to a file, all of it or nothing."""
        clip = _clip_of(await self.get(tenant, job_id))
        await storage.copy_to(self._store, clip.key, path)
        return clip

    async def pauses(self) -> Sequence[limits.Pause]:
        """Providers that nothing is submitted to for now."""
        return await self._database.read(limits.pauses)

    async def worker_lives(self) -> bool:
        """Whether this or another process is doing jobs."""
        return self._worker.is_on or await worker_lives(self._database)

    @property
    def failure(self) -> CutsceneError | None:
        """Why this process can be a worker no longer, and should end."""
        return self._worker.failure

    @property
    def farewell(self) -> Farewell:
        """What was under way in this process when the studio's block ended."""
        return self._worker.farewell

    def hurry(self) -> None:
        """Let the end of the studio's block wait for nothing, not even for answers to paid calls."""
        self._worker.hurry()

    async def paid_calls(self, tenant: str, job_id: str) -> Sequence[PaidCall]:
        """Every call to a provider that the job has, or may have, paid for, in order."""
        await self._database.read(jobs.get, tenant, job_id)
        return await self._database.read(calls.of_job, job_id)

    async def prompt_sent(self, tenant: str, job_id: str) -> str:
        """What the job's provider tells its vendor: the prompt, and the camera's motion as words."""
        row = await self._database.read(jobs.get, tenant, job_id)
        request = replace(VideoRequest.from_json(row.request), model=row.model)
        try:
            provider = await self._providers.get("video", row.provider)
            if isinstance(provider, Wording):
                plan, model = plan_of(row), provider.check(request)
                return provider.wording(segment_request(request, model, plan, 0, image=LATER))
        except CutsceneError as error:  # it is configured no longer, or offers other models
            structlog.get_logger().info("wording_unknown", job=job_id, reason=str(error))
        return request.prompt

    async def is_idle(self) -> bool:
        """Whether no job of anybody waits or runs."""
        return not await self._database.read(jobs.waiting_or_running)

    async def _submitted_before(self, tenant: str, key: str, handed_over: str) -> Job | None:
        """The job of that idempotency key, if it is seen to be for this very request."""
        row = await self._reception.earlier(tenant, key)
        if row is None or not is_same(row.request.get("fingerprint"), handed_over):
            return None
        await self._worker.ensure()
        return await self._job(row)

    def _intake(self, tenant: str, *, local_files: bool) -> Intake:
        return Intake(
            self._store,
            tenant,
            self.settings.scratch,
            local_files=local_files,
            allow_private=self.settings.allow_private_urls,
        )

    async def _job(self, row: Row[Any], *, is_new: bool = False) -> Job:
        [job] = await self._jobs([row], are_new=is_new)
        return job

    async def _jobs(self, rows: Sequence[Row[Any]], *, are_new: bool = False) -> Sequence[Job]:
        """Every job that anybody sees is made here, or by `watch`; ``are_new``: nothing was paid for yet."""
        if are_new:
            return [jobs.to_job(row, None, ()) for row in rows]
        return await self._with_links(await self._unlinked(rows))

    async def _unlinked(self, rows: Sequence[Row[Any]]) -> Sequence[Job]:
        spent, footage = await self._database.read(_facts, [row.id for row in rows])
        return [jobs.to_job(row, spent.get(row.id), footage[row.id]) for row in rows]

    async def _with_links(self, unlinked: Sequence[Job]) -> Sequence[Job]:
        """Links end, and what is recorded stays: they are made anew from the keys for whoever reads a job."""
        linked: list[Job] = []
        try:
            for job in unlinked:
                linked.append(await self._linked(job))  # noqa: PERF401 -- those before a failure are kept
        except StorageError as error:
            # The others would wait in vain, too; the clips' permanent names say where they are.
            structlog.get_logger().warning("links_unmade", job=unlinked[len(linked)].id, reason=str(error))
        return [*linked, *unlinked[len(linked) :]]

    async def _linked(self, job: Job) -> Job:
        if job.clip is None:
            return job
        life = timedelta(seconds=self.settings.link_ttl)
        video_url = await self._store.url(job.clip.key, expires_in=life)
        poster_url = await self._store.url(job.clip.poster_key, expires_in=life)
        return replace(job, clip=replace(job.clip, video_url=video_url, poster_url=poster_url))


def _facts(
    connection: Connection, job_ids: Sequence[str]
) -> tuple[Mapping[str, Credits], Mapping[str, Sequence[str]]]:
    """What they have spent, and have in the store."""
    return ledger.spent_by_job(connection, job_ids), segments.footage(connection, job_ids)


_SUBMIT_OPTIONS: Final = ("run", "priority", "idempotency_key", "skill")
_GOES_ON: Final = "The scene goes on naturally, in one continuous shot."


def _clip_of(job: Job) -> Clip:
    if job.clip is None:
        raise NotFoundError(f"Job {job.id} has no clip: it is {job.state}.")
    return job.clip


def _nobody_listens(_job_ids: Sequence[str]) -> None:
    pass


@asynccontextmanager
async def open_studio(
    settings: Settings | None = None,
    *,
    work: Work = "if needed",
    on_continued: Callable[[Sequence[str]], None] = _nobody_listens,
) -> AsyncIterator[Studio]:
    """A studio on the configured database and store, closed when the block ends.

    ``on_continued`` is told the ids of jobs that earlier processes left unfinished and this
    one takes up.

    Raises a `CutsceneError` that says what to do where something cannot be opened;
    `WorkerConflictError` where ``work`` is "yes" and the home has its worker already.
    """
    log_unless_configured()
    settings = settings or Settings.load()
    async with AsyncExitStack() as stack:
        database = await asyncio.to_thread(open_database, settings.database)
        stack.push_async_callback(database.close)
        store = await asyncio.to_thread(
            storage.open_store, settings.storage, patience=settings.storage_patience
        )
        stack.push_async_callback(store.close)
        providers = await stack.enter_async_context(Providers(settings))
        workbench = await stack.enter_async_context(Workbench(_limits(settings)))
        worker = Worker(settings, database, providers, store, workbench, work, on_continued)
        stack.push_async_callback(worker.stop)
        if work == "yes":
            await worker.ensure()
        yield Studio(settings, database, providers, store, workbench, worker)


def _limits(settings: Settings) -> Limits:
    """What a file from outside may ask of us."""
    frames = settings.media_max_frames
    return Limits(
        max_bytes=settings.media_max_bytes,
        max_pixels=settings.media_max_pixels,
        max_picture_pixels=settings.media_max_picture_pixels,
        max_seconds=settings.media_max_seconds,
        max_frames=frames,
        max_samples=max(DEFAULT_LIMITS.max_samples, 4 * frames),  # sound has some of its own
        decode_seconds=settings.media_decode_seconds,
        work_seconds=settings.media_work_seconds,
        max_memory=settings.media_memory_mb * 2**20,
    )
