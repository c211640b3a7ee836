"""``later-worker VERSION``: a worker whose engine is of another version, as a later Cutscene's is."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack

from cutscene import storage
from cutscene.database import open_database
from cutscene.media.workbench import Workbench
from cutscene.providers import Providers
from cutscene.settings import Settings
from cutscene.telemetry import log_to_stderr
from cutscene.worker import Worker

__all__ = ["main"]


def main() -> None:
    asyncio.run(_work(int(sys.argv[2])))


async def _work(version: int) -> None:
    log_to_stderr()
    settings = Settings.load()
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    async with AsyncExitStack() as stack:
        database = await asyncio.to_thread(open_database, settings.database)
        stack.push_async_callback(database.close)
        store = await asyncio.to_thread(storage.open_store, settings.storage)
        stack.push_async_callback(store.close)
        providers = await stack.enter_async_context(Providers(settings))
        bench = await stack.enter_async_context(Workbench())
        worker = Worker(settings, database, providers, store, bench, "yes", _say_nothing, version=version)
        stack.push_async_callback(worker.stop)
        await worker.ensure()
        sys.stderr.write(f"Version {version} works.\n")
        sys.stderr.flush()
        await stopped.wait()


def _say_nothing(_continued: Sequence[str]) -> None:
    pass
