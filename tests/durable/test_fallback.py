"""Another provider makes a job where its own does not; never where something was or may have been paid."""

from __future__ import annotations

import asyncio

import pytest

import cutscene
from cutscene import limits
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


async def test_who_finds_out_that_the_day_is_used_up_is_stepped_in_for_too(
    settings: Settings, vendor: ScriptedProvider
) -> None:
    async with cutscene.open(settings) as studio:
        job = await studio.submit("acme", ask("[daily] castle"))
        assert await made_by(studio, job.id) == ("local", "scripted", "QUOTA_EXCEEDED_ERROR")
    assert len(vendor.calls("post")) == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_until_a_closed_account_is_open_again_somebody_steps_in(settings: Settings) -> None:
    async with cutscene.open(settings, work="no") as studio:
        await paused(studio, "scripted", 50, refuses_jobs=True)
        assert (await studio.submit("acme", ask("castle"))).provider == "local"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_job_waits_where_nobody_can_step_in_at_once(settings: Settings) -> None:
    """The other one is closed itself, too dear for the tenant, or cannot be opened at all."""
    async with cutscene.open(settings, work="no") as studio:
        await paused(studio, "scripted", 900)
        await paused(studio, "local", 300, refuses_jobs=True)
        assert (await studio.submit("acme", ask("castle"))).provider == "scripted"
    dear = settings.model_copy(update={"provider": "local", "fallback_provider": "scripted"})
    async with cutscene.open(dear, work="no") as studio:
        await paused(studio, "local", 900)
        await studio.set_limits("zen", monthly_credits=Credits.of(3))
        assert (await studio.submit("zen", ask("castle"))).provider == "local"
    async with cutscene.open(without_address(settings), work="no") as studio:
        job = await studio.submit("acme", ask("castle"))
        assert (job.provider, job.state) == ("scripted", JobState.QUEUED)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("trouble", "error"), [("[fail][passing]", "The scripted vendor failed."), ("[closed]", "is empty")]
)
async def test_who_cannot_be_opened_makes_nothing_worse(
    settings: Settings, vendor: ScriptedProvider, trouble: str, error: str
) -> None:
    async with cutscene.open(without_address(settings)) as studio:
        job = await studio.submit("acme", ask(trouble))
        with pytest.raises(CutsceneError, match=error):
            await studio.wait("acme", job.id, timeout=60)
        assert await money(studio) == (Credits(), Credits())


def without_address(settings: Settings) -> Settings:
    return settings.model_copy(update={"fallback_provider": "openai-videos"})


async def paused(studio: Studio, provider: str, seconds: float, *, refuses_jobs: bool = False) -> None:
    pause = limits.Pause(provider, seconds, "The day is used up.", "QUOTA_EXCEEDED_ERROR", refuses_jobs)
    await studio._database.write(limits.register, [provider])
    await studio._database.write(limits.pause, pause)


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
