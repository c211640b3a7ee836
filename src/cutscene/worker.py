"""The share of one process in the work: an engine that is started when it is needed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from typing import Final, Literal

from cutscene import fetch, storage
from cutscene.database import Database
from cutscene.errors import WorkerConflictError
from cutscene.executors import worker_lives
from cutscene.media.workbench import Workbench
from cutscene.poller import Poller
from cutscene.providers import Providers
from cutscene.settings import Settings

__all__ = ["Work", "Worker"]

Work = Literal["yes", "no", "if needed"]
"""Whether a process is a worker too: it does jobs, or does not, or only while nobody else does."""


class Worker:
    """Becomes the worker where that is wanted, and stays it until `stop`."""

    ENSURE_EVERY: Final = 2.0

    def __init__(
        self,
        settings: Settings,
        database: Database,
        providers: Providers,
        store: storage.Store,
        workbench: Workbench,
        work: Work,
        on_continued: Callable[[Sequence[str]], None],
    ) -> None:
        self._settings = settings
        self._database = database
        self._providers = providers
        self._store = store
        self._workbench = workbench
        self._work = work
        self._on_continued = on_continued
        self._awake = asyncio.Event()
        self._stack = AsyncExitStack()
        self._starting = asyncio.Lock()
        self._checked = 0.0
        self.is_on = False

    def wake(self) -> None:
        """There is something to do: let the gate look now."""
        self._awake.set()

    async def ensure(self) -> None:
        """Become the worker where that is wanted and nobody else is."""
        now = asyncio.get_running_loop().time()
        if self.is_on or self._work == "no" or (self._checked and now - self._checked < self.ENSURE_EVERY):
            return
        self._checked = now
        async with self._starting:
            if self.is_on or (self._work == "if needed" and await worker_lives(self._database)):
                return
            try:
                await self._start()
            except WorkerConflictError:
                if self._work == "yes":
                    raise

    async def _start(self) -> None:
        # The engine takes a second to import, which whoever only asks should not pay.
        from cutscene.engine import Engine  # noqa: PLC0415
        from cutscene.fallback import Understudy  # noqa: PLC0415
        from cutscene.pipeline import Pipeline, Sessions  # noqa: PLC0415
        from cutscene.submission import Submissions  # noqa: PLC0415

        async with AsyncExitStack() as stack:
            anywhere = self._settings.allow_private_urls
            sessions = Sessions(
                public=await stack.enter_async_context(fetch.open_session(allow_private=anywhere)),
                private=await stack.enter_async_context(fetch.open_session(allow_private=True)),
            )
            poller = await stack.enter_async_context(
                Poller(self._database, adaptive=self._settings.polling == "adaptive")
            )
            freed = self._awake.set
            understudy = Understudy(self._database, self._providers, freed)
            submissions = Submissions(
                self._settings, self._database, self._store, self._workbench, understudy, freed
            )
            pipeline = Pipeline(
                self._settings,
                self._database,
                self._providers,
                self._store,
                self._workbench,
                sessions,
                poller,
                submissions,
                understudy,
                freed,
            )
            capabilities = await self._providers.capabilities()
            max_active = self._settings.max_concurrent
            running = Engine(
                self._database,
                self._providers,
                pipeline,
                submissions,
                capabilities,
                max_active,
                self._awake,
            )
            await stack.enter_async_context(running)
            self._stack = stack.pop_all()
            self.is_on = True
            if running.continued:
                self._on_continued(running.continued)

    async def stop(self) -> None:
        self.is_on = False
        await self._stack.aclose()
