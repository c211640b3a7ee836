"""What ten thousand generations under way cost one worker process, and what they leave when they end."""

from __future__ import annotations

import asyncio
import os
import resource
import time
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import Connection

import synthetic
from cutscene.database import is_postgres
from scale_ground import Ground, database_of, quantiles, seed, until

MIB = 2**20
TENANTS = 100
SETTLE = 15.0


async def measure_in_flight(ground: Ground) -> None:
    os.environ["SYNTHETIC_CONCURRENCY"] = str(ground.jobs)
    await seed_jobs(ground)
    async with ground.studio("yes", max_concurrent=1000) as studio:
        provider, base, began = synthetic.opened("synthetic"), resident(), time.monotonic()
        await until(lambda: len(provider.seen) >= ground.jobs, 3600)  # looked at, so that it waits
        print(f"all wait after {time.monotonic() - began:.0f} s; {base / MIB:.0f} MiB before the first job")
        await asyncio.sleep(SETTLE)
        began, cpu, polls = time.monotonic(), time.process_time(), provider.polls
        lags = await measure_lag(ground.seconds)
        seconds, cpu = time.monotonic() - began, time.process_time() - cpu
        del studio
        print(
            f"{ground.jobs} in flight: {resident() / MIB:.0f} MiB resident, "
            f"{100 * cpu / seconds:.1f}% of a core, {(provider.polls - polls) / seconds:.0f} polls a second "
            f"over {seconds:.0f} s\n"
            f"event loop late by {quantiles(lags)}"
        )


async def measure_history(ground: Ground) -> None:
    """Generations that fail at once: the engine's tables while they do, and soon after."""
    os.environ |= {"SYNTHETIC_CONCURRENCY": "200", "SYNTHETIC_SECONDS": "0.1", "SYNTHETIC_INTERVAL": "0.2"}
    count = ground.jobs // 10
    await seed_jobs(ground, count)
    most, began = 0, time.monotonic()
    async with ground.studio("yes", max_concurrent=1000) as studio:
        database = database_of(studio)
        while not await studio.is_idle():
            most = max(most, await database.read(remembered))
            await asyncio.sleep(0.5)
        took = time.monotonic() - began
        while left := await database.read(remembered):
            await asyncio.sleep(0.5)
            assert time.monotonic() - began < took + 60, f"{left} rows are left"
    after = time.monotonic() - began - took
    print(
        f"{count} jobs ended in {took:.0f} s ({count / took:.0f} a second): at most {most} rows "
        f"in the engine's tables, none {after:.0f} s after the last"
    )


def remembered(connection: Connection) -> int:
    schema = "dbos." if is_postgres(connection) else ""
    tables = ("workflow_status", "workflow_input", "workflow_output", "operation_outputs")
    counts = [f"(SELECT count(*) FROM {schema}{table})" for table in tables]  # noqa: S608 -- our own words
    return int(connection.execute(sa.text("SELECT " + " + ".join(counts))).scalar_one())


async def seed_jobs(ground: Ground, count: int | None = None) -> None:
    async with ground.studio("no") as studio:
        names = ((f"job_{n:016x}", f"tenant-{n % TENANTS}") for n in range(count or ground.jobs))
        await seed(database_of(studio), names)


async def measure_lag(seconds: float) -> list[float]:
    """How late a sleep of 10 ms ends."""
    lags, end = [], time.monotonic() + seconds
    while (now := time.monotonic()) < end:
        await asyncio.sleep(0.01)
        lags.append(time.monotonic() - now - 0.01)
    return lags


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
