"""One loop that looks at every task under way, for all jobs of this process.

A look that fails says nothing of the task: it is tried again, more slowly, until the
task's deadline. Cancelling and running out of time end a task here, and tell the provider.
"""

from __future__ import annotations

import asyncio
import heapq
import random
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, Self

import structlog
from sqlalchemy import Connection

from cutscene import jobs
from cutscene.database import Database
from cutscene.domain import Stage
from cutscene.errors import CancelledError, CutsceneError, GenerationTimeoutError
from cutscene.providers import Done, Failed, Pending, Provider, TaskState

__all__ = ["Poller"]

_log = structlog.get_logger()


@dataclass(slots=True, eq=False)
class _Watch:
    job_id: str
    provider: Provider
    task_id: str
    interval: float
    deadline: float
    outcome: asyncio.Future[Done | Failed]
    troubles: int = 0
    """Looks that failed in a row."""
    was_queued: bool = False
    is_stopping: bool = False


@dataclass(slots=True, order=True)
class _Due:
    at: float
    watch: _Watch = field(compare=False)


class Poller:
    """``await poller.outcome(...)`` from any number of jobs; few looks at once."""

    TICK = 0.1
    CANCEL_EVERY = 0.5
    LOOK_TIMEOUT = 30.0
    """Seconds that a provider has to answer a look."""
    SLOWEST = 60.0
    """Seconds between looks, at the most, while looking fails."""

    def __init__(self, database: Database, *, connections: int = 8) -> None:
        self._database = database
        self._places = asyncio.Semaphore(connections)
        self._due: list[_Due] = []
        self._watched: set[_Watch] = set()
        self._news: dict[str, tuple[Stage, float | None]] = {}
        self._looks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.create_task(self._run(), name="poller")
        return self

    async def __aexit__(self, *exc: object) -> None:
        tasks = [self._task, *self._looks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def outcome(self, job_id: str, provider: Provider, task_id: str, *, left: float) -> Done | Failed:
        """Wait until the task has ended, is cancelled, or ``left`` seconds have passed."""
        now = self._loop.time()
        watch = _Watch(
            job_id,
            provider,
            task_id,
            provider.capabilities().poll_interval,
            now + left,
            self._loop.create_future(),
        )
        self._watched.add(watch)
        heapq.heappush(self._due, _Due(now, watch))
        try:
            return await watch.outcome
        finally:
            self._watched.discard(watch)
            self._news.pop(job_id, None)

    async def _run(self) -> None:
        housekeeping = self._loop.time()
        exchange: asyncio.Task[None] | None = None
        while True:
            now = self._loop.time()
            while self._due and self._due[0].at <= now:
                self._start(self._look(heapq.heappop(self._due).watch))
            if now >= housekeeping and (exchange is None or exchange.done()):
                housekeeping = now + self.CANCEL_EVERY
                exchange = self._start(self._exchange_news())
            await asyncio.sleep(self.TICK)

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._looks.add(task)
        task.add_done_callback(self._looks.discard)
        return task

    async def _look(self, watch: _Watch) -> None:
        if watch.outcome.done():
            return
        late = self._loop.time() >= watch.deadline
        async with self._places:
            state = await self._poll(watch)
            if isinstance(state, Pending) and late:
                state = await self._give_up(watch)
        if watch.is_stopping:
            return  # whoever cancels it says how it ended
        match state:
            case Pending():
                self._note(watch, state)
                heapq.heappush(self._due, _Due(self._next(watch), watch))
            case Done() | Failed() if not watch.outcome.done():
                watch.outcome.set_result(state)
            case Done() | Failed():
                pass

    async def _poll(self, watch: _Watch) -> TaskState:
        try:
            async with asyncio.timeout(self.LOOK_TIMEOUT):
                state = await watch.provider.poll(watch.task_id)
        except Exception as error:  # noqa: BLE001 -- whatever broke the look, the task goes on
            watch.troubles += 1
            _log.warning("poll_failed", job=watch.job_id, reason=_plain(error), in_a_row=watch.troubles)
            return Pending()
        watch.troubles = 0
        return state

    def _next(self, watch: _Watch) -> float:
        interval = min(watch.interval * 2.0 ** min(watch.troubles, 10), max(self.SLOWEST, watch.interval))
        jittered = interval * random.uniform(0.9, 1.1)  # noqa: S311 -- spreads load, hides nothing
        return min(self._loop.time() + jittered, max(watch.deadline, self._loop.time() + self.TICK))

    def _note(self, watch: _Watch, state: Pending) -> None:
        watch.was_queued = state.queued
        if state.note is not None:
            _log.warning("odd_look", job=watch.job_id, said=state.note)
        stage = Stage.QUEUED if state.queued else Stage.GENERATING
        self._news[watch.job_id] = (stage, state.progress)

    async def _give_up(self, watch: _Watch) -> Done | Failed:
        waited = "in the provider's queue" if watch.was_queued else "for the generation"
        timeout = watch.provider.capabilities().timeout
        error = GenerationTimeoutError(f"Not done after {timeout:g} s {waited}: it was stopped.")
        return await self._stop(watch, error)

    async def _stop(self, watch: _Watch, error: CutsceneError) -> Done | Failed:
        """Tell the provider, then look what it charges for what it had done."""
        try:
            async with asyncio.timeout(self.LOOK_TIMEOUT):
                await watch.provider.cancel(watch.task_id)
                state = await watch.provider.poll(watch.task_id)
        except Exception as trouble:  # noqa: BLE001 -- the job has to end all the same
            _log.warning("cancel_failed", job=watch.job_id, reason=_plain(trouble))
            return Failed(error)
        match state:
            case Done(credits=charged) | Failed(credits=charged):
                return Failed(error, charged)
            case Pending():
                return Failed(error)

    async def _exchange_news(self) -> None:
        """Write all progress in one transaction, and ask once who was cancelled."""
        news, self._news = self._news, {}
        try:
            if news:
                await self._database.write(_report_all, news)
            cancelled = await self._database.read(jobs.to_cancel) if self._watched else set()
        except CutsceneError as error:
            _log.warning("news_lost", reason=str(error))
            return
        for watch in self._watched:
            if watch.job_id in cancelled and not watch.is_stopping:
                watch.is_stopping = True
                self._start(self._cancel(watch))

    async def _cancel(self, watch: _Watch) -> None:
        state = await self._stop(watch, CancelledError("The job was cancelled."))
        if not watch.outcome.done():
            watch.outcome.set_result(state)


def _plain(error: Exception) -> str:
    """Others' exceptions may hold a key or a signed link."""
    return str(error) if isinstance(error, CutsceneError) else type(error).__name__


def _report_all(connection: Connection, news: dict[str, tuple[Stage, float | None]]) -> None:
    for job_id, (stage, progress) in news.items():
        jobs.report(connection, job_id, stage, progress)
