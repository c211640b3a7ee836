"""One file over HTTP, over as many connections as it takes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import aiohttp
from yarl import URL

from cutscene.addresses import NotPublicError
from cutscene.fetch.failures import BlockedAddress, FetchError, LinkExpired
from cutscene.fetch.files import Sink

__all__ = ["Download", "FetchLimits"]

MAX_PAUSE: Final = 5.0
"""Seconds before a further connection, at most."""
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_EXPIRED: Final = frozenset({401, 403, 404, 410})
_PASSING: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_LINK: Final = re.compile(r"[\x21-\x7e]{1,8000}")
_CONTENT_RANGE: Final = re.compile(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18})")
_AS_IT_IS: Final = frozenset({"", "identity", "aws-chunked"})  # the last is how it was once uploaded
_PROSE: Final = re.compile(r"text/|.*(html|xml|json|javascript)")
"""Types of pages and messages: what a gateway or a login form answers in a file's place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchLimits:
    """Bounds of one download. Times are seconds."""

    max_bytes: int = 1 << 30
    total: float = 600.0
    """For everything, however often it resumes."""
    stall: float = 15.0
    """Without a byte, until the connection is given up."""
    connect: float = 10.0
    resumes: int = 5
    """Further connections after the first."""
    backoff: float = 0.25
    """Before the first of them; doubles each time."""
    redirects: int = 3


class _InterruptedError(Exception):
    """The body ended early, or the server is busy: worth another connection."""


class Download:
    """Raises what `cutscene.fetch.fetch` does, but for the bound on the total time."""

    def __init__(
        self,
        link: str,
        sink: Sink,
        session: aiohttp.ClientSession,
        limits: FetchLimits,
        headers: Mapping[str, str],
    ) -> None:
        """``headers`` are secrets of the link's own origin."""
        self._url = _checked(link)
        self._headers = headers
        self._sink = sink
        self._session = session
        self._limits = limits
        self._size: int | None = None
        self._validator: str | None = None
        """Names the version that the first bytes are of."""

    async def run(self) -> int:
        """Returns how often it had to be taken up again."""
        reason = ""
        for resumed in range(self._limits.resumes + 1):
            await asyncio.sleep(self._pause(resumed))
            try:
                await self._connect()
            except _InterruptedError as error:
                reason = str(error)
            except (aiohttp.InvalidURL, UnicodeError):  # names that no name service takes
                raise FetchError("The link does not name a valid host.") from None
            except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
                self._refuse_blocked(error)
                reason = _reason(error)
            else:
                return resumed
        raise FetchError(
            f"The download from {self._url.raw_host} failed {self._limits.resumes + 1} times, "
            f"the last time with: {reason}."
        )

    def _pause(self, resumed: int) -> float:
        return min(self._limits.backoff * 2.0 ** (resumed - 1), MAX_PAUSE) if resumed else 0.0

    def _refuse_blocked(self, error: Exception) -> None:
        if isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, NotPublicError):
            raise BlockedAddress(f"The link leads to {error.host}, {error.os_error}.") from None

    async def _connect(self) -> None:
        async with self._answer() as response:
            self._begin(response)
            async for chunk in response.content.iter_any():
                await self._sink.write(chunk)
        if self._size is not None and self._sink.size != self._size:
            raise _InterruptedError(f"only {self._sink.size} of {self._size} bytes came")

    @asynccontextmanager
    async def _answer(self) -> AsyncGenerator[aiohttp.ClientResponse, None]:
        """The answer at the end of the redirects, each of which is checked like the link itself."""
        url = self._url
        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=self._limits.connect, sock_read=self._limits.stall
        )
        for _ in range(self._limits.redirects + 1):
            async with self._session.get(
                url, headers=self._told(url), allow_redirects=False, timeout=timeout
            ) as response:
                if response.status not in _REDIRECTS:
                    yield response
                    return
                url = _redirected(url, response.headers.get("Location", ""))
        raise FetchError(f"The link redirects more than {self._limits.redirects} times.")

    def _told(self, url: URL) -> dict[str, str]:
        is_home = url.origin() == self._url.origin()
        return {**(self._headers if is_home else {}), **self._range()}

    def _range(self) -> dict[str, str]:
        if not self._sink.size or self._validator is None:
            return {}
        return {"Range": f"bytes={self._sink.size}-", "If-Range": self._validator}

    def _begin(self, response: aiohttp.ClientResponse) -> None:
        """Check the head of an answer; the whole file starts over, a part goes on."""
        _check_status(response)
        if response.status == 206:
            self._check_part(response)
        else:
            _check_kind(response)
            self._sink.restart()
            self._size = response.content_length
            self._validator = _validator(response)
        if self._size is not None:
            self._sink.check_room(self._size)

    def _check_part(self, response: aiohttp.ClientResponse) -> None:
        part = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if part is None or not self._range() or int(part[1]) != self._sink.size:
            raise FetchError("The server answered with another part of the file than the one asked for.")
        if self._size not in (None, int(part[2])) or self._has_changed(response):
            raise FetchError("The file changed while it was downloaded.")
        self._size = int(part[2])

    def _has_changed(self, response: aiohttp.ClientResponse) -> bool:
        header = "ETag" if (self._validator or "").startswith('"') else "Last-Modified"
        return response.headers.get(header, self._validator) != self._validator


def _checked(link: str) -> URL:
    try:
        url = URL(link, encoded=True)  # signed: not a character may change
        valid = bool(_LINK.fullmatch(link) and url.scheme in ("http", "https") and url.raw_host and url.port)
    except (ValueError, IndexError):  # the parser's own, of an empty port for one
        valid = False
    if not valid:
        raise FetchError("The link is not a valid http or https link.")
    if url.raw_user is not None or url.raw_password is not None:
        raise FetchError("The link holds a user name or a password, which is not allowed.")
    return url


def _redirected(url: URL, location: str) -> URL:
    if not location:
        raise FetchError("The link redirects without a word where to.")
    try:
        target = _checked(str(url.join(URL(location, encoded=True))))
    except (ValueError, IndexError):
        raise FetchError("The link redirects to something that is not a link.") from None
    if url.scheme == "https" and target.scheme != "https":
        raise FetchError("The link redirects from https to http, which is not allowed.")
    return target


def _reason(error: Exception) -> str:
    """Not the error's own text: it may hold the link."""
    match error:
        case TimeoutError():
            return "no answer in time"
        case aiohttp.ClientConnectorDNSError():
            return "no address for its name"
        case aiohttp.ClientConnectorCertificateError():
            return "a certificate that is not valid for it"
        case _:
            return f"a broken connection ({type(error).__name__})"


def _check_status(response: aiohttp.ClientResponse) -> None:
    status, host = response.status, response.url.raw_host
    if status in (200, 206):
        return
    if status in _EXPIRED:
        raise LinkExpired(f"{host} does not give the file away under this link any more ({status}).")
    if status in _PASSING:
        raise _InterruptedError(f"{host} answered with {status}")
    raise FetchError(f"{host} answered with {status} in place of the file.")


def _check_kind(response: aiohttp.ClientResponse) -> None:
    if _PROSE.match(response.content_type):
        raise FetchError(
            f"{response.url.raw_host} answered with {response.content_type[:80]} in place of the file."
        )
    if response.headers.get("Content-Encoding", "").strip().lower() not in _AS_IT_IS:
        raise FetchError(f"{response.url.raw_host} sent the file compressed, which was not asked for.")
    chunked = "chunked" in response.headers.get("Transfer-Encoding", "").lower()
    if response.content_length is None and not chunked:
        raise FetchError(
            f"{response.url.raw_host} does not say where the file ends: a cut would go unnoticed."
        )


def _validator(response: aiohttp.ClientResponse) -> str | None:
    etag = response.headers.get("ETag", "")
    validator = etag if etag.startswith('"') else response.headers.get("Last-Modified")
    return validator if validator is not None and validator.isprintable() else None  # it is sent back
