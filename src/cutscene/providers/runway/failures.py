"""What a failed task means, by its code. The vendor's set is open-ended: codes are matched by their parts.

Whether credits came back is not read from the code: the task says what remains charged.
"""

from __future__ import annotations

from typing import Final

from cutscene.errors import InputValidationError, ProviderError
from cutscene.providers.failures import Family

__all__ = ["FAMILIES"]

FAMILIES: Final = (
    # Before INPUT_PREPROCESSING: a refusal by policy may wear that prefix too.
    Family(
        r"(^|\.)SAFETY\.OUTPUT",
        InputValidationError,
        "Runway's content policy refused the result: change the prompt.",
    ),
    Family(
        r"(^|\.)SAFETY(\.|$)",
        InputValidationError,
        "Runway's content policy refused the prompt or the picture: change them.",
    ),
    Family(
        r"^THIRD_PARTY\.INPUT_VALIDATION",
        InputValidationError,
        "The model refused the input: change the prompt or the picture.",
    ),
    Family(
        r"^ASSET\.INVALID",
        InputValidationError,
        "Runway cannot use the picture or video: its size, ratio or length does not fit.",
    ),
    Family(
        r"^INTERNAL\.BAD_OUTPUT",
        ProviderError,
        "Runway made a clip and rejected it itself: logos, text or an unclear prompt are the usual causes.",
    ),
    Family(
        r"^INPUT_PREPROCESSING\.INTERNAL",
        ProviderError,
        "Runway could not prepare the input.",
        transient=True,
    ),
    Family(
        r"^THIRD_PARTY\.UNAVAILABLE",
        ProviderError,
        "The model is not available at the moment.",
        transient=True,
    ),
    Family(r"^(INTERNAL)?$", ProviderError, "Runway failed at the generation.", transient=True),
    Family(r"", ProviderError, "Runway failed at the generation."),
)
