"""Pictures and clips that generations start from, kept under keys of ours.

A client's file may vanish, and no provider ever sees more of it than the request needs.
"""

from __future__ import annotations

import asyncio
import hashlib
import mimetypes
from dataclasses import replace
from pathlib import Path

from cutscene import storage
from cutscene.domain import VideoRequest
from cutscene.errors import InputValidationError
from cutscene.media import picture
from cutscene.media.source import (
    check_drawable,
    last_picture,
    shape_clip,
    take_clip,
    take_overlay,
    take_picture,
)
from cutscene.media.workbench import Workbench
from cutscene.origins import Intake
from cutscene.overlays import Overlay, PictureOverlay, TextOverlay, is_font_file
from cutscene.plan import Plan, Start, segment_request
from cutscene.providers import Model

__all__ = ["check", "keep", "read", "read_overlays", "with_font_files"]


def check(intake: Intake, request: VideoRequest) -> None:
    """Refuse what may not be brought before any of it is, or is as much as looked at.

    Raises `InputValidationError`, and `NotFoundError` for keys that are not the tenant's.
    """
    for source in (request.image, request.last_image):
        if source is not None:
            intake.check_picture(source)
    if request.video is not None:
        intake.check_clip(request.video)
    for overlay in request.overlays:
        _check_overlay(intake, overlay)


def _check_overlay(intake: Intake, overlay: Overlay) -> None:
    match overlay:
        case PictureOverlay(image=image):
            intake.check_picture(image)
        case TextOverlay(font=str(font)) if is_font_file(font) and not intake.local_files:
            raise InputValidationError("Local files are not read here: give a font by its name.")
        case _:
            pass


async def keep(
    store: storage.Store,
    workbench: Workbench,
    intake: Intake,
    run: str,
    request: VideoRequest,
    scratch: Path,
) -> VideoRequest:
    """The request, once checked, with keys in place of all that the intake brings.

    Raises `InputValidationError`, and `NotFoundError` for keys that nothing is under.
    """
    tenant = intake.tenant

    async def keep_picture(source: str | None) -> str | None:
        if source is None:
            return None
        given = await intake.picture(source)
        found = await take_picture(workbench, given.source, request, name=given.name)
        return await _put(store, tenant, run, found.data, found.media_type)

    request = replace(request, overlays=await _keep_overlays(store, workbench, intake, run, request))
    if request.video is not None:
        given = await intake.clip(request.video)
        data, seconds = await take_clip(workbench, given.source, request, scratch)
        key = await _put(store, tenant, run, data, "video/mp4")
        return replace(request, video=key, video_seconds=seconds)
    return replace(
        request,
        image=await keep_picture(request.image),
        last_image=await keep_picture(request.last_image),
    )


async def _keep_overlays(
    store: storage.Store, workbench: Workbench, intake: Intake, run: str, request: VideoRequest
) -> tuple[Overlay, ...]:
    """What could not be drawn is refused before anything is paid for."""
    if request.overlays:
        await check_drawable(workbench, request)
    kept: list[Overlay] = []
    for overlay in request.overlays:
        if isinstance(overlay, TextOverlay) and overlay.font is not None and is_font_file(overlay.font):
            data, suffix = await asyncio.to_thread(_read_font, overlay.font)
            key = await _put(store, intake.tenant, run, data, f"font/{suffix}")
            overlay = replace(overlay, font=key)  # noqa: PLW2901 -- the same, kept
        if isinstance(overlay, PictureOverlay):
            given = await intake.picture(overlay.image)
            png = await take_overlay(workbench, given.source, name=given.name)
            overlay = replace(overlay, image=await _put(store, intake.tenant, run, png, "image/png"))  # noqa: PLW2901 -- the same, kept
        kept.append(overlay)
    return tuple(kept)


def _read_font(path: str) -> tuple[bytes, str]:
    """Of a file that has just been tried."""
    found = Path(path)
    return found.read_bytes(), found.suffix[1:].lower() or "ttf"


async def read(
    store: storage.Store,
    workbench: Workbench,
    request: VideoRequest,
    model: Model,
    plan: Plan,
    position: int,
    *,
    before: str | None,
    scratch: Path,
) -> VideoRequest:
    """What a provider is asked for at one position of a plan, with data URIs in place of keys.

    ``before`` is the key of the footage of the segment before.
    """
    match plan[position].start:
        case Start.REQUEST:
            image = None
        case Start.CLIP:
            image = await _last_picture(store, workbench, request.video, scratch, cut_to=request)
        case Start.FOOTAGE:
            image = await _last_picture(store, workbench, before, scratch)
    asked = segment_request(request, model, plan, position, image=image)
    if asked.video is not None:
        data = await storage.read_bytes(store, asked.video)
        if asked.extend and asked.video_seconds is not None:  # it was kept as it came
            data = await shape_clip(workbench, data, asked, asked.video_seconds, scratch)
        return replace(asked, video=picture.to_data_uri(data, "video/mp4"))

    async def as_uri(source: str | None) -> str | None:
        if source is None or source.startswith("data:"):
            return source
        media_type = mimetypes.guess_type(source)[0] or "image/jpeg"
        return picture.to_data_uri(await storage.read_bytes(store, source), media_type)

    return replace(asked, image=await as_uri(asked.image), last_image=await as_uri(asked.last_image))


async def with_font_files(store: storage.Store, request: VideoRequest, folder: Path) -> VideoRequest:
    """The request with local files in place of the keys of fonts."""
    overlays: list[Overlay] = []
    for number, overlay in enumerate(request.overlays):
        if isinstance(overlay, TextOverlay) and overlay.font is not None and is_font_file(overlay.font):
            path = folder / f"font-{number}{Path(overlay.font).suffix}"
            await storage.copy_to(store, overlay.font, path)
            overlay = replace(overlay, font=str(path))  # noqa: PLW2901 -- the same, at hand
        overlays.append(overlay)
    return replace(request, overlays=tuple(overlays))


async def read_overlays(store: storage.Store, request: VideoRequest) -> dict[str, bytes]:
    """The pictures that are laid over a clip, by their keys."""
    keys = {overlay.image for overlay in request.overlays if isinstance(overlay, PictureOverlay)}
    return {key: await storage.read_bytes(store, key) for key in keys}


async def _last_picture(
    store: storage.Store,
    workbench: Workbench,
    key: str | None,
    scratch: Path,
    *,
    cut_to: VideoRequest | None = None,
) -> str:
    """The true last frame of a clip, every pixel of it, as a data URI."""
    assert key is not None
    data = await storage.read_bytes(store, key)
    png = await last_picture(workbench, data, scratch, cut_to=cut_to)
    return picture.to_data_uri(png, "image/png")


async def _put(store: storage.Store, tenant: str, run: str, data: bytes, media_type: str) -> str:
    suffix = "." + media_type.partition("/")[2]
    key = storage.source_key(tenant, run, hashlib.sha256(data).hexdigest(), suffix)
    await storage.put_bytes(store, key, data, media_type)
    return key
