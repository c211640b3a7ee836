"""Signed requests to one bucket. Every try stands alone: who calls decides what may be tried again."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import Final

import aiohttp
from aiohttp import hdrs
from aiohttp_s3_client import S3Client
from aiohttp_s3_client.client import EMPTY_STR_HASH
from aws_request_signer import UNSIGNED_PAYLOAD

from cutscene.storage import Verified
from cutscene.storage.patience import AwayError
from cutscene.storage.s3_address import S3Address
from cutscene.storage.s3_credentials import Credentials, Keys
from cutscene.storage.s3_refusals import Refusal

__all__ = ["Connection", "RefusalError"]

CONNECT: Final = 10.0
STALL: Final = 60.0
"""Seconds without a byte after which a transfer is given up."""
ANSWER_TO_EXPECT: Final = 15.0
"""Seconds after which a body is sent although the store has not asked for it."""
_MD5: Final = re.compile(r"[0-9a-f]{32}")


class RefusalError(Exception):
    """The store answered with something else than success."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__()
        self.refusal = refusal


class Connection:
    """Borrows its credentials. Opens its connections inside the event loop, when they are needed.

    ``connect``: seconds that it waits for one.
    """

    def __init__(self, address: S3Address, credentials: Credentials, *, connect: float = CONNECT) -> None:
        self._address = address
        self._credentials = credentials
        self._connect = connect
        self._opened: tuple[aiohttp.ClientSession, S3Client] | None = None
        self._expects = True
        """Let the store refuse a body before it is sent. All that are known can; some proxy may not."""

    @asynccontextmanager
    async def request(
        self,
        method: str,
        path: str = "",
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """A request without a body; raises `RefusalError`, `AwayError`, `StorageError` (no keys)."""
        client = await self._client()
        used = self._credentials.keys
        try:
            async with client.request(
                method,
                path,
                params=dict(params) if params else None,
                headers=dict(headers or {}),
                content_sha256=EMPTY_STR_HASH,
                allow_redirects=False,
            ) as response:
                await self._check(response, used)
                yield response
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._away(error) from None

    async def put(
        self, path: str, body: Verified, size: int, sha256: str | None, headers: Mapping[str, str]
    ) -> bool:
        """Send a body of ``size`` bytes; whether it arrived as it left. Raises what `request` does.

        With its digest the store itself refuses what arrives damaged; without, the digest that it
        answers with is compared, where it is one.
        """
        client = await self._client()
        used = self._credentials.keys
        sending = _Sending(body, is_hashed=sha256 is None)
        try:
            async with asyncio.timeout(STALL if not self._expects else ANSWER_TO_EXPECT) as limit:
                sending.limit = limit
                async with client.put(
                    path,
                    sending.chunks(),
                    data_length=size,
                    headers=dict(headers),
                    content_sha256=sha256 or UNSIGNED_PAYLOAD,
                    expect100=self._expects,
                    allow_redirects=False,
                ) as response:
                    await self._check(response, used)
                    return sending.is_what_arrived(response.headers)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            if sending.failure is not None:
                raise sending.failure from None
            if sending.is_unasked:
                self._expects = False
            raise self._away(error) from None

    async def sign(self, path: str, expires: int) -> str:
        """A link that reads the object, and ends after so many seconds or with the keys it is signed with."""
        await self._credentials.ready()
        url = self._address.public / path
        if self._credentials.token:
            url = url.with_query({"X-Amz-Security-Token": self._credentials.token})
        signer = self._credentials.signer
        return str(signer.presign_url("GET", str(url), content_hash=UNSIGNED_PAYLOAD, expires=expires))

    async def close(self) -> None:
        if self._opened is not None:
            await self._opened[0].close()
            self._opened = None

    async def _client(self) -> S3Client:
        await self._credentials.ready()
        if self._opened is None:
            session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._connect, sock_read=STALL),
                trust_env=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                headers={hdrs.USER_AGENT: "cutscene", hdrs.ACCEPT_ENCODING: "identity"},
            )
            self._opened = session, S3Client(session, self._address.base, credentials=self._credentials)
        return self._opened[1]

    async def _check(self, response: aiohttp.ClientResponse, used: Keys | None) -> None:
        """Raises `RefusalError`; the request was signed with ``used``."""
        if response.status in {200, 204, 206}:
            return
        body = await response.content.read(8192)
        refusal = Refusal.of(response.status, response.headers, body)
        response.close()  # a body that is not wanted may be waited for on either side
        if refusal.has_old_keys and await self._credentials.are_replaced(used):
            refusal = replace(refusal, has_newer_keys=True)
        raise RefusalError(refusal)

    def _away(self, error: Exception) -> AwayError:
        """The exceptions of the client may quote addresses; their kinds do not."""
        reason = "does not answer in time" if isinstance(error, TimeoutError) else "cannot be reached"
        away = AwayError(
            f"The store {reason} ({self._address.place}): check the endpoint in CUTSCENE_STORAGE_URL and the "
            "network, or try again later."
        )
        away.with_detail(type(error).__name__)
        return away


class _Sending:
    """A body on its way: what went wrong with it, and a limit that every chunk puts off."""

    def __init__(self, body: Verified, *, is_hashed: bool) -> None:
        self._body = body
        self._hash = hashlib.md5(usedforsecurity=False) if is_hashed else None
        self.limit: asyncio.Timeout | None = None
        self.failure: Exception | None = None
        """Of the body itself; the client only says that it could not send it."""
        self.has_begun = False

    @property
    def is_unasked(self) -> bool:
        """The limit was over before the store asked for anything."""
        return not self.has_begun and self.limit is not None and self.limit.expired()

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        try:
            async with aclosing(aiter(self._body)) as chunks:
                async for chunk in chunks:
                    self.has_begun = True
                    if self.limit is not None:
                        self.limit.reschedule(asyncio.get_running_loop().time() + STALL)
                    if self._hash is not None:
                        self._hash.update(chunk)
                    yield chunk
        except Exception as error:
            self.failure = error
            raise

    def is_what_arrived(self, headers: Mapping[str, str]) -> bool:
        """The ETag is the body's MD5, unless the store encrypts with keys of a service."""
        etag = headers.get(hdrs.ETAG, "").strip('"').lower()
        is_digest = _MD5.fullmatch(etag) and headers.get("x-amz-server-side-encryption", "AES256") == "AES256"
        return self._hash is None or not is_digest or etag == self._hash.hexdigest()
