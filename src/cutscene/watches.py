"""One task that is waited for, how its provider is asked, and what is said where nobody knows how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TypeVar

from cutscene import jobs
from cutscene.courses import Course
from cutscene.endings import Kind
from cutscene.errors import CutsceneError, GenerationTimeoutError, ProviderError
from cutscene.providers import Done, Failed, Provider

__all__ = ["Watch", "answer", "lost", "may_go_on", "plain"]

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class Watch:
    job_id: str
    provider: Provider
    task_id: str
    kind: Kind
    course: Course
    interval: float
    deadline: float
    lost_at: float
    """When to stop looking for a task that nobody answers for."""
    outcome: asyncio.Future[Done | Failed]
    share: tuple[int, int]
    """Which of how many generations of the job it is, counted from 0."""
    troubles: int = 0
    """Looks that failed in a row."""
    gone_since: float | None = None
    reported: jobs.Report | None = None
    is_stopping: bool = False


async def answer(asked: Awaitable[T], seconds: float) -> T:
    """What a provider answers in time; raises what it raises, and `TimeoutError`.

    Where it lets a cancellation out that nobody asked for, that is a fault of its own: `ProviderError`.
    """
    try:
        async with asyncio.timeout(seconds):
            return await asked
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise ProviderError("The provider cancelled its own answer.") from None


def lost(watch: Watch) -> CutsceneError:
    return GenerationTimeoutError(
        f"{watch.provider.id} did not answer for so long that nobody knows what it has made: "
        "'cutscene job retry' looks again without paying."
    )


def may_go_on(watch: Watch) -> str:
    return (
        f"{watch.provider.id} does not say that it has stopped: "
        "'cutscene job retry' looks for it again without paying."
    )


def plain(error: Exception) -> str:
    """Others' exceptions may hold a key or a signed link."""
    return str(error) if isinstance(error, CutsceneError) else type(error).__name__
