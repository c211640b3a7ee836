"""Single values of the vendor's answers, none of which is trusted to be there or to be of its type."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from decimal import ROUND_CEILING, Decimal
from typing import Any, Final
from urllib.parse import quote

from cutscene.domain import Credits

__all__ = ["as_credits", "as_number", "as_progress", "as_task_id", "items", "mapping", "task_path", "text"]

_LONGEST: Final = 500
"""Characters of a task's id."""


def as_task_id(answer: Any) -> str | None:
    """The id in an answer to a creation; None where there is none that could be asked for."""
    value = answer.get("id") if isinstance(answer, Mapping) else None
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    usable = isinstance(value, str) and 0 < len(value) <= _LONGEST and value.isascii() and value.isprintable()
    return str(value) if usable else None


def as_credits(value: Any, *, per_unit: int = 1) -> Credits | None:
    """Credits to a thousandth, rounded up; None for what is no amount of what ``per_unit`` credits cost."""
    amount = as_number(value)
    if amount is None or not 0 <= amount < 1e12:
        return None
    milli = Decimal(str(amount)) * per_unit * 1000
    return Credits(int(milli.to_integral_value(ROUND_CEILING)))


def as_number(value: Any) -> float | None:
    """None for what is no number that a float can hold."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return value if abs(value) <= sys.float_info.max else None


def as_progress(value: Any, *, whole: float = 1.0) -> float | None:
    """0-1, of what is ``whole`` at the end; None for what is no number."""
    number = as_number(value)
    return None if number is None else min(1.0, max(0.0, number / whole))


def text(value: Any) -> str:
    """As a database takes it: halves of emojis, where the vendor cut one in two, are left out."""
    return value.encode(errors="ignore").decode().replace("\0", "") if isinstance(value, str) else ""


def task_path(prefix: str, task_id: str) -> str:
    return f"{prefix}/{quote(task_id, safe='')}"


def mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
