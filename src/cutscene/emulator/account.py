"""The credits: charged when a task is accepted, and given back by rule."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

from cutscene.emulator.refusals import Reason, Refusal
from cutscene.emulator.task import Order, Status, Task

__all__ = ["Account", "remaining"]

_DAY: Final = 24 * 3600.0


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
        self._accepted: defaultdict[str, deque[float]] = defaultdict(deque)
        """When, by model; what is older than a day is forgotten."""

    def accept(self, order: Order) -> None:
        """Charge what it costs at most. Raises `Refusal`."""
        if self.accepted_today(order.model) >= self._daily_cap:
            raise Refusal(Reason.DAILY_CAP)
        if self.balance < order.estimated:
            raise Refusal(Reason.NO_CREDITS)
        self._accepted[order.model].append(time.time())
        self._book(order.model, order.estimated)

    def settle(self, task: Task, credits: int) -> None:  # noqa: A002 -- what they are called
        """``credits`` remain charged; the rest is given back."""
        self._book(task.order.model, credits - task.charged)
        task.charged = credits

    def accepted_today(self, model: str) -> int:
        """Generations of the last 24 hours."""
        accepted, since = self._accepted[model], time.time() - _DAY
        while accepted and accepted[0] <= since:
            accepted.popleft()
        return len(accepted)

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
        return task.charged if "SAFETY" in (failure_code or "").split(".") else 0
    return task.charged if task.deleted and task.status is Status.RUNNING else 0
