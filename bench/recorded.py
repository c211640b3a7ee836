"""Two providers of the benches: Runway, written down when it is called, and one that ends everything at once.

They are found as an installed package's would be: this folder is on the path of every bench.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from cutscene.domain import Aspect, Credits, VideoRequest
from cutscene.errors import ProviderError
from cutscene.providers import (
    AccountState,
    Capabilities,
    Done,
    Failed,
    Model,
    Provider,
    Submitted,
    TaskState,
)
from cutscene.providers.choice import choose_model
from cutscene.providers.runway import open_provider as open_runway
from cutscene.settings import Settings

__all__ = ["RECORD", "Instant", "Recorded", "open_instant", "open_recorded"]


@dataclass(slots=True)
class Record:
    """Moments are seconds since 1970."""

    prepared: dict[str, float] = field(default_factory=dict)
    """When a job came to its provider, by prompt."""
    posted: dict[str, float] = field(default_factory=dict)
    """When its paid call began, by prompt."""
    tasks: dict[str, str] = field(default_factory=dict)
    """Its task, by prompt."""
    ended: dict[str, float] = field(default_factory=dict)
    """When a look saw first that it has ended, by task."""
    looks: int = 0
    called: asyncio.Event = field(default_factory=asyncio.Event)
    """Set at each paid call."""


RECORD = Record()
"""Of this process."""


class Recorded:
    """Another provider, its calls written down."""

    id = "recorded"

    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    def capabilities(self) -> Capabilities:
        return self._provider.capabilities()

    def check(self, request: VideoRequest) -> Model:
        return self._provider.check(request)

    def estimate(self, request: VideoRequest) -> Credits:
        return self._provider.estimate(request)

    async def prepare(self, request: VideoRequest) -> VideoRequest:
        RECORD.prepared[request.prompt] = time.time()
        return await self._provider.prepare(request)

    async def submit(self, request: VideoRequest) -> Submitted:
        RECORD.posted[request.prompt] = time.time()
        submitted = await self._provider.submit(request)
        RECORD.tasks[request.prompt] = submitted.task_id
        return submitted

    async def poll(self, task_id: str) -> TaskState:
        state = await self._provider.poll(task_id)
        RECORD.looks += 1
        if isinstance(state, Done | Failed):
            RECORD.ended.setdefault(task_id, time.time())
        return state

    async def cancel(self, task_id: str) -> bool:
        return await self._provider.cancel(task_id)

    async def account(self) -> AccountState:
        return await self._provider.account()


class Instant:
    """Accepts at once, and at the first look has failed at no cost: a job's shortest whole life."""

    id = "instant"

    def __init__(self) -> None:
        self._tasks = 0
        model = Model(
            id="instant-1",
            text=True,
            durations=(1, 10),
            any_duration=True,
            sizes=dict.fromkeys(Aspect, (320, 180)),
            credits_per_second=Credits.of(1),
        )
        self._capabilities = Capabilities(
            models=(model,), usd_per_credit="0.01", concurrency=1000, poll_interval=0.05, timeout=60.0
        )

    def capabilities(self) -> Capabilities:
        return self._capabilities

    def check(self, request: VideoRequest) -> Model:
        return choose_model(self._capabilities, request, self.id)

    def estimate(self, request: VideoRequest) -> Credits:
        return Credits.of(round(request.duration))

    async def prepare(self, request: VideoRequest) -> VideoRequest:
        return request

    async def submit(self, request: VideoRequest) -> Submitted:
        RECORD.posted[request.prompt] = time.time()
        RECORD.called.set()
        self._tasks += 1
        return Submitted(f"instant-{self._tasks}", self.estimate(request))

    async def poll(self, task_id: str) -> TaskState:
        RECORD.looks += 1
        return Failed(ProviderError(f"{task_id} ends at once."), Credits())

    async def cancel(self, task_id: str) -> bool:  # noqa: ARG002 -- it has ended
        return True

    async def account(self) -> AccountState:
        return AccountState()


@asynccontextmanager
async def open_recorded(settings: Settings) -> AsyncIterator[Recorded]:
    async with open_runway(settings) as provider:
        yield Recorded(provider)


@asynccontextmanager
async def open_instant(_settings: Settings) -> AsyncIterator[Instant]:
    yield Instant()
