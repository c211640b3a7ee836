"""What callers hand over: pictures and clips, checked, cut to shape, and kept under keys of ours.

A client's file may vanish, and no provider ever sees more of it than the request needs.
"""

from __future__ import annotations

import asyncio
import hashlib
import mimetypes
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Final

from cutscene import storage
from cutscene.domain import FPS, VideoRequest
from cutscene.errors import InputValidationError
from cutscene.media import boxes, conform, picture, probe

__all__ = ["keep", "read"]

_MAX_CLIP: Final = 256 * 2**20
"""Bytes."""


async def keep(
    store: storage.Store, tenant: str, run: str, request: VideoRequest, scratch: Path
) -> VideoRequest:
    """The request with keys in place of paths and data URIs; raises `InputValidationError`."""

    async def keep_picture(source: str | None) -> str | None:
        if source is None:
            return None
        found = await asyncio.to_thread(_take_picture, source, request)
        return await _put(store, tenant, run, found.data, found.media_type)

    async def keep_clip(source: str | None) -> str | None:
        if source is None:
            return None
        data = await asyncio.to_thread(_take_clip, source, request, scratch)
        return await _put(store, tenant, run, data, "video/mp4")

    return replace(
        request,
        image=await keep_picture(request.image),
        last_image=await keep_picture(request.last_image),
        video=await keep_clip(request.video),
    )


async def read(store: storage.Store, request: VideoRequest) -> VideoRequest:
    """The request with data URIs in place of keys, as providers take it."""

    async def as_uri(key: str | None) -> str | None:
        if key is None:
            return None
        data = await storage.read_bytes(store, key)
        return picture.to_data_uri(data, mimetypes.guess_type(key)[0] or "image/jpeg")

    return replace(
        request,
        image=await as_uri(request.image),
        last_image=await as_uri(request.last_image),
        video=await as_uri(request.video),
    )


async def _put(store: storage.Store, tenant: str, run: str, data: bytes, media_type: str) -> str:
    suffix = "." + media_type.partition("/")[2]
    key = storage.source_key(tenant, run, hashlib.sha256(data).hexdigest(), suffix)
    await storage.put_bytes(store, key, data, media_type)
    return key


def _take_picture(source: str, request: VideoRequest) -> picture.Picture:
    width, height = request.aspect.size
    return picture.crop_to(picture.read_picture(source), width, height)


def _take_clip(source: str, request: VideoRequest, scratch: Path) -> bytes:
    """In the asked shape and rate; what is to be changed is cut to the asked length, too."""
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        given, shaped = Path(folder) / "given.mp4", Path(folder) / "shaped.mp4"
        given.write_bytes(_read_clip(source))
        width, height = request.aspect.size
        try:
            facts = probe.probe(given)
            frames = round(facts.frames / facts.fps * FPS) if request.extend else request.frames
            conform.conform(given, shaped, width=width, height=height, frames=frames, facts=facts)
        except boxes.UnplayableVideo as error:
            raise InputValidationError(f"The clip cannot be used. {error}") from error
        return shaped.read_bytes()


def _read_clip(source: str) -> bytes:
    if source[:5].lower() == "data:":
        return picture.from_data_uri(source)
    name = Path(source).name[:80]
    try:
        path = Path(source)
        if not path.is_file():
            raise InputValidationError(f"There is no file {name!r}: check the path of the clip.")
        if path.stat().st_size > _MAX_CLIP:
            raise InputValidationError(f"{name!r} has more than {_MAX_CLIP // 2**20} MiB: cut it first.")
        return path.read_bytes()
    except (OSError, ValueError):
        raise InputValidationError(f"{name!r} cannot be read: check the path of the clip.") from None
