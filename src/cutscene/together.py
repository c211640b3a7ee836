"""Work for many callers at once: a transaction costs nearly the same for a hundred rows as for one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from cutscene.errors import CutsceneError

__all__ = ["Together"]

T = TypeVar("T")
R = TypeVar("R")


class Together(Generic[T, R]):
    """``await together(item)``: what is asked for while a round is under way is done in the next one.

    A lone item does not wait. ``work`` says what came of each item, in their order; an error is raised to
    whose item it is. If it fails as a whole, by what one of them may have caused, each is done alone.
    """

    MOST = 100
    """Items in a round."""

    def __init__(self, work: Callable[[Sequence[T]], Awaitable[Sequence[R | CutsceneError]]]) -> None:
        self._work = work
        self._waiting: list[tuple[T, asyncio.Future[R]]] = []
        self._rounds: asyncio.Task[None] | None = None

    async def __call__(self, item: T) -> R:
        outcome: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, outcome))
        if self._rounds is None or self._rounds.done():
            self._rounds = asyncio.create_task(self._do_all(), name="together")
        return await outcome

    async def _do_all(self) -> None:
        while self._waiting:
            asked = [item for item in self._waiting if not item[1].done()]  # who was cancelled asks no more
            now, self._waiting = asked[: self.MOST], asked[self.MOST :]
            await self._do(now)

    async def _do(self, items: Sequence[tuple[T, asyncio.Future[R]]]) -> None:
        try:
            outcomes = await self._work([item for item, _ in items])
        except CutsceneError as error:
            for _, future in items:
                _settle(future, error)
        except Exception as error:  # noqa: BLE001 -- whatever it is, it is whose item it is
            if len(items) == 1:
                _settle(items[0][1], error)
                return
            for item in items:
                await self._do([item])
        else:
            for (_, future), outcome in zip(items, outcomes, strict=True):
                _settle(future, outcome)


def _settle(future: asyncio.Future[R], outcome: R | Exception) -> None:
    if future.done():  # who asked was cancelled
        return
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
