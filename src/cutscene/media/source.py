"""What callers hand over to start from: read from wherever it is, checked, and cut to shape."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from cutscene.domain import VideoRequest
from cutscene.errors import InputValidationError
from cutscene.media import picture
from cutscene.media.boxes import Limits, UnplayableVideo
from cutscene.media.conform import conform
from cutscene.media.probe import probe
from cutscene.media.workbench import Workbench
from cutscene.specs import FPS

__all__ = ["take_clip", "take_picture", "with_data_uris"]


async def take_picture(workbench: Workbench, source: str, request: VideoRequest) -> picture.Picture:
    """Upright and cropped to the request's aspect; raises `InputValidationError`."""
    limits = workbench.limits
    try:
        return await workbench.run(_shape_picture, source, request, limits, seconds=limits.decode_seconds)
    except UnplayableVideo as error:
        raise InputValidationError(f"The picture cannot be used. {error}") from error


async def take_clip(
    workbench: Workbench, source: str, request: VideoRequest, scratch: Path | None = None
) -> tuple[bytes, float]:
    """An MP4 in the request's shape and rate, and its seconds.

    What is to be changed is cut to the request's length; what goes on stays whole. ``scratch`` is a
    folder for files on their way. Raises `InputValidationError`.
    """
    with _folder(scratch) as folder:
        try:
            return await workbench.run(_shape_clip, source, request, workbench.limits, folder)
        except UnplayableVideo as error:
            raise InputValidationError(f"The clip cannot be used. {error}") from error


async def with_data_uris(workbench: Workbench, request: VideoRequest) -> VideoRequest:
    """The request as providers take it; raises `InputValidationError`."""

    async def as_uri(source: str | None) -> str | None:
        return None if source is None else (await take_picture(workbench, source, request)).data_uri

    if request.video is not None:
        data, seconds = await take_clip(workbench, request.video, request)
        return replace(request, video=picture.to_data_uri(data, "video/mp4"), video_seconds=seconds)
    return replace(request, image=await as_uri(request.image), last_image=await as_uri(request.last_image))


@contextmanager
def _folder(scratch: Path | None) -> Iterator[Path]:
    """Made here, since a child that is killed would leave it behind."""
    if scratch is not None:
        scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        yield Path(folder)


def _shape_picture(source: str, request: VideoRequest, limits: Limits) -> picture.Picture:
    width, height = request.aspect.size
    most = limits.max_picture_pixels
    return picture.crop_to(picture.read_picture(source, max_pixels=most), width, height, max_pixels=most)


def _shape_clip(source: str, request: VideoRequest, limits: Limits, folder: Path) -> tuple[bytes, float]:
    given, shaped = folder / "given.mp4", folder / "shaped.mp4"
    given.write_bytes(_read_clip(source, limits.max_bytes))
    width, height = request.aspect.size
    facts = probe(given, limits)
    frames = max(1, round(facts.frames / facts.fps * FPS)) if request.extend else request.frames
    conform(given, shaped, width=width, height=height, frames=frames, facts=facts, limits=limits)
    if shaped.stat().st_size > picture.MAX_BYTES:
        raise InputValidationError("The clip is too large in its new shape: give a shorter one.")
    return shaped.read_bytes(), frames / FPS


def _read_clip(source: str, max_bytes: int) -> bytes:
    if source[:5].lower() == "data:":
        return picture.from_data_uri(source)
    name = Path(source).name[:80]
    try:
        path = Path(source)
        if not path.is_file():
            raise InputValidationError(f"There is no file {name!r}: check the path of the clip.")
        if path.stat().st_size > max_bytes:
            raise InputValidationError(f"{name!r} has more than {max_bytes // 2**20} MiB: cut it first.")
        return path.read_bytes()
    except (OSError, ValueError):
        raise InputValidationError(f"{name!r} cannot be read: check the path of the clip.") from None
