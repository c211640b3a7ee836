"""How fast jobs are taken in, and how fast a hundred thousand old ones are looked at."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from cutscene.domain import JobState
from cutscene.ledger import Grouping
from cutscene.studio import Studio
from cutscene.tables import jobs, ledger, segments, tenants
from scale_ground import Ground, ask, count_statements, database_of, execute, quantiles, timed

OLD_JOBS = 100_000
OLD_TENANTS = 100


async def measure_submit(ground: Ground) -> None:
    async with ground.studio("no") as studio:
        counted = count_statements(database_of(studio))
        await studio.submit("warm", ask("warm"))
        counted.clear()
        await studio.submit("warm", ask("one"))
        statements, commits = counted["statements"], counted["commits"]
        lone = [await timed(studio.submit("lone", ask(f"lone {n}"))) for n in range(200)]
        print(f"a lone submit     {quantiles(lone)}; {statements} statements, {commits} transactions")
        await flood(studio, ground.jobs // 2, callers=200, tenants=100)
        await flood(studio, ground.jobs // 2, callers=200, tenants=1)
        await flood(studio, ground.jobs // 2, callers=200, tenants=100, keys=True)
        await flood(studio, ground.jobs // 10, callers=20, tenants=100)


async def flood(studio: Studio, count: int, *, callers: int, tenants: int, keys: bool = False) -> None:
    """So many submits, so many of them at once."""
    left, took = iter(range(count)), []

    async def caller() -> None:
        for n in left:
            key = secrets.token_hex(8) if keys else None
            submit = studio.submit(f"tenant-{n % tenants}", ask(f"{n}"), idempotency_key=key)
            took.append(await timed(submit))

    began, cpu = time.monotonic(), time.process_time()
    await asyncio.gather(*(caller() for _ in range(callers)))
    seconds, cpu = time.monotonic() - began, time.process_time() - cpu
    with_keys = ", each with an idempotency key" if keys else ""
    print(
        f"{count / seconds:6.0f} submits/s  {callers} callers, {tenants} tenants{with_keys}: "
        f"{quantiles(took)}; {cpu / count * 1e3:.2f} ms of CPU each in this process"
    )


async def measure_pages(ground: Ground) -> None:
    async with ground.studio("no") as studio:
        database = database_of(studio)
        await database.write(add_old_jobs)
        if not database.is_sqlite:
            await database.write(execute, "ANALYZE")
        newest = await studio.list("tenant-1", limit=1)
        looks: dict[str, Any] = {
            "the newest 50 jobs of a tenant": lambda: studio.list("tenant-1"),
            "50 from the middle": lambda: studio.list("tenant-1", before=OLD_JOBS // 2),
            "50 that failed": lambda: studio.list("tenant-1", states=[JobState.FAILED]),
            "one job": lambda: studio.get("tenant-1", newest[0].id),
            "usage of a tenant by day": lambda: studio.usage(Grouping.DAY, tenant="tenant-1"),
            "usage of all by tenant": lambda: studio.usage(Grouping.TENANT),
            "usage of all by skill, a day": lambda: studio.usage(Grouping.SKILL, since=time.time() - 86400),
            "the standings of all": studio.standings,
        }
        print(f"{OLD_JOBS} jobs of {OLD_TENANTS} tenants in 100 days")
        for what, look in looks.items():
            took = [await timed(look()) for _ in range(10)]
            print(f"{what:32}  {quantiles(took)}")


def add_old_jobs(connection: Connection) -> None:
    """Done ones, and every hundredth failed."""
    for start in range(0, OLD_JOBS, 5000):
        numbers = range(start, start + 5000)
        connection.execute(sa.insert(jobs), [old_job(n) for n in numbers])
        connection.execute(sa.insert(segments), [old_segment(n) for n in numbers])
        connection.execute(sa.insert(ledger), [entry for n in numbers for entry in old_entries(n)])
    connection.execute(
        sa.insert(tenants), [{"id": f"tenant-{n}", "max_active": 1} for n in range(OLD_TENANTS)]
    )


def old_job(n: int) -> dict[str, Any]:
    return {
        "id": f"job_{n:016x}",
        "tenant": f"tenant-{n % OLD_TENANTS}",
        "run": "default",
        "request": ask(f"{n}").to_json(),
        "provider": "synthetic",
        "model": "synthetic-1",
        "priority": 0,
        "state": "failed" if n % 1000 < 10 else "done",
        "stage": "storing",
        "skill": "win" if n % 3 else None,
        "created_at": when(n),
        "finished_at": when(n) + 60,
    }


def old_segment(n: int) -> dict[str, Any]:
    return {
        "id": f"job_{n:016x}-0-1",
        "job_id": f"job_{n:016x}",
        "position": 0,
        "attempt": 1,
        "state": "succeeded",
        "posted_at": when(n),
    }


def old_entries(n: int) -> Iterator[dict[str, Any]]:
    for kind, milli in (("hold", 4000), ("settle", 4000), ("release", 0)):
        yield {
            "segment_id": f"job_{n:016x}-0-1",
            "kind": kind,
            "milli_credits": milli,
            "micro_usd_per_credit": 10_000,
            "basis": "reported",
            "tenant": f"tenant-{n % OLD_TENANTS}",
            "job_id": f"job_{n:016x}",
            "provider": "synthetic",
            "model": "synthetic-1",
            "at": when(n),
        }


def when(n: int) -> float:
    return time.time() - 86400 * 100 * (1 - n / OLD_JOBS)
