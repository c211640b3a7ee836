"""What an HTTP answer that refuses a submission proves, whoever gives it, and how long to wait after it."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from time import time
from typing import Any, Final, Protocol

from cutscene.providers import NotSubmitted

__all__ = [
    "BURST_RETRY",
    "CLOSED_FOR",
    "DAILY_RETRY",
    "UNREACHABLE_RETRY",
    "Refusals",
    "is_conclusive",
    "retry_after",
]

CLOSED_FOR: Final = 300.0
"""Seconds until one more job may find out whether the account has credits, or its key works, again."""
DAILY_RETRY: Final = 900.0
"""Seconds between two attempts while the day is used up: its window rolls, and nobody says when."""
BURST_RETRY: Final = 1.0
"""Seconds after a burst, where the answer names none."""
UNREACHABLE_RETRY: Final = 2.0
_LONGEST_RETRY: Final = 3600.0


class Refusals(Protocol):
    """How one vendor says no, as errors that name its settings. Pure."""

    @property
    def key_refused(self) -> str:
        """A sentence."""
        ...

    def read(self, status: int, headers: Mapping[str, str], body: Any, *, host: str) -> NotSubmitted:
        """What a conclusive refusal means: for this request, and for the whole account."""
        ...

    def unreachable(self, host: str, reason: str, *, unknown_name: bool = False) -> NotSubmitted:
        """No connection was made, so nothing was sent."""
        ...


def is_conclusive(status: int) -> bool:
    """Whether an answer other than success proves that nothing was accepted.

    A 408 or a 5xx does not: the task may exist all the same. Nor does a 302 or 303, which may say
    where the answer to what was accepted stands.
    """
    return 300 <= status < 500 and status not in (302, 303, 408)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds, from a number or a date; None where there is neither."""
    value = headers.get("Retry-After", "").strip()
    try:
        seconds = float(value) if value[:1].isdigit() else parsedate_to_datetime(value).timestamp() - time()
    except (ValueError, TypeError):
        return None
    return min(max(seconds, 0.0), _LONGEST_RETRY)
