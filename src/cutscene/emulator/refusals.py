"""Why the vendor says no. Each protocol has its own words for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum, auto
from typing import Any

__all__ = ["CutOff", "Reason", "Refusal"]


class Reason(StrEnum):
    UNAUTHORIZED = auto()
    NO_VERSION = auto()
    NO_PATH = auto()
    NO_METHOD = auto()
    NOT_JSON = auto()
    INVALID = auto()
    TOO_LARGE = auto()
    BUSY = auto()
    DAILY_CAP = auto()
    NO_CREDITS = auto()
    GONE = auto()
    BROKEN = auto()
    """The vendor's own fault; the status says which."""


class Refusal(Exception):  # noqa: N818 -- names what happened
    """An answer that is no."""

    def __init__(
        self,
        reason: Reason,
        detail: str = "",
        *,
        issues: Sequence[Mapping[str, Any]] = (),
        status: int = 500,
    ) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail
        """What to say, where the reason alone does not."""
        self.issues = list(issues)
        """What is wrong with the body."""
        self.status = status
        """HTTP status of `Reason.BROKEN`."""


class CutOff(Exception):  # noqa: N818 -- names what happened
    """The connection is cut in place of an answer."""

    def __init__(self, *, accepted: bool = False) -> None:
        super().__init__(accepted)
        self.accepted = accepted
        """Whether it was done all the same."""
