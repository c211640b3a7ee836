"""Bounded, resumable download into a local file, from where the public may reach.

A link is a secret (it is signed) and comes from outside (it may point anywhere):
messages name its host alone, and every connection is checked where its socket is made.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp

from cutscene.addresses import public_socket
from cutscene.fetch.download import Download, FetchLimits
from cutscene.fetch.failures import BlockedAddress, FetchError, LinkExpired
from cutscene.fetch.files import Sink, local_file, read_local

__all__ = [
    "BlockedAddress",
    "FetchError",
    "FetchLimits",
    "Fetched",
    "LinkExpired",
    "fetch",
    "open_session",
]

CONNECTIONS: Final = 16
"""Of one session at once; more downloads wait for their turn."""
_DEFAULT_LIMITS: Final = FetchLimits()


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came."""

    size: int
    """Bytes."""
    sha256: str
    """Hexadecimal."""
    resumed: int
    """How often the download had to be taken up again."""


def open_session(*, allow_private: bool = False) -> aiohttp.ClientSession:
    """A session for `fetch`: open it inside the event loop, and close it.

    It takes neither proxy nor password from the environment, keeps no cookies, unpacks
    nothing, and reaches public addresses on web ports only, unless ``allow_private``.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=CONNECTIONS, socket_factory=None if allow_private else public_socket
        ),
        trust_env=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        headers={"User-Agent": "cutscene", "Accept-Encoding": "identity"},
    )


async def fetch(
    url: str,
    target: Path,
    *,
    session: aiohttp.ClientSession,
    limits: FetchLimits = _DEFAULT_LIMITS,
    file_root: Path | None = None,
    headers: Mapping[str, str] | None = None,
) -> Fetched:
    """Download ``url`` into ``target``, which is replaced, and removed on failure.

    ``file://`` links are followed below ``file_root`` only. ``headers`` are told to the scheme, host
    and port of ``url`` alone, wherever it redirects to. Raises `LinkExpired` (ask for
    a fresh link), `BlockedAddress`, and `FetchError` for everything else.
    """
    sink = Sink(target, limits.max_bytes)
    try:
        async with asyncio.timeout(limits.total):
            resumed = await _receive(url, sink, session, limits, file_root, headers or {})
            await sink.flush()
        sink.close()
    except TimeoutError:
        sink.drop()
        raise FetchError(f"The download took longer than {limits.total:g} seconds.") from None
    except BaseException:
        sink.drop()
        raise
    return Fetched(sink.size, sink.sha256, resumed)


async def _receive(
    url: str,
    sink: Sink,
    session: aiohttp.ClientSession,
    limits: FetchLimits,
    file_root: Path | None,
    headers: Mapping[str, str],
) -> int:
    resumed = 0
    if url.lower().startswith("file:"):
        async with aclosing(read_local(local_file(url, file_root))) as chunks:
            async for chunk in chunks:
                await sink.write(chunk)
    else:
        resumed = await Download(url, sink, session, limits, headers).run()
    if not sink.size:
        raise FetchError("The file behind the link is empty.")
    return resumed
