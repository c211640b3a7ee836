"""What a task's status means: the words are the same in both protocols."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cutscene.domain import Credits
from cutscene.errors import CancelledError
from cutscene.providers import Done, Failed, Pending, TaskState
from cutscene.providers.failures import read_failure
from cutscene.providers.runway.failures import FAMILIES

__all__ = ["Report", "to_state"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A look's answer, whatever its fields were called."""

    status: str
    progress: float | None
    links: tuple[str, ...]
    charged: Credits | None
    code: str
    """The vendor's, of a failure; "" where it gives none."""
    reason: str
    raw: Mapping[str, Any]


def to_state(report: Report, *, pause: float) -> TaskState:
    """``pause``: seconds after which a passing fault may be tried again."""
    match report.status:
        case "PENDING" | "RUNNING":
            return Pending(report.progress)
        case "THROTTLED":
            return Pending(queued=True)
        case "SUCCEEDED":
            return Done(report.links, report.charged, _without_links(report.raw))
        case "FAILED":
            return read_failure(FAMILIES, report.code, report.reason, report.charged, pause=pause)
        case "CANCELLED" | "CANCELED":
            return Failed(CancelledError("The generation was cancelled at Runway."), report.charged)
        case status:  # whatever it means, the task has not ended: its deadline decides
            return Pending(note=f"unknown status {status[:80]!r}")


def _without_links(raw: Mapping[str, Any]) -> dict[str, Any]:
    """They are signed: whoever has one has the clip."""
    return {name: value for name, value in raw.items() if name != "output"}
