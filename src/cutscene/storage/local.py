"""A store in a folder of this machine."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncGenerator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from datetime import timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from cutscene.errors import InputValidationError, NotFoundError
from cutscene.storage import HOUR, Stored, Verified, check_key
from cutscene.storage.files import (
    Draft,
    FileThreads,
    can_be_nameless,
    make_folders,
    read_file,
    storage_error,
    sweep,
    sync_folder,
    write_draft,
)

__all__ = ["LocalStore", "folder_of"]

THREADS: Final = 4
"""Enough to keep one disk busy."""
LISTED_AT_ONCE: Final = 1000
_PLACE: Final = "The storage folder (CUTSCENE_STORAGE_URL)"


class LocalStore:
    """Keys are paths below ``root``, which is created; several processes may share it.

    ``nameless`` says how drafts are kept until they are published: None finds out.
    Raises `StorageError` when the folder can neither be made nor read.
    """

    def __init__(self, root: Path, *, nameless: bool | None = None) -> None:
        self._root = root.absolute()
        self._pool = ThreadPoolExecutor(THREADS, "cutscene-store")
        self._threads = FileThreads(_PLACE, self._pool)
        try:
            self._prepare()
        except OSError as error:
            raise storage_error(error, _PLACE) from error
        self._nameless = can_be_nameless(self._root) if nameless is None else nameless

    def _prepare(self) -> None:
        existing = next(folder for folder in (self._root, *self._root.parents) if folder.exists())
        make_folders(self._root, below=existing)
        sweep(self._root)

    async def put(
        self,
        key: str,
        body: Verified,
        *,
        size: int | None,
        content_type: str,  # noqa: ARG002 - a file's suffix says it
    ) -> Stored:
        target = self._path(key)
        body.expect(size)
        if size is not None and await self._threads.run(self._keep, target, size):
            return Stored(key, size, None)
        # In the root, where a sweep finds what a kill leaves without walking through every run.
        draft = Draft(self._root, nameless=self._nameless)
        async with aclosing(aiter(body)) as chunks:
            await write_draft(draft, chunks, partial(self._publish, draft, target, body), self._threads)
        return Stored(key, body.size, body.sha256)

    async def read(self, key: str) -> AsyncGenerator[bytes, None]:
        if await self.stat(key) is None:
            raise NotFoundError(f"Nothing is stored under {key}.")
        async with aclosing(read_file(self._path(key), self._threads)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def stat(self, key: str) -> Stored | None:
        size = await self._threads.run(_size, self._path(key))
        return None if size is None else Stored(key, size, None)

    async def listing(self, folder: str = "") -> AsyncGenerator[Stored, None]:
        top = self._path(folder) if folder else self._root
        files = _files(top)
        while found := await self._threads.run(lambda: list(islice(files, LISTED_AT_ONCE))):
            for path, size in found:
                yield Stored(path.relative_to(self._root).as_posix(), size, None)

    def uri(self, key: str) -> str:
        return self._path(key).as_uri()

    async def url(
        self,
        key: str,
        *,
        expires_in: timedelta = HOUR,  # noqa: ARG002 - files stay
    ) -> str:
        return self.uri(key)

    async def delete(self, key: str) -> None:
        await self._threads.run(_remove, self._path(key))

    async def close(self) -> None:
        await asyncio.to_thread(self._pool.shutdown)

    def _path(self, key: str) -> Path:
        return self._root / check_key(key)

    def _keep(self, target: Path, size: int) -> bool:
        if _size(target) != size:
            return False
        # Whoever put it there may not have come to this point yet.
        make_folders(target.parent, below=self._root)
        sync_folder(target.parent)
        return True

    def _publish(self, draft: Draft, target: Path, body: Verified) -> None:
        make_folders(target.parent, below=self._root)
        if not self._keep(target, body.size):
            draft.publish(target)


def folder_of(url: str) -> Path:
    """The folder that ``file:///an/absolute/path`` names; raises `InputValidationError`."""
    supported = "use file:///an/absolute/path"
    try:
        parts = urlsplit(url)
    except ValueError:
        raise InputValidationError(f"CUTSCENE_STORAGE_URL is not a URL: {supported}.") from None
    path = unquote(parts.path)
    if parts.netloc not in ("", "localhost") or not path.startswith("/"):
        raise InputValidationError(f"CUTSCENE_STORAGE_URL is not an absolute path: {supported}.")
    if parts.query or parts.fragment or "\x00" in path:
        raise InputValidationError(f"CUTSCENE_STORAGE_URL holds more than a path: {supported}.")
    return Path(path)


def _files(top: Path) -> Iterator[tuple[Path, int]]:
    """All below a folder, with their sizes; drafts are none of them."""
    for folder, _, names in os.walk(top):
        for name in names:
            size = None if name.startswith(".") else _size(Path(folder, name))
            if size is not None:
                yield Path(folder, name), size


def _size(path: Path) -> int | None:
    """Bytes of a file; None when there is none."""
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def _remove(path: Path) -> None:
    if path.is_file():
        path.unlink(missing_ok=True)
        sync_folder(path.parent)
