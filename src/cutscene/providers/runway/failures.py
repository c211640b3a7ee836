"""What a failed task means, by its code. The vendor's set is open-ended: codes are matched by their parts.

Whether credits came back is not read from the code: the task says what remains charged.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from cutscene.domain import Credits
from cutscene.errors import CutsceneError, InputValidationError, ProviderError
from cutscene.providers import Failed
from cutscene.telemetry import redact

__all__ = ["read_failure"]

_BOUND: Final = 300
"""Characters of the vendor's own words that are kept."""


@dataclass(frozen=True, slots=True)
class _Family:
    pattern: str
    error: type[CutsceneError]
    sentence: str
    transient: bool = False
    """Whether the same request may well succeed a little later."""


_FAMILIES: Final = (
    # Before INPUT_PREPROCESSING: a refusal by policy may wear that prefix too.
    _Family(
        r"(^|\.)SAFETY\.OUTPUT",
        InputValidationError,
        "Runway's content policy refused the result: change the prompt.",
    ),
    _Family(
        r"(^|\.)SAFETY(\.|$)",
        InputValidationError,
        "Runway's content policy refused the prompt or the picture: change them.",
    ),
    _Family(
        r"^THIRD_PARTY\.INPUT_VALIDATION",
        InputValidationError,
        "The model refused the input: change the prompt or the picture.",
    ),
    _Family(
        r"^ASSET\.INVALID",
        InputValidationError,
        "Runway cannot use the picture or video: its size, ratio or length does not fit.",
    ),
    _Family(
        r"^INTERNAL\.BAD_OUTPUT",
        ProviderError,
        "Runway made a clip and rejected it itself: logos, text or an unclear prompt are the usual causes.",
    ),
    _Family(
        r"^INPUT_PREPROCESSING\.INTERNAL",
        ProviderError,
        "Runway could not prepare the input.",
        transient=True,
    ),
    _Family(
        r"^THIRD_PARTY\.UNAVAILABLE",
        ProviderError,
        "The model is not available at the moment.",
        transient=True,
    ),
    _Family(r"^(INTERNAL)?$", ProviderError, "Runway failed at the generation.", transient=True),
    _Family(r"", ProviderError, "Runway failed at the generation."),
)


def read_failure(code: str | None, reason: str, charged: Credits | None, *, pause: float) -> Failed:
    """The outcome of a failed task; a passing fault may be tried again after ``pause`` seconds."""
    family = next(family for family in _FAMILIES if re.search(family.pattern, code or ""))
    said = " ".join(part for part in (code, reason) if part)
    error = family.error(family.sentence).with_detail(redact(said)[:_BOUND] or None)
    return Failed(error, charged, retry_after=pause if family.transient else None)
