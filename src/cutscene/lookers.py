"""Looks at the time they are due: any number are waited for, few are made at once."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

__all__ = ["Lookers"]

T = TypeVar("T")


@dataclass(slots=True)
class _Lane(Generic[T]):
    """What is due in one place: a place that answers slowly holds up no other."""

    waiting: deque[tuple[float, T]] = field(default_factory=deque)
    """Since when, and what."""
    lookers: int = 0


class Lookers(Generic[T]):
    """``at(...)`` says what to look at, and when; ``run()`` does it until it is cancelled."""

    TICK = 0.02
    FEW = 8
    """Looks in one place that are under way at once."""
    MANY = 64
    """The same while they fall behind."""
    BEHIND = 0.5
    """Seconds."""

    def __init__(self, look: Callable[[T], Coroutine[Any, Any, None]]) -> None:
        self._look = look
        self._due: list[tuple[float, int, str, T]] = []
        self._numbers = itertools.count()  # so that things need no order
        self._lanes: dict[str, _Lane[T]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def at(self, moment: float, place: str, thing: T) -> None:
        """Look once, not before that moment of the loop's clock."""
        heapq.heappush(self._due, (moment, next(self._numbers), place, thing))

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while True:
                now = loop.time()
                while self._due and self._due[0][0] <= now:
                    self._hand_out(*heapq.heappop(self._due))
                for lane in self._lanes.values():
                    if lane.waiting and now - lane.waiting[0][0] > self.BEHIND:
                        self._one_more(lane, self.MANY)
                await asyncio.sleep(self.TICK)
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _hand_out(self, moment: float, _number: int, place: str, thing: T) -> None:
        lane = self._lanes.get(place)
        if lane is None:
            lane = self._lanes[place] = _Lane()
        lane.waiting.append((moment, thing))
        self._one_more(lane, self.FEW)

    def _one_more(self, lane: _Lane[T], most: int) -> None:
        if lane.lookers < most:
            lane.lookers += 1
            task = asyncio.create_task(self._look_along(lane))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _look_along(self, lane: _Lane[T]) -> None:
        """Until nothing is due there: a task for every look would cost more than many looks do."""
        try:
            while lane.waiting:
                await self._look(lane.waiting.popleft()[1])
        finally:
            lane.lookers -= 1
