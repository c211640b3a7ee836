"""How long a store that is away is waited for."""

from __future__ import annotations

import asyncio
import random
import time
from typing import Final

from cutscene.errors import StorageError

__all__ = ["AwayError", "Patience"]

FIRST_PAUSE: Final = 0.2
LONGEST_PAUSE: Final = 5.0
"""Seconds, doubled from one to the other; each is drawn from half to one and a half of it."""


class AwayError(StorageError):
    """The store cannot be reached, or is busy: it may be back soon."""

    retry_after: float = 0.0
    """Seconds that it asks for."""


class Patience:
    """Of one call: pauses that grow, scattered so that many callers do not come back at once.

    The seconds count from the first failure on: what went well may have taken longer.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._ends: float | None = None
        self._pause = FIRST_PAUSE

    async def wait(self, error: AwayError) -> None:
        """Until the next try; raises the error where there is no time for one."""
        if self._ends is None:
            self._ends = time.monotonic() + self._seconds
        scattered = self._pause * random.uniform(0.5, 1.5)  # noqa: S311 -- no secret
        pause = max(error.retry_after, scattered)
        self._pause = min(2 * self._pause, LONGEST_PAUSE)
        if time.monotonic() + pause > self._ends:
            raise error
        await asyncio.sleep(pause)
