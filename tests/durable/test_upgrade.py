"""Workers of two versions beside each other, and a schema that is changed under them."""

from __future__ import annotations

import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest

import cutscene
from crew import Crew, until
from cutscene.domain import Job, VideoRequest
from cutscene.emulator import Behaviour
from cutscene.engine import VERSION
from cutscene.settings import Settings
from cutscene.specs import Specs
from cutscene.studio import Studio
from emulated import Emulated, runway_environment, runway_settings
from processes import Processes, run

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.parametrize("database_url", ["postgres"], indirect=True),
]


@pytest.fixture
def vendor(footage_folder: Path) -> Iterator[Emulated]:
    with Emulated(Behaviour(seconds=0.3, concurrency=100, footage=footage_folder)) as emulated:
        yield emulated


@pytest.fixture
def settings(vendor: Emulated, tmp_path: Path, database_url: str) -> Settings:
    return runway_settings(
        vendor,
        tmp_path / "home",
        database_url=database_url,
        runway_account_concurrency=100,
        runway_timeout_ms=120_000,
    )


@pytest.fixture
async def studio(settings: Settings) -> AsyncIterator[Studio]:
    async with cutscene.open(settings, work="no") as client:
        yield client


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def processes(settings: Settings, log: Path) -> Iterator[Processes]:
    started = Processes(settings, log, **runway_environment(settings))
    yield started
    started.end()
    print(log.read_text())


def ask(tags: str) -> VideoRequest:
    return VideoRequest(prompt=f"a harbour {tags}", duration=2.0, specs=Specs(width=480, height=270))


def execute(settings: Settings, *statements: str) -> None:
    with psycopg.connect(settings.database_url) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def list_jobs(processes: Processes, folder: Path) -> subprocess.CompletedProcess[str]:
    return run("jobs", environment=processes.environment, folder=folder)


LATER_SCHEMA = (
    "ALTER TABLE jobs ADD COLUMN later INTEGER NOT NULL DEFAULT 0",
    "UPDATE alembic_version SET version_num = '9999'",
)


async def test_a_rolling_upgrade(
    studio: Studio, settings: Settings, vendor: Emulated, processes: Processes, log: Path, tmp_path: Path
) -> None:
    """What the old ones have they keep; what is new, and what they leave, is the new one's."""
    crew = Crew(settings.database_url)
    leaving, dying = (processes.start("worker") for _ in range(2))
    await until(lambda: log.exists() and log.read_text().count("Working.") == 2)
    jobs: list[Job] = []
    while not (crew.held_by(leaving.pid) and crew.held_by(dying.pid)):  # one takes all that comes at once
        assert len(jobs) < 30
        jobs.append(await studio.submit(f"t{len(jobs)}", ask(f"[slow:8.0{len(jobs)}]")))
        await until(lambda: len(vendor.tasks()) == len(jobs))
    new = processes.start("later-worker", str(VERSION + 1))
    await until(lambda: log.read_text().count("stands_back") == 2)
    execute(settings, *LATER_SCHEMA)

    jobs.append(await studio.submit("later", ask("[slow:2]")))
    await until(lambda: len(vendor.tasks()) == len(jobs))
    assert crew.held_by(new.pid) == {jobs[-1].id}
    had = crew.held_by(leaving.pid), crew.held_by(dying.pid)
    assert had[0] | had[1] == {job.id for job in jobs[:-1]}
    assert all(had)
    assert "jobs_taken_over" not in log.read_text()
    refused = list_jobs(processes, tmp_path)
    assert refused.returncode == 1
    assert "made by a newer Cutscene (its schema is 9999" in refused.stderr

    leaving.terminate()
    told_at = time.monotonic()
    await crew.gone_on(had[0], [new.pid])
    print(f"{len(had[0])} jobs with the new version after {time.monotonic() - told_at:.1f} s")
    assert time.monotonic() - told_at < 4
    assert leaving.wait(20) == 0

    had_last = crew.held_by(dying.pid)
    assert had_last
    killed_at = time.monotonic()
    dying.kill()
    # As if it had died between its gate and its queue.
    execute(
        settings,
        "UPDATE dbos.workflow_status SET status = 'ENQUEUED', started_at_epoch_ms = NULL "
        f"WHERE workflow_uuid LIKE '{min(had_last)}:%'",
    )
    await crew.gone_on(had_last, [new.pid])
    print(f"{len(had_last)} jobs with the new version after {time.monotonic() - killed_at:.1f} s")
    assert time.monotonic() - killed_at < 15
    for job in jobs:
        await studio.wait(job.tenant, job.id, timeout=60)
    assert len(vendor.tasks()) == len(jobs)


async def test_a_worker_of_a_schema_that_is_gone_says_so_and_ends(
    studio: Studio, settings: Settings, vendor: Emulated, processes: Processes, log: Path
) -> None:
    worker = processes.start("worker")
    job = await studio.submit("acme", ask("[slow:2]"))
    await until(vendor.tasks)
    execute(settings, *LATER_SCHEMA, "ALTER TABLE segments RENAME COLUMN footage_key TO key")
    assert worker.wait(30) == 1
    last = log.read_text().splitlines()[-1]
    assert last.startswith("Error: The database was brought to schema 9999 by a newer Cutscene")
    assert "start it anew with the new version" in last
    execute(settings, "ALTER TABLE segments RENAME COLUMN key TO footage_key")
    assert (await studio.get("acme", job.id)).state == "running"  # for who comes next
