"""A way to a server that can be closed, cut off, or answer by itself."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

CHUNK = 1 << 16


class Front:
    """``with Front("http://127.0.0.1:1234") as front``: passes bytes on, from a thread of its own."""

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self._target = parts.hostname, parts.port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="front")
        self._writers: set[asyncio.StreamWriter] = set()
        self.answers: list[tuple[bytes, ...]] = []
        """Sent in place of the server's, one for each connection; before each part something is awaited."""
        self.cut_after: list[int] = []
        """How many bytes of the server's next connections come through before they are cut."""
        self.cuts = b""
        """Requests that hold these bytes are cut off."""
        self.connections = 0

    def __enter__(self) -> Self:
        self._thread.start()
        self._port = 0
        self.open()
        self.url = f"http://127.0.0.1:{self._port}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def open(self) -> None:
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(10)

    def close(self) -> None:
        """As if the server were gone: what is under way is cut, what comes is refused."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)

    async def _open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.sleep(0.02)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        with suppress(OSError, asyncio.IncompleteReadError):
            if self.answers:
                for part in self.answers.pop(0):
                    await reader.read(CHUNK)
                    writer.write(part)
                    await writer.drain()
            else:
                await self._pass_on(reader, writer)
        writer.close()
        self._writers.discard(writer)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection(*self._target)
        left = self.cut_after.pop(0) if self.cut_after else None
        self._writers.add(server_writer)
        ways = [
            asyncio.create_task(self._copy(reader, server_writer, None)),
            asyncio.create_task(self._copy(server_reader, writer, left)),
        ]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        await asyncio.wait(ways)
        server_writer.transport.abort()
        self._writers.discard(server_writer)

    async def _copy(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, left: int | None
    ) -> None:
        with suppress(OSError):
            while chunk := await reader.read(CHUNK if left is None else min(CHUNK, left)):
                if self.cuts and self.cuts in chunk:
                    return
                writer.write(chunk)
                await writer.drain()
                if left is not None:
                    left -= len(chunk)
