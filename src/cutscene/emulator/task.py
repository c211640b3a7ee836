"""What was ordered, and what has become of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from cutscene.emulator.faults import Faults
from cutscene.emulator.troubles import Troubles
from cutscene.providers.local.renderer import Shot

__all__ = ["Order", "Status", "Task"]


class Status(StrEnum):
    THROTTLED = "THROTTLED"
    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def is_final(self) -> bool:
        return self in (Status.SUCCEEDED, Status.FAILED, Status.CANCELLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A creation that is in order. Credits are whole."""

    flavor: str
    endpoint: str
    model: str
    prompt: str
    """As sent."""
    faults: Faults
    shot: Shot
    estimated: int
    """Credits at most: what is charged when it is accepted."""
    cost: int
    """Credits when it has succeeded."""
    draft: bool = False
    """A cheap preview that can be made again in full quality."""
    asked: Mapping[str, str] = field(default_factory=dict)
    """What a protocol repeats in its answers, beside the model and the prompt."""
    id_prefix: str = ""
    """Of the task's id."""


@dataclass(slots=True, kw_only=True, eq=False)
class Task:
    """Times are seconds since 1970."""

    id: str
    order: Order
    troubles: Troubles
    doom: str | None
    """The code it will fail with."""
    created_at: float
    seconds: float
    """From its place in the works to its end."""
    charged: int
    """Credits that remain charged."""
    status: Status = Status.THROTTLED
    started_at: float | None = None
    ended_at: float | None = None
    failure_code: str | None = None
    looks: int = 0
    downloads: int = 0
    links: int = 0
    """How many were given away."""
    cancelled: bool = False
    """A DELETE was seen."""
    deleted: bool = False
    clip: Path | None = None
    work: asyncio.Task[None] | None = None

    @property
    def faults(self) -> Faults:
        return self.troubles.faults

    def forget_picture(self) -> None:
        """What is finished is not drawn again, unless it is a draft."""
        if not self.order.draft:
            self.order = replace(self.order, shot=replace(self.order.shot, image=None))

    def progress(self, now: float) -> float:
        """0 to 1; not 1 before it is done."""
        if self.started_at is None or not self.seconds:
            return 0.0
        return round(min(max((now - self.started_at) / self.seconds, 0.0), 0.99), 2)
