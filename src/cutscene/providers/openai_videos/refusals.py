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
from cutscene.providers.openai_videos.failures import POLICY
from cutscene.providers.refusals import (
    BURST_RETRY,
    CLOSED_FOR,
    DAILY_RETRY,
    UNREACHABLE_RETRY,
    retry_after,
)
from cutscene.providers.values import items, mapping, text
from cutscene.telemetry import redact

__all__ = ["VideosRefusals", "code_of", "read_refusal", "said", "unreachable", "wrong_place"]

_BOUND: Final = 300
"""Characters of the server's own words that are kept."""
_QUOTA: Final = re.compile(r"(?i)insufficient_quota|billing|budget_exceeded|insufficient_(credits|balance)")
_KEY: Final = re.compile(
    r"(?i)invalid_api_key|account_deactivated|\b(invalid|incorrect|expired) (api )?key\b"
)
_NO_MODEL: Final = re.compile(r"(?is)\bmodel\b.*(not exist|not found)")
_DAILY: Final = re.compile(r"(?i)\b(per day|daily|RPD)\b")


def read_refusal(status: int, headers: Mapping[str, str], body: Any, *, host: str) -> NotSubmitted:
    """What a conclusive refusal means: for this request, and for the whole account."""
    words, code = said(body), code_of(body)
    match status:
        case _ if status == 402 or _QUOTA.search(code):
            return _no_credits(host, words)
        case _ if status == 401 or (status == 403 and _KEY.search(f"{code} {words}")):
            return _refused_key(host, words)
        case 429:
            return _too_many(host, retry_after(headers), words)
        case 404 | 405 if "model" not in code and not _NO_MODEL.search(words):
            return NotSubmitted(wrong_place(host).with_detail(words or None), retry_after=UNREACHABLE_RETRY)
        case _ if status < 400:
            moved = ProviderError(f"{host} redirects instead of answering: correct OPENAI_VIDEOS_BASE_URL.")
            return NotSubmitted(moved, retry_after=UNREACHABLE_RETRY)
        case _:
            return NotSubmitted(_request_error(status, code, host).with_detail(words or None))


def _request_error(status: int, code: str, host: str) -> CutsceneError:
    """What is wrong with this request. The server's own words are for operators."""
    if POLICY.search(code):
        return InputValidationError(
            "The server's content policy refused the prompt or the picture: change them."
        )
    match status:
        case 403 | 404:
            return InputValidationError(f"{host} does not offer this model: set OPENAI_VIDEOS_MODEL.")
        case 413:
            return InputValidationError(f"{host} finds the request too large: give a smaller picture.")
        case _:
            return InputValidationError(f"{host} refused the request as it is: the job's detail says why.")


def unreachable(host: str, reason: str, *, unknown_name: bool = False) -> NotSubmitted:
    """No connection was made, so nothing was sent."""
    what = "the name in OPENAI_VIDEOS_BASE_URL" if unknown_name else "the server and OPENAI_VIDEOS_BASE_URL"
    error = ProviderError(f"{host} cannot be reached ({reason}): check {what}.")
    return NotSubmitted(error, retry_after=UNREACHABLE_RETRY)


def wrong_place(host: str) -> CutsceneError:
    """The host does not know the path that was asked for."""
    return ProviderError(f"{host} does not speak /v1/videos here: check OPENAI_VIDEOS_BASE_URL.")


def code_of(body: Any) -> str:
    """Code and type of an error, which are matched together."""
    error = mapping(mapping(body).get("error"))
    return " ".join(filter(None, (text(error.get("code")), text(error.get("type")))))


def said(body: Any) -> str:
    """The server's own words in an error's body, bounded and without secrets."""
    body = mapping(body)
    error, detail = body.get("error"), body.get("detail")  # the latter as many frameworks have it
    words = text(error) or _message(error) or _message(body) or text(detail)
    issues = filter(None, map(_issue, items(detail)[:3]))
    return redact("; ".join(part for part in (words, *issues) if part))[:_BOUND]


def _message(value: Any) -> str:
    return text(mapping(value).get("message"))


def _issue(issue: Any) -> str:
    path = ".".join(str(part) for part in items(mapping(issue).get("loc")))
    return " ".join(part for part in (path, text(mapping(issue).get("msg"))) if part)


def _no_credits(host: str, words: str) -> NotSubmitted:
    error = QuotaExceededError(f"The account at {host} is out of credits: top it up, then retry the job.")
    return NotSubmitted(error.with_detail(words or None), closed_for=CLOSED_FOR)


def _refused_key(host: str, words: str) -> NotSubmitted:
    error = ProviderAuthError(f"{host} refuses the key: check OPENAI_VIDEOS_API_KEY, then retry the job.")
    return NotSubmitted(error.with_detail(words or None), closed_for=CLOSED_FOR)


def _too_many(host: str, seconds: float | None, words: str) -> NotSubmitted:
    if _DAILY.search(words):
        quota = QuotaExceededError(f"The generations of the day are used up at {host}.")
        return NotSubmitted(quota.with_detail(words), retry_after=seconds or DAILY_RETRY, passes=True)
    burst = RateLimitError(f"{host} gets too many requests at once: try again later.")
    return NotSubmitted(burst.with_detail(words or None), retry_after=seconds or BURST_RETRY)


class VideosRefusals:
    """As a connection asks for them."""

    key_refused = "The server refuses the key: check OPENAI_VIDEOS_API_KEY."
    read = staticmethod(read_refusal)
    unreachable = staticmethod(unreachable)
