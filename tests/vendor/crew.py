"""Which worker process has which job, by the engine's own rows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection

import psycopg

__all__ = ["Crew", "until"]

_HELD = """
SELECT j.id FROM public.jobs j JOIN dbos.workflow_status w ON w.workflow_uuid = j.id || ':' || j.handover
WHERE j.state = 'running' AND w.status = 'PENDING' AND w.executor_id LIKE %s
"""


class Crew:
    """Of the workers on one Postgres database."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url

    def held_by(self, pid: int) -> set[str]:
        """Ids of the jobs whose latest run that process has taken, whether it lives or not."""
        return {str(row[0]) for row in self._ask(_HELD, f"%-{pid}-%")}

    def running(self) -> set[str]:
        return {str(row[0]) for row in self._ask("SELECT id FROM public.jobs WHERE state = 'running'")}

    async def gone_on(self, jobs: Collection[str], others: Collection[int], seconds: float = 30) -> float:
        """Wait until each of those jobs has ended, waits for its turn or is with one of the others."""
        begun = time.monotonic()

        def is_with_others() -> bool:
            left = self.running() & set(jobs)
            return left <= set().union(*(self.held_by(pid) for pid in others))

        await until(is_with_others, seconds)
        return time.monotonic() - begun

    def _ask(self, query: str, *values: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self._url) as connection:
            return connection.execute(query.encode(), values).fetchall()


async def until(condition: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        await asyncio.sleep(0.05)
