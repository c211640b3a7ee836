"""What stops a whole account: credits, key, the day's cap, bursts, a vendor that is away. Jobs survive it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

import cutscene
from cutscene.domain import Credits, Job, JobState, VideoRequest
from cutscene.emulator import Behaviour
from cutscene.errors import (
    ProviderAuthError,
    ProviderError,
    QuotaExceededError,
    RateLimitError,
)
from cutscene.ledger import Grouping
from cutscene.limits import Pause
from cutscene.specs import Specs
from cutscene.studio import Studio
from emulated import Emulated, runway_settings

pytestmark = pytest.mark.anyio

OpenVendor = Callable[..., Emulated]


@pytest.fixture
def open_vendor(footage_folder: Path) -> Iterator[OpenVendor]:
    with ExitStack() as stack:
        usual = Behaviour(seconds=0.2, footage=footage_folder)
        yield lambda **changed: stack.enter_context(Emulated(replace(usual, **changed)))


def ask(tags: str = "") -> VideoRequest:
    return VideoRequest(prompt=f"a harbour {tags}", duration=2.0, specs=Specs(width=480, height=270))


async def test_out_of_credits_fails_one_job_and_keeps_the_others(
    open_vendor: OpenVendor, tmp_path: Path
) -> None:
    poor, rich = open_vendor(credits=20), open_vendor()
    async with cutscene.open(runway_settings(poor, tmp_path)) as studio:
        first = await studio.submit("acme", ask())
        second = await studio.submit("acme", ask())
        with pytest.raises(QuotaExceededError, match="out of credits: buy some"):
            await studio.wait("acme", first.id, timeout=30)
        with pytest.raises(QuotaExceededError, match="out of credits"):
            await studio.submit("zen", ask())
        await asyncio.sleep(1)
        assert (await studio.get("acme", second.id)).state == JobState.QUEUED
        assert await studio.list("zen") == []
        [pause] = await studio.pauses()
        assert (pause.provider, pause.code, pause.refuses_jobs) == ("runway", "QUOTA_EXCEEDED_ERROR", True)
    assert len(poor.state()["refused"]) == 1
    async with cutscene.open(runway_settings(rich, tmp_path)) as studio:  # somebody has topped up
        await studio.wait("acme", second.id, timeout=30)
        await studio.retry("acme", first.id)
        await studio.wait("acme", first.id, timeout=30)
        [usage] = await studio.usage(Grouping.TENANT)
        assert (usage.credits, usage.held) == (Credits.of(48), Credits())
    assert rich.state()["charged"] == 48


async def test_a_refused_key_stops_everybody_until_it_works(open_vendor: OpenVendor, tmp_path: Path) -> None:
    vendor = open_vendor()
    wrong = runway_settings(vendor, tmp_path, runway_api_key="key_wrong")
    async with cutscene.open(wrong) as studio:
        job = await studio.submit("acme", ask())
        with pytest.raises(ProviderAuthError, match="check RUNWAY_API_KEY"):
            await studio.wait("acme", job.id, timeout=30)
        with pytest.raises(ProviderAuthError):
            await studio.submit("acme", ask())
    async with cutscene.open(runway_settings(vendor, tmp_path)) as studio:
        other = await studio.submit("zen", ask())  # is told at once that the key works
        await studio.retry("acme", job.id)
        for done in (job, other):
            await studio.wait(done.tenant, done.id, timeout=30)
    assert len(vendor.tasks()) == 2


async def test_the_days_cap_leaves_jobs_queued(open_vendor: OpenVendor, tmp_path: Path) -> None:
    vendor = open_vendor(daily_cap=1)
    await use_up(vendor, tmp_path)
    async with cutscene.open(runway_settings(vendor, tmp_path, runway_timeout_ms=1000)) as studio:
        second = await studio.submit("acme", ask("two"))
        await paused(studio)
        third = await studio.submit("acme", ask("three"))  # waits its turn as well
        await asyncio.sleep(2)  # longer than the patience with anything else
        for job in (second, third):
            assert (await studio.get("acme", job.id)).state == JobState.QUEUED
        [pause] = await studio.pauses()
        assert (pause.code, pause.refuses_jobs) == ("QUOTA_EXCEEDED_ERROR", False)
        assert pause.seconds > 600
        await studio.cancel("acme", second.id)
        assert (await studio.get("acme", second.id)).state == JobState.CANCELLED
    assert len(vendor.tasks()) == 1


async def test_a_burst_that_does_not_end_is_given_up(open_vendor: OpenVendor, tmp_path: Path) -> None:
    vendor = open_vendor()
    async with cutscene.open(runway_settings(vendor, tmp_path, runway_timeout_ms=2500)) as studio:
        job = await studio.submit("acme", ask("[busy]"))
        with pytest.raises(RateLimitError, match="try again later"):
            await studio.wait("acme", job.id, timeout=30)
        [usage] = await studio.usage(Grouping.TENANT)
        assert (usage.credits, usage.held) == (Credits(), Credits())
    assert vendor.tasks() == []
    assert 3 <= len(vendor.state()["refused"]) <= 5


async def test_a_vendor_that_is_away_and_back(open_vendor: OpenVendor, tmp_path: Path) -> None:
    """Once before the paid call, once while looking: nothing is lost, and one call is paid for each."""
    vendor = open_vendor()
    vendor.hang_up()
    async with cutscene.open(runway_settings(vendor, tmp_path)) as studio:
        before = await studio.submit("acme", ask("before"))
        assert "cannot be reached" in (await paused(studio)).reason
        vendor.listen()
        await studio.wait("acme", before.id, timeout=30)
        during = await studio.submit("acme", ask("during [slow:2]"))
        await looked_at(vendor, "a harbour during")
        vendor.hang_up()
        await asyncio.sleep(1)
        vendor.listen()
        await studio.wait("acme", during.id, timeout=30)
    assert len(vendor.tasks()) == 2


async def test_a_vendor_that_is_away_when_time_is_up(open_vendor: OpenVendor, tmp_path: Path) -> None:
    """What was made meanwhile is fetched; nobody calls it stopped because nobody answered."""
    vendor = open_vendor()
    await use_up(vendor, tmp_path)  # so that the clip is drawn, which may take longer than what follows
    async with cutscene.open(runway_settings(vendor, tmp_path, runway_timeout_ms=2500)) as studio:
        job = await studio.submit("acme", ask("[slow:1]"))
        await looked_at(vendor, "a harbour [slow")
        vendor.hang_up()
        await asyncio.sleep(4)
        assert (await studio.get("acme", job.id)).state == JobState.RUNNING
        vendor.listen()
        await studio.wait("acme", job.id, timeout=30)
    [task] = vendor.tasks("a harbour [slow")
    assert not task["cancelled"]


async def test_a_vendor_that_stays_away_is_given_up_at_no_cost(
    tmp_path: Path, open_vendor: OpenVendor
) -> None:
    vendor = open_vendor()
    vendor.hang_up()
    async with cutscene.open(runway_settings(vendor, tmp_path, runway_timeout_ms=1500)) as studio:
        job = await studio.submit("acme", ask())
        with pytest.raises(ProviderError, match="cannot be reached"):
            await studio.wait("acme", job.id, timeout=30)


async def test_cancelling_is_told_to_the_vendor(open_vendor: OpenVendor, tmp_path: Path) -> None:
    vendor = open_vendor()
    async with cutscene.open(runway_settings(vendor, tmp_path)) as studio:
        job = await studio.submit("acme", ask("[slow:10]"))
        async with asyncio.timeout(20):
            while [task["status"] for task in vendor.tasks()] != ["RUNNING"]:
                await asyncio.sleep(0.02)
        await studio.cancel("acme", job.id)
        ended = await settled(studio, job)
        assert ended.state == JobState.CANCELLED
        [usage] = await studio.usage(Grouping.TENANT)
        assert (usage.credits, usage.held) == (Credits(), Credits.of(24))  # a cancelled task no longer says
    [task] = vendor.tasks()
    assert (task["cancelled"], task["charged"]) == (True, 24)


async def test_a_lost_submission_is_retried_when_told_to(open_vendor: OpenVendor, tmp_path: Path) -> None:
    vendor = open_vendor()
    async with cutscene.open(runway_settings(vendor, tmp_path)) as studio:
        paid = await studio.submit("acme", ask("[drop-after-accept]"))
        unpaid = await studio.submit("zen", ask("[drop]"))
        for job in (paid, unpaid):
            assert (await settled(studio, job)).detail == "SUBMISSION_UNKNOWN"
        await studio.retry("acme", paid.id)  # an operator looked there, and pays again
        await studio.wait("acme", paid.id, timeout=30)
        await studio.cancel("zen", unpaid.id)  # it never arrived
        spent = {usage.name: usage.credits for usage in await studio.usage(Grouping.TENANT)}
    assert spent == {"acme": Credits.of(48), "zen": Credits()}
    assert vendor.state()["charged"] == 48


async def use_up(vendor: Emulated, home: Path) -> None:
    """One generation, with all the time that it takes."""
    async with cutscene.open(runway_settings(vendor, home)) as studio:
        await studio.wait("acme", (await studio.submit("acme", ask())).id, timeout=60)


async def settled(studio: Studio, job: Job) -> Job:
    async with asyncio.timeout(30):
        async for now in studio.watch(job.tenant, job.id):
            last = now
    return last


async def looked_at(vendor: Emulated, prompt: str) -> None:
    async with asyncio.timeout(20):
        while not any(task["looks"] for task in vendor.tasks(prompt)):
            await asyncio.sleep(0.02)


async def paused(studio: Studio) -> Pause:
    async with asyncio.timeout(20):
        while not (pauses := await studio.pauses()):
            await asyncio.sleep(0.02)
    return pauses[0]
