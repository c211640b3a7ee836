"""What the parts of `scale.py` stand on: a studio with the synthetic provider, rows by the thousand, time."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from cutscene import arrivals, jobs
from cutscene.arrivals import Arrival
from cutscene.database import Database
from cutscene.domain import Credits, VideoRequest
from cutscene.ledger import Account
from cutscene.settings import Settings
from cutscene.studio import Studio, open_studio
from cutscene.worker import Work

BATCH = 500


@dataclass(frozen=True)
class Ground:
    """Where a part is measured, and how large."""

    home: Path
    url: str
    jobs: int
    seconds: float

    @asynccontextmanager
    async def studio(self, work: Work, **changed: Any) -> AsyncIterator[Studio]:
        settings = Settings(home=self.home, database_url=self.url, provider="synthetic", **changed)
        async with open_studio(settings, work=work) as opened:
            yield opened


def database_of(studio: Studio) -> Database:
    return studio._database  # noqa: SLF001 -- what no tenant sees is measured too


def ask(prompt: str) -> VideoRequest:
    return VideoRequest(prompt=prompt, duration=4.0)


async def seed(database: Database, names: Iterable[tuple[str, str]], provider: str = "synthetic") -> None:
    """Waiting jobs: the id of each, and its tenant."""
    batch: list[Arrival] = []
    for job_id, tenant in names:
        batch.append(arrival(job_id, tenant, provider))
        if len(batch) == BATCH:
            await database.write(record, batch)
            batch = []
    await database.write(record, batch)


def record(connection: Connection, batch: Sequence[Arrival]) -> None:
    if batch:
        arrivals.record(connection, batch, max_active=1)


def arrival(job_id: str, tenant: str, provider: str) -> Arrival:
    job = jobs.NewJob(
        id=job_id,
        tenant=tenant,
        run="default",
        idempotency_key=None,
        request=ask(job_id),
        provider=provider,
        model="synthetic-1",
        priority=0,
    )
    account = Account(
        tenant=tenant, job_id=job_id, provider=provider, model="synthetic-1", usd_per_credit="0.01"
    )
    return Arrival(job, [Credits.of(4)], account)


def execute(connection: Connection, statement: str) -> Sequence[Any]:
    result = connection.execute(sa.text(statement))
    return result.all() if result.returns_rows else []


async def timed(work: Awaitable[object]) -> float:
    began = time.perf_counter()
    await work
    return time.perf_counter() - began


async def until(is_so: Callable[[], bool], seconds: float) -> None:
    async with asyncio.timeout(seconds):
        while not is_so():  # noqa: ASYNC110 -- what is watched tells nobody
            await asyncio.sleep(0.1)


def quantiles(took: Sequence[float]) -> str:
    cuts = statistics.quantiles(took, n=100)
    return f"p50 {cuts[49] * 1e3:.1f} ms, p99 {cuts[98] * 1e3:.1f} ms, most {max(took) * 1e3:.1f} ms"


def count_statements(database: Database) -> Counter[str]:
    """Goes on counting."""
    counted: Counter[str] = Counter()
    sa.event.listen(database.engine, "before_cursor_execute", lambda *_: counted.update(statements=1))
    sa.event.listen(database.engine, "commit", lambda *_: counted.update(commits=1))
    return counted
