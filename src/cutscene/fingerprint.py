"""What was asked for, as a digest: whether a request is the one of before can be said without its files."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cutscene.domain import VideoRequest
from cutscene.origins import LocalFile, origin_of
from cutscene.overlays import PictureOverlay, TextOverlay, is_font_file

__all__ = ["fingerprint", "is_same", "take_fingerprint"]

_NO_FILE: Final = "-"
_MAX_BYTES: Final = 2**28
"""Of a file that is read; a larger one is known by its size and time."""


def fingerprint(request: VideoRequest, provider: str | None) -> str:
    """Of a request as it is handed over, and of each file that it names. Blocking."""
    asked = {**request.to_json(), "fingerprint": None, "provider": provider}
    words = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
    return ":".join([words, *map(_digest, _sources(request))])


async def take_fingerprint(request: VideoRequest, provider: str | None) -> str:
    """The same without blocking; words alone need no thread."""
    if not any(_sources(request)):
        return fingerprint(request, provider)
    return await asyncio.to_thread(fingerprint, request, provider)


def is_same(earlier: str | None, now: str) -> bool:
    """Whether both say the same. A file that is gone by now counts as unchanged."""
    if earlier is None:
        return False
    words, *files = earlier.split(":")
    words_now, *files_now = now.split(":")
    return words == words_now and all(
        file_now in {file, _NO_FILE} for file, file_now in zip(files, files_now, strict=True)
    )


def _sources(request: VideoRequest) -> Iterator[str]:
    yield from filter(None, (request.image, request.last_image, request.video))
    for overlay in request.overlays:
        if isinstance(overlay, PictureOverlay):
            yield overlay.image
        elif isinstance(overlay, TextOverlay) and overlay.font is not None and is_font_file(overlay.font):
            yield overlay.font


def _digest(source: str) -> str:
    """Of the file of that path, if it is one: data, addresses and keys say themselves what they are."""
    if not isinstance(origin_of(source), LocalFile):
        return _NO_FILE
    path = Path(source)
    try:
        if not path.is_file():  # a pipe or a device might never end
            return _NO_FILE
        facts = path.stat()
        if facts.st_size > _MAX_BYTES:
            return f"{facts.st_size}/{facts.st_mtime_ns}"
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError):
        return _NO_FILE
