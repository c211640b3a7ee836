"""What callers hand over to start from: read from wherever it is, checked, and cut to shape."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from cutscene.domain import Aspect, VideoRequest
from cutscene.errors import InputValidationError
from cutscene.media import boxes, join, picture, probe, recipe
from cutscene.media.frames import to_picture
from cutscene.media.shape import cover
from cutscene.specs import FPS, Specs

__all__ = ["last_picture", "shape_clip", "shape_of", "take_clip", "take_picture", "with_data_uris"]

_MAX_CLIP: Final = 256 * 2**20
"""Bytes."""


def take_picture(source: str, request: VideoRequest) -> picture.Picture:
    """Upright and cropped to the request's aspect. Blocking; raises `InputValidationError`."""
    width, height = request.aspect.size
    return picture.crop_to(picture.read_picture(source), width, height)


def take_clip(source: str, request: VideoRequest, scratch: Path | None = None) -> tuple[bytes, float]:
    """An MP4, and its seconds: cut to the request's shape and length if it is to be changed.

    What goes on stays as it is. ``scratch`` is a folder for files on their way. Blocking; raises
    `InputValidationError`.
    """
    data = _read_clip(source)
    with _as_file(data, scratch) as given, _refusing():
        facts = probe.probe(given)
    if request.extend:
        return data, facts.frames / facts.fps
    return shape_clip(data, request, request.duration, scratch), request.duration


def shape_of(source: str) -> dict[str, Any]:
    """The aspect and specs that a clip has: what a request needs to leave its shape as it is.

    Blocking; raises `InputValidationError`.
    """
    with _as_file(_read_clip(source), None) as given, _refusing():
        facts = probe.probe(given)
    width, height = facts.width // 2 * 2, facts.height // 2 * 2
    fps = min(60, max(15, round(facts.fps)))
    return {"aspect": Aspect.nearest(width, height), "specs": Specs(width=width, height=height, fps=fps)}


def shape_clip(data: bytes, request: VideoRequest, seconds: float, scratch: Path | None = None) -> bytes:
    """An MP4 in the request's aspect, as long as that. Blocking; raises `InputValidationError`."""
    width, height = request.aspect.size
    shape = recipe.Recipe(width=width, height=height, frames=round(seconds * FPS))
    with _as_file(data, scratch) as given, _refusing():
        shaped = given.with_name("shaped.mp4")
        recipe.shape_clip([recipe.Piece(path=given)], shaped, shape)
        if shaped.stat().st_size > picture.MAX_BYTES:
            raise InputValidationError("The clip is too large in its new shape: give a shorter one.")
        return shaped.read_bytes()


def last_picture(data: bytes, scratch: Path | None = None, *, cut_to: VideoRequest | None = None) -> bytes:
    """The last frame of an MP4 as PNG, with every pixel it has, or cut to a request's aspect.

    Blocking; raises `InputValidationError`.
    """
    with _as_file(data, scratch) as given, _refusing():
        frame = join.last_frame(given)
    return picture.to_png(to_picture(frame if cut_to is None else cover(frame, *cut_to.aspect.size)))


@contextmanager
def _as_file(data: bytes, scratch: Path | None) -> Iterator[Path]:
    if scratch is not None:
        scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        given = Path(folder) / "given.mp4"
        given.write_bytes(data)
        yield given


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except boxes.UnplayableVideo as error:
        raise InputValidationError(f"The clip cannot be used. {error}") from error


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
