"""The file that a download goes into, and links to files of this machine."""

from __future__ import annotations

import asyncio
import hashlib
import os
import stat
from collections.abc import AsyncGenerator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final
from urllib.parse import unquote, urlsplit

from cutscene.errors import StorageError
from cutscene.fetch.failures import FetchError, LinkExpired

__all__ = ["Sink", "local_file", "read_local"]

_BATCH: Final = 1 << 20
"""Bytes per trip to a thread."""


class Sink:
    """Counts, hashes and bounds what is written to ``target``.

    Opening, truncating and closing are quick; hashing and writing go to a thread.
    Raises `StorageError` when the target cannot be written, `FetchError` when it is given too much.
    """

    def __init__(self, target: Path, max_bytes: int) -> None:
        self.size = 0
        """Bytes so far."""
        self._target = target
        self._max_bytes = max_bytes
        self._hash = hashlib.sha256()
        self._batch: list[bytes] = []
        self._batched = 0
        try:
            self._file = target.open("wb")
        except OSError as error:
            raise _unwritable(error) from error

    @property
    def sha256(self) -> str:
        """Of what was flushed, hexadecimal."""
        return self._hash.hexdigest()

    def check_room(self, size: int) -> None:
        if size > self._max_bytes:
            raise FetchError(f"The file is larger than the {self._max_bytes} bytes that are allowed.")

    async def write(self, chunk: bytes) -> None:
        self.size += len(chunk)
        self.check_room(self.size)
        self._batch.append(chunk)
        self._batched += len(chunk)
        if self._batched >= _BATCH:
            await self.flush()

    async def flush(self) -> None:
        batch, self._batch, self._batched = self._batch, [], 0
        try:
            await asyncio.to_thread(self._append, batch)
        except OSError as error:
            raise _unwritable(error) from error

    def restart(self) -> None:
        """Forget what has come so far."""
        self.size = self._batched = 0
        self._hash = hashlib.sha256()
        self._batch = []
        self._file.seek(0)
        self._file.truncate()

    def close(self) -> None:
        try:
            self._file.close()
        except OSError as error:
            raise _unwritable(error) from error

    def drop(self) -> None:
        """Close and remove; a thread that still writes fails at its next chunk."""
        with suppress(OSError):
            self._file.close()
        self._target.unlink(missing_ok=True)

    def _append(self, batch: list[bytes]) -> None:
        for chunk in batch:
            self._hash.update(chunk)
        self._file.writelines(batch)


def _unwritable(error: OSError) -> StorageError:
    reason = (error.strerror or "unknown reason").lower()
    return StorageError(f"A download cannot be written to CUTSCENE_HOME: {reason}.")


def local_file(link: str, root: Path | None) -> Path:
    """The file that a link names, symbolic links resolved, if it lies below ``root``.

    Raises `LinkExpired` where there is none, `FetchError` where it may not be read.
    """
    parts = urlsplit(link)
    name = unquote(parts.path)
    if root is None or parts.netloc not in ("", "localhost") or parts.query or "\x00" in name:
        raise FetchError("The link names a file of this machine, which is not allowed here.")
    try:
        path = Path(name).resolve(strict=True)
    except (OSError, RuntimeError):  # RuntimeError: symbolic links in a circle
        raise LinkExpired("The file that the link names is not there.") from None
    if not path.is_relative_to(root.resolve()):
        raise FetchError("The link names a file outside the folder that is meant for it.")
    return path


async def read_local(path: Path) -> AsyncGenerator[bytes, None]:
    with _open_regular(path) as file:
        while chunk := await asyncio.to_thread(file.read, _BATCH):
            yield chunk


def _open_regular(path: Path) -> BinaryIO:
    """A pipe would block and a device never end: files only."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
        raise FetchError(f"The file that the link names cannot be read: {reason}.") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FetchError("The link names something that is not a file.")
    return os.fdopen(descriptor, "rb")
