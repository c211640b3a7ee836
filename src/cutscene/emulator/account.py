"""The credits: charged when a task is accepted, and given back by rule."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from cutscene.emulator.refusals import Reason, Refusal
from cutscene.emulator.task import Order, Status, Task

__all__ = ["Account", "remaining"]

DAY = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class _Entry:
    at: float
    model: str
    credits: int
    """Negative where they were given back."""


class Account:
    """Of the one organization there is."""

    def __init__(self, credits: int, daily_cap: int) -> None:  # noqa: A002 -- what they are called
        self.balance = credits
        self._daily_cap = daily_cap
        self._entries: list[_Entry] = []
        self._accepted: list[tuple[float, str]] = []

    def accept(self, order: Order) -> None:
        """Charge what it costs at most. Raises `Refusal`."""
        if self.accepted_today(order.model) >= self._daily_cap:
            raise Refusal(Reason.DAILY_CAP)
        if self.balance < order.estimated:
            raise Refusal(Reason.NO_CREDITS)
        self._accepted.append((time.time(), order.model))
        self._book(order.model, order.estimated)

    def settle(self, task: Task, credits: int) -> None:  # noqa: A002 -- what they are called
        """``credits`` remain charged; the rest is given back."""
        self._book(task.order.model, credits - task.charged)
        task.charged = credits

    def accepted_today(self, model: str) -> int:
        """Generations of the last 24 hours."""
        since = time.time() - DAY
        return sum(1 for at, accepted in self._accepted if at > since and accepted == model)

    def used(self, days: Sequence[date]) -> list[dict[str, int]]:
        """Credits by model, net, for each of the days (UTC)."""
        used: dict[date, dict[str, int]] = {day: {} for day in days}
        for entry in self._entries:
            models = used.get(datetime.fromtimestamp(entry.at, UTC).date())
            if models is not None:
                models[entry.model] = models.get(entry.model, 0) + entry.credits
        return list(used.values())

    def _book(self, model: str, credits: int) -> None:  # noqa: A002 -- what they are called
        self.balance -= credits
        if credits:
            self._entries.append(_Entry(time.time(), model, credits))


def remaining(task: Task, end: Status, *, failure_code: str | None = None) -> int:
    """The credits that stay charged when ``task``, as it is now, comes to that end."""
    if task.faults.charge is not None:
        return task.faults.charge
    if end is Status.SUCCEEDED:
        return task.order.cost
    if end is Status.FAILED:
        return task.charged if (failure_code or "").startswith("SAFETY.") else 0
    return task.charged if task.deleted and task.status is Status.RUNNING else 0
