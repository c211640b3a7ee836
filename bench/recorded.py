"""Providers that are written down when they are called: Runway, and a synthetic one that ends all at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from cutscene.domain import Credits, VideoRequest
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
from cutscene.providers.runway import open_provider as open_runway
from cutscene.settings import Settings
from synthetic import SyntheticProvider

__all__ = ["RECORD", "Recorded", "open_instant", "open_recorded"]


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

    def __init__(self, name: str, provider: Provider) -> None:
        self.id = name
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
        RECORD.called.set()
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


@asynccontextmanager
async def open_recorded(settings: Settings) -> AsyncIterator[Recorded]:
    async with open_runway(settings) as provider:
        yield Recorded("recorded", provider)


@asynccontextmanager
async def open_instant(_settings: Settings) -> AsyncIterator[Recorded]:
    """A job's shortest whole life: accepted at once, and at the first look it has failed at no cost."""
    yield Recorded("instant", SyntheticProvider("instant", concurrency=1000, interval=0.05, seconds=0))
