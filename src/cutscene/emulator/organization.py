"""The account over HTTP: balance, limits and use."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from aiohttp import web

from cutscene.emulator.generations_flavor import MODEL
from cutscene.emulator.issues import Issue, custom, invalid_type, kind_of, unrecognized_keys
from cutscene.emulator.models import MODELS
from cutscene.emulator.refusals import Reason, Refusal
from cutscene.emulator.vendor import Vendor
from cutscene.emulator.wire import VENDOR, read_json

__all__ = ["organization_body", "routes", "span", "usage_body"]

_MONTHLY_SPEND: Final = 200_000
"""Credits: tier 3."""
_USUAL_SPAN: Final = timedelta(days=30)
_LONGEST_SPAN: Final = timedelta(days=90)
_ALL_MODELS: Final = (*MODELS, MODEL)


def organization_body(vendor: Vendor) -> dict[str, Any]:
    behaviour, account = vendor.behaviour, vendor.account
    limits = {
        "maxConcurrentGenerations": behaviour.concurrency,
        "maxDailyGenerations": behaviour.daily_cap,
    }
    return {
        "creditBalance": account.balance,
        "tier": {"maxMonthlyCreditSpend": _MONTHLY_SPEND, "models": dict.fromkeys(_ALL_MODELS, limits)},
        "usage": {
            "models": {model: {"dailyGenerations": account.accepted_today(model)} for model in _ALL_MODELS}
        },
    }


def usage_body(vendor: Vendor, days: list[date]) -> dict[str, Any]:
    """One result per day (UTC), net of what was given back."""
    used = vendor.account.used(days)
    results = [
        {
            "date": day.isoformat(),
            "usedCredits": [{"model": model, "amount": amount} for model, amount in models.items()],
        }
        for day, models in zip(days, used, strict=True)
    ]
    return {"models": sorted({model for models in used for model in models}), "results": results}


def span(body: Any, today: date) -> list[date]:
    """The days that are asked for. Raises `Refusal`."""
    if not isinstance(body, dict):
        raise Refusal(Reason.INVALID, issues=[invalid_type("object", kind_of(body), ())])
    issues: list[Issue] = []
    if strange := [name for name in body if name not in ("startDate", "beforeDate")]:
        issues.append(unrecognized_keys(strange, ()))
    start = _day(body, "startDate", issues) or today - _USUAL_SPAN
    before = _day(body, "beforeDate", issues) or start + _USUAL_SPAN + timedelta(days=1)
    if not issues and not timedelta(0) < before - start <= _LONGEST_SPAN:
        issues.append(custom("beforeDate must be 1 to 90 days after startDate.", ("beforeDate",)))
    if issues:
        raise Refusal(Reason.INVALID, issues=issues)
    return [start + timedelta(days=number) for number in range((before - start).days)]


def _day(body: dict[str, Any], name: str, issues: list[Issue]) -> date | None:
    if name not in body:
        return None
    try:
        return date.fromisoformat(body[name][:10])
    except (TypeError, ValueError):
        issues.append(custom("Expected a date as YYYY-MM-DD.", (name,)))
        return None


def routes() -> list[web.RouteDef]:
    return [
        web.get("/v1/organization", _organization, allow_head=False),
        web.post("/v1/organization/usage", _usage),
    ]


async def _organization(request: web.Request) -> web.Response:
    return web.json_response(organization_body(request.app[VENDOR]))


async def _usage(request: web.Request) -> web.Response:
    days = span(await read_json(request) if request.can_read_body else {}, datetime.now(UTC).date())
    return web.json_response(usage_body(request.app[VENDOR], days))
