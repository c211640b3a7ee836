"""The life of a job in one process, on both databases, against a vendor that misbehaves."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

import cutscene
from cutscene.domain import Credits, JobState, VideoRequest
from cutscene.errors import (
    CancelledError,
    ConflictError,
    GenerationTimeoutError,
    InputValidationError,
    NotFoundError,
    ProviderError,
    SubmissionUnknownError,
)
from cutscene.ledger import Grouping
from cutscene.media.probe import probe
from cutscene.settings import Settings
from cutscene.specs import Specs
from cutscene.studio import Studio
from scripted import ScriptedProvider

pytestmark = pytest.mark.anyio

SMALL = Specs(width=480, height=270)


def ask(prompt: str, duration: float = 1.0) -> VideoRequest:
    return VideoRequest(prompt=prompt, duration=duration, specs=SMALL)


async def money(studio: Studio) -> tuple[Credits, Credits]:
    """Settled and held."""
    rows = await studio.usage(Grouping.TENANT)
    return sum((row.credits for row in rows), Credits()), sum((row.held for row in rows), Credits())


def stored(settings: Settings) -> list[str]:
    return sorted(path.suffix for path in (settings.home / "store").rglob("*") if path.is_file())


async def test_a_job_becomes_a_measured_clip(settings: Settings, vendor: ScriptedProvider) -> None:
    async with cutscene.open(settings) as studio:
        job = await studio.submit("acme", ask("waves"))
        assert (job.state, job.credits_used) == (JobState.QUEUED, None)
        clip = await studio.wait("acme", job.id, timeout=30)
        file = Path(clip.video_url.removeprefix("file://"))
        facts = probe(file)
        assert (facts.width, facts.height, facts.frames, facts.fps) == (480, 270, 24, 24.0)
        assert (facts.codec, facts.pix_fmt, facts.faststart) == ("h264", "yuv420p", True)
        assert (clip.sha256, clip.frames, clip.duration_ms) == (facts.sha256, 24, 1000)
        assert Path(clip.poster_url.removeprefix("file://")).stat().st_size > 0
        assert await money(studio) == (Credits.of(5), Credits())
        [row] = await studio.usage(Grouping.DAY)
        assert row.usd == Decimal("0.05")
        assert (await studio.get("acme", job.id)).credits_used == Credits.of(5)
        async with asyncio.timeout(20):
            while stored(settings) != [".jpg", ".mp4"]:  # the raw footage has served, and goes
                await asyncio.sleep(0.05)
    assert vendor.calls("accepted") == ["waves"]
    assert not list(settings.scratch.iterdir())


async def test_refused_for_a_while_is_posted_again_until_accepted_once(
    settings: Settings, vendor: ScriptedProvider
) -> None:
    async with cutscene.open(settings) as studio:
        job = await studio.submit("acme", ask("[reject:2]"))
        await studio.wait("acme", job.id, timeout=30)
    assert len(vendor.calls("post")) == 3
    assert len(vendor.calls("accepted")) == 1


async def test_refused_for_good_costs_nothing_and_says_why(
    settings: Settings, vendor: ScriptedProvider
) -> None:
    async with cutscene.open(settings) as studio:
        job = await studio.submit("acme", ask("[refuse]"))
        with pytest.raises(InputValidationError, match="refuses this prompt"):
            await studio.wait("acme", job.id, timeout=30)
        assert await money(studio) == (Credits(), Credits())
    assert len(vendor.calls("post")) == 1


@pytest.mark.parametrize("trouble", ["[lose]", "[crash]"])
async def test_a_lost_answer_is_never_posted_again_unasked(
    settings: Settings, vendor: ScriptedProvider, trouble: str
) -> None:
    async with cutscene.open(settings) as studio:
        job = await studio.submit("acme", ask(trouble))
        waits = await studio.submit("acme", ask("behind it"))
        with pytest.raises(SubmissionUnknownError):
            await studio.wait("acme", job.id, timeout=30)
        assert await money(studio) == (Credits(), Credits.of(10))
        await asyncio.sleep(0.5)  # the slot is kept: perhaps it is at work
        assert (await studio.get("acme", waits.id)).state == JobState.QUEUED

        await studio.cancel("acme", job.id)  # somebody looked: it was not paid
        await studio.wait("acme", waits.id, timeout=30)
        assert await money(studio) == (Credits.of(5), Credits())
    assert len(vendor.calls("post", trouble)) == 1


async def test_retrying_a_lost_answer_counts_the_first_as_paid(
    settings: Settings, vendor: ScriptedProvider
) -> None:
    async with cutscene.open(settings) as studio:
        job = await studio.submit("acme", ask("[lose]"))
        with pytest.raises(SubmissionUnknownError):
            await studio.wait("acme", job.id, timeout=30)
        await studio.retry("acme", job.id)
        with pytest.raises(SubmissionUnknownError):
            await studio.wait("acme", job.id, timeout=30)
        assert await money(studio) == (Credits.of(5), Credits.of(5))
    assert len(vendor.calls("post")) == 2


async def test_by_policy_a_lost_answer_is_posted_again(settings: Settings, vendor: ScriptedProvider) -> None:
    bold = settings.model_copy(update={"unknown_submit": "resubmit"})
    async with cutscene.open(bold) as studio:
        job = await studio.submit("acme", ask("[lose]"))
        with pytest.raises(SubmissionUnknownError):
            await studio.wait("acme", job.id, timeout=30)
        assert await money(studio) == (Credits.of(10), Credits.of(5))
    assert len(vendor.calls("post")) == 3  # bounded, whatever the policy


async def test_footage_that_the_provider_did_not_keep_is_made_anew_when_asked(
    settings: Settings, vendor: ScriptedProvider
) -> None:
    async with cutscene.open(settings) as studio:
        job = await studio.submit("acme", ask("[vanish]"))
        with pytest.raises(ProviderError, match="pays for it again"):
            await studio.wait("acme", job.id, timeout=30)
        assert await money(studio) == (Credits.of(5), Credits())
        assert len(vendor.calls("accepted")) == 1
        await studio.retry("acme", job.id)
        await studio.wait("acme", job.id, timeout=30)
        assert await money(studio) == (Credits.of(10), Credits())
    assert len(vendor.calls("accepted")) == 2


async def test_a_failed_generation_settles_at_what_was_charged(
    settings: Settings, vendor: ScriptedProvider
) -> None:
    async with cutscene.open(settings) as studio:
        job = await studio.submit("acme", ask("[fail][charge:2]"))
        with pytest.raises(ProviderError, match="vendor failed"):
            await studio.wait("acme", job.id, timeout=30)
        assert await money(studio) == (Credits.of(2), Credits())
        await studio.retry("acme", job.id)
        with pytest.raises(ProviderError):
            await studio.wait("acme", job.id, timeout=30)
        assert await money(studio) == (Credits.of(4), Credits())
    assert len(vendor.calls("accepted")) == 2


async def test_a_provider_that_does_not_say_costs_the_estimate(
    settings: Settings, vendor: ScriptedProvider
) -> None:
    async with cutscene.open(settings) as studio:
        job = await studio.submit("acme", ask("[silent]"))
        await studio.wait("acme", job.id, timeout=30)
        assert await money(studio) == (Credits.of(5), Credits())


async def test_out_of_time_is_stopped_at_the_vendor_and_stays_held(
    settings: Settings, vendor: ScriptedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCRIPTED_TIMEOUT", "1")
    async with cutscene.open(settings) as studio:
        job = await studio.submit("acme", ask("[throttle]"))
        with pytest.raises(GenerationTimeoutError, match="queue"):
            await studio.wait("acme", job.id, timeout=30)
        assert await money(studio) == (Credits(), Credits.of(5))
        other = await studio.submit("acme", ask("next"))
        await studio.wait("acme", other.id, timeout=30)
    assert vendor.calls("cancel") == ["[throttle]"]


async def test_cancel_tells_the_vendor_and_frees_the_slot(
    settings: Settings, vendor: ScriptedProvider
) -> None:
    async with cutscene.open(settings) as studio:
        job = await studio.submit("acme", ask("[work:60]"))
        waits = await studio.submit("acme", ask("never sent"))
        async for now in studio.watch("acme", job.id):
            if now.progress > 0:
                break
        await studio.cancel("acme", waits.id)
        await studio.cancel("acme", job.id)
        with pytest.raises(CancelledError):
            await studio.wait("acme", job.id, timeout=30)
        with pytest.raises(CancelledError):
            await studio.wait("acme", waits.id, timeout=30)
        with pytest.raises(ConflictError, match="nothing to cancel"):
            await studio.cancel("acme", job.id)
        last = await studio.submit("acme", ask("after"))
        await studio.wait("acme", last.id, timeout=30)
    assert vendor.calls("cancel") == ["[work:60]"]
    assert vendor.calls("post", "never sent") == []


async def test_one_tenant_has_one_generation_under_way(settings: Settings, vendor: ScriptedProvider) -> None:
    async with cutscene.open(settings) as studio:
        first = [await studio.submit("acme", ask(f"{n} [work:0.5]")) for n in range(3)]
        other = await studio.submit("zen", ask("zen [work:0.5]"))
        for job in first:
            await studio.wait("acme", job.id, timeout=60)
        await studio.wait("zen", other.id, timeout=60)
    order = vendor.calls("accepted")
    assert [prompt[0] for prompt in order if prompt[0] != "z"] == ["0", "1", "2"]
    assert "zen [work:0.5]" in order[:2]  # tenants take turns


async def test_the_same_key_is_the_same_job(settings: Settings, vendor: ScriptedProvider) -> None:
    async with cutscene.open(settings) as studio:
        one = await studio.submit("acme", ask("waves"), idempotency_key="k")
        two = await studio.submit("acme", ask("waves"), idempotency_key="k")
        other = await studio.submit("zen", ask("waves"), idempotency_key="k")
        assert one.id == two.id != other.id
        with pytest.raises(ConflictError, match=one.id):
            await studio.submit("acme", ask("mountains"), idempotency_key="k")
        await studio.wait("acme", one.id, timeout=30)
        await studio.wait("zen", other.id, timeout=30)
    assert len(vendor.calls("accepted")) == 2


async def test_another_tenants_job_is_not_found(settings: Settings) -> None:
    async with cutscene.open(settings, work="no") as studio:
        job = await studio.submit("acme", ask("waves"))
        for question in (studio.get, studio.cancel, studio.retry):
            with pytest.raises(NotFoundError):
                await question("zen", job.id)
        assert await studio.list("zen") == []


async def test_what_was_left_at_a_graceful_stop_goes_on(settings: Settings, vendor: ScriptedProvider) -> None:
    async with cutscene.open(settings) as studio:
        job = await studio.submit("acme", ask("[work:1]"))
        async for now in studio.watch("acme", job.id):
            if now.state == JobState.RUNNING and vendor.calls("accepted"):
                break
    continued: list[str] = []
    async with cutscene.open(settings, on_continued=continued.extend) as studio:
        await studio.wait("acme", job.id, timeout=30)
    assert continued == [job.id]
    assert len(vendor.calls("post")) == 1
