"""A store in Google Cloud Storage (``gs://bucket/prefix``) or Azure (``az://container/prefix``), by obstore.

A body is read to its end into a file without a name and checked before any of it is sent: nothing damaged
is ever published. Memory: at most `PART` bytes of each of `SENT_AT_ONCE` bodies, and as much again within
obstore. Uploads are seen through once they have begun, also for a caller who is cancelled: obstore
would leave their parts behind, out of sight and paid for. A kill does; a lifecycle rule removes them.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Coroutine, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import AzureStore, GCSStore, LocalStore, MemoryStore

from cutscene.errors import InputValidationError, NotFoundError, StorageError
from cutscene.storage import HOUR, DamagedError, Stored, Verified, check_key, check_life
from cutscene.storage.keys import cache_control
from cutscene.storage.s3_address import refuse_url, split_bucket_url
from cutscene.storage.spool import spooled

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import ClientConfig, RetryConfig

__all__ = ["CloudStore", "open_cloud"]

T = TypeVar("T")

PART: Final = 5 * 2**20
"""Bytes sent in one piece: the least that Google takes."""
SENT_AT_ONCE: Final = 4
LISTED_AT_ONCE: Final = 1000
_READ_AT_ONCE: Final = 2**18
_CLIENT: Final[ClientConfig] = {"connect_timeout": "10s", "read_timeout": "60s", "timeout": "600s"}
"""Its own limit of 30 s for a whole request would end a slow part, and every long reading."""


def open_cloud(url: str, patience: float) -> CloudStore:
    """The store of a ``gs://`` or ``az://`` URL; raises `InputValidationError`.

    Keys come from the environment, and from the machine's role, as the tools of these clouds have them.
    """
    scheme = url.partition(":")[0].lower()
    bucket, prefix, _ = split_bucket_url(url, ())
    retry: RetryConfig = {"retry_timeout": timedelta(seconds=max(patience, 0.001))}
    store: AzureStore | GCSStore
    try:
        if scheme == "gs":
            store = GCSStore(bucket, prefix=prefix or None, client_options=_CLIENT, retry_config=retry)
        elif not (os.environ.get("AZURE_STORAGE_ACCOUNT_NAME") or os.environ.get("AZURE_STORAGE_ACCOUNT")):
            raise refuse_url("it names a container of Azure: set AZURE_STORAGE_ACCOUNT_NAME as well")
        else:
            store = AzureStore(bucket, prefix=prefix or None, client_options=_CLIENT, retry_config=retry)
    except (BaseError, ValueError):
        raise InputValidationError(
            "The keys for CUTSCENE_STORAGE_URL cannot be read: check the environment variables of that cloud."
        ) from None
    return CloudStore(store, f"{scheme}://{bucket}/{prefix}".rstrip("/"))


class CloudStore:
    """Keys are those of objects of ``store``, whose own prefix ``name`` ends in."""

    def __init__(self, store: AzureStore | GCSStore | LocalStore | MemoryStore, name: str) -> None:
        self._store = store
        self._name = name
        self._room = asyncio.Semaphore(SENT_AT_ONCE)

    async def put(self, key: str, body: Verified, *, size: int | None, content_type: str) -> Stored:
        check_key(key)
        body.expect(size)
        promised, _ = body.promised
        if promised is not None and (found := await self._look(key)) and found.size == promised:
            return found
        async with self._room, spooled(body) as whole:
            if (found := await self._look(key)) is None or found.size != body.size:
                await self._send(key, whole.file, body.size, content_type)
        return Stored(key, body.size, body.sha256)

    async def _send(self, key: str, file: Any, size: int, content_type: str) -> None:
        attributes = {"Content-Type": content_type, "Cache-Control": cache_control(key)}
        if isinstance(self._store, LocalStore):
            attributes = {}  # files have none
        with self._telling():
            sent = await _see_through(
                obstore.put_async(
                    self._store, key, file, attributes=attributes, chunk_size=PART, max_concurrency=1
                )
            )
        if (found := await self._head(key)) is None:
            raise StorageError(f"{key} was removed from {self._name} as soon as it was stored: try again.")
        if found["e_tag"] == sent["e_tag"] and found["size"] != size:
            await self.delete(key)
            raise DamagedError(f"{key} did not arrive whole in {self._name}, and was removed: try again.")

    async def read(self, key: str) -> AsyncGenerator[bytes, None]:
        check_key(key)
        with self._telling():
            try:
                found = await obstore.get_async(self._store, key)
                async for chunk in found.stream(min_chunk_size=_READ_AT_ONCE):
                    view = memoryview(chunk)
                    for start in range(0, len(view), _READ_AT_ONCE):
                        yield bytes(view[start : start + _READ_AT_ONCE])
            except FileNotFoundError:
                await self._check_bucket()
                raise NotFoundError(f"Nothing is stored under {key}.") from None

    async def stat(self, key: str) -> Stored | None:
        found = await self._look(key)
        if found is None:
            await self._check_bucket()
        return found

    async def _look(self, key: str) -> Stored | None:
        """None, too, where the bucket is not there, which who stores is told then."""
        found = await self._head(check_key(key))
        return None if found is None else Stored(key, found["size"], None)

    async def _head(self, key: str) -> ObjectMeta | None:
        with self._telling():
            try:
                return await obstore.head_async(self._store, key)
            except FileNotFoundError:
                return None

    async def listing(self, folder: str = "") -> AsyncGenerator[Stored, None]:
        prefix = check_key(folder) if folder else None
        with self._telling():
            async for page in obstore.list(self._store, prefix, chunk_size=LISTED_AT_ONCE):
                for found in page:
                    if found["path"] != prefix:
                        yield Stored(found["path"], found["size"], None)

    def uri(self, key: str) -> str:
        return f"{self._name}/{check_key(key)}"

    async def url(self, key: str, *, expires_in: timedelta = HOUR) -> str:
        check_key(key)
        life = timedelta(seconds=check_life(expires_in))
        if not isinstance(self._store, (AzureStore, GCSStore)):
            return self.uri(key)
        with self._telling():
            return await obstore.sign_async(self._store, "GET", key, life)

    async def delete(self, key: str) -> None:
        if await self.stat(key) is None:
            return  # some have folders, and would delete one of that name
        with self._telling(), suppress(FileNotFoundError):
            await obstore.delete_async(self._store, key)

    async def close(self) -> None:
        pass

    async def _check_bucket(self) -> None:
        """A bucket that is gone is no proof that what was in it is."""
        with self._telling():
            async for _ in obstore.list(self._store, chunk_size=1):
                return

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Its errors quote addresses and answers; their kinds do not. Keys that are missing are not told."""
        try:
            yield
        except FileNotFoundError:
            raise StorageError(
                f"The store {self._name} is not there: correct CUTSCENE_STORAGE_URL."
            ) from None
        except (PermissionDeniedError, UnauthenticatedError) as error:
            raise StorageError(
                f"The store refuses the keys, or they may not do this ({self._name}): check them, and what "
                "they are allowed."
            ).with_detail(type(error).__name__) from None
        except (BaseError, OSError, ValueError) as error:
            raise StorageError(
                f"The store cannot be reached, or fails ({self._name}): check its name, the keys and the "
                "network, or try again later."
            ).with_detail(type(error).__name__) from None


async def _see_through(work: Coroutine[Any, Any, T]) -> T:
    """A caller who is cancelled is so when the work has ended."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    failure = task.exception()
    if cancelled is not None:
        raise cancelled
    if failure is not None:
        raise failure
    return task.result()
