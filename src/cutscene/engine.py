"""The engine: runs admitted jobs durably, and takes over those of dead processes.

Our rows are the truth; the rows of dbos are disposable. Only this module and `takeover` know dbos:
one loop over our tables could replace it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import uuid
from collections.abc import Awaitable, Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Final, Self

import structlog
from dbos import DBOS, DBOSClient, DBOSConfig
from sqlalchemy import Connection

from cutscene import accounts, executors, gate, jobs, limits, tenants, transitions
from cutscene.database import KEEPALIVE, Database
from cutscene.errors import CutsceneError
from cutscene.executors import Farewell, Pulse, WorkerLock
from cutscene.pipeline import Pipeline
from cutscene.providers import Capabilities, Providers
from cutscene.submission import Submissions
from cutscene.takeover import Takeover, forget_ended, job_of, workflow_id

__all__ = ["Engine"]

_log = structlog.get_logger()

_NAME: Final = "cutscene"
_QUEUE: Final = "jobs"
_WORKFLOW: Final = "job"
# It tries again by itself what a lost connection has broken: connections are not asked before each use.
_ENGINE: Final = {
    "connect_args": {"application_name": "cutscene-engine", **KEEPALIVE},
    "pool_pre_ping": False,
}
VERSION: Final = 3
"""Of how jobs are run. A higher one is for code that must not go on with a run of earlier code: workers of
lower ones stand back from then on, and the runs that they leave are begun anew."""


class Engine:
    """``async with Engine(...) as engine``: this process is a worker until the block ends."""

    TICK: Final = 0.2
    """Seconds between two looks of the gate; a submit or a freed slot here wakes it at once."""
    PICK_UP: Final = 0.3
    """Seconds between two looks for jobs that any gate has let in."""
    BEAT: Final = 1.0
    RESTORE_EVERY: Final = 60.0
    CLEAN_EVERY: Final = 5.0
    ASK_EVERY: Final = 60.0
    FIRST_ASK: Final = 3.0
    """Seconds that providers have to say how the accounts stand before the first job is let in."""
    GOODBYE: Final = 3.0
    """Seconds to tell the others that this worker leaves; else they find out by themselves."""

    def __init__(
        self,
        database: Database,
        providers: Providers,
        pipeline: Pipeline,
        submissions: Submissions,
        capabilities: Mapping[str, Capabilities],
        max_active: int,
        awake: asyncio.Event,
        stop_timeout: float,
        version: int = VERSION,
    ) -> None:
        """``capabilities`` of each provider usable here; ``max_active``, a tenant's default limit.

        ``stop_timeout``: seconds that the answers to paid calls are waited for in the end.
        """
        self.executor_id = f"{os.uname().nodename[:40]}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self.continued: list[str] = []
        """Jobs that this process found unfinished when it started."""
        self.farewell = Farewell()
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
        self._stop_timeout = stop_timeout
        self._version = version
        self._lock = WorkerLock(database)
        self._duties: list[asyncio.Task[None]] = []
        self._takeover = Takeover(database, self.executor_id, self._hand_over)
        self._pulse = Pulse()
        self._stands_back = False
        self._runs: dict[str, asyncio.Task[object]] = {}
        self._dbos: DBOS | None = None
        self._is_stopping = False

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
        self._dbos = DBOS(config=self._config())
        DBOS.workflow(name=_WORKFLOW)(self._workflow())
        DBOS.launch()  # on this loop's thread: workflows run on the loop that launched
        self._client = DBOSClient(system_database_engine=self._database.engine, application_name=_NAME)
        await DBOS.register_queue_async(
            _QUEUE, polling_interval_sec=self.PICK_UP, on_conflict="always_update"
        )
        self._duties = [
            asyncio.create_task(self._every(self.RESTORE_EVERY, self._restore), name="restore"),
            asyncio.create_task(self._every(self.CLEAN_EVERY, self._clean_up), name="clean-up"),
            asyncio.create_task(self._every(self.ASK_EVERY, self._ask_accounts), name="accounts"),
            asyncio.create_task(self._every(self.BEAT, self._beat), name="heartbeat"),
            asyncio.create_task(self._every(self.BEAT, self._sweep), name="sweep"),
            asyncio.create_task(self._keep_gate(), name="gate"),
        ]

    def _config(self) -> DBOSConfig:
        return {
            "name": _NAME,
            "system_database_url": _plain_url(self._database),
            "application_version": str(self._version),
            "executor_id": self.executor_id,
            "log_level": "CRITICAL",
            # Unbounded, ten thousand jobs would be ten thousand threads.
            "max_executor_threads": 4 if self._database.is_sqlite else 16,
            "sys_db_pool_size": 4 if self._database.is_sqlite else 10,
            "db_engine_kwargs": {} if self._database.is_sqlite else _ENGINE,
            "use_listen_notify": False,
        }

    def hurry(self) -> None:
        """Stop without waiting for anything, now or later."""
        self._submissions.hurry()
        self._database.hurry()

    async def _stop(self) -> None:
        """Leave what can go on elsewhere at once, then wait for answers that were paid for."""
        await _end(self._duties)
        self._is_stopping = True
        for event in self._dbos.background_thread_stop_events if self._dbos else []:
            event.set()  # so that it takes no more from the queue
        unfinished = sorted({job_of(run) for run in self._runs})
        await _end(self._runs.values())
        with suppress(CutsceneError, TimeoutError):
            async with asyncio.timeout(self.GOODBYE):
                await self._database.write(executors.leave, self.executor_id)
        # Whoever has these jobs by now sees that their paid call is being made, and waits for it too.
        unanswered = await self._submissions.drain(self._stop_timeout)
        self.farewell = Farewell(unfinished, unanswered)
        self._database.hurry()
        await asyncio.to_thread(DBOS.destroy, destroy_registry=True)
        # dbos made its own pool the loop's default, and has just shut it down.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(thread_name_prefix="asyncio"))
        self._lock.release()

    def _register(self, connection: Connection) -> None:
        """Be alive before anything of ours is."""
        executors.enter(connection, self.executor_id, self._version)
        limits.register(connection, self._concurrency.keys())
        tenants.apply_default(connection, self._max_active)

    async def _keep_gate(self) -> None:
        """Let jobs in, as long as there are any; then sleep until the next tick or a wake-up."""
        while True:
            self._awake.clear()
            try:
                admitted = await self._admit()
            except CutsceneError as error:
                _log.warning("gate_waits", reason=str(error))
                admitted = 0
            except Exception as error:  # noqa: BLE001 -- a worker outlives whatever one round met
                _log.warning("gate_stuck", reason=type(error).__name__, exc_info=error)
                admitted = 0
            if not admitted:
                await woken(self._awake, self.TICK)

    async def _admit(self) -> int:
        if self._stands_back or not await self._database.read(gate.anyone_ready):
            return 0
        return len(await self._database.write(gate.admit, self._concurrency, self._hand_over))

    def _hand_over(self, connection: Connection, job_id: str, handover: int) -> None:
        self._client.enqueue_in_transaction(
            connection,
            {
                "workflow_name": _WORKFLOW,
                "queue_name": _QUEUE,
                "workflow_id": workflow_id(job_id, handover),
                "app_version": str(self._version),
            },
            job_id,
            handover,
        )

    async def _every(self, seconds: float, duty: Callable[[], Awaitable[None]]) -> None:
        """A duty that fails once is done again next time."""
        while True:
            try:
                await duty()
            except CutsceneError as error:
                _log.warning("duty_waits", duty=duty.__name__, reason=str(error))
            except Exception as error:  # noqa: BLE001 -- a worker outlives whatever one round met
                _log.warning("duty_failed", duty=duty.__name__, reason=type(error).__name__, exc_info=error)
            await asyncio.sleep(seconds)

    async def _beat(self) -> None:
        was_alive = await self._database.write_first(executors.beat, self.executor_id, self._version)
        self._pulse.note(was_alive=was_alive or self._database.is_sqlite)
        if was_alive:
            return
        runs = {job_of(run): (run, task) for run, task in self._runs.items()}
        latest = await self._database.write_first(jobs.latest_runs, list(runs))
        replaced = [
            task
            for job_id, (run, task) in runs.items()
            if job_id in latest and workflow_id(job_id, latest[job_id]) != run
        ]
        if replaced:
            _log.warning("jobs_taken_away", count=len(replaced))
        for task in replaced:
            task.cancel()

    async def _sweep(self) -> None:
        """Look after what others left behind."""
        roll = await self._database.read(executors.roll_call)
        newest = max(roll.living.values(), default=self._version)
        if self._stands_back != (newest > self._version):
            self._stands_back = not self._stands_back
            _log.info(
                "stands_back" if self._stands_back else "steps_up", version=self._version, newest=newest
            )
        if self._stands_back:
            return
        if self._pulse.is_steady():
            await self._takeover.sweep(roll)

    async def _restore(self) -> None:
        """Hand over again what our rows call running and no living worker has."""
        await self._database.write(transitions.write_off, self._longest_life)
        if self._pulse.is_steady() and not self._stands_back:
            await self._takeover.restore(self._runs)
        await forget_ended()  # of workers, too, that nobody buried

    async def _ask_accounts(self) -> None:
        """Learn how much each account may have under way, and whether a pause still has its cause."""
        for name in self._concurrency:
            account = await accounts.look(self._database, await self._providers.get("video", name))
            if account is not None and account.concurrency is not None:
                self._concurrency[name] = account.concurrency

    async def _clean_up(self) -> None:
        """Each worker removes what it has ended: soon, and in nobody's way."""
        await forget_ended(executor_id=self.executor_id)

    def _workflow(self) -> Callable[[str, int], Awaitable[None]]:
        async def run_job(job_id: str, handover: int) -> None:
            task, run = asyncio.current_task(), workflow_id(job_id, handover)
            assert task is not None
            if self._is_stopping:
                raise asyncio.CancelledError  # taken from the queue too late
            self._runs[run] = task
            try:
                await self._pipeline.run(job_id, handover)
            except Exception as error:
                _log.warning("run_broke", job=job_id, reason=type(error).__name__, exc_info=error)
                raise  # `_restore` begins it anew
            finally:
                self._runs.pop(run, None)

        return run_job


async def woken(event: asyncio.Event, seconds: float) -> None:
    """Wait for an event, so long at the most. `asyncio.wait_for` loses a cancel that comes with it (3.11)."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


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
