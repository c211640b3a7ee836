"""Where requests are taken in: recorded with whoever can make them, many of them together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from sqlalchemy import Row

from cutscene import accounts, arrivals, jobs, limits
from cutscene.arrivals import Arrival, Outcome, Recorded
from cutscene.database import Database
from cutscene.domain import Fallback, VideoRequest
from cutscene.errors import CutsceneError
from cutscene.fallback import offer_of
from cutscene.plan import Offer
from cutscene.providers import Provider, Providers
from cutscene.settings import Settings
from cutscene.together import Together

__all__ = ["Reception"]


class Reception:
    """Of one process. Borrows everything, closes nothing."""

    def __init__(self, settings: Settings, database: Database, providers: Providers) -> None:
        self._settings = settings
        self._database = database
        self._providers = providers
        self._arrive = Together(self._record_all)
        self._look_up = Together(self._find_all)

    async def earlier(self, tenant: str, idempotency_key: str) -> Row[Any] | None:
        """The job of that key, if there is one."""
        return await self._look_up((tenant, idempotency_key))

    async def record(self, chosen: Provider, *, named: bool, request: VideoRequest, **job: Any) -> Recorded:
        """The chosen provider makes it, or who steps in for it, later or, where it is paused for long, now.

        For a provider that was asked for by name nobody steps in. ``job`` are further fields of
        `jobs.NewJob`. Raises what `arrivals.record` refuses by.
        """
        facts = {"request": request, **job}
        own, other = Offer.of(chosen, request), self._settings.fallback_provider
        if named or other in {"", chosen.id}:
            return await self._record_or_reopen(chosen, own, facts)
        await self._reopen(chosen)
        pause = await self._database.read(limits.pause_of, chosen.id)
        if pause is not None and pause.is_long and (offer := await offer_of(self._providers, other, request)):
            reason = Fallback(instead_of=chosen.id, error_code=pause.code, error=str(pause.error))
            with suppress(CutsceneError):  # closed itself, or too dear for the tenant
                return await self._record(offer, {**facts, "fallback": reason})
        return await self._record(own, {**facts, "may_fall_back_to": other})

    async def _record_or_reopen(self, chosen: Provider, own: Offer, facts: Mapping[str, Any]) -> Recorded:
        try:
            return await self._record(own, facts)
        except CutsceneError:
            if not await self._reopen(chosen):
                raise
        return await self._record(own, facts)

    async def _reopen(self, provider: Provider) -> bool:
        """Whoever has just bought credits or mended the key need not wait for a worker to notice."""
        pause = await self._database.read(limits.pause_of, provider.id)
        if pause is None or not pause.refuses_jobs:
            return False
        await accounts.look(self._database, provider)
        return True

    async def _record(self, offer: Offer, facts: Mapping[str, Any]) -> Recorded:
        new = jobs.NewJob(provider=offer.provider, model=offer.model, plan=offer.plan_as_json, **facts)
        return await self._arrive(Arrival(new, offer.estimates, offer.account(new.tenant, new.id)))

    async def _record_all(self, arrived: Sequence[Arrival]) -> Sequence[Outcome]:
        return await self._database.write(arrivals.record, arrived, self._settings.max_concurrent)

    async def _find_all(self, keys: Sequence[tuple[str, str]]) -> Sequence[Row[Any] | None]:
        found = await self._database.read(jobs.find, keys)
        return [found.get(key) for key in keys]
