"""Files that appear whole or not at all, written and read in threads."""

from __future__ import annotations

import asyncio
import errno
import os
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable
from concurrent.futures import Executor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, TypeVar, TypeVarTuple

from cutscene.errors import StorageError

__all__ = [
    "Draft",
    "FileThreads",
    "can_be_nameless",
    "make_folders",
    "read_file",
    "storage_error",
    "sweep",
    "sync_folder",
    "write_draft",
]

BATCH: Final = 1 << 20
"""Bytes per trip to a thread: fewer trips, and still little memory."""
STALE_SECONDS: Final = 3600.0
_TEMPORARY: Final = ".tmp-"

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")

_ADVICE: Final = {
    errno.ENOSPC: "no space is left; free some, then try again",
    errno.EDQUOT: "the disk quota is used up; free some space, then try again",
    errno.EFBIG: "a file may not grow that large there; raise the limit (ulimit -f)",
    errno.EACCES: "permission denied; allow this user to write there, or choose another place",
    errno.EPERM: "permission denied; allow this user to write there, or choose another place",
    errno.EROFS: "it is read-only; make it writable, or choose another place",
    errno.EEXIST: "a file stands where a folder is needed; move it away, or choose another place",
    errno.ENOTDIR: "a file stands where a folder is needed; move it away, or choose another place",
    errno.EISDIR: "a folder stands where a file is needed; choose another place",
    errno.ENOENT: "it, or a folder above it, does not exist; create it, or choose another place",
    errno.EMFILE: "too many files are open; raise the limit (ulimit -n)",
    errno.ENFILE: "too many files are open on this machine; close some, then try again",
}


def storage_error(error: OSError, place: str) -> StorageError:
    """What went wrong at ``place`` (the first words of the sentence) and what to do about it."""
    advice = _ADVICE.get(error.errno or 0) or (error.strerror or type(error).__name__).lower()
    told = StorageError(f"{place} cannot be used: {advice}.")
    told.with_detail(str(error))
    return told


@dataclass(frozen=True, slots=True)
class FileThreads:
    """Where blocking file work runs; its failures leave as `StorageError` about ``place``."""

    place: str
    pool: Executor | None = None
    """None: the event loop's own."""

    async def run(self, call: Callable[[*_Ts], _T], *args: *_Ts) -> _T:
        """A cancelled caller still waits for the thread, which nothing can stop.

        Leaving early would close its file under it, and the file's number might
        belong to another file by then.
        """
        work = asyncio.get_running_loop().run_in_executor(self.pool, call, *args)
        cancelled: asyncio.CancelledError | None = None
        while not work.done():
            try:
                await asyncio.wait([work])
            except asyncio.CancelledError as error:
                cancelled = error
        failure = work.exception()
        if cancelled is not None:
            raise cancelled
        if isinstance(failure, OSError):
            raise storage_error(failure, self.place) from failure
        return work.result()


class Draft:
    """A file in the making, unseen until `publish`; `close` drops what was not published.

    It is nameless where the file system knows how: then not even a kill leaves
    anything behind. Elsewhere it has a hidden name in ``folder`` that `sweep` removes.
    Creating one does nothing yet, so that `close` is right whatever happened.
    """

    def __init__(self, folder: Path, *, nameless: bool) -> None:
        self._folder = folder
        self._nameless = nameless
        self._name: Path | None = None
        self._file: BinaryIO | None = None

    def open(self) -> None:
        if self._nameless:
            descriptor = os.open(self._folder, os.O_TMPFILE | os.O_WRONLY, 0o666)
        else:
            name = _temporary_name(self._folder)
            descriptor = os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
            self._name = name
        self._file = os.fdopen(descriptor, "wb", buffering=BATCH)

    def write(self, chunks: Iterable[bytes]) -> None:
        assert self._file is not None
        self._file.writelines(chunks)

    def publish(self, target: Path) -> None:
        """Become ``target``, in place of what is there, safe from a loss of power."""
        assert self._file is not None
        self._file.flush()
        os.fsync(self._file.fileno())
        if self._name is not None or not self._link(target):
            self._replace(target)
        sync_folder(target.parent)

    def close(self) -> None:
        if self._file is not None:
            # Closing writes out the rest, which fails again on a full disk: it is dropped anyway.
            with suppress(OSError):
                self._file.close()
        if self._name is not None:
            self._name.unlink(missing_ok=True)

    def _link(self, target: Path) -> bool:
        assert self._file is not None
        folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            # The folder's descriptor makes it a linkat() that follows /proc's link; without: EXDEV.
            os.link(f"/proc/self/fd/{self._file.fileno()}", target.name, dst_dir_fd=folder)
        except FileExistsError:
            return False
        finally:
            os.close(folder)
        return True

    def _replace(self, target: Path) -> None:
        if self._name is None:
            name = _temporary_name(self._folder)
            self._link(name)
            self._name = name
        self._name.replace(target)
        self._name = None


def _temporary_name(folder: Path) -> Path:
    return folder / f"{_TEMPORARY}{secrets.token_hex(8)}"


def can_be_nameless(folder: Path) -> bool:
    """Whether drafts in ``folder`` need no name. Only trying tells.

    A folder that cannot be written just now answers no: it may still be read.
    """
    draft = Draft(folder, nameless=True)
    probe = _temporary_name(folder)
    try:
        draft.open()
        draft.publish(probe)
        probe.unlink()
    except OSError:
        return False
    finally:
        draft.close()
    return True


def sweep(folder: Path) -> None:
    """Remove named drafts that a killed process left behind more than an hour ago."""
    oldest = time.time() - STALE_SECONDS
    for leftover in folder.glob(f"{_TEMPORARY}*"):
        with suppress(OSError):  # another process sweeps too, or is the owner
            if leftover.lstat().st_mtime < oldest:
                leftover.unlink()


def make_folders(folder: Path, *, below: Path) -> None:
    """Create ``folder`` with its parents, safe from a loss of power.

    Folders that were there are synced as well: who made them may not be done with it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    while folder != below:
        folder = folder.parent
        sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Make the names in ``folder`` safe from a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (
            errno.EINVAL,
            errno.EOPNOTSUPP,
        ):  # some network file systems have no such thing
            raise
    finally:
        os.close(descriptor)


async def read_file(path: Path, threads: FileThreads) -> AsyncGenerator[bytes, None]:
    """The file's bytes in order; raises `StorageError`."""
    with ExitStack() as opened:
        file = await threads.run(lambda: opened.enter_context(path.open("rb", buffering=0)))
        while chunk := await threads.run(file.read, BATCH):
            yield chunk


async def write_draft(
    draft: Draft, chunks: AsyncIterable[bytes], publish: Callable[[], None], threads: FileThreads
) -> None:
    """Fill a draft and publish it; whatever fails, and a cancel, drops it."""
    try:
        await threads.run(draft.open)
        batch: list[bytes] = []
        held = 0
        async for chunk in chunks:
            batch.append(chunk)
            held += len(chunk)
            if held >= BATCH:
                await threads.run(draft.write, batch)
                batch, held = [], 0
        await threads.run(draft.write, batch)
        await threads.run(publish)
    finally:
        await threads.run(draft.close)
