"""Calls over HTTP, and what is known when one fails: the difference is money."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, Final

import aiohttp
from yarl import URL

from cutscene.errors import ProviderAuthError, ProviderError
from cutscene.providers import SubmissionUnknown
from cutscene.providers.refusals import Refusals, is_conclusive

__all__ = ["Answer", "Call", "Connection", "File", "open_connection", "reason_of"]

_LONGEST_ANSWER: Final = 4 * 2**20
"""Bytes."""
_CONNECT: Final = 10.0
_LOOK: Final = 30.0
"""Seconds for a call that may be repeated; how long a submission may take is its caller's to say."""
_SUBMITTING: Final = aiohttp.ClientTimeout(connect=30.0, sock_connect=_CONNECT)
"""Of the connection alone, name service included: once it stands, the caller's bound holds."""
_ASKING: Final = aiohttp.ClientTimeout(total=_LOOK, sock_connect=_CONNECT)
_CONNECTIONS: Final = 64
"""For looks, of all jobs together: as many as fall due at once, which is few unless the vendor is slow."""


@dataclass(frozen=True, slots=True)
class File:
    """What a form brings along."""

    data: bytes = field(repr=False)
    name: str
    media_type: str


@dataclass(frozen=True, slots=True)
class Call:
    """One request to the vendor."""

    method: str
    path: str
    body: Mapping[str, Any] | None = None
    """JSON."""
    form: Mapping[str, str | File] | None = None
    """Sent as multipart/form-data in place of JSON."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Its answer; ``body`` is decoded JSON, or None where it is none."""

    status: int
    headers: Mapping[str, str]
    body: Any


class Connection:
    """Knows the address and the key. Made by `open_connection`."""

    def __init__(
        self,
        base_url: str,
        headers: Mapping[str, str],
        submitting: aiohttp.ClientSession,
        looking: aiohttp.ClientSession,
        key: str,
        refusals: Refusals,
    ) -> None:
        self._base_url = base_url
        self._key = key
        self._headers = headers
        self._submitting = submitting
        self._looking = looking
        self._refusals = refusals
        self.host = URL(base_url).host or base_url

    async def submit(self, call: Call) -> Answer:
        """The paid call, made once; raises `NotSubmitted` or `SubmissionUnknown`."""
        try:
            answer = await self._send(self._submitting, call, _SUBMITTING)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL) as error:
            unknown_name = isinstance(error, aiohttp.ClientConnectorDNSError)
            raise self._refusals.unreachable(
                self.host, reason_of(error), unknown_name=unknown_name
            ) from error
        except (aiohttp.ClientError, OSError) as error:
            raise SubmissionUnknown(f"{self.host}: {reason_of(error)}") from error
        if 200 <= answer.status < 300:
            return answer
        if is_conclusive(answer.status):
            raise self._refusals.read(answer.status, answer.headers, answer.body, host=self.host)
        raise SubmissionUnknown(f"{self.host} answered with {answer.status}")

    async def ask(self, call: Call) -> Answer:
        """A call that costs nothing and may be repeated; raises `ProviderError`."""
        try:
            answer = await self._send(self._looking, call, _ASKING)
        except (aiohttp.ClientError, OSError) as error:
            raise ProviderError(f"{self.host} cannot be asked ({reason_of(error)}).") from error
        if answer.status == 401:
            raise ProviderAuthError(self._refusals.key_refused)
        return answer

    async def send(self, call: Call, bounds: aiohttp.ClientTimeout) -> Answer:
        """A call that costs nothing; raises whatever the HTTP client does."""
        return await self._send(self._looking, call, bounds)

    async def post_elsewhere(self, link: URL, form: aiohttp.FormData, bounds: aiohttp.ClientTimeout) -> None:
        """A form, without our key; raises whatever the HTTP client does."""
        async with self._looking.post(link, data=form, timeout=bounds, raise_for_status=True):
            pass

    async def _send(
        self, session: aiohttp.ClientSession, call: Call, bounds: aiohttp.ClientTimeout
    ) -> Answer:
        async with session.request(
            call.method,
            URL(self._base_url + call.path, encoded=True),
            data=_payload(call),
            headers=self._headers,
            allow_redirects=False,
            timeout=bounds,
        ) as response:
            return Answer(response.status, response.headers, await self._read_json(response))

    async def _read_json(self, response: aiohttp.ClientResponse) -> Any:
        """Decoded. Some refuse our key by repeating it; in an answer that names a task nothing may change."""
        text = bytearray()
        async for chunk in response.content.iter_any():
            text += chunk
            if len(text) > _LONGEST_ANSWER:
                return None
        if response.status >= 400 and self._key:
            text = text.replace(self._key.encode(), b"...")
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return None


def _payload(call: Call) -> aiohttp.Payload | aiohttp.FormData | None:
    if call.form is not None:
        return _form(call.form)
    if call.body is None:
        return None
    return aiohttp.BytesIOPayload(BytesIO(json.dumps(call.body).encode()), content_type="application/json")


def _form(fields: Mapping[str, str | File]) -> aiohttp.FormData:
    form = aiohttp.FormData(default_to_multipart=True)
    for name, value in fields.items():
        if isinstance(value, File):
            form.add_field(name, BytesIO(value.data), filename=value.name, content_type=value.media_type)
        else:
            form.add_field(name, value)
    return form


def reason_of(error: Exception) -> str:
    """Never the error's own text, which may hold an address with its password."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "no such host"
    if isinstance(error, aiohttp.ClientConnectorError):
        return error.os_error.strerror or "no connection"
    return type(error).__name__


@asynccontextmanager
async def open_connection(
    base_url: str, headers: Mapping[str, str], key: str, refusals: Refusals
) -> AsyncIterator[Connection]:
    """Two pools: looks share a few connections that stay open, each submission makes a fresh one.

    On a kept connection that the server has just closed, a submission's answer would count as lost.
    """
    fresh = aiohttp.TCPConnector(force_close=True, limit=0)
    kept = aiohttp.TCPConnector(limit=_CONNECTIONS)
    options: dict[str, Any] = {"trust_env": False, "cookie_jar": aiohttp.DummyCookieJar()}
    async with (
        aiohttp.ClientSession(connector=fresh, **options) as submitting,
        aiohttp.ClientSession(connector=kept, **options) as looking,
    ):
        yield Connection(base_url, headers, submitting, looking, key, refusals)
