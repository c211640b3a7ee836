"""What a failed generation means, by the vendor's code for it: each vendor has a table of its own."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from cutscene.domain import Credits
from cutscene.errors import CutsceneError
from cutscene.providers import Failed
from cutscene.telemetry import redact

__all__ = ["Family", "read_failure"]

_BOUND: Final = 300
"""Characters of the vendor's own words that are kept."""


@dataclass(frozen=True, slots=True)
class Family:
    """Codes that mean the same to us."""

    pattern: str
    """The first of a table that is found in a code decides; the last one finds all."""
    error: type[CutsceneError]
    sentence: str
    transient: bool = False
    """Whether the same request may well succeed a little later."""


def read_failure(
    families: Iterable[Family], code: str, reason: str, charged: Credits | None, *, pause: float
) -> Failed:
    """The outcome of a failed task; a passing fault may be tried again after ``pause`` seconds."""
    family = next(family for family in families if re.search(family.pattern, code))
    said = " ".join(part for part in (code, reason) if part)
    error = family.error(family.sentence).with_detail(redact(said)[:_BOUND] or None)
    return Failed(error, charged, retry_after=pause if family.transient else None)
