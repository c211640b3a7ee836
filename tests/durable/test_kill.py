"""Real processes, killed with -9 where it hurts; the vendor's own log says what was paid."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

import cutscene
from cutscene.domain import Job, JobState, Stage, VideoRequest
from cutscene.errors import SubmissionUnknownError
from cutscene.settings import Settings
from cutscene.studio import Studio
from processes import Processes
from scripted import ScriptedProvider

pytestmark = pytest.mark.anyio


def ask(prompt: str, **fields: object) -> VideoRequest:
    return VideoRequest.from_json(
        {"prompt": prompt, "duration": 1.0, "specs": {"width": 480, "height": 270}, **fields}
    )


@pytest.fixture
async def studio(settings: Settings) -> AsyncIterator[Studio]:
    """A client: it submits and waits through the database, and does no work itself."""
    async with cutscene.open(settings, work="no") as client:
        yield client


async def until(condition: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        await asyncio.sleep(0.05)


async def is_generating(studio: Studio, job: Job) -> None:
    """Wait until somebody looked at its task."""
    async for now in studio.watch(job.tenant, job.id):
        if now.stage == Stage.GENERATING:
            return


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
async def test_killed_while_it_waits(studio: Studio, vendor: ScriptedProvider, processes: Processes) -> None:
    job = await studio.submit("acme", ask("[work:3]"))
    worker = processes.start("worker")
    await is_generating(studio, job)
    worker.kill()
    processes.start("worker")
    await studio.wait("acme", job.id, timeout=40)
    assert len(vendor.calls("post")) == 1


async def test_killed_during_the_paid_call(
    studio: Studio, vendor: ScriptedProvider, processes: Processes
) -> None:
    job = await studio.submit("acme", ask("[slow-post:30]"))
    worker = processes.start("worker")
    await until(lambda: vendor.calls("accepted"))
    worker.kill()
    processes.start("worker", CUTSCENE_SUBMIT_TIMEOUT="4")
    with pytest.raises(SubmissionUnknownError):
        await studio.wait("acme", job.id, timeout=40)
    assert len(vendor.calls("post")) == 1  # never again unasked


async def test_killed_again_and_again(studio: Studio, vendor: ScriptedProvider, processes: Processes) -> None:
    """Five tenants, four kills at whatever step each job is: every job ends, none is paid twice."""
    jobs = [await studio.submit(f"t{n}", ask(f"job {n} [work:0.5]")) for n in range(5)]
    for pause in (1.6, 2.1, 2.6, 3.1):
        worker = processes.start("worker", CUTSCENE_SUBMIT_TIMEOUT="1")
        await asyncio.sleep(pause)
        worker.kill()
    processes.start("worker", CUTSCENE_SUBMIT_TIMEOUT="1")
    for job in jobs:
        calls = 1
        try:
            await studio.wait(job.tenant, job.id, timeout=60)
        except SubmissionUnknownError:  # killed between the fence and the answer
            calls = len(vendor.calls("post", job.request.prompt))
            assert calls <= 1
        assert len(vendor.calls("post", job.request.prompt)) == calls


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_termination_signal_lets_the_paid_call_finish(
    studio: Studio, vendor: ScriptedProvider, processes: Processes
) -> None:
    job = await studio.submit("acme", ask("[slow-post:3]"))
    worker = processes.start("worker")
    await until(lambda: vendor.calls("accepted"))
    worker.terminate()
    assert await asyncio.to_thread(worker.wait, 20) == 0
    processes.start("worker")
    await studio.wait("acme", job.id, timeout=40)
    assert len(vendor.calls("post")) == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_the_waiting_process_becomes_the_worker(
    studio: Studio, settings: Settings, vendor: ScriptedProvider, processes: Processes
) -> None:
    """Two people on one home: when the one who does the work dies, the other goes on."""
    job = await studio.submit("acme", ask("[work:4]"))
    worker = processes.start("worker")
    await is_generating(studio, job)
    async with cutscene.open(settings) as other:
        waiting = asyncio.create_task(other.wait("acme", job.id, timeout=40))
        await asyncio.sleep(0.3)
        worker.kill()
        await waiting
    assert len(vendor.calls("post")) == 1


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
async def test_a_peer_takes_over(studio: Studio, vendor: ScriptedProvider, processes: Processes) -> None:
    workers = [processes.start("worker") for _ in range(2)]
    await until(lambda: all(worker.poll() is None for worker in workers))
    jobs = [await studio.submit(f"t{n}", ask(f"job {n} [work:6]")) for n in range(4)]
    for job in jobs:
        await is_generating(studio, job)  # past the paid call, whose answer the kill must not lose
    workers[0].kill()
    killed = time.monotonic()
    for job in jobs:
        await studio.wait(job.tenant, job.id, timeout=40)
    assert time.monotonic() - killed < 20
    assert len(vendor.calls("post")) == 4


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_one_worker_for_one_sqlite_home(settings: Settings, processes: Processes) -> None:
    first = processes.start("worker")
    await until(lambda: Path(f"{settings.home}/cutscene.db.worker").exists())
    await asyncio.sleep(1)
    second = subprocess.run(
        [sys.executable, "-m", "cutscene", "worker"],
        env=processes.environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert second.returncode == 1
    assert f"Another process (id {first.pid}) is the worker" in second.stderr
    assert len(second.stderr.strip().splitlines()) == 1
    assert first.poll() is None


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_killed_in_the_middle_of_a_render(
    settings: Settings, studio: Studio, processes: Processes
) -> None:
    """The local renderer, two seconds into a clip; what comes out is what would have come out."""
    request = ask("mountains at dusk", duration=3.0, seed=11, loop=True)
    job = await studio.submit("acme", request, provider="local")
    first = processes.start("worker")
    async for now in studio.watch("acme", job.id):
        if 0.1 < now.progress < 0.9:
            break
    first.kill()
    assert (await studio.get("acme", job.id)).state == JobState.RUNNING

    finisher = processes.start("worker", "--until-idle")
    clip = await studio.wait("acme", job.id, timeout=60)
    assert finisher.wait(20) == 0
    again = await studio.submit("acme", request, provider="local")
    processes.start("worker", "--until-idle")
    undisturbed = await studio.wait("acme", again.id, timeout=60)
    assert clip.sha256 == undisturbed.sha256
    stored = Path(clip.video_url.removeprefix("file://")).read_bytes()
    assert hashlib.sha256(stored).hexdigest() == clip.sha256


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_generate_goes_on_after_a_kill_and_says_so(
    settings: Settings, vendor: ScriptedProvider, processes: Processes, tmp_path: Path
) -> None:
    first = processes.start("generate", "one [work:4]", "--duration", "1")
    await until(lambda: vendor.calls("accepted"))
    async with cutscene.open(settings, work="no") as studio:
        [job] = await studio.list("default")
        await is_generating(studio, job)
    first.kill()
    second = subprocess.run(
        [sys.executable, "-m", "cutscene", "generate", "two", "--duration", "1", "--json"],
        env=processes.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "Continuing 1 unfinished job of an earlier run: job_" in second.stderr
    assert json.loads(second.stdout)["status"] == "done"
    assert vendor.calls("post") == ["one [work:4]", "two"]
    continued = re.search("job_[0-9a-f]{16}", second.stderr)
    assert continued is not None
    ended = subprocess.run(  # which also finishes it, should the second process have left before
        [sys.executable, "-m", "cutscene", "job", "wait", continued[0], "--json"],
        env=processes.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert json.loads(ended.stdout)["status"] == "done"
    assert len(vendor.calls("accepted")) == 2
