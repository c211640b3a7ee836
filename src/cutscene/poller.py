"""One loop that looks at every task under way, for all jobs of this process.

A look that fails says nothing of the task: it is tried again, more slowly. Nothing that was paid
for is given up before a look was answered and the provider has said that it stopped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any, Self

import structlog

from cutscene import jobs
from cutscene.courses import Course
from cutscene.database import Database
from cutscene.domain import Stage
from cutscene.endings import Kind
from cutscene.errors import CancelledError, CutsceneError, GenerationTimeoutError, ProviderError
from cutscene.lookers import Lookers
from cutscene.paces import Paces
from cutscene.pacing import fixed_gap
from cutscene.providers import Done, Failed, Gone, Pending, Provider, TaskState
from cutscene.watches import Watch, answer, lost, may_go_on, plain

__all__ = ["Poller"]

_log = structlog.get_logger()


class Poller:
    """``await poller.outcome(...)`` from any number of jobs; few looks at once."""

    CANCEL_EVERY = 0.5
    LOOK_TIMEOUT = 30.0
    """Seconds that a provider has to answer a look."""
    SLOWEST = 60.0
    """Seconds between looks, at the most, while looking fails."""
    GONE_FOR = 60.0
    """Seconds of answers that there is no such task, until that is believed."""
    CANCELS = 3
    """Times that the provider is told of a cancellation, if it cannot be told at first."""

    def __init__(self, database: Database, *, adaptive: bool = False) -> None:
        """``adaptive``: look when an end is likely, else always after the interval."""
        self._database = database
        self._paces = Paces(database) if adaptive else None
        self._lookers = Lookers(self._look)
        self._watched: dict[str, list[Watch]] = {}
        """By job."""
        self._news: dict[str, jobs.Report] = {}
        self._work: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._start(self._lookers.run())
        self._start(self._housekeeping())
        return self

    async def __aexit__(self, *exc: object) -> None:
        tasks = list(self._work)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def outcome(
        self,
        job_id: str,
        provider: Provider,
        task_id: str,
        *,
        age: float,
        share: tuple[int, int] = (0, 1),
        kind: str = "",
    ) -> Done | Failed:
        """Wait until a task that was submitted ``age`` seconds ago has ended, or was stopped.

        ``kind`` names the tasks that take about as long as this one.

        Raises a `CutsceneError` where waiting ends and nobody knows what became of the task: it
        may still be done, and be paid for.
        """
        age = max(0.0, age)  # the clock that it was posted by may have been set back
        now, pace = self._loop.time(), provider.capabilities()
        watch = Watch(
            job_id,
            provider,
            task_id,
            Kind(provider.id, kind),
            Course(began=now - age, seen=now - age if age < pace.poll_interval else None),
            interval=pace.poll_interval,
            deadline=now + pace.timeout - age,
            lost_at=now + max(max(pace.timeout, pace.longest_life or 0.0) - age, self.GONE_FOR),
            outcome=self._loop.create_future(),
            share=share,
        )
        self._watched.setdefault(job_id, []).append(watch)
        first = self._gap(watch, now - age)
        if age >= pace.poll_interval:  # another process had looked last, for many tasks at once
            first = age + pace.poll_interval - fixed_gap(pace.poll_interval)
        self._look_at(watch, now - age + first)
        try:
            return await watch.outcome
        finally:
            self._forget(watch)

    def _forget(self, watch: Watch) -> None:
        watches = self._watched[watch.job_id]
        watches.remove(watch)
        if not watches:
            del self._watched[watch.job_id]
        self._news.pop(watch.job_id, None)

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)
        return task

    async def _look(self, watch: Watch) -> None:
        """Whatever breaks, it is looked at again: its job waits for nothing else."""
        try:
            await self._look_once(watch)
        except Exception as error:  # noqa: BLE001 -- such as an answer that a provider may not give
            _log.warning("look_failed", job=watch.job_id, reason=plain(error))
            if not watch.outcome.done():
                self._look_later_or_lose(watch)

    async def _look_once(self, watch: Watch) -> None:
        if watch.outcome.done():
            return
        began = self._loop.time()
        state = await self._poll(watch)
        if isinstance(state, Pending) and began >= watch.deadline and not watch.is_stopping:
            state = await self._give_up(watch)
        if watch.outcome.done() or (watch.is_stopping and not isinstance(state, Done)):
            return  # whoever cancels it says how it ended, but what is done is done
        match state:
            case Done() | Failed():
                watch.outcome.set_result(state)
                if isinstance(state, Done):
                    self._learn(watch)
            case Pending():
                watch.course.saw(began, state.progress, queued=state.queued)
                self._note(watch, state)
                self._look_at(watch, began + self._gap(watch, began))
            case Gone():
                self._believe_or_look_later(watch)
            case None:
                self._look_later_or_lose(watch)

    async def _poll(self, watch: Watch) -> TaskState | None:
        """None where the look itself failed."""
        try:
            state = await answer(watch.provider.poll(watch.task_id), self.LOOK_TIMEOUT)
            if not isinstance(state, TaskState):
                raise ProviderError(f"No state of a task is a {type(state).__name__}.")  # noqa: TRY301
        except Exception as error:  # noqa: BLE001 -- whatever broke the look, the task goes on
            watch.troubles += 1
            _log.warning("poll_failed", job=watch.job_id, reason=plain(error), in_a_row=watch.troubles)
            return None
        watch.troubles = 0
        if not isinstance(state, Gone):
            watch.gone_since = None
        return state

    async def is_gone(self, provider: Provider, task_id: str) -> bool:
        """Whether a provider goes on saying that there is no such task; a look that fails says nothing."""
        until = self._loop.time() + self.GONE_FOR
        while self._loop.time() < until:
            await asyncio.sleep(self.GONE_FOR / 10)
            try:
                state = await provider.poll(task_id)
            except CutsceneError:
                return False
            if not isinstance(state, Gone):
                return False
        return True

    def _gap(self, watch: Watch, at: float) -> float:
        """Seconds from the beginning of a look to that of the next."""
        if self._paces is None or watch.course.is_queued:
            return fixed_gap(watch.interval)
        return self._paces.gap(watch.kind, watch.interval, watch.course, at)

    def _learn(self, watch: Watch) -> None:
        ending = watch.course.ending(self._loop.time(), watch.interval)
        if self._paces is not None and ending is not None:
            self._paces.saw(watch.kind, ending)

    def _look_later_or_lose(self, watch: Watch) -> None:
        if self._loop.time() >= watch.lost_at:
            watch.outcome.set_exception(lost(watch))
        else:
            self._look_later(watch)

    def _look_later(self, watch: Watch) -> None:
        """After a while that grows with every look that fails."""
        wait = min(watch.interval * 2.0 ** min(watch.troubles, 10), max(self.SLOWEST, watch.interval))
        self._look_at(watch, self._loop.time() + fixed_gap(wait))

    def _look_at(self, watch: Watch, at: float) -> None:
        if self._loop.time() < watch.deadline < at:
            at = watch.deadline
        self._lookers.at(at, watch.provider.id, watch)

    def _believe_or_look_later(self, watch: Watch) -> None:
        """One answer that there is no such task proves little: a replica may not know it yet."""
        now = self._loop.time()
        watch.gone_since = watch.gone_since or now
        if now - watch.gone_since < self.GONE_FOR:
            self._look_later(watch)
            return
        error = ProviderError(f"{watch.provider.id} has no such task any more: it was deleted there.")
        watch.outcome.set_result(Failed(error))

    def _note(self, watch: Watch, state: Pending) -> None:
        if state.note is not None:
            _log.warning("odd_look", job=watch.job_id, said=state.note)
        stage = Stage.QUEUED if state.queued else Stage.GENERATING
        position, count = watch.share
        progress = None if state.progress is None else round((position + state.progress) / count, 3)
        report = (stage, progress)
        if report != watch.reported:
            watch.reported = self._news[watch.job_id] = report

    async def _give_up(self, watch: Watch) -> Done | Failed | None:
        waited = "in the provider's queue" if watch.course.is_queued else "for the generation"
        timeout = watch.provider.capabilities().timeout
        late = GenerationTimeoutError(f"Not done after {timeout:g} s {waited}.")
        stopped = await self._stop(watch, late)
        if isinstance(stopped, Failed):
            return replace(stopped, error=GenerationTimeoutError(f"{late} It was stopped."))
        return stopped

    async def _stop(self, watch: Watch, error: CutsceneError) -> Done | Failed | None:
        """Tell the provider, and see what it charges, or that it was done. None where it could not be told.

        Where it does not say that it has stopped, the wait ends, and the task may still be done.
        """
        try:
            has_stopped = await answer(watch.provider.cancel(watch.task_id), self.LOOK_TIMEOUT)
        except Exception as trouble:  # noqa: BLE001 -- whatever it is, it is tried again
            _log.warning("cancel_failed", job=watch.job_id, reason=plain(trouble))
            return None
        if has_stopped:
            return await self._ended(watch, error)
        if not watch.outcome.done():
            watch.outcome.set_exception(type(error)(f"{error} {may_go_on(watch)}"))
        return None

    async def _ended(self, watch: Watch, error: CutsceneError) -> Done | Failed:
        """How a stopped task ended, where that can still be asked."""
        match await self._poll(watch):
            case Done() as done:
                return done
            case Failed(credits=charged):
                return Failed(error, charged)
            case _:
                return Failed(error)

    async def _housekeeping(self) -> None:
        while True:
            for part in (self._write_news, self._hear_cancellations, self._exchange_endings):
                try:
                    await part()
                except Exception as error:  # noqa: BLE001 -- whatever it was, the others must go on
                    _log.warning("news_lost", reason=plain(error))
            await asyncio.sleep(self.CANCEL_EVERY)

    async def _write_news(self) -> None:
        """All progress in one transaction; what could not be written is written the next time."""
        news, self._news = self._news, {}
        if not news:
            return
        try:
            await self._database.write(jobs.report_all, news)
        except Exception:
            self._news = {job: told for job, told in news.items() if job in self._watched} | self._news
            raise

    async def _hear_cancellations(self) -> None:
        for job_id in await self._database.read(jobs.to_cancel) if self._watched else ():
            for watch in self._watched.get(job_id, ()):
                if not watch.is_stopping:
                    watch.is_stopping = True
                    self._start(self._cancel(watch))

    async def _exchange_endings(self) -> None:
        if self._paces is not None:
            await self._paces.exchange()

    async def _cancel(self, watch: Watch) -> None:
        error = CancelledError("The job was cancelled.")
        for _ in range(self.CANCELS):
            stopped = await self._stop(watch, error)
            if watch.outcome.done():
                return
            if stopped is not None:
                watch.outcome.set_result(stopped)
                return
            await asyncio.sleep(self.CANCEL_EVERY)
        if not watch.outcome.done():
            watch.outcome.set_exception(CancelledError(f"{error} {may_go_on(watch)}"))
