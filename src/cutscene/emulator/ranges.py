"""Parts of a file, as RFC 9110 has them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

__all__ = ["Span", "asked_span"]

_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes ``start`` up to, not including, ``end``."""

    start: int
    end: int

    @property
    def is_empty(self) -> bool:
        """Nothing of the file lies in it."""
        return self.start >= self.end


def asked_span(range_header: str | None, if_range: str | None, etag: str, size: int) -> Span | None:
    """The part that is asked for; None: all of it, also where the condition or the syntax is off."""
    asked = _RANGE.fullmatch((range_header or "").strip())
    if asked is None or not (asked[1] or asked[2]) or if_range not in (None, etag):
        return None
    if not asked[1]:
        return Span(max(size - int(asked[2]), 0) if int(asked[2]) else size, size)
    start = int(asked[1])
    if asked[2] and int(asked[2]) < start:
        return None
    return Span(start, min(int(asked[2]) + 1, size) if asked[2] else size)
