"""HTTP answers that refuse a submission, or a look, as errors of ours. Pure: status, headers and body in."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from time import time
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
from cutscene.providers.runway.values import items, mapping, text
from cutscene.telemetry import redact

__all__ = ["WRONG_HOST", "is_conclusive", "read_refusal", "said", "unreachable", "wrong_place"]

CLOSED_FOR: Final = 300.0
"""Seconds until one more job may find out whether the account has credits, or its key works, again."""
DAILY_RETRY: Final = 900.0
"""Seconds between two attempts while the day is used up: its window rolls, and nobody says when."""
BURST_RETRY: Final = 1.0
"""Seconds after a burst, where the answer names none."""
UNREACHABLE_RETRY: Final = 2.0
_LONGEST_RETRY: Final = 3600.0
_BOUND: Final = 300
"""Characters of the vendor's own words that are kept."""
WRONG_HOST: Final = "api.runwayml.com"


def is_conclusive(status: int) -> bool:
    """Whether an answer other than success proves that nothing was accepted.

    A 408 or a 5xx does not: the task may exist all the same.
    """
    return 300 <= status < 500 and status != 408


def read_refusal(status: int, headers: Mapping[str, str], body: Any, *, host: str) -> NotSubmitted:
    """What a conclusive refusal means: for this request, and for the whole account."""
    words = said(body)
    match status:
        case 401:
            return _refused_key(words)
        case 402:
            return _no_credits(words)
        case 400 if "enough credits" in words.lower() or "insufficient credits" in words.lower():
            return _no_credits(words)
        case 403 if "not available" not in words.lower():
            return _refused_key(words)
        case 429:
            return _too_many(_retry_after(headers), words)
        case _:
            return NotSubmitted(_request_error(status, words, host).with_detail(words or None))


def _request_error(status: int, words: str, host: str) -> CutsceneError:
    """What is wrong with this request, or with where it was sent."""
    match status:
        case 403:
            return InputValidationError(_sentence("Runway does not offer this model to the account", words))
        case 404 | 405:
            return wrong_place(host)
        case 413:
            return InputValidationError(_sentence("Runway finds the request too large", words))
        case _ if status < 400:
            return ProviderError(f"{host} redirects instead of answering: correct RUNWAY_API_BASE_URL.")
        case _:
            return InputValidationError(_sentence("Runway refused the request", words))


def unreachable(host: str, reason: str, *, unknown_name: bool = False) -> NotSubmitted:
    """No connection was made, so nothing was sent."""
    if unknown_name and host == WRONG_HOST:
        return NotSubmitted(wrong_place(host))
    error = ProviderError(f"{host} cannot be reached ({reason}): check the network and RUNWAY_API_BASE_URL.")
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


def _sentence(start: str, words: str) -> str:
    return f"{start}: {words.rstrip('.')}." if words else f"{start}."


def _no_credits(words: str) -> NotSubmitted:
    error = QuotaExceededError("The Runway account is out of credits: buy some, then retry the job.")
    return NotSubmitted(error.with_detail(words or None), closed_for=CLOSED_FOR)


def _refused_key(words: str) -> NotSubmitted:
    error = ProviderAuthError("Runway refuses the key: check RUNWAY_API_KEY, then retry the job.")
    return NotSubmitted(error.with_detail(words or None), closed_for=CLOSED_FOR)


def _too_many(seconds: float | None, words: str) -> NotSubmitted:
    if "daily" in words.lower():
        quota = QuotaExceededError("The Runway account has used up its generations of the day.")
        return NotSubmitted(quota.with_detail(words), retry_after=seconds or DAILY_RETRY)
    burst = RateLimitError("Runway gets too many requests at once: try again later.")
    return NotSubmitted(burst.with_detail(words or None), retry_after=seconds or BURST_RETRY)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds, from a number or a date; None where there is neither."""
    value = headers.get("Retry-After", "").strip()
    try:
        seconds = float(value) if value[:1].isdigit() else parsedate_to_datetime(value).timestamp() - time()
    except (ValueError, TypeError):
        return None
    return min(max(seconds, 0.0), _LONGEST_RETRY)
