"""The engine: runs admitted jobs durably, and takes over those of dead processes.

Our rows are the truth; the rows of dbos are disposable. This module is the only one, with
the pipeline's steps, that knows dbos: one loop over our tables could replace it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import uuid
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Final, Self

import structlog
from dbos import DBOS, DBOSClient, DBOSConfig
from sqlalchemy import Connection

from cutscene import accounts, executors, gate, jobs, limits, tenants, transitions
from cutscene.database import Database
from cutscene.errors import CutsceneError
from cutscene.executors import WorkerLock
from cutscene.pipeline import Pipeline
from cutscene.providers import Capabilities, Providers
from cutscene.submission import Submissions

__all__ = ["Engine"]

_log = structlog.get_logger()

_NAME: Final = "cutscene"
_QUEUE: Final = "jobs"
_WORKFLOW: Final = "job"
_VERSION: Final = "3"
"""Changes only together with a migration of the jobs that are running."""
_ENDED: Final = ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]
_BATCH: Final = 500


def workflow_id(job_id: str, handover: int) -> str:
    """The engine's name for one hand-over of a job; a job handed over again gets a new one."""
    return f"{job_id}:{handover}"


class Engine:
    """``async with Engine(...) as engine``: this process is a worker until the block ends."""

    TICK: Final = 0.2
    """Seconds between two looks of the gate; a submit or a freed slot here wakes it at once."""
    PICK_UP: Final = 0.1
    """Seconds between two looks for jobs that any gate has let in."""
    BEAT: Final = 1.0
    RESTORE_EVERY: Final = 60.0
    CLEAN_EVERY: Final = 5.0
    ASK_EVERY: Final = 60.0
    FIRST_ASK: Final = 3.0
    """Seconds that providers have to say how the accounts stand before the first job is let in."""

    def __init__(
        self,
        database: Database,
        providers: Providers,
        pipeline: Pipeline,
        submissions: Submissions,
        capabilities: Mapping[str, Capabilities],
        max_active: int,
        awake: asyncio.Event,
    ) -> None:
        """``capabilities`` of each provider usable here; ``max_active``, a tenant's default limit."""
        self.executor_id = f"{os.uname().nodename[:40]}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self.continued: list[str] = []
        """Jobs that this process found unfinished when it started."""
        self._database = database
        self._providers = providers
        self._pipeline = pipeline
        self._submissions = submissions
        self._concurrency = {name: found.concurrency for name, found in capabilities.items()}
        self._longest_life = {
            name: found.longest_life or found.timeout for name, found in capabilities.items()
        }
        self._max_active = max_active
        self._awake = awake
        self._lock = WorkerLock(database)
        self._duties: list[asyncio.Task[None]] = []
        self._heartbeat: asyncio.Task[None] | None = None
        self._running: set[asyncio.Task[object]] = set()

    async def __aenter__(self) -> Self:
        self._lock.acquire()
        self._lock.sign()
        try:
            await self._start()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stop()

    async def _start(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self.FIRST_ASK):  # so that the gate knows each account's room
                await self._ask_accounts()
        self.continued = await self._database.read(jobs.waiting_or_running)
        await self._database.write(self._register)
        _quieten_dbos()
        DBOS(config=self._config())
        DBOS.workflow(name=_WORKFLOW, max_recovery_attempts=1000)(self._workflow())
        DBOS.launch()  # on this loop's thread: workflows run on the loop that launched
        self._client = DBOSClient(system_database_engine=self._database.engine, application_name=_NAME)
        await DBOS.register_queue_async(
            _QUEUE, polling_interval_sec=self.PICK_UP, on_conflict="always_update"
        )
        self._duties = [
            asyncio.create_task(self._every(self.RESTORE_EVERY, self._restore), name="restore"),
            asyncio.create_task(self._every(self.CLEAN_EVERY, self._clean_up), name="clean-up"),
            asyncio.create_task(self._every(self.ASK_EVERY, self._ask_accounts), name="accounts"),
            asyncio.create_task(self._keep_gate(), name="gate"),
        ]
        self._heartbeat = asyncio.create_task(self._every(self.BEAT, self._beat_and_sweep), name="heartbeat")

    def _config(self) -> DBOSConfig:
        return {
            "name": _NAME,
            "system_database_url": _plain_url(self._database),
            "application_version": _VERSION,
            "executor_id": self.executor_id,
            "log_level": "ERROR",
            # Unbounded, ten thousand jobs would be ten thousand threads.
            "max_executor_threads": 4 if self._database.is_sqlite else 16,
            "sys_db_pool_size": 4 if self._database.is_sqlite else 10,
            "use_listen_notify": False,
        }

    async def _stop(self) -> None:
        """Finish what costs money, hand over the rest: our rows say where each job stands."""
        await _end(self._duties)
        await self._submissions.drain()  # with a heart that beats: nobody takes over what is being paid for
        self._database.hurry()
        await _end([self._heartbeat] if self._heartbeat else [])
        await _end(self._running)
        await asyncio.to_thread(DBOS.destroy, destroy_registry=True)
        # dbos made its own pool the loop's default, and has just shut it down.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(thread_name_prefix="asyncio"))
        with suppress(CutsceneError):
            await self._database.write(executors.leave, self.executor_id)
        self._lock.release()

    def _register(self, connection: Connection) -> None:
        """Be alive before anything of ours is."""
        executors.enter(connection, self.executor_id)
        limits.register(connection, self._concurrency.keys())
        tenants.apply_default(connection, self._max_active)

    async def _keep_gate(self) -> None:
        """Let jobs in, as long as there are any; then sleep until the next tick or a wake-up."""
        while True:
            self._awake.clear()
            try:
                admitted = await self._admit()
            except Exception as error:  # noqa: BLE001 -- a worker outlives whatever one round met
                _log.warning("gate_stuck", reason=type(error).__name__, exc_info=error)
                admitted = 0
            if not admitted:
                await woken(self._awake, self.TICK)

    async def _admit(self) -> int:
        if not await self._database.read(gate.anyone_ready):
            return 0
        return len(await self._database.write(gate.admit, self._concurrency, self._hand_over))

    def _hand_over(self, connection: Connection, job_id: str, handover: int) -> None:
        self._client.enqueue_in_transaction(
            connection,
            {
                "workflow_name": _WORKFLOW,
                "queue_name": _QUEUE,
                "workflow_id": workflow_id(job_id, handover),
                "app_version": _VERSION,
            },
            job_id,
            handover,
        )

    async def _every(self, seconds: float, duty: Callable[[], Awaitable[None]]) -> None:
        """A duty that fails once is done again next time."""
        while True:
            try:
                await duty()
            except Exception as error:  # noqa: BLE001 -- a worker outlives whatever one round met
                _log.warning("duty_failed", duty=duty.__name__, reason=type(error).__name__, exc_info=error)
            await asyncio.sleep(seconds)

    async def _beat_and_sweep(self) -> None:
        """Resume what the dead left behind. Nobody conducts: every worker does this."""
        await self._database.write(executors.beat, self.executor_id)
        dead = await self._database.read(executors.dead, but=self.executor_id)
        if not dead:
            return
        orphans = await _engine_jobs(status="PENDING", executor_id=dead)
        if orphans:
            _log.info("jobs_taken_over", count=len(orphans))
            await DBOS.resume_workflows_async(list(orphans), queue_name=_QUEUE)
        else:
            await self._database.write(executors.bury, dead)

    async def _restore(self) -> None:
        """Hand over again what our rows call running and the engine does not know or gave up."""
        await _forget_ended()  # of workers, too, that died before they could
        await self._database.write(transitions.write_off, self._longest_life)
        unfinished = {workflow_id(*row): row for row in await self._database.read(jobs.unfinished)}
        if not unfinished:
            return
        # Runs of an earlier version cannot go on in this one: their jobs are handed over anew.
        known = await _engine_jobs(
            workflow_ids=list(unfinished),
            status=["PENDING", "ENQUEUED", "DELAYED"],
            app_version=_VERSION,
        )
        for lost in unfinished.keys() - known:
            await self._database.write(self._hand_over_again, *unfinished[lost])

    async def _ask_accounts(self) -> None:
        """Learn how much each account may have under way, and whether a pause still has its cause."""
        for name in self._concurrency:
            account = await accounts.look(self._database, await self._providers.get("video", name))
            if account is not None and account.concurrency is not None:
                self._concurrency[name] = account.concurrency

    def _hand_over_again(self, connection: Connection, job_id: str, lost: int) -> None:
        handover = jobs.hand_over_again(connection, job_id, lost)
        if handover is not None:
            _log.info("job_restored", job=job_id)
            self._hand_over(connection, job_id, handover)

    async def _clean_up(self) -> None:
        """Each worker removes what it has ended: soon, and in nobody's way."""
        await _forget_ended(executor_id=self.executor_id)

    def _workflow(self) -> Callable[[str, int], Awaitable[None]]:
        async def run_job(job_id: str, handover: int) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._running.add(task)
            try:
                await self._pipeline.run(job_id, handover)
            finally:
                self._running.discard(task)

        return run_job


async def woken(event: asyncio.Event, seconds: float) -> None:
    """Wait for an event, so long at the most. `asyncio.wait_for` loses a cancel that comes with it (3.11)."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


async def _forget_ended(**filters: Any) -> None:
    """The engine's history of ended jobs serves nobody: ours is the record."""
    while ended := await _engine_jobs(status=_ENDED, limit=_BATCH, **filters):
        await DBOS.delete_workflows_async(list(ended))


async def _engine_jobs(*, workflow_ids: Sequence[str] | None = None, **filters: Any) -> set[str]:
    """Ids of the engine's workflows that match."""
    if workflow_ids is None:
        return await _list(**filters)
    batches = [workflow_ids[at : at + _BATCH] for at in range(0, len(workflow_ids), _BATCH)]
    return set().union(*[await _list(workflow_ids=some, **filters) for some in batches])


async def _list(**filters: Any) -> set[str]:
    found = await DBOS.list_workflows_async(load_input=False, load_output=False, **filters)
    return {workflow.workflow_id for workflow in found}


def _plain_url(database: Database) -> str:
    """The URL without our driver's name, as dbos wants it."""
    url = database.engine.url
    if not database.is_sqlite:
        url = url.set(drivername="postgresql")
    return url.render_as_string(hide_password=False)


async def _end(tasks: Collection[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _quieten_dbos() -> None:
    """Its errors about jobs reach us as ours; its banner reaches nobody."""
    logging.getLogger("dbos").setLevel(logging.CRITICAL)
