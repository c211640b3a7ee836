"""What a failed video means, by its error's code. Servers invent codes: their words are matched."""

from __future__ import annotations

import re
from typing import Final

from cutscene.errors import InputValidationError, ProviderError
from cutscene.providers.failures import Family

__all__ = ["FAMILIES", "POLICY"]

POLICY: Final = re.compile(r"(?i)moderation|content_policy|policy_violation|safety|sentinel")
FAMILIES: Final = (
    Family(
        POLICY.pattern,
        InputValidationError,
        "The server's content policy refused the prompt, the picture or the result: change them.",
    ),
    Family(
        r"(?i)invalid",
        InputValidationError,
        "The server refused the input: change the prompt or the picture.",
    ),
    Family(
        r"(?i)^$|server_error|internal|overloaded|unavailable|timeout|rate_limit",
        ProviderError,
        "The server failed at the generation.",
        transient=True,
    ),
    Family(r"", ProviderError, "The server failed at the generation."),
)
