"""The wire protocols that Runway is spoken over. Each is a set of pure functions; `Flavor` gathers them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cutscene.domain import VideoRequest
from cutscene.providers import AccountState, Submitted, TaskState
from cutscene.providers.connection import Call
from cutscene.providers.runway.models import RunwayModel

__all__ = ["Flavor"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flavor:
    """One protocol: what it sends, and how it reads what comes back."""

    id: str
    headers: Mapping[str, str]
    create: Callable[[RunwayModel, VideoRequest, str], Call]
    """The paid call: model, request with pictures as data URIs, and the prompt with its camera words."""
    read_created: Callable[[Any], Submitted | None]
    """None where the answer names no task: then nobody knows what was accepted."""
    look: Callable[[str], Call]
    read_state: Callable[[Any, float], TaskState | None]
    """None where the answer is none. Seconds that a passing fault may be tried again after."""
    cancel: Callable[[str], Call]
    account: Call
    """Asks whether the key works, at no cost."""
    read_account: Callable[[Any], AccountState]
