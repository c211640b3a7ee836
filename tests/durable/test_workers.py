"""Many real workers on one Postgres, and one account at the vendor; its books say what was bought."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Iterator
from itertools import combinations
from pathlib import Path

import pytest

import cutscene
from crew import Crew, until
from cutscene.domain import Job, Stage, VideoRequest
from cutscene.emulator import Behaviour
from cutscene.errors import SubmissionUnknownError
from cutscene.ledger import Grouping
from cutscene.settings import Settings
from cutscene.specs import Specs
from cutscene.studio import Studio
from emulated import Emulated, overlap, runway_environment, runway_settings
from processes import Command, Processes

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.parametrize("database_url", ["postgres"], indirect=True),
]

TENANTS, EACH = 5, 4
TAGS = ("[slow:1.0{}{}]", "[slow:3.0{}{}]", "[slow:0.5{}{}] [slow-download:1]", "[slow:0.5{}{}]")


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
    """A client: it does no work itself."""
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


@pytest.fixture
def crew(settings: Settings) -> Crew:
    return Crew(settings.database_url)


def ask(tags: str) -> VideoRequest:
    return VideoRequest(prompt=f"a harbour {tags}", duration=2.0, specs=Specs(width=480, height=270))


async def books(studio: Studio) -> tuple[int, int]:
    """Credits settled and held, of all tenants."""
    usage = await studio.usage(Grouping.TENANT)
    return int(sum(row.credits.amount for row in usage)), int(sum(row.held.amount for row in usage))


async def is_done(studio: Studio, job: Job) -> bool:
    """False where it was hit during its paid call: then somebody looks, and lets it go."""
    try:
        await studio.wait(job.tenant, job.id, timeout=150)
    except SubmissionUnknownError:
        await studio.cancel(job.tenant, job.id)
        return False
    return True


async def test_workers_die_and_others_go_on(
    studio: Studio, vendor: Emulated, processes: Processes, crew: Crew, log: Path
) -> None:
    """Of four workers one is killed, one stands still, and who takes over is killed at that; one is left."""
    workers = {f"worker {n}": processes.start("worker", CUTSCENE_SUBMIT_TIMEOUT="2") for n in range(4)}
    await until(lambda: log.exists() and log.read_text().count("Working.") == 4)
    jobs = [
        await studio.submit(f"t{tenant}", ask(TAGS[number].format(tenant, number)))
        for number in range(EACH)
        for tenant in range(TENANTS)
    ]
    waiting = [asyncio.create_task(is_done(studio, job)) for job in jobs]
    await until(lambda: len(vendor.tasks()) > TENANTS)  # some are made, some are finished, some wait

    held = {name: crew.held_by(worker.pid) for name, worker in workers.items()}
    killed, frozen = sorted(held, key=lambda name: len(held[name]))[-2:]
    frozen_worker = workers.pop(frozen)
    frozen_worker.send(signal.SIGSTOP)
    workers.pop(killed).kill()
    orphans = crew.held_by(frozen_worker.pid) | held[killed]
    dead_at = time.monotonic()
    await until(lambda: "jobs_taken_over" in log.read_text())
    sweeper = who_holds_more(crew, workers)
    seconds = await crew.gone_on(orphans, [worker.pid for worker in workers.values()])
    print(
        f"{len(orphans)} jobs of two dead workers were with others after {time.monotonic() - dead_at:.1f} s"
    )
    assert time.monotonic() - dead_at < 15
    assert seconds < 15

    again = workers.pop(sweeper)
    orphans, dead_at = crew.held_by(again.pid), time.monotonic()
    again.kill()
    await asyncio.sleep(1)
    frozen_worker.send(signal.SIGCONT)  # it does not know how long it has slept
    left = [worker.pid for worker in (*workers.values(), frozen_worker)]
    await crew.gone_on(orphans, left)
    print(f"{len(orphans)} jobs of the next one after {time.monotonic() - dead_at:.1f} s")
    assert time.monotonic() - dead_at < 15

    done = dict(zip([job.request.prompt for job in jobs], await asyncio.gather(*waiting), strict=True))
    bought = [task for task in vendor.tasks() if done[task["prompt"]]]
    assert len(bought) == sum(done.values())
    assert len({task["prompt"] for task in bought}) == len(bought)
    assert len(vendor.tasks()) <= len(jobs)
    assert await books(studio) == (sum(task["charged"] for task in bought), 0)
    for tenant in range(TENANTS):
        prompts = {job.request.prompt for job in jobs if job.tenant == f"t{tenant}"}
        own = [task for task in bought if task["prompt"] in prompts]
        assert not any(overlap(one, other) for one, other in combinations(own, 2))
    print(f"{sum(done.values())} of {len(jobs)} done, {log.read_text().count('jobs_taken_away')} taken away")


def who_holds_more(crew: Crew, workers: dict[str, Command]) -> str:
    return max(workers, key=lambda name: len(crew.held_by(workers[name].pid)))


async def test_a_worker_that_stands_still_in_a_paid_call_is_not_called_twice(
    studio: Studio, vendor: Emulated, processes: Processes, crew: Crew
) -> None:
    """Whoever has its job by then waits for the answer, which only the sleeper can write down."""
    sleeper = processes.start("worker")
    job = await studio.submit("acme", ask("[slow-accept:2]"))
    await until(vendor.tasks)
    sleeper.send(signal.SIGSTOP)
    other = processes.start("worker")
    await until(lambda: crew.held_by(other.pid) == {job.id})
    await asyncio.sleep(1)
    sleeper.send(signal.SIGCONT)
    await studio.wait("acme", job.id, timeout=60)
    assert crew.held_by(sleeper.pid) == set()
    assert len(vendor.tasks()) == 1
    assert await books(studio) == (24, 0)


async def test_a_termination_signal_hands_over_at_once(
    studio: Studio, vendor: Emulated, processes: Processes, crew: Crew, log: Path
) -> None:
    """But waits for the answer to a paid call, which the next worker waits for as well."""
    stopping = processes.start("worker")
    jobs = [await studio.submit(f"t{n}", ask(f"[slow:4.0{n}]")) for n in range(3)]
    jobs.append(await studio.submit("paying", ask("[slow-accept:3]")))
    await until(lambda: len(vendor.tasks()) == 4)
    other = processes.start("worker")
    await until(lambda: log.read_text().count("Working.") == 2)
    assert len(crew.held_by(stopping.pid)) == 4
    stopping.terminate()
    told_at = time.monotonic()
    await crew.gone_on([job.id for job in jobs], [other.pid])
    print(f"with another worker after {time.monotonic() - told_at:.1f} s")
    assert time.monotonic() - told_at < 4
    assert stopping.wait(20) == 0
    print(f"ended after {time.monotonic() - told_at:.1f} s")
    for job in jobs:
        await studio.wait(job.tenant, job.id, timeout=40)
    assert "Stopped; 4 unfinished jobs left to other workers.\n" in log.read_text()
    assert len(vendor.tasks()) == 4
    assert await books(studio) == (vendor.state()["charged"], 0) == (96, 0)


async def test_a_second_signal_ends_it_at_once(
    studio: Studio, vendor: Emulated, processes: Processes, log: Path
) -> None:
    worker = processes.start("worker")
    job = await studio.submit("acme", ask("[slow-accept:30]"))
    await until(vendor.tasks)
    worker.terminate()
    await until(lambda: "Stopping." in log.read_text())
    await asyncio.sleep(0.5)
    assert worker.poll() is None
    told_at = time.monotonic()
    worker.send(signal.SIGINT)
    assert worker.wait(10) == 130
    assert time.monotonic() - told_at < 5
    assert "Stopped; 1 unfinished job left to other workers, 1 paid call unanswered.\n" in log.read_text()
    assert (await studio.get("acme", job.id)).stage in {Stage.QUEUED, Stage.GENERATING}
