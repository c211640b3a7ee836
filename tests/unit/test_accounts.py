"""Pauses that only somebody who acts can end: kept while they have their cause, and no longer."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from cutscene import accounts, limits
from cutscene.database import Database
from cutscene.domain import Credits
from cutscene.errors import CutsceneError, ProviderAuthError, ProviderError
from cutscene.providers import AccountState
from scripted import ScriptedProvider

pytestmark = pytest.mark.anyio

AUTH, QUOTA, BURST = "PROVIDER_AUTH_ERROR", "QUOTA_EXCEEDED_ERROR", "RATE_LIMIT_ERROR"


class Vendor(ScriptedProvider):
    def __init__(self, root: Path, answer: AccountState | CutsceneError) -> None:
        super().__init__(root)
        self.answer = answer

    async def account(self) -> AccountState:
        if isinstance(self.answer, CutsceneError):
            raise self.answer
        return self.answer


@pytest.mark.parametrize(
    ("code", "refuses_jobs", "answer", "seconds"),
    [
        (AUTH, True, AccountState(credits=Credits.of(5)), None),
        (AUTH, True, AccountState(), 60),  # says nothing: it ends by itself
        (AUTH, True, ProviderAuthError("Still refused."), 300),
        (AUTH, True, ProviderError("Cannot be asked."), 60),
        (QUOTA, True, AccountState(credits=Credits.of(20)), None),
        (QUOTA, True, AccountState(credits=Credits.of(19)), 300),
        (QUOTA, True, AccountState(credits=Credits()), 300),
        (QUOTA, True, AccountState(concurrency=2), 60),
        (QUOTA, False, AccountState(credits=Credits.of(99)), 60),  # a day's cap passes by itself
        (BURST, False, AccountState(credits=Credits.of(99)), 60),
    ],
)
async def test_a_pause_by_what_the_account_says(
    waiting_job: Database,
    tmp_path: Path,
    code: str,
    refuses_jobs: bool,
    answer: AccountState | CutsceneError,
    seconds: float | None,
) -> None:
    await waiting_job.write(limits.pause, limits.Pause("scripted", 60, "Because.", code, refuses_jobs))
    found = await accounts.look(waiting_job, Vendor(tmp_path, answer))
    assert found == (None if isinstance(answer, CutsceneError) else answer)
    left = await waiting_job.read(limits.pause_of, "scripted")
    assert (left is None) == (seconds is None)
    if left is not None and seconds is not None:
        assert left.seconds == pytest.approx(seconds, abs=5)
        assert (left.code, left.refuses_jobs) == (code, refuses_jobs)


async def test_without_a_pause_nothing_is_written(waiting_job: Database, tmp_path: Path) -> None:
    assert await accounts.look(waiting_job, Vendor(tmp_path, ProviderAuthError("No."))) is None
    assert await waiting_job.read(limits.pauses) == []
    await asyncio.sleep(0)
