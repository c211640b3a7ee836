"""Pictures and clips that callers hand over, kept under keys of ours.

A client's file may vanish, and no provider ever sees more of it than the request needs.
"""

from __future__ import annotations

import hashlib
import mimetypes
from dataclasses import replace
from pathlib import Path

from cutscene import storage
from cutscene.domain import VideoRequest
from cutscene.media import picture
from cutscene.media.source import take_clip, take_picture
from cutscene.media.workbench import Workbench

__all__ = ["keep", "read"]


async def keep(
    store: storage.Store, workbench: Workbench, tenant: str, run: str, request: VideoRequest, scratch: Path
) -> VideoRequest:
    """The request with keys in place of paths and data URIs; raises `InputValidationError`."""

    async def keep_picture(source: str | None) -> str | None:
        if source is None:
            return None
        found = await take_picture(workbench, source, request)
        return await _put(store, tenant, run, found.data, found.media_type)

    if request.video is not None:
        data, seconds = await take_clip(workbench, request.video, request, scratch)
        key = await _put(store, tenant, run, data, "video/mp4")
        return replace(request, video=key, video_seconds=seconds)
    return replace(
        request,
        image=await keep_picture(request.image),
        last_image=await keep_picture(request.last_image),
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
