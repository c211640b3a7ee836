"""Where tasks live: each waits for a place, is at work for its time, and comes to its end."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from typing import Final

from cutscene.emulator.account import Account, remaining
from cutscene.emulator.footage import Footage
from cutscene.emulator.lanes import Lane
from cutscene.emulator.task import Status, Task

__all__ = ["Works"]

_PENDING: Final = 0.05
"""Part of a task's seconds that it is PENDING."""


class Works:
    """Runs every task; `close` abandons what is not finished."""

    def __init__(self, account: Account, footage: Footage, concurrency: int) -> None:
        self._account = account
        self._footage = footage
        self._lanes: defaultdict[str, Lane] = defaultdict(lambda: Lane(concurrency))
        self._entered = 0
        self.in_flight = 0
        """Tasks that have not come to their end."""
        self._working: set[asyncio.Task[None]] = set()

    def start(self, task: Task) -> None:
        self._entered += 1
        self.in_flight += 1
        has_place = not task.faults.throttle and self._lanes[task.order.model].take()
        if has_place:
            task.status = Status.PENDING
        task.work = asyncio.create_task(self._live(task, self._entered, has_place=has_place))
        self._working.add(task.work)
        task.work.add_done_callback(self._working.discard)

    def cancel(self, task: Task) -> None:
        """Its status at this moment decides what is given back."""
        self._end(task, Status.CANCELLED)
        if task.work is not None:
            task.work.cancel()

    async def close(self) -> None:
        working = list(self._working)
        for work in working:
            work.cancel()
        await asyncio.gather(*working, return_exceptions=True)

    async def _live(self, task: Task, number: int, *, has_place: bool) -> None:
        lane = self._lanes[task.order.model]
        if not has_place:
            await asyncio.sleep(task.faults.throttle)
            await lane.wait(number)
        try:
            await self._work(task)
        finally:
            lane.leave()

    async def _work(self, task: Task) -> None:
        task.status = Status.PENDING
        await asyncio.sleep(task.seconds * _PENDING)
        task.status = Status.RUNNING
        task.started_at = time.time()
        if task.faults.never:
            await asyncio.Event().wait()
        doomed = task.faults.cancelled or task.doom is not None
        rendering = None if doomed else self._footage.begin(task.order.shot)
        await asyncio.sleep(task.seconds * (1 - _PENDING))
        if task.faults.cancelled:
            self._end(task, Status.CANCELLED)
        elif rendering is None:
            self._end(task, Status.FAILED, task.doom)
        else:
            # Shielded: others may wait for the same clip.
            task.clip = await asyncio.shield(rendering)
            self._end(
                task, Status.SUCCEEDED if task.clip else Status.FAILED, None if task.clip else "INTERNAL"
            )

    def _end(self, task: Task, status: Status, failure_code: str | None = None) -> None:
        self._account.settle(task, remaining(task, status, failure_code=failure_code))
        task.status = status
        task.failure_code = failure_code
        task.ended_at = time.time()
        task.forget_picture()
        self.in_flight -= 1
