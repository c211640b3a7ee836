"""Asking providers how our account stands, and whether a pause still has its cause."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Final

import structlog

from cutscene import ledger, limits
from cutscene.database import Database
from cutscene.domain import Credits
from cutscene.errors import CutsceneError, QuotaExceededError
from cutscene.providers import AccountState, Provider

__all__ = ["look"]

_log = structlog.get_logger()

_PATIENCE: Final = 15.0
"""Seconds that a provider has to answer."""
_STILL: Final = 300.0
"""Seconds that a pause goes on once its cause has been seen again."""


async def look(database: Database, provider: Provider) -> AccountState | None:
    """Ask once, and end or prolong the provider's pause by the answer; None where there is none."""
    pause = await database.read(limits.pause_of, provider.id)
    if pause is not None and not pause.refuses_jobs:
        pause = None  # it passes by itself
    try:
        async with asyncio.timeout(_PATIENCE):
            account = await provider.account()
    except (CutsceneError, TimeoutError) as error:
        _log.warning("account_unknown", provider=provider.id, reason=str(error) or "no answer in time")
        if pause is not None and isinstance(error, CutsceneError) and error.code == pause.code:
            await database.write(limits.pause, replace(pause, seconds=_STILL))
        return None
    if pause is not None and account != AccountState():  # which says nothing: the next job finds out
        await _judge(database, pause, account)
    return account


async def _judge(database: Database, pause: limits.Pause, account: AccountState) -> None:
    """An answer ends a pause for keys; credits end one for credits, once they suffice for a job."""
    if pause.code == QuotaExceededError.code:
        if account.credits is None:
            return
        needed = await database.read(ledger.least_held, pause.provider)
        if account.credits <= Credits() or account.credits < needed:
            await database.write(limits.pause, replace(pause, seconds=_STILL))
            return
    await database.write(limits.lift, pause)
    _log.info("pause_lifted", provider=pause.provider, reason=pause.reason)
