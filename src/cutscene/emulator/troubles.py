"""Which faults are due, and how often they have happened already."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Final, Literal

from cutscene.emulator.behaviour import RATES
from cutscene.emulator.faults import Faults, Outage, read_faults

__all__ = ["Counts", "Dice", "Troubles"]

Times = Literal[
    "busy", "drop", "drop_after_accept", "odd_status", "poll_drop", "poll_busy", "truncate", "stall"
]
_NONE: Final = Outage(0, 0)


class Counts:
    """How often each fault has happened, to each prompt."""

    def __init__(self) -> None:
        self._taken: Counter[tuple[str, str]] = Counter()

    def take(self, fault: str, times: int, scope: str) -> bool:
        """Whether it is to happen once more; then it counts as having happened."""
        due = self._taken[fault, scope] < times
        self._taken[fault, scope] += due
        return due


class Dice:
    """Faults by chance."""

    def __init__(self, rates: Mapping[str, float], seed: int) -> None:
        self._rates = rates
        self._chance = random.Random(seed)  # noqa: S311 -- repeatable, not secret

    def throw(self) -> Faults:
        """Those of the next creation. One throw per name, so that one rate does not shift another's luck."""
        throws = {name: self._chance.random() for name in RATES}
        return read_faults("".join(f"[{name}]" for name in RATES if throws[name] < self._rates.get(name, 0)))[
            1
        ]


class Troubles:
    """The faults of one creation: those its prompt names, and those that chance threw."""

    def __init__(self, counts: Counts, prompt: str, tagged: Faults, thrown: Faults, number: int) -> None:
        self._counts = counts
        # What chance throws is this creation's alone, whatever others with the same prompt have met.
        self._sources = ((tagged, f"prompt {prompt}"), (thrown, f"number {number}"))
        self.faults = replace(
            tagged,
            failure=thrown.failure or tagged.failure,
            expire=thrown.expire or tagged.expire,
        )

    def due(self, fault: Times) -> bool:
        return any(self._counts.take(fault, getattr(faults, fault), scope) for faults, scope in self._sources)

    def outage(self, fault: Literal["create_error", "error"]) -> int | None:
        """The HTTP status to answer with."""
        for faults, scope in self._sources:
            outage: Outage = getattr(faults, fault) or _NONE
            if self._counts.take(fault, outage.times, scope):
                return outage.status
        return None

    def failure(self) -> str | None:
        """The code that the task is to fail with; to be asked once, when it is accepted."""
        _, scope = self._sources[0]
        once = self.faults.fail_once
        if once is not None and self._counts.take("fail_once", 1, scope):
            return once
        return self.faults.failure
