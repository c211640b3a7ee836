"""Permanent storage: what a store can do, and bodies that are never published damaged."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterable, Callable
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from cutscene.errors import InputValidationError, StorageError
from cutscene.storage.files import BATCH, Draft, FileThreads, read_file, write_draft
from cutscene.storage.keys import check_key, clip_key, owner_of, poster_key, segment_key, source_key

__all__ = [
    "HOUR",
    "LONGEST_LINK",
    "DamagedError",
    "Store",
    "Stored",
    "Verified",
    "check_key",
    "check_life",
    "clip_key",
    "copy_to",
    "open_store",
    "owner_of",
    "poster_key",
    "put_bytes",
    "put_file",
    "read_bytes",
    "segment_key",
    "source_key",
]

HOUR: Final = timedelta(hours=1)
LONGEST_LINK: Final = timedelta(days=7)
"""What S3, and others after it, sign at most."""
PATIENCE: Final = 30.0
"""Seconds that a store may be away, unless told otherwise."""


class DamagedError(StorageError):
    """A body is not what was promised; nothing was published."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What is kept under a key."""

    key: str
    size: int
    """Bytes."""
    sha256: str | None
    """Hexadecimal; None where nobody has read the body this time."""


class Verified:
    """A body that counts and hashes itself, and can be read once, or again after `rewind`.

    The last chunk is held back until size and digest are right: a store that
    publishes on the last byte then never publishes anything wrong. Stopping at the
    end would be too late, since a sink that knows the length stops pulling there.
    """

    def __init__(
        self,
        chunks: AsyncIterable[bytes] | None = None,
        *,
        size: int | None = None,
        sha256: str | None = None,
        source: Callable[[], AsyncGenerator[bytes, None]] | None = None,
    ) -> None:
        """The body is ``chunks``, which can be read once, or what ``source`` opens as often as asked."""
        self.size = 0
        """Bytes so far."""
        self._chunks = chunks
        self._source = source
        self._expected_size = size
        self._expected_sha256 = sha256
        self._hash = hashlib.sha256()
        self._started = False

    @property
    def promised(self) -> tuple[int | None, str | None]:
        """Size in bytes and digest that it will have, as far as they are known beforehand."""
        return self._expected_size, self._expected_sha256

    @property
    def sha256(self) -> str:
        """Hexadecimal digest so far."""
        return self._hash.hexdigest()

    def expect(self, size: int | None) -> None:
        """Promise a size in bytes; raises `DamagedError` when it contradicts an earlier promise."""
        if size is None:
            return
        if self._expected_size not in (None, size):
            raise DamagedError(f"The body has {self._expected_size} bytes, not {size}.")
        self._expected_size = size

    def rewind(self) -> bool:
        """Make it ready to be read from its beginning; False where that is over for good."""
        if self._started and self._source is None:
            return False
        self.size, self._hash, self._started = 0, hashlib.sha256(), False
        return True

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        """The chunks; raises `DamagedError` before the last one, and whatever the source raises."""
        if self._started:
            raise RuntimeError("a verified body can be read once")
        self._started = True
        held = b""
        async with AsyncExitStack() as opened:
            chunks = self._chunks
            if self._source is not None:
                chunks = await opened.enter_async_context(aclosing(self._source()))
            assert chunks is not None
            async for chunk in chunks:
                self._add(chunk)
                if held and chunk:
                    yield held
                held = chunk or held
            self._check()
        yield held

    def _add(self, chunk: bytes) -> None:
        self.size += len(chunk)
        self._hash.update(chunk)
        if self._expected_size is not None and self.size > self._expected_size:
            raise DamagedError(f"The body is longer than the {self._expected_size} bytes it should have.")

    def _check(self) -> None:
        if not self.size:
            raise DamagedError("The body is empty.")
        if self._expected_size not in (None, self.size):
            raise DamagedError(f"The body ended after {self.size} of {self._expected_size} bytes.")
        if self._expected_sha256 not in (None, self.sha256):
            raise DamagedError("The body has the right size and the wrong content (sha256).")


class Store(Protocol):
    """Keeps bodies under keys for good. Any failure is a `StorageError` unless said otherwise.

    Every method that takes a key raises `InputValidationError` when it is not one.
    """

    async def put(self, key: str, body: Verified, *, size: int | None, content_type: str) -> Stored:
        """Publish the whole body at once, or nothing of it, safe from a loss of power.

        A key that already holds ``size`` bytes is left alone: keys name their content.
        One that holds another number of bytes is replaced. ``size`` None: not known
        beforehand. Raises `DamagedError`, and whatever the source of the body raises.
        """
        ...

    def read(self, key: str) -> AsyncGenerator[bytes, None]:
        """The body in chunks; raises `NotFoundError`."""
        ...

    async def stat(self, key: str) -> Stored | None:
        """What is there, without reading it."""
        ...

    def listing(self, folder: str = "") -> AsyncGenerator[Stored, None]:
        """All that is kept under keys that begin with ``folder`` and a slash, in any order; "": all."""
        ...

    def uri(self, key: str) -> str:
        """Its name for good, there or not: not always something that a browser opens."""
        ...

    async def url(self, key: str, *, expires_in: timedelta = HOUR) -> str:
        """Where others get it, there or not.

        A store that signs its links ends them after ``expires_in``: one second to `LONGEST_LINK`, else
        `InputValidationError`. Files of this machine stay.
        """
        ...

    async def delete(self, key: str) -> None:
        """Remove it, if it is there."""
        ...

    async def close(self) -> None: ...


def open_store(url: str, *, patience: float = PATIENCE) -> Store:
    """The store that ``CUTSCENE_STORAGE_URL`` names; the caller closes it, and may use it in one event loop.

    ``patience`` is how many seconds a store that is reached over a network may be away before anything
    fails. Raises `InputValidationError` for an unsupported URL, `StorageError` for an unusable folder.
    """
    # They import the contract from here, and only one is needed.
    match url.partition(":")[0].lower():
        case "file":
            from cutscene.storage.local import LocalStore, folder_of  # noqa: PLC0415

            return LocalStore(folder_of(url))
        case "s3":
            from cutscene.storage.s3 import open_s3  # noqa: PLC0415

            return open_s3(url, patience)
        case "gs" | "az" as scheme:
            try:
                from cutscene.storage.clouds import open_cloud  # noqa: PLC0415
            except ImportError:
                raise InputValidationError(
                    f"CUTSCENE_STORAGE_URL begins with {scheme}://, for which an extra is needed: "
                    "install cutscene[clouds]."
                ) from None
            return open_cloud(url, patience)
        case scheme:
            raise InputValidationError(
                f"CUTSCENE_STORAGE_URL has the unsupported scheme {scheme[:20]!r}: use "
                "file:///an/absolute/path, s3://bucket/prefix, gs://bucket/prefix or "
                "az://container/prefix."
            )


def check_life(expires_in: timedelta) -> int:
    """How long a link lives, whole seconds; raises `InputValidationError`."""
    if not timedelta(seconds=1) <= expires_in <= LONGEST_LINK:
        raise InputValidationError(
            f"A link cannot live for {expires_in.total_seconds():g} s: choose 1 second to 7 days (604800 s)."
        )
    return int(expires_in.total_seconds())


async def put_file(
    store: Store, key: str, path: Path, content_type: str, *, sha256: str | None = None
) -> Stored:
    """Store a local file; ``sha256`` makes sure it still is what the caller measured."""
    threads = FileThreads(f"The file {path.name}")
    size = (await threads.run(path.stat)).st_size
    body = Verified(source=partial(read_file, path, threads), size=size, sha256=sha256)
    return await store.put(key, body, size=size, content_type=content_type)


async def put_bytes(store: Store, key: str, data: bytes, content_type: str) -> Stored:
    """Store what is in memory."""
    digest = await asyncio.to_thread(lambda: hashlib.sha256(data).hexdigest())
    body = Verified(source=partial(_slices, data), size=len(data), sha256=digest)
    return await store.put(key, body, size=len(data), content_type=content_type)


async def _slices(data: bytes) -> AsyncGenerator[bytes, None]:
    for start in range(0, len(data), BATCH):
        yield data[start : start + BATCH]


async def read_bytes(store: Store, key: str) -> bytes:
    """All of something small, as a picture; raises `NotFoundError`."""
    async with aclosing(store.read(key)) as chunks:
        return b"".join([chunk async for chunk in chunks])


async def copy_to(store: Store, key: str, path: Path) -> Path:
    """Write what is stored to ``path``: all of it or nothing, in place of what is there.

    Raises `NotFoundError` (nothing stored), `StorageError` (the path cannot be written).
    """
    threads = FileThreads(f"The file {path}")
    if await threads.run(_is_special, path):
        raise StorageError(
            f"The file {path} cannot be used: it is a folder or a device; choose another path."
        )
    draft = Draft(path.parent, nameless=False)
    async with aclosing(store.read(key)) as chunks:
        await write_draft(draft, chunks, partial(draft.publish, path), threads)
    return path


def _is_special(path: Path) -> bool:
    return path.exists() and not path.is_file()
