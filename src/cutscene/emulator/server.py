"""An emulator that listens, falls silent and comes back, on one port."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Self

from aiohttp import web

from cutscene.emulator.behaviour import Behaviour
from cutscene.emulator.gateway import application
from cutscene.emulator.state import state_of
from cutscene.emulator.vendor import Vendor

__all__ = ["Emulator"]

_GRACE: Final = 0.02
"""Seconds that requests under way have when the connections are cut."""


class Emulator:
    """``async with Emulator(Behaviour(...)) as emulator``: listening inside the block.

    ``tell`` is called with a short line per creation, accepted or not.
    """

    def __init__(
        self, behaviour: Behaviour | None = None, *, tell: Callable[[str], None] = lambda _: None
    ) -> None:
        self._behaviour = behaviour or Behaviour()
        self._tell = tell
        self._port = self._behaviour.port
        self._vendor: Vendor | None = None
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Where a client of this machine finds it."""
        host = self._behaviour.host
        return f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{self._port}"  # noqa: S104 -- compared

    @property
    def key(self) -> str:
        return self._behaviour.key

    def state(self) -> dict[str, Any]:
        """What ``GET /emulator/state`` answers."""
        return state_of(self._open_vendor())

    async def listen(self) -> None:
        """Take up connections (again), with the tasks there were. Raises `OSError` if the port is taken."""
        if self._runner is not None:
            return
        runner = web.AppRunner(application(self._open_vendor()), access_log=None, shutdown_timeout=_GRACE)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._behaviour.host, self._port).start()
        except BaseException:
            await runner.cleanup()
            raise
        self._runner = runner
        self._port = runner.addresses[0][1]

    async def hang_up(self) -> None:
        """Stop listening and cut every connection; tasks go on."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def __aenter__(self) -> Self:
        self._vendor = Vendor(self._behaviour, self._tell)
        try:
            await self.listen()
        except BaseException:
            await self._vendor.close()
            raise
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.hang_up()
        await self._open_vendor().close()

    def _open_vendor(self) -> Vendor:
        if self._vendor is None:
            raise RuntimeError("The emulator is not open: use it with 'async with'.")
        return self._vendor
