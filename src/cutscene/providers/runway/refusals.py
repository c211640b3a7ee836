"""HTTP answers that refuse a submission, or a look, as errors of ours. Pure: status, headers and body in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from cutscene.errors import (
    CutsceneError,
    InputValidationError,
    ProviderAuthError,
    ProviderError,
    QuotaExceededError,
    RateLimitError,
)
from cutscene.providers import NotSubmitted
from cutscene.providers.refusals import (
    BURST_RETRY,
    CLOSED_FOR,
    DAILY_RETRY,
    UNREACHABLE_RETRY,
    retry_after,
)
from cutscene.providers.values import items, mapping, text
from cutscene.telemetry import redact

__all__ = ["WRONG_HOST", "RunwayRefusals", "read_refusal", "said", "unreachable", "wrong_place"]

_BOUND: Final = 300
"""Characters of the vendor's own words that are kept."""
WRONG_HOST: Final = "api.runwayml.com"
_CREDITS: Final = re.compile(r"(?i)\b(enough|insufficient|out of) credits")
_KEY: Final = re.compile(
    r"(?i)\b(invalid|incorrect|revoked|expired|disabled|suspended|unauthori[sz]ed|authenticat\w+)\b"
)


def read_refusal(status: int, headers: Mapping[str, str], body: Any, *, host: str) -> NotSubmitted:
    """What a conclusive refusal means: for this request, and for the whole account."""
    words = said(body)
    match status:
        case _ if status == 402 or _CREDITS.search(words):
            return _no_credits(words)
        case _ if status == 401 or (status == 403 and _KEY.search(words)):
            return _refused_key(words)
        case 429:
            return _too_many(retry_after(headers), words)
        case 404 | 405:
            return _wrong_place(host, words)
        case _ if status < 400:
            moved = ProviderError(f"{host} redirects instead of answering: correct RUNWAY_API_BASE_URL.")
            return NotSubmitted(moved, retry_after=UNREACHABLE_RETRY)
        case _:
            return NotSubmitted(_request_error(status).with_detail(words or None))


def _request_error(status: int) -> CutsceneError:
    """What is wrong with this request. The vendor's own words are for operators."""
    match status:
        case 403:
            return InputValidationError("Runway does not offer this to the account: choose another model.")
        case 413:
            return InputValidationError("Runway finds the request too large: give a smaller picture or clip.")
        case _:
            return InputValidationError("Runway refused the request as it is: the job's detail says why.")


def unreachable(host: str, reason: str, *, unknown_name: bool = False) -> NotSubmitted:
    """No connection was made, so nothing was sent."""
    if unknown_name and host == WRONG_HOST:
        return _wrong_place(host, "")
    error = ProviderError(f"{host} cannot be reached ({reason}): check the network and RUNWAY_API_BASE_URL.")
    return NotSubmitted(error, retry_after=UNREACHABLE_RETRY)


def _wrong_place(host: str, words: str) -> NotSubmitted:
    """Of no request in particular; a gateway that is being replaced says so for a moment, too."""
    error = wrong_place(host).with_detail(words or None)
    if host == WRONG_HOST:
        return NotSubmitted(error, closed_for=CLOSED_FOR)
    return NotSubmitted(error, retry_after=UNREACHABLE_RETRY)


def wrong_place(host: str) -> CutsceneError:
    """The host does not know the path that was asked for."""
    if host == WRONG_HOST:
        return ProviderError(
            f"{WRONG_HOST} is not the host of Runway's API: set RUNWAY_API_BASE_URL to "
            "https://api.dev.runwayml.com, or to the address of your gateway."
        )
    return ProviderError(
        f"{host} does not know what it was asked: check RUNWAY_API_BASE_URL, and RUNWAY_API_FLAVOR "
        "(tasks is Runway's live API, generations that of gateways)."
    )


def said(body: Any) -> str:
    """The vendor's own words in an error's body, bounded and without secrets."""
    body = mapping(body)
    error = body.get("error")
    words = text(error) or _message(error) or _message(body)
    issues = filter(None, map(_issue, items(body.get("issues"))[:3]))
    return redact(": ".join(part for part in (words, "; ".join(issues)) if part))[:_BOUND]


def _message(value: Any) -> str:
    return text(mapping(value).get("message"))


def _issue(issue: Any) -> str:
    path = ".".join(str(part) for part in items(mapping(issue).get("path")))
    return " ".join(part for part in (path, _message(issue)) if part)


def _no_credits(words: str) -> NotSubmitted:
    error = QuotaExceededError("The Runway account is out of credits: buy some, then retry the job.")
    return NotSubmitted(error.with_detail(words or None), closed_for=CLOSED_FOR)


def _refused_key(words: str) -> NotSubmitted:
    error = ProviderAuthError("Runway refuses the key: check RUNWAY_API_KEY, then retry the job.")
    return NotSubmitted(error.with_detail(words or None), closed_for=CLOSED_FOR)


def _too_many(seconds: float | None, words: str) -> NotSubmitted:
    if "daily" in words.lower():
        quota = QuotaExceededError("The Runway account has used up its generations of the day.")
        return NotSubmitted(quota.with_detail(words), retry_after=seconds or DAILY_RETRY, passes=True)
    burst = RateLimitError("Runway gets too many requests at once: try again later.")
    return NotSubmitted(burst.with_detail(words or None), retry_after=seconds or BURST_RETRY)


class RunwayRefusals:
    """As a connection asks for them."""

    key_refused = "Runway refuses the key: check RUNWAY_API_KEY."
    read = staticmethod(read_refusal)
    unreachable = staticmethod(unreachable)
