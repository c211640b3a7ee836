"""What a failed video means, by its error's code. Servers invent codes: their words are matched."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from cutscene.domain import Credits
from cutscene.errors import CutsceneError, InputValidationError, ProviderError
from cutscene.providers import Failed
from cutscene.telemetry import redact

__all__ = ["POLICY", "read_failure"]

POLICY: Final = re.compile(r"(?i)moderation|content_policy|policy_violation|safety|sentinel")
_BOUND: Final = 300
"""Characters of the server's own words that are kept."""


@dataclass(frozen=True, slots=True)
class _Family:
    pattern: str
    error: type[CutsceneError]
    sentence: str
    transient: bool = False
    """Whether the same request may well succeed a little later."""


_FAMILIES: Final = (
    _Family(
        POLICY.pattern,
        InputValidationError,
        "The server's content policy refused the prompt, the picture or the result: change them.",
    ),
    _Family(
        r"(?i)invalid",
        InputValidationError,
        "The server refused the input: change the prompt or the picture.",
    ),
    _Family(
        r"(?i)^$|server_error|internal|overloaded|unavailable|timeout|rate_limit",
        ProviderError,
        "The server failed at the generation.",
        transient=True,
    ),
    _Family(r"", ProviderError, "The server failed at the generation."),
)


def read_failure(code: str, reason: str, charged: Credits | None, *, pause: float) -> Failed:
    """The outcome of a failed task; a passing fault may be tried again after ``pause`` seconds."""
    family = next(family for family in _FAMILIES if re.search(family.pattern, code))
    said = " ".join(part for part in (code, reason) if part)
    error = family.error(family.sentence).with_detail(redact(said)[:_BOUND] or None)
    return Failed(error, charged, retry_after=pause if family.transient else None)
