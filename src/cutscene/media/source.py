"""What callers hand over to start from: read from wherever it is, checked, and cut to shape."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Final

from cutscene.domain import VideoRequest
from cutscene.errors import InputValidationError
from cutscene.media import boxes, conform, picture, probe
from cutscene.specs import FPS

__all__ = ["take_clip", "take_picture", "with_data_uris"]

_MAX_CLIP: Final = 256 * 2**20
"""Bytes."""


def take_picture(source: str, request: VideoRequest) -> picture.Picture:
    """Upright and cropped to the request's aspect. Blocking; raises `InputValidationError`."""
    width, height = request.aspect.size
    return picture.crop_to(picture.read_picture(source), width, height)


def take_clip(source: str, request: VideoRequest, scratch: Path | None = None) -> tuple[bytes, float]:
    """An MP4 in the request's shape and rate, and its seconds.

    What is to be changed is cut to the request's length; what goes on stays whole. ``scratch`` is a
    folder for files on their way. Blocking; raises `InputValidationError`.
    """
    if scratch is not None:
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
        if shaped.stat().st_size > picture.MAX_BYTES:
            raise InputValidationError("The clip is too large in its new shape: give a shorter one.")
        return shaped.read_bytes(), frames / FPS


def with_data_uris(request: VideoRequest) -> VideoRequest:
    """The request as providers take it. Blocking; raises `InputValidationError`."""

    def as_uri(source: str | None) -> str | None:
        return None if source is None else take_picture(source, request).data_uri

    if request.video is not None:
        data, seconds = take_clip(request.video, request)
        return replace(request, video=picture.to_data_uri(data, "video/mp4"), video_seconds=seconds)
    return replace(request, image=as_uri(request.image), last_image=as_uri(request.last_image))


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
