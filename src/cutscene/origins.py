"""Where pictures and clips may come from, and how they are brought here.

A link comes from outside and may be signed: it is followed to public addresses alone, and
messages name its host at most. Another tenant's key is as unknown as one that never was.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

import aiohttp

from cutscene import storage
from cutscene.errors import InputValidationError, NotFoundError
from cutscene.fetch import FetchError, FetchLimits, LinkExpired, fetch, open_session
from cutscene.media.picture import MAX_BYTES
from cutscene.storage.files import storage_error

__all__ = ["LIMITS", "DataUri", "Given", "Intake", "Link", "LocalFile", "StoreKey", "origin_of"]

LIMITS: Final = FetchLimits(max_bytes=MAX_BYTES, total=60.0, stall=10.0, connect=5.0, resumes=2)
"""Of a picture; ``total`` is for all pictures of a request together."""
_SCHEME: Final = re.compile(r"([a-z][a-z0-9+.:-]*)://|(https?|file):", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Link:
    """An address on the web, or one that somebody took for it."""

    url: str
    scheme: str


@dataclass(frozen=True, slots=True)
class DataUri:
    """The file itself."""

    uri: str


@dataclass(frozen=True, slots=True)
class StoreKey:
    """A clip, poster or source that is in the store already."""

    key: str
    owner: str


@dataclass(frozen=True, slots=True)
class LocalFile:
    path: str


Origin = Link | DataUri | StoreKey | LocalFile


@dataclass(frozen=True, slots=True)
class Given:
    """A source at hand."""

    source: str
    """Local path or data URI."""
    name: str | None = None
    """How messages call it; None: by its own name."""


def origin_of(source: Any) -> Origin:
    """What a source is, by its looks alone; raises `InputValidationError` where it is no text."""
    if not isinstance(source, str):
        raise InputValidationError("A picture or clip is malformed: say as text where it is.")
    text = source.strip()
    if text[:5].lower() == "data:":
        return DataUri(text)
    if scheme := _SCHEME.match(text):
        return Link(text, (scheme[1] or scheme[2]).lower())
    if owner := storage.owner_of(text):
        return StoreKey(text, owner)
    return LocalFile(source)


class Intake:
    """Brings the sources of one request here, each once; what was brought is gone when the block ends.

    ``local_files``: whether paths of this machine may be named, as its owner's commands and scripts do.
    ``allow_private``: links may lead anywhere, without encryption too.
    """

    def __init__(
        self,
        store: storage.Store,
        tenant: str,
        scratch: Path,
        *,
        local_files: bool,
        allow_private: bool = False,
        limits: FetchLimits = LIMITS,
        open_session: Callable[..., aiohttp.ClientSession] = open_session,
    ) -> None:
        self.tenant = tenant
        self.local_files = local_files
        self._store = store
        self._scratch = scratch
        self._schemes = ("https", "http") if allow_private else ("https",)
        self._allow_private = allow_private
        self._limits = limits
        self._open_session = open_session
        self._session: aiohttp.ClientSession | None = None
        self._folder: Path | None = None
        self._seconds_left = limits.total
        self._stack = AsyncExitStack()
        self._brought: dict[str, Given] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    def check_picture(self, source: Any) -> Origin:
        """Refuse what may not be brought, before anything is: `InputValidationError`, `NotFoundError`."""
        origin = origin_of(source)
        match origin:
            case Link(scheme=scheme) if scheme not in self._schemes:
                raise InputValidationError(
                    "A picture is fetched over https alone: give an address that begins with https://."
                )
            case LocalFile() if not self.local_files:
                raise InputValidationError(
                    "Local files are not read here: give a picture by its https address, as a data URI or "
                    "by a key of yours."
                )
            case StoreKey(key=key, owner=owner) if owner != self.tenant:
                raise _unknown(key)
            case _:
                return origin

    def check_clip(self, source: Any) -> Origin:
        """The same for a clip, which is not fetched from the web."""
        origin = origin_of(source)
        match origin:
            case Link():
                raise InputValidationError(
                    "A clip is not fetched from the web: save it, and hand it over itself."
                )
            case LocalFile() if not self.local_files:
                raise InputValidationError(
                    "Local files are not read here: give a clip as a data URI or by a key of yours."
                )
            case _:
                return self.check_picture(source)

    async def picture(self, source: Any) -> Given:
        """A picture at hand, not looked into yet; raises `InputValidationError` and what `clip` does."""
        return await self._bring(self.check_picture(source))

    async def clip(self, source: Any) -> Given:
        """A clip at hand; raises `InputValidationError`, `NotFoundError`, `StorageError` (no room)."""
        return await self._bring(self.check_clip(source))

    async def _bring(self, origin: Origin) -> Given:
        match origin:
            case DataUri(uri=uri):
                return Given(uri)
            case LocalFile(path=path):
                return Given(path)
            case StoreKey(key=key):
                return self._brought.get(key) or await self._copy(key)
            case Link(url=url):
                return self._brought.get(url) or await self._fetch(url)

    async def _copy(self, key: str) -> Given:
        target = self._next_file()
        try:
            await storage.copy_to(self._store, key, target)
        except NotFoundError:
            raise _unknown(key) from None
        return self._keep(key, target, key.rpartition("/")[2])

    async def _fetch(self, url: str) -> Given:
        target, begun = self._next_file(), time.monotonic()
        try:
            async with asyncio.timeout(self._seconds_left):
                await fetch(url, target, session=await self._session_opened(), limits=self._limits)
        except TimeoutError:
            raise _late(self._limits.total) from None
        except (FetchError, LinkExpired) as error:
            raise _unfetched(error) from None
        self._seconds_left -= time.monotonic() - begun
        return self._keep(url, target, f"The file from {(urlsplit(url).hostname or '')[:80]}")

    async def _session_opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            session = self._open_session(allow_private=self._allow_private)
            self._session = await self._stack.enter_async_context(session)
        return self._session

    def _next_file(self) -> Path:
        if self._folder is None:
            try:
                self._scratch.mkdir(parents=True, exist_ok=True)
                folder = tempfile.TemporaryDirectory(dir=self._scratch)
            except OSError as error:
                raise storage_error(error, "The scratch folder (CUTSCENE_HOME)") from error
            self._folder = Path(self._stack.enter_context(folder))
        return self._folder / f"source-{len(self._brought)}"

    def _keep(self, source: str, path: Path, name: str) -> Given:
        given = self._brought[source] = Given(str(path), name)
        return given


def _unknown(key: str) -> NotFoundError:
    return NotFoundError(f"There is nothing of yours under {key!r}: check the key.")


def _late(seconds: float) -> InputValidationError:
    return InputValidationError(
        f"The pictures take longer than {seconds:g} seconds to fetch: give smaller ones, or hand them over "
        "themselves."
    )


def _unfetched(error: Exception) -> InputValidationError:
    """One sentence of what `fetch` says, which names no link; a server's words may be in it."""
    reason = "".join(char if char.isprintable() else "?" for char in str(error).removesuffix(".")[:300])
    return InputValidationError(
        f"The picture cannot be fetched, since {reason[:1].lower()}{reason[1:]}: check its address, or hand "
        "the picture over itself."
    )
