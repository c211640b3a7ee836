"""What one process knows of how long generations take, and when it learns anew."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from cutscene import endings
from cutscene.courses import Course, Ending
from cutscene.database import Database
from cutscene.endings import Kind
from cutscene.pacing import Pace, untaught_gap

__all__ = ["Paces"]


@dataclass(slots=True)
class _Known:
    interval: float
    pace: Pace | None = None
    count: int = 0
    """Endings that it was learned from."""
    learned_at: float = 0.0
    is_new: bool = True
    """Nothing was read of it, or more was seen since."""
    is_used: bool = False


class Paces:
    """Answers at once from memory; `exchange` alone waits for the database."""

    LEARN_EVERY: Final = 20.0
    """Seconds, once there is something to go by."""
    REREAD_EVERY: Final = 60.0
    """Seconds: other workers see endings too."""
    FEW: Final = 12
    """Endings, up to which each further one counts at once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[Kind, _Known] = {}
        self._seen: dict[Kind, list[Ending]] = {}

    def gap(self, kind: Kind, interval: float, course: Course, at: float) -> float:
        """Seconds from a look at that moment to the next; at most the interval."""
        known = self._known.get(kind)
        if known is None:
            known = self._known[kind] = _Known(interval)
        known.is_used = True
        if known.pace is None:
            return untaught_gap(course, at, interval)
        return known.pace.gap(at - course.began, course.believed)

    def saw(self, kind: Kind, ending: Ending) -> None:
        """A generation of that kind has ended."""
        self._seen.setdefault(kind, []).append(ending)

    async def exchange(self) -> None:
        """Keep what was seen, and learn from what all workers saw; raises `DatabaseAwayError`."""
        seen, self._seen = self._seen, {}
        if seen:
            await self._database.write(endings.add, seen)
        for kind in seen:
            if kind in self._known:
                self._known[kind].is_new = True
        now = time.monotonic()
        for kind, known in list(self._known.items()):
            if self._is_due(known, now):
                await self._learn(kind, known, now)

    def _is_due(self, known: _Known, now: float) -> bool:
        age = now - known.learned_at
        if known.is_new:
            return known.count < self.FEW or age >= self.LEARN_EVERY
        return known.is_used and age >= self.REREAD_EVERY

    async def _learn(self, kind: Kind, known: _Known, now: float) -> None:
        known.learned_at, known.is_new, known.is_used = now, False, False
        known.count, known.pace = await self._database.read(_learned, kind, known.interval)


def _learned(connection: Connection, kind: Kind, interval: float) -> tuple[int, Pace | None]:
    """From how many endings, and what; in the database's thread, since it takes some milliseconds."""
    found = endings.latest(connection, kind)
    return len(found), Pace.learn(found, interval)
