"""Another provider makes a job where its own does not; never where something was or may have been paid."""

from __future__ import annotations

import asyncio

import pytest

import cutscene
from cutscene.domain import Credits, JobState, VideoRequest
from cutscene.errors import CutsceneError, InputValidationError, QuotaExceededError
from cutscene.ledger import Grouping
from cutscene.settings import Settings
from cutscene.specs import Specs
from cutscene.studio import Studio
from scripted import ScriptedProvider

pytestmark = pytest.mark.anyio


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"fallback_provider": "local"})


def ask(prompt: str, duration: float = 1.0) -> VideoRequest:
    return VideoRequest(prompt=prompt, duration=duration, specs=Specs(width=480, height=270))


async def money(studio: Studio) -> tuple[Credits, Credits]:
    """Settled and held."""
    rows = await studio.usage(Grouping.TENANT)
    return sum((row.credits for row in rows), Credits()), sum((row.held for row in rows), Credits())


async def made_by(studio: Studio, job_id: str) -> tuple[str, str, str]:
    await studio.wait("acme", job_id, timeout=60)
    job = await studio.get("acme", job_id)
    assert job.fallback is not None
    return job.provider, job.fallback.instead_of, job.fallback.error_code


async def test_an_empty_account_is_stepped_in_for_at_once_and_from_then_on(
    settings: Settings, vendor: ScriptedProvider
) -> None:
    async with cutscene.open(settings) as studio:
        found_out = await studio.submit("acme", ask("[closed] castle"))
        waits = await studio.submit("acme", ask("sea"))
        replaced = ("local", "scripted", "QUOTA_EXCEEDED_ERROR")
        assert await made_by(studio, found_out.id) == replaced
        assert await made_by(studio, waits.id) == replaced
        comes_later = await studio.submit("acme", ask("forest"), idempotency_key="once")
        assert (comes_later.provider, comes_later.state) == ("local", JobState.QUEUED)
        again = await studio.submit("acme", ask("forest"), idempotency_key="once")
        assert again.id == comes_later.id
        assert await made_by(studio, comes_later.id) == replaced
        assert await money(studio) == (Credits(), Credits())
    assert vendor.calls("post") == ["[closed] castle"]


async def test_who_never_takes_the_call_is_stepped_in_for(
    settings: Settings, vendor: ScriptedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCRIPTED_TIMEOUT", "0.3")
    async with cutscene.open(settings) as studio:
        job = await studio.submit("acme", ask("[reject:99] castle"))
        assert await made_by(studio, job.id) == ("local", "scripted", "RATE_LIMIT_ERROR")
        assert await money(studio) == (Credits(), Credits())
    assert not vendor.calls("accepted")


async def test_a_generation_that_broke_twice_at_no_cost_is_made_elsewhere(
    settings: Settings, vendor: ScriptedProvider
) -> None:
    async with cutscene.open(settings) as studio:
        job = await studio.submit("acme", ask("[fail][passing] castle", 3))
        assert await made_by(studio, job.id) == ("local", "scripted", "PROVIDER_ERROR")
        assert await money(studio) == (Credits(), Credits())
        assert (await studio.get("acme", job.id)).parts == 1
    assert len(vendor.calls("accepted")) == 2


@pytest.mark.parametrize("trouble", ["[refuse]", "[lose]", "[fail]", "[fail][passing][charge:2]", "[crash]"])
async def test_nobody_steps_in_where_that_would_not_help_or_could_pay_twice(
    settings: Settings, vendor: ScriptedProvider, trouble: str
) -> None:
    async with cutscene.open(settings) as studio:
        job = await studio.submit("acme", ask(trouble))
        with pytest.raises(CutsceneError):
            await studio.wait("acme", job.id, timeout=60)
        job = await studio.get("acme", job.id)
        assert (job.provider, job.fallback) == ("scripted", None)
    assert len(vendor.calls("post")) == 1


async def test_nobody_steps_in_for_who_was_asked_by_name(
    settings: Settings, vendor: ScriptedProvider
) -> None:
    async with cutscene.open(settings) as studio:
        job = await studio.submit("acme", ask("[closed]"), provider="scripted")
        with pytest.raises(QuotaExceededError):
            await studio.wait("acme", job.id, timeout=60)
    assert len(vendor.calls("post")) == 1


async def test_a_job_in_parts_gets_the_parts_of_the_other_provider_and_can_be_cancelled(
    settings: Settings, vendor: ScriptedProvider
) -> None:
    async with cutscene.open(settings) as studio:
        job = await studio.submit("acme", ask("[closed] sea", 12))
        assert job.parts == 2
        async with asyncio.timeout(30):
            while (await studio.get("acme", job.id)).fallback is None:
                await asyncio.sleep(0.02)
        assert (await studio.get("acme", job.id)).parts == 1
        await studio.cancel("acme", job.id)
        with pytest.raises(CutsceneError):
            await studio.wait("acme", job.id, timeout=60)
        assert await money(studio) == (Credits(), Credits())


async def test_a_fallback_that_is_not_installed_is_refused_at_the_start(settings: Settings) -> None:
    wrong = settings.model_copy(update={"fallback_provider": "runaway"})
    with pytest.raises(InputValidationError, match="CUTSCENE_FALLBACK_PROVIDER is 'runaway'"):
        async with cutscene.open(wrong):
            pass
