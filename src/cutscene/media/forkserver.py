"""The process that work on media is forked from; `workbench` starts it and talks to it.

It has imported everything and runs nothing itself. For each piece of work it forks a keeper, which
forks the child and ends it: when its time is over, and when whoever asked hangs up, on purpose or
by dying. So no native code, however stuck, outlives the wish for it.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import gc
import os
import pickle
import pkgutil
import resource
import select
import signal
import socket
import struct
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum
from importlib import import_module
from typing import Any, Final

import cutscene.media
from cutscene.errors import CutsceneError
from cutscene.media.boxes import UnplayableVideo

__all__ = ["DONE", "HEADER", "TRAILER", "Ended"]

HEADER: Final = struct.Struct("!dQQ")
"""Before the pickled ``(folder to stand in, work, args)``: seconds, bytes of memory, bytes that follow."""
TRAILER: Final = struct.Struct("!BQI4s")
"""After the pickled ``(value, error)`` and the noise: how it `Ended`, peak memory, bytes of noise, `DONE`."""
DONE: Final = b"done"

_NOISE: Final = 4096
"""Bytes of what native libraries print that are kept: the last ones."""
_NICE: Final = 5
_PR_SET_PDEATHSIG: Final = 1


class Ended(IntEnum):
    """How a child's life ended."""

    BY_ITSELF = 0
    BY_A_SIGNAL = 1
    LATE = 2
    UNWANTED = 3


def serve(control: socket.socket) -> None:
    """Fork a keeper for every connection that arrives, until the other side hangs up."""
    _ignore_the_terminal()
    _import_all()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel buries the keepers
    gc.freeze()
    while connections := socket.recv_fds(control, 1, 1)[1]:
        with socket.socket(fileno=connections[0]) as connection, contextlib.suppress(BlockingIOError):
            if os.fork() == 0:
                control.close()
                _leave_after(lambda: _keep(connection))


def _ignore_the_terminal() -> None:
    """Work that is under way when a service is told to stop is ended by the service, in its own time."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def _import_all() -> None:
    for module in pkgutil.iter_modules(cutscene.media.__path__, "cutscene.media."):
        if module.name != __spec__.name:
            import_module(module.name)


def _leave_after(work: Callable[[], None]) -> None:
    """A forked process must not return into its parent's code, nor run its parent's endings."""
    try:
        work()
    except BaseException:  # noqa: BLE001 -- whatever it is, there is nobody above to catch it
        os._exit(1)
    os._exit(0)


def _keep(connection: socket.socket) -> None:
    """Receive one piece of work, have it done, and say how that went."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with connection.makefile("rb") as incoming:
        seconds, memory, size = HEADER.unpack(incoming.read(HEADER.size))
        request = incoming.read(size)
    noise, printed = os.pipe()
    child = os.fork()
    if child == 0:
        _leave_after(lambda: _work(connection, request, printed, memory))
    os.close(printed)
    keeper = _Keeper(child, connection.fileno(), noise)
    ended, peak = keeper.watch(time.monotonic() + seconds)
    connection.sendall(keeper.heard + TRAILER.pack(ended, peak, len(keeper.heard), DONE))


@dataclass(slots=True)
class _Keeper:
    child: int
    connection: int
    noise: int
    heard: bytes = b""

    def watch(self, deadline: float) -> tuple[Ended, int]:
        """Wait for the child, or end it; how it ended, and its peak memory in bytes."""
        life = os.pidfd_open(self.child)
        ended = self._wait(life, deadline)
        if ended is not None:
            os.kill(self.child, signal.SIGKILL)
        _, status, usage = os.wait4(self.child, 0)
        while self._listen():
            pass
        if ended is None:
            ended = Ended.BY_A_SIGNAL if status else Ended.BY_ITSELF
        return ended, usage.ru_maxrss * 1024

    def _wait(self, life: int, deadline: float) -> Ended | None:
        """Why the child has to be ended; None: it has ended."""
        watched = {life, self.connection, self.noise}
        while ready := _ready(watched, deadline):
            if self.connection in ready:
                return Ended.UNWANTED
            if life in ready:
                return None
            if not self._listen():
                watched.remove(self.noise)
        return Ended.LATE

    def _listen(self) -> bool:
        said = os.read(self.noise, 65536)
        self.heard = (self.heard + said)[-_NOISE:]
        return bool(said)


def _ready(watched: Iterable[int], deadline: float) -> list[int]:
    return select.select(watched, (), (), max(0.0, deadline - time.monotonic()))[0]


def _work(connection: socket.socket, request: bytes, printed: int, memory: int) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # also where the keeper is killed
    # Not the address space: threads and allocators reserve far more of it than they use.
    allowed = resource.getrlimit(resource.RLIMIT_DATA)[1]
    memory = memory if allowed == resource.RLIM_INFINITY else min(memory, allowed)
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(_NICE)
    for stream in (1, 2):
        os.dup2(printed, stream)
    connection.sendall(_answer(request))


def _answer(request: bytes) -> bytes:
    """What the work returned, or raised: errors of ours as they are, a trace of all others."""
    error: Any
    try:
        folder, work, args = pickle.loads(request)  # noqa: S301 -- from the process that started this one
        os.chdir(folder)
        return pickle.dumps((work(*args), None))
    except (CutsceneError, UnplayableVideo) as known:
        error = known
    except OSError as failed:
        error = OSError(failed.errno, failed.strerror)  # FFmpeg's own do not survive pickling
        if failed.errno == errno.ENOMEM:  # what FFmpeg calls a lack of memory
            error = _too_large()
    except MemoryError:
        error = _too_large()
    except Exception:  # noqa: BLE001 -- the trace goes to the log
        error = traceback.format_exc()
    return pickle.dumps((None, error))


def _too_large() -> UnplayableVideo:
    return UnplayableVideo("It takes more memory than it is worth.")


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as control:
        serve(control)
