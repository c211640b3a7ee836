"""Permanent storage: what a store can do, its keys, and bodies that are never published damaged."""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import unquote, urlsplit

from cutscene.domain import check_tenant
from cutscene.errors import InputValidationError, StorageError
from cutscene.storage.files import BATCH, Draft, FileThreads, read_file, write_draft

__all__ = [
    "DamagedError",
    "Store",
    "Stored",
    "Verified",
    "check_key",
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

MAX_KEY: Final = 512
"""Characters."""
MAX_KEY_PART: Final = 200


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
    """A body that counts and hashes itself, and can be read once.

    The last chunk is held back until size and digest are right: a store that
    publishes on the last byte then never publishes anything wrong. Stopping at the
    end would be too late, since a sink that knows the length stops pulling there.
    """

    def __init__(
        self, chunks: AsyncIterable[bytes], *, size: int | None = None, sha256: str | None = None
    ) -> None:
        self.size = 0
        """Bytes so far."""
        self._chunks = chunks
        self._expected_size = size
        self._expected_sha256 = sha256
        self._hash = hashlib.sha256()
        self._started = False

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

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        """The chunks; raises `DamagedError` before the last one, and whatever the source raises."""
        if self._started:
            raise RuntimeError("a verified body can be read once")
        self._started = True
        held = b""
        async for chunk in self._chunks:
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

    async def url(self, key: str, *, expires_in: timedelta | None = None) -> str:
        """Where others get it, there or not; None: for as long as the store can promise."""
        ...

    async def delete(self, key: str) -> None:
        """Remove it, if it is there."""
        ...

    async def close(self) -> None: ...


_KEY_PART: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_SUFFIX: Final = re.compile(r"\.?[a-z0-9]{1,8}")
_OWNED: Final = re.compile(
    r"([a-z0-9][a-z0-9_-]{0,62})/[a-z0-9][a-z0-9_-]{0,62}/(?:video|source)/[0-9a-f]{32}\.[a-z0-9]{1,8}"
)


def check_key(key: str) -> str:
    """The key, if it is safe as a path and as a URL; raises `InputValidationError`."""
    parts = key.split("/")
    if len(key) > MAX_KEY or not all(
        len(part) <= MAX_KEY_PART and _KEY_PART.fullmatch(part) for part in parts
    ):
        raise InputValidationError(
            f"{key[:80]!r} is not a storage key: use names of letters, digits, '.', '_' and '-' with '/' "
            f"between them, none empty or starting with '.' or '-', at most {MAX_KEY} characters."
        )
    return key


def clip_key(tenant: str, run: str, sha256: str, suffix: str = "mp4") -> str:
    """Of a finished clip: named by its content, so identical clips of a run are stored once."""
    return _named_by_content(tenant, run, "video", sha256, suffix)


def poster_key(tenant: str, run: str, sha256: str, suffix: str) -> str:
    """Of a poster, beside the clip whose digest this is; ``suffix`` as ``webp``."""
    return _named_by_content(tenant, run, "video", sha256, suffix)


def source_key(tenant: str, run: str, sha256: str, suffix: str) -> str:
    """Of a picture or clip that somebody gave us, named by its content; ``suffix`` as ``png``."""
    return _named_by_content(tenant, run, "source", sha256, suffix)


def owner_of(key: str) -> str | None:
    """The tenant whose clip, poster or source a key names, stored or not; None where it is no such key."""
    owned = _OWNED.fullmatch(key)
    return owned[1] if owned else None


def segment_key(tenant: str, run: str, segment_id: str) -> str:
    """Of the raw footage that was paid for."""
    if not _KEY_PART.fullmatch(segment_id):
        raise InputValidationError(f"{segment_id[:80]!r} cannot name a segment.")
    return check_key(f"{_folder(tenant, run)}/segment/{segment_id}.mp4")


def _named_by_content(tenant: str, run: str, kind: str, sha256: str, suffix: str) -> str:
    if not _SHA256.fullmatch(sha256):
        raise InputValidationError(f"{sha256[:80]!r} is not a sha256: use 64 lower-case hexadecimal digits.")
    if not _SUFFIX.fullmatch(suffix):
        raise InputValidationError(f"{suffix[:80]!r} is not a file suffix: write it as 'png'.")
    return check_key(f"{_folder(tenant, run)}/{kind}/{sha256[:32]}.{suffix.removeprefix('.')}")


def _folder(tenant: str, run: str) -> str:
    return f"{check_tenant(tenant)}/{check_tenant(run, 'run')}"


def open_store(url: str) -> Store:
    """The store that ``CUTSCENE_STORAGE_URL`` names; the caller closes it.

    Raises `InputValidationError` for an unsupported URL, `StorageError` for an unusable folder.
    """
    from cutscene.storage.local import LocalStore  # noqa: PLC0415 - it imports the contract from here

    return LocalStore(_folder_of(url))


def _folder_of(url: str) -> Path:
    supported = "use file:///an/absolute/path"
    try:
        parts = urlsplit(url)
    except ValueError:
        raise InputValidationError(f"CUTSCENE_STORAGE_URL is not a URL: {supported}.") from None
    if parts.scheme != "file":
        raise InputValidationError(
            f"CUTSCENE_STORAGE_URL has the unsupported scheme {parts.scheme!r}: {supported}."
        )
    path = unquote(parts.path)
    if parts.netloc not in ("", "localhost") or not path.startswith("/"):
        raise InputValidationError(f"CUTSCENE_STORAGE_URL is not an absolute path: {supported}.")
    if parts.query or parts.fragment or "\x00" in path:
        raise InputValidationError(f"CUTSCENE_STORAGE_URL holds more than a path: {supported}.")
    return Path(path)


async def put_file(
    store: Store, key: str, path: Path, content_type: str, *, sha256: str | None = None
) -> Stored:
    """Store a local file; ``sha256`` makes sure it still is what the caller measured."""
    threads = FileThreads(f"The file {path.name}")
    size = (await threads.run(path.stat)).st_size
    async with aclosing(read_file(path, threads)) as chunks:
        body = Verified(chunks, size=size, sha256=sha256)
        return await store.put(key, body, size=size, content_type=content_type)


async def put_bytes(store: Store, key: str, data: bytes, content_type: str) -> Stored:
    """Store what is in memory."""
    async with aclosing(_slices(data)) as chunks:
        body = Verified(chunks, size=len(data))
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
