"""A store in a bucket of S3, or of what speaks like it.

A body is one streamed PUT of known length: the store publishes on the last byte, which a
`Verified` body holds back until all is right. What is broken off was never there, and leaves nothing.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Final, TypeVar
from xml.etree.ElementTree import ParseError

from aiohttp import ClientResponse
from aiohttp_s3_client.xml import AwsObjectMeta, parse_list_objects

from cutscene.errors import NotFoundError, StorageError
from cutscene.storage import HOUR, PATIENCE, DamagedError, Stored, Verified, check_key, check_life
from cutscene.storage.keys import cache_control
from cutscene.storage.patience import AwayError, Patience
from cutscene.storage.s3_address import S3Address
from cutscene.storage.s3_connection import Connection, RefusalError
from cutscene.storage.s3_credentials import Credentials, find_keys
from cutscene.storage.spool import spooled

__all__ = ["S3Store", "open_s3"]

T = TypeVar("T")

SENT_AT_ONCE: Final = 32
"""Bodies; others wait, so that memory stays bounded however many are put at once."""


def open_s3(url: str, patience: float) -> S3Store:
    """The store of a ``s3://`` URL; raises `InputValidationError`."""
    environment = dict(os.environ)
    address = S3Address.parse(url, environment)
    return S3Store(address, Credentials(address.region, partial(find_keys, environment)), patience=patience)


class S3Store:
    """Keys are those of objects, below a prefix. Any number of processes may share a bucket.

    ``patience``: seconds that the store may be away before a call fails.
    """

    def __init__(self, address: S3Address, credentials: Credentials, *, patience: float = PATIENCE) -> None:
        self._address = address
        self._connection = Connection(address, credentials)
        self._patience = patience
        self._room = asyncio.Semaphore(SENT_AT_ONCE)
        self._guards = True
        """Whether the store knows conditions; keys name their content, so nothing depends on it."""

    async def put(self, key: str, body: Verified, *, size: int | None, content_type: str) -> Stored:
        check_key(key)
        body.expect(size)
        promised, _ = body.promised
        if promised == 0:
            raise DamagedError("The body is empty.")  # it would be published before a look at it
        if promised is not None:
            return await self._publish(key, body, promised, content_type)
        async with spooled(body) as whole:
            stored = await self._publish(key, whole.body, body.size, content_type)
            return Stored(key, stored.size, body.sha256)

    async def read(self, key: str) -> AsyncGenerator[bytes, None]:
        path = self._path(key)
        patience, got, etag = Patience(self._patience), 0, ""
        while True:
            headers = {"Range": f"bytes={got}-", "If-Match": etag} if got else {}
            try:
                async with self._connection.request("GET", path, headers=headers) as response:
                    if got:
                        _check_goes_on(key, response, got, etag)
                    etag = response.headers.get("ETag", "")
                    async for chunk in response.content.iter_any():
                        got += len(chunk)
                        patience = Patience(self._patience)
                        yield chunk
                    return
            except RefusalError as error:
                if error.refusal.is_nothing_there:
                    raise NotFoundError(f"Nothing is stored under {key}.") from None
                if error.refusal.status == 412:
                    raise _changed(key) from None
                await _wait_or_raise(patience, error.refusal.error(self._address.place))
            except AwayError as error:
                if got and not etag:
                    raise
                await patience.wait(error)

    async def stat(self, key: str) -> Stored | None:
        return await self._patiently(partial(self._look_surely, key))

    async def listing(self, folder: str = "") -> AsyncGenerator[Stored, None]:
        below = f"{check_key(folder)}/" if folder else ""
        token: str | None = ""
        while token is not None:
            page, token = await self._patiently(partial(self._page, below, token))
            for found in page:
                yield Stored(found.key.removeprefix(self._address.prefix), found.size, None)

    def uri(self, key: str) -> str:
        return self._address.uri(check_key(key))

    async def url(self, key: str, *, expires_in: timedelta = HOUR) -> str:
        return await self._connection.sign(self._path(key), check_life(expires_in))

    async def delete(self, key: str) -> None:
        await self._patiently(partial(self._remove, self._path(key)))

    async def close(self) -> None:
        await self._connection.close()

    def _path(self, key: str) -> str:
        return self._address.prefix + check_key(key)

    async def _publish(self, key: str, body: Verified, size: int, content_type: str) -> Stored:
        """Try until it is there, as far as the body can be read again."""
        patience = Patience(self._patience)
        while True:
            try:
                async with self._room:
                    return await self._put_once(key, body, size, content_type)
            except AwayError as error:
                if not body.rewind():
                    return await self._published_by_now(key, size, error)
                await patience.wait(error)

    async def _put_once(self, key: str, body: Verified, size: int, content_type: str) -> Stored:
        place = self._address.place
        headers = {"Content-Type": content_type, "Cache-Control": cache_control(key)}
        try:
            found = await self._look(key)
            if found is not None and found.size == size:
                return found
            if found is None and self._guards:
                headers["If-None-Match"] = "*"
            _, sha256 = body.promised
            is_whole = await self._connection.put(self._path(key), body, size, sha256, headers)
        except RefusalError as error:
            if error.refusal.status == 501 and "If-None-Match" in headers:
                self._guards = False
                raise AwayError(f"The store knows no conditions ({place}).") from None
            raise error.refusal.error(place) from None
        if not is_whole:
            await self.delete(key)
            raise DamagedError(f"The body arrived damaged in {place}, and was removed there: try again.")
        return Stored(key, size, body.sha256)

    async def _published_by_now(self, key: str, size: int, error: AwayError) -> Stored:
        """The answer may have been lost, or somebody else was quicker."""
        found = await self.stat(key)
        if found is None or found.size != size:
            raise error
        return found

    async def _look_surely(self, key: str) -> Stored | None:
        """None only where the store says so of that very key: what is paid for would count as lost."""
        found = await self._look(key)
        if found is None:
            await self._look_for_the_reason(self._path(key))
        return found

    async def _look(self, key: str) -> Stored | None:
        """None for any 404, which is enough before storing: the answer to the body says what is wrong."""
        path = self._path(key)
        try:
            async with self._connection.request("HEAD", path) as response:
                if response.content_length is None:
                    place = self._address.place
                    raise StorageError(
                        f"The store does not say how large {key} is: check the endpoint ({place})."
                    )
                return Stored(key, response.content_length, None)
        except RefusalError as error:
            if error.refusal.status == 404:
                return None
            if error.refusal.status >= 500:
                raise
        await self._look_for_the_reason(path)
        return None

    async def _look_for_the_reason(self, path: str) -> None:
        """Answers to HEAD have no body that would say it."""
        try:
            async with self._connection.request("GET", path, headers={"Range": "bytes=0-0"}):
                raise AwayError(f"The store contradicts itself ({self._address.place}): try again.")
        except RefusalError as error:
            if not error.refusal.is_nothing_there:
                raise

    async def _page(self, below: str, token: str) -> tuple[Sequence[AwsObjectMeta], str | None]:
        params = {"list-type": "2", "prefix": self._address.prefix + below}
        if token:
            params["continuation-token"] = token
        async with self._connection.request("GET", params=params) as response:
            answer = await response.read()
        try:
            found, _, following = parse_list_objects(answer)
        except (ParseError, ValueError, AssertionError):
            raise StorageError(f"The listing of {self._address.place} cannot be read.") from None
        return found, following or None

    async def _remove(self, path: str) -> None:
        try:
            async with self._connection.request("DELETE", path):
                pass
        except RefusalError as error:
            if not error.refusal.is_nothing_there:
                raise

    async def _patiently(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Something that may be done any number of times."""
        patience = Patience(self._patience)
        while True:
            try:
                return await attempt()
            except RefusalError as error:
                await _wait_or_raise(patience, error.refusal.error(self._address.place))
            except AwayError as error:
                await patience.wait(error)


def _check_goes_on(key: str, response: ClientResponse, got: int, etag: str) -> None:
    """Not every store honours `If-Match` and `Range`; bytes of two objects must not become one."""
    starts = response.headers.get("Content-Range", "").startswith(f"bytes {got}-")
    if response.status != 206 or not starts:
        raise StorageError(f"Reading {key} broke off, and the store cannot go on there.")
    if response.headers.get("ETag", "") != etag:
        raise _changed(key)


def _changed(key: str) -> StorageError:
    return StorageError(f"Something else was stored under {key} while it was read: try again.")


async def _wait_or_raise(patience: Patience, error: StorageError) -> None:
    if not isinstance(error, AwayError):
        raise error
    await patience.wait(error)
