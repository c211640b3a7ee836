"""Another provider makes a job when its own does not, and nothing was or may have been paid for.

Paused for long, out of credits, a refused key, not reached, a generation that broke twice at no cost:
then `CUTSCENE_FALLBACK_PROVIDER` is asked. Never after a refusal of what was asked for, a lost answer,
trouble with polling or a deadline.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import structlog
from sqlalchemy import Row

from cutscene import transitions
from cutscene.database import Database
from cutscene.domain import Fallback, VideoRequest
from cutscene.errors import CutsceneError, DatabaseAwayError
from cutscene.plan import Offer
from cutscene.providers import Providers

__all__ = ["Understudy", "offer_of"]

_log = structlog.get_logger()


class Understudy:
    """Who steps in for a job's provider. Borrows everything."""

    def __init__(self, database: Database, providers: Providers, slot_freed: Callable[[], None]) -> None:
        self._database = database
        self._providers = providers
        self._slot_freed = slot_freed

    async def steps_in(
        self, job: Row[Any], handover: int, why: CutsceneError, *, failed: str | None = None
    ) -> bool:
        """Whether another provider makes the job from here: it waits for its turn there, its run is over.

        ``failed`` is the segment whose generation has ended at no cost.
        """
        if job.may_fall_back_to is None:
            return False
        reason = Fallback(instead_of=job.provider, error_code=why.code, error=str(why))
        offer = await offer_of(self._providers, job.may_fall_back_to, VideoRequest.from_json(job.request))
        if offer is None:
            return False
        try:
            steps_in = await self._database.write(
                transitions.change_provider, job.id, handover, offer, reason, failed
            )
        except DatabaseAwayError:
            raise
        except CutsceneError as error:  # it is closed itself, or the tenant's budget is too small for it
            _log.warning("fallback_unable", job=job.id, provider=offer.provider, reason=str(error))
            return False
        if steps_in:
            _log.warning(
                "fallback", job=job.id, provider=offer.provider, instead_of=job.provider, code=why.code
            )
            self._slot_freed()
        return steps_in


async def offer_of(providers: Providers, name: str, request: VideoRequest) -> Offer | None:
    """How another provider would make it, by a model of its own. None where it cannot, whatever is wrong."""
    try:
        return Offer.of(await providers.get("video", name), replace(request, model=None))
    except Exception as error:  # noqa: BLE001 -- what is wrong with the other one must not end the job
        reason = str(error) if isinstance(error, CutsceneError) else type(error).__name__
        _log.warning("fallback_unable", provider=name, reason=reason)
        return None
