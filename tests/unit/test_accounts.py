"""Pauses that only somebody who acts can end: kept while they have their cause, and no longer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cutscene import accounts, jobs, limits, transitions
from cutscene.database import Database, open_database
from cutscene.domain import Credits, VideoRequest
from cutscene.errors import CutsceneError, ProviderAuthError, ProviderError
from cutscene.ledger import Account
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


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """With one job that waits, for 20 credits."""
    opened = open_database(f"sqlite:///{tmp_path}/x.db")
    account = Account(tenant="a", job_id="j", provider="scripted", model="m", usd_per_credit="0")
    job = jobs.NewJob(
        id="j",
        tenant="a",
        run="r",
        idempotency_key=None,
        request=VideoRequest(prompt="x"),
        provider="scripted",
        model="m",
        priority=0,
    )
    await opened.write(transitions.submit, job, Credits.of(20), account, 1)
    yield opened
    await opened.close()


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
    database: Database,
    tmp_path: Path,
    code: str,
    refuses_jobs: bool,
    answer: AccountState | CutsceneError,
    seconds: float | None,
) -> None:
    await database.write(limits.pause, limits.Pause("scripted", 60, "Because.", code, refuses_jobs))
    found = await accounts.look(database, Vendor(tmp_path, answer))
    assert found == (None if isinstance(answer, CutsceneError) else answer)
    left = await database.read(limits.pause_of, "scripted")
    assert (left is None) == (seconds is None)
    if left is not None and seconds is not None:
        assert left.seconds == pytest.approx(seconds, abs=5)
        assert (left.code, left.refuses_jobs) == (code, refuses_jobs)


async def test_without_a_pause_nothing_is_written(database: Database, tmp_path: Path) -> None:
    assert await accounts.look(database, Vendor(tmp_path, ProviderAuthError("No."))) is None
    assert await database.read(limits.pauses) == []
    await asyncio.sleep(0)
