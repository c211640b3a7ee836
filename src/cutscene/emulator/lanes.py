"""The places in the works: so many per model, given away in the order of arrival."""

from __future__ import annotations

import asyncio
import heapq

__all__ = ["Lane"]


class Lane:
    """The places of one model."""

    def __init__(self, places: int) -> None:
        self._free = places
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []

    def take(self) -> bool:
        """Take a place if one is free at once, and nobody waits for it."""
        if not self._free:
            return False
        self._free -= 1
        return True

    def leave(self) -> None:
        """Give a place back: to whoever came first of those who wait."""
        while self._waiting:
            _, turn = heapq.heappop(self._waiting)
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1

    async def wait(self, number: int) -> None:
        """Wait for a place; lower numbers came earlier."""
        if self.take():
            return
        turn = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (number, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.leave()
            raise
