"""Budgets around whole jobs, on both databases: what is refused is never sent."""

from __future__ import annotations

from decimal import Decimal

import pytest

import cutscene
from cutscene.domain import Credits, VideoRequest
from cutscene.errors import BudgetExceededError, InputValidationError, ProviderError, SubmissionUnknownError
from cutscene.ledger import Grouping
from cutscene.settings import Settings
from cutscene.specs import Specs
from cutscene.studio import Studio
from scripted import ScriptedProvider

pytestmark = pytest.mark.anyio


def ask(prompt: str, duration: float = 1.0) -> VideoRequest:
    """At five credits a second."""
    return VideoRequest(prompt=prompt, duration=duration, specs=Specs(width=480, height=270))


async def used(studio: Studio) -> Decimal:
    return (await studio.standing("acme")).credits.used


async def test_what_exceeds_the_budget_is_never_sent(settings: Settings, vendor: ScriptedProvider) -> None:
    async with cutscene.open(settings) as studio:
        await studio.set_limits("acme", monthly_credits=Credits.of(9))
        with pytest.raises(BudgetExceededError, match=r"may spend 9 credits .* this takes 10"):
            await studio.submit("acme", ask("too long", 2))
        job = await studio.submit("acme", ask("fits"), skill="generate_outcome_video_win")
        await studio.wait("acme", job.id, timeout=30)
        with pytest.raises(BudgetExceededError, match="5 are used"):
            await studio.submit("acme", ask("too many"))
        await studio.submit("zen", ask("somebody else's"))
        assert await used(studio) == 5
        assert job.skill == "generate_outcome_video_win"
        [row, _] = sorted(await studio.usage(Grouping.SKILL), key=lambda row: row.name or "~")
        assert (row.name, row.credits, row.failures) == (job.skill, Credits.of(5), 0)
        with pytest.raises(InputValidationError, match="cannot name a skill"):
            await studio.submit("acme", ask("x"), skill="Win!")
    assert {"too long", "too many"}.isdisjoint(vendor.calls("post"))


async def test_a_lost_answer_is_not_posted_again_over_the_budget(
    settings: Settings, vendor: ScriptedProvider
) -> None:
    bold = settings.model_copy(update={"unknown_submit": "resubmit"})
    async with cutscene.open(bold) as studio:
        await studio.set_limits("acme", monthly_credits=Credits.of(14))
        job = await studio.submit("acme", ask("[lose]"))
        with pytest.raises(SubmissionUnknownError):
            await studio.wait("acme", job.id, timeout=30)
        assert await used(studio) == 10
    assert len(vendor.calls("post")) == 2  # the third would be credits 11 to 15


async def test_a_failure_that_passes_is_tried_again_within_the_budget(
    settings: Settings, vendor: ScriptedProvider
) -> None:
    async with cutscene.open(settings) as studio:
        await studio.set_limits("acme", monthly_credits=Credits.of(5))
        again = await studio.submit("acme", ask("[fail][passing] twice"))
        with pytest.raises(ProviderError, match="vendor failed"):
            await studio.wait("acme", again.id, timeout=30)
        once = await studio.submit("acme", ask("[work:1][fail][passing] once"))
        await studio.set_limits("acme", monthly_credits=Credits.of(4))
        with pytest.raises(ProviderError, match="vendor failed"):
            await studio.wait("acme", once.id, timeout=30)
        assert await used(studio) == 0
    assert len(vendor.calls("post", "[fail][passing] twice")) == 2
    assert len(vendor.calls("post", "[work:1][fail][passing] once")) == 1
