"""Workers killed with -9 at each step of a paid job; the emulator's books say what was bought."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import cutscene
from cutscene import jobs, segments
from cutscene.database import Database, open_database
from cutscene.domain import Job, JobState, SegmentState, Stage, VideoRequest
from cutscene.emulator import Behaviour
from cutscene.errors import CutsceneError, SubmissionUnknownError
from cutscene.ledger import Grouping
from cutscene.settings import Settings
from cutscene.specs import Specs
from cutscene.studio import Studio
from emulated import Emulated, runway_environment, runway_settings
from processes import Processes

pytestmark = pytest.mark.anyio


@pytest.fixture
def vendor(footage_folder: Path) -> Iterator[Emulated]:
    with Emulated(Behaviour(seconds=0.3, concurrency=100, footage=footage_folder)) as emulated:
        yield emulated


@pytest.fixture
def settings(vendor: Emulated, tmp_path: Path, database_url: str) -> Settings:
    return runway_settings(
        vendor, tmp_path / "home", database_url=database_url, runway_account_concurrency=100
    )


@pytest.fixture
async def studio(settings: Settings) -> AsyncIterator[Studio]:
    """A client: it does no work itself."""
    async with cutscene.open(settings, work="no") as client:
        yield client


@pytest.fixture
def rows(studio: Studio, settings: Settings) -> Iterator[Database]:
    opened = open_database(settings.database_url)
    yield opened
    opened.engine.dispose()


@pytest.fixture
def processes(settings: Settings, tmp_path: Path) -> Iterator[Processes]:
    started = Processes(settings, tmp_path / "log", **runway_environment(settings))
    yield started
    started.end()
    if (tmp_path / "log").exists():
        print((tmp_path / "log").read_text())


def ask(tags: str) -> VideoRequest:
    return VideoRequest(prompt=f"a harbour {tags}", duration=2.0, specs=Specs(width=480, height=270))


async def until(condition: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        await asyncio.sleep(0.002)


@dataclass(frozen=True, slots=True)
class Now:
    """Where a job is, by the vendor, its own row and its segment's."""

    task: dict[str, Any] | None
    job: Any
    segment: Any


MOMENTS: dict[str, tuple[str, Callable[[Now], bool]]] = {
    "before the paid call": ("[busy:2]", lambda now: now.segment.refusals > 0),
    "right after its answer": ("", lambda now: now.segment.state == SegmentState.RUNNING),
    "while polling": ("[slow:2]", lambda now: now.task is not None and now.task["looks"] >= 2),
    "while fetching": ("[slow-download:2]", lambda now: now.task is not None and now.task["downloads"] >= 1),
    "while finishing": ("", lambda now: now.segment.footage_key and now.job.stage == Stage.FINISHING),
    "while publishing": ("", lambda now: now.job.stage == Stage.STORING),
}


@pytest.mark.parametrize(
    ("database_url", "moment"),
    [*(("sqlite", moment) for moment in MOMENTS), ("postgres", "right after its answer")],
    indirect=["database_url"],
)
async def test_killed(
    moment: str, studio: Studio, rows: Database, vendor: Emulated, processes: Processes
) -> None:
    tags, has_come = MOMENTS[moment]
    job = await studio.submit("acme", ask(tags))
    worker = processes.start("worker")

    def now() -> Now:
        with rows.engine.begin() as connection:
            row, segment = jobs.read(connection, job.id), segments.current(connection, job.id)
        return Now(next(iter(vendor.tasks()), None), row, segment)

    await until(lambda: has_come(now()))
    worker.kill()
    assert (await studio.get("acme", job.id)).state in {JobState.RUNNING, JobState.QUEUED}
    processes.start("worker")
    clip = await studio.wait("acme", job.id, timeout=40)
    assert clip.frames == 48
    assert len(vendor.tasks()) == 1
    assert await books(studio) == (vendor.state()["charged"], 0) == (24, 0)


async def test_killed_during_the_paid_call(studio: Studio, vendor: Emulated, processes: Processes) -> None:
    job = await studio.submit("acme", ask("[slow-accept:30]"))
    worker = processes.start("worker")
    await until(vendor.tasks)
    worker.kill()
    processes.start("worker", CUTSCENE_SUBMIT_TIMEOUT="2")
    with pytest.raises(SubmissionUnknownError):
        await studio.wait("acme", job.id, timeout=40)
    assert len(vendor.tasks()) == 1  # never again unasked
    assert await books(studio) == (0, 24)  # perhaps paid: it was, and stays set aside


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_killed_during_the_paid_call_and_told_to_pay_again(
    studio: Studio, vendor: Emulated, processes: Processes
) -> None:
    job = await studio.submit("acme", ask("[slow-accept:2]"))
    worker = processes.start("worker")
    await until(vendor.tasks)
    worker.kill()
    processes.start("worker", CUTSCENE_SUBMIT_TIMEOUT="4", CUTSCENE_UNKNOWN_SUBMIT="resubmit")
    await studio.wait("acme", job.id, timeout=40)
    assert len(vendor.tasks()) == 2
    assert await books(studio) == (vendor.state()["charged"], 0) == (48, 0)


TAGS = ("", "[slow-accept:0.2]", "[slow:1]", "[truncate]", "[error:503x1]", "[busy:1]")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_killed_twenty_times(studio: Studio, vendor: Emulated, processes: Processes) -> None:
    """At random: no job is lost, none is paid twice, and the books agree.

    Each job has a tenant of its own, since one whose answer was lost keeps its tenant's slot.
    """
    seed = random.randrange(10**6)
    print("seed", seed)
    chance = random.Random(seed)
    submitted = []
    for kill in range(20):
        if kill % 2:
            request = ask(f"[throttle:0.0{kill:02}] {chance.choice(TAGS)}")  # one clip serves all
            submitted.append(await studio.submit(f"t{kill}", request))
        worker = processes.start("worker", CUTSCENE_SUBMIT_TIMEOUT="1")
        await asyncio.sleep(chance.uniform(0.4, 1.6))
        worker.kill()
    processes.start("worker", CUTSCENE_SUBMIT_TIMEOUT="1")
    outcomes = [await outcome(studio, job) for job in submitted]
    assert set(outcomes) <= {"done", "SUBMISSION_UNKNOWN"}
    for job, ended in zip(submitted, outcomes, strict=True):
        bought = [task["charged"] for task in vendor.tasks() if task["prompt"] == job.request.prompt]
        assert bought == [24] if ended == "done" else bought in ([], [24])
    lost = outcomes.count("SUBMISSION_UNKNOWN")
    print(f"{len(submitted)} jobs, {lost} of them unknown")
    assert await books(studio) == (24 * (len(submitted) - lost), 24 * lost)


async def outcome(studio: Studio, job: Job) -> str:
    try:
        await studio.wait(job.tenant, job.id, timeout=90)
    except CutsceneError as error:
        return error.detail or error.code
    return "done"


async def books(studio: Studio) -> tuple[int, int]:
    """Credits settled and held, of all tenants."""
    usage = await studio.usage(Grouping.TENANT)
    settled, held = sum(row.credits.amount for row in usage), sum(row.held.amount for row in usage)
    assert Decimal(settled) == int(settled)
    return int(settled), int(held)
