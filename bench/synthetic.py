"""A provider for measuring: accepts at once, keeps all in memory, and is as slow as it is told to be.

It stands in for HTTP. It is found as an installed package's would be, by `bench-1.0.dist-info`: this folder
is on the path of every bench.
"""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from cutscene.domain import Aspect, Credits, VideoRequest
from cutscene.errors import ProviderError
from cutscene.providers import (
    AccountState,
    Capabilities,
    Failed,
    Gone,
    Model,
    Pending,
    Submitted,
    TaskState,
)
from cutscene.providers.choice import choose_model
from cutscene.settings import Settings

__all__ = ["SyntheticProvider", "opened"]


class SyntheticProvider:
    """Works ``seconds`` on each task, and then fails it at no cost: there is no footage to be had."""

    def __init__(self, name: str, *, concurrency: int, interval: float, seconds: float) -> None:
        self.id = name
        self._seconds = seconds
        self._capabilities = Capabilities(
            models=(
                Model(
                    id="synthetic-1",
                    text=True,
                    durations=(1, 10),
                    any_duration=True,
                    sizes=dict.fromkeys(Aspect, (320, 180)),
                    credits_per_second=Credits.of(1),
                ),
            ),
            usd_per_credit="0.01",
            concurrency=concurrency,
            poll_interval=interval,
            timeout=seconds + 3600.0,
        )
        self.accepted: dict[str, float] = {}
        """When each task was, by the monotonic clock."""
        self.prompts: dict[str, float] = {}
        """The same by what was asked for."""
        self.polls = 0
        self.seen: set[str] = set()
        """Tasks that were looked at."""

    def capabilities(self) -> Capabilities:
        return self._capabilities

    def check(self, request: VideoRequest) -> Model:
        return choose_model(self._capabilities, request, self.id)

    def estimate(self, request: VideoRequest) -> Credits:
        return Credits(self.check(request).credits_per_second.milli * round(request.duration))

    async def prepare(self, request: VideoRequest) -> VideoRequest:
        return request

    async def submit(self, request: VideoRequest) -> Submitted:
        task_id = f"task-{len(self.accepted)}"
        self.accepted[task_id] = self.prompts[request.prompt] = time.monotonic()
        return Submitted(task_id)

    async def poll(self, task_id: str) -> TaskState:
        self.polls += 1
        self.seen.add(task_id)
        accepted = self.accepted.get(task_id)
        if accepted is None:
            return Gone()
        age = time.monotonic() - accepted
        if age < self._seconds:
            return Pending(round(age / self._seconds, 2))
        return Failed(ProviderError("A synthetic generation has no footage."), Credits())

    async def cancel(self, task_id: str) -> bool:
        return self.accepted.pop(task_id, None) is not None

    async def account(self) -> AccountState:
        return AccountState()


_opened: dict[str, SyntheticProvider] = {}


def opened(name: str) -> SyntheticProvider:
    """The one of this process."""
    return _opened[name]


@asynccontextmanager
async def _open(name: str, concurrency: int) -> AsyncIterator[SyntheticProvider]:
    _opened[name] = SyntheticProvider(
        name,
        concurrency=concurrency,
        interval=float(os.environ.get("SYNTHETIC_INTERVAL", "10")),
        seconds=float(os.environ.get("SYNTHETIC_SECONDS", "3600")),
    )
    yield _opened[name]


def open_provider(_settings: Settings) -> AbstractAsyncContextManager[SyntheticProvider]:
    return _open("synthetic", int(os.environ.get("SYNTHETIC_CONCURRENCY", "10000")))


def open_full(_settings: Settings) -> AbstractAsyncContextManager[SyntheticProvider]:
    """Takes nothing at all."""
    return _open("synthetic-full", 0)
