"""Work on files from outside, in child processes that are bounded in time and memory.

Decoders are native code: a thread that is stuck in one cannot be stopped, and one that crashes
takes everything with it. A child can be killed. It is no security boundary: it may do whatever we
may.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeVar, TypeVarTuple, cast

import structlog

from cutscene.errors import ProviderError
from cutscene.media.boxes import DEFAULT_LIMITS, Limits, UnplayableVideo
from cutscene.media.forkserver import DONE, HEADER, TRAILER, Ended

__all__ = ["Attempt", "Workbench"]

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_log = structlog.get_logger()

_AT_ONCE: Final = 2
_STARTS: Final = 2
"""Tries to have a piece of work taken on by a server that somebody else may have killed."""
_GOODBYE: Final = 2.0
"""Seconds that a process has to end before it is killed."""
_KEPT: Final = ("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "LD_LIBRARY_PATH")
"""Of the environment: no key of anybody is in reach of a decoder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt(Generic[T]):
    """What came of a piece of work."""

    value: T | None
    error: Exception | str | None
    """An error as it was raised, or the trace of one that nobody expected."""
    ended: Ended
    peak_bytes: int
    """The most memory that it had in use."""
    noise: str
    """What native libraries printed."""

    def result(self) -> T:
        """The value; raises the error, or `UnplayableVideo` for whatever else went wrong."""
        if self.ended is Ended.LATE:
            raise UnplayableVideo("It takes longer to decode than it is worth.")
        if self.ended is not Ended.BY_ITSELF or isinstance(self.error, str):
            raise UnplayableVideo("It breaks the decoder.")
        if self.error is not None:
            raise self.error
        return cast("T", self.value)


class Workbench:
    """Runs module-level functions with plain arguments, a few at a time. Nothing starts before it is used.

    ``limits`` bound the work, and are there for those who call functions that take limits.
    """

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        self.limits = limits
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._server: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    async def run(self, work: Callable[[*Ts], T], *args: *Ts, seconds: float | None = None) -> T:
        """What ``work(*args)`` returns in a child; cancelling kills it.

        Raises what the work raises if that is a `CutsceneError`, `UnplayableVideo` or `OSError`, and
        `UnplayableVideo` where it fails in any other way, dies, needs more memory than the limits
        have or more than ``seconds`` (theirs unless given).
        """
        attempt = await self.attempt(work, *args, seconds=seconds)
        if attempt.noise:
            _log.debug("decoder_noise", work=_name(work), noise=attempt.noise)
        if attempt.ended is not Ended.BY_ITSELF or isinstance(attempt.error, str):
            _log.warning("media_work_broke", work=_name(work), ended=attempt.ended.name, trace=attempt.error)
        return attempt.result()

    async def attempt(self, work: Callable[[*Ts], T], *args: *Ts, seconds: float | None = None) -> Attempt[T]:
        """The same, with all that is known of how it went; raises nothing of the work's."""
        body = pickle.dumps((_folder(), work, args))
        seconds = self.limits.work_seconds if seconds is None else seconds
        request = HEADER.pack(seconds, self.limits.max_memory, len(body)) + body
        async with self._turns:
            for _ in range(_STARTS):
                answer = await self._ask(request)
                if answer.endswith(DONE):
                    return _read(answer)
        raise ProviderError("The process that decodes media does not stay alive: see the log.")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._control is not None and self._server is not None:
            self._control.close()
            await asyncio.to_thread(_bury, self._server)
        self._server = self._control = None

    async def _ask(self, request: bytes) -> bytes:
        """Everything that comes back; cut off where the server or the keeper is dead."""
        ours, theirs = socket.socketpair()
        with ours:
            ours.setblocking(False)
            with theirs:
                self._hand_over(theirs)
            try:
                await asyncio.get_running_loop().sock_sendall(ours, request)
                return await _read_all(ours)
            except ConnectionError:
                return b""
            except asyncio.CancelledError:
                await _hang_up(ours)
                raise

    def _hand_over(self, connection: socket.socket) -> None:
        if self._control is None or self._server is None or self._server.poll() is not None:
            if self._control is not None:
                self._control.close()
            self._control, self._server = _start()
        with suppress(ConnectionError):
            socket.send_fds(self._control, [b"\0"], [connection.fileno()])


async def _read_all(connection: socket.socket) -> bytes:
    loop, chunks = asyncio.get_running_loop(), []
    while chunk := await loop.sock_recv(connection, 2**20):
        chunks.append(chunk)
    return b"".join(chunks)


async def _hang_up(connection: socket.socket) -> None:
    """And wait until the child is dead: whoever cancels will remove the folder that it writes to."""
    with suppress(OSError, TimeoutError):
        connection.shutdown(socket.SHUT_WR)
        async with asyncio.timeout(_GOODBYE):
            await _read_all(connection)


def _start() -> tuple[socket.socket, subprocess.Popen[bytes]]:
    ours, theirs = socket.socketpair()
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    environment["PYTHONPATH"] = os.pathsep.join(entry or str(_folder()) for entry in sys.path)
    environment["OPENBLAS_NUM_THREADS"] = "1"  # whoever forks must not have threads
    command = [sys.executable, "-P", "-m", "cutscene.media.forkserver", str(theirs.fileno())]
    with theirs:
        return ours, subprocess.Popen(  # noqa: S603 -- our own module
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            env=environment,
            start_new_session=True,
        )


def _folder() -> Path:
    """Where relative paths begin, for a child too; a folder that was removed is no reason to fail."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        return Path("/")


def _bury(server: subprocess.Popen[bytes]) -> None:
    try:
        server.wait(_GOODBYE)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _read(answer: bytes) -> Attempt[Any]:
    ended, peak, heard, _ = TRAILER.unpack(answer[-TRAILER.size :])
    end = len(answer) - TRAILER.size - heard
    whole = ended == Ended.BY_ITSELF
    value, error = pickle.loads(answer[:end]) if whole else (None, None)  # noqa: S301 -- from our own child
    return Attempt(
        value=value,
        error=error,
        ended=Ended(ended),
        peak_bytes=peak,
        noise=answer[end : end + heard].decode(errors="replace"),
    )


def _name(work: Callable[..., object]) -> str:
    return getattr(work, "__qualname__", repr(work))
