"""What callers hand over to start from: read from wherever it is, checked, and cut to shape.

All of it is native code at work on files from outside, so it is done at a workbench.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from cutscene.domain import Aspect, VideoRequest
from cutscene.errors import InputValidationError
from cutscene.media import picture, recipe
from cutscene.media.boxes import Limits, UnplayableVideo
from cutscene.media.frames import to_picture
from cutscene.media.join import last_frame
from cutscene.media.overlay import check_overlays
from cutscene.media.probe import Facts, probe
from cutscene.media.workbench import Workbench
from cutscene.specs import FPS, Specs

__all__ = [
    "check_drawable",
    "last_picture",
    "shape_clip",
    "shape_of",
    "take_clip",
    "take_overlay",
    "take_picture",
    "with_data_uris",
]


_SAME_RATIO: Final = 0.01
"""How far off a ratio may be that nobody sees."""


async def take_picture(
    workbench: Workbench, source: str, request: VideoRequest, *, name: str | None = None
) -> picture.Picture:
    """Upright and cropped to the request's aspect; raises `InputValidationError`.

    Messages call it by ``name``, or else by its own.
    """
    limits = workbench.limits
    with _refusing("picture"):
        return await workbench.run(
            _shape_picture, source, name, request, limits, seconds=limits.decode_seconds
        )


async def check_drawable(workbench: Workbench, request: VideoRequest) -> None:
    """Raises `InputValidationError` where an overlay could not be drawn: its font is a file from outside."""
    limits = workbench.limits
    with _refusing("overlay"):
        await workbench.run(check_overlays, request.overlays, *request.size, seconds=limits.decode_seconds)


async def take_overlay(workbench: Workbench, source: str, *, name: str | None = None) -> bytes:
    """A picture with its transparency, as PNG; raises `InputValidationError`."""
    limits = workbench.limits
    with _refusing("picture"):
        return await workbench.run(_take_overlay, source, name, limits, seconds=limits.decode_seconds)


async def take_clip(
    workbench: Workbench, source: str, request: VideoRequest, scratch: Path | None = None
) -> tuple[bytes, float]:
    """An MP4, and its seconds: cut to the request's shape and length if it is to be changed.

    What goes on stays as it is. ``scratch`` is a folder for files on their way. Raises
    `InputValidationError`.
    """
    data, facts = await _take(workbench, source, scratch)
    if request.extend:
        return data, facts.frames / facts.fps
    return await shape_clip(workbench, data, request, request.duration, scratch), request.duration


async def shape_clip(
    workbench: Workbench, data: bytes, request: VideoRequest, seconds: float, scratch: Path | None = None
) -> bytes:
    """An MP4 in the request's aspect, as long as that; raises `InputValidationError`."""
    width, height = request.aspect.size
    shape = recipe.Recipe(width=width, height=height, frames=max(1, round(seconds * FPS)))
    with _as_file(data, scratch) as given, _refusing("clip"):
        shaped = given.with_name("shaped.mp4")
        pieces = (recipe.Piece(path=given),)
        await workbench.run(recipe.shape_clip, pieces, shaped, shape, workbench.limits)
        if shaped.stat().st_size > picture.MAX_BYTES:
            raise InputValidationError("The clip is too large in its new shape: give a shorter one.")
        return shaped.read_bytes()


async def last_picture(
    workbench: Workbench, data: bytes, scratch: Path | None = None, *, cut_to: VideoRequest | None = None
) -> bytes:
    """The last frame of an MP4 as PNG, with every pixel it has, or cut to a request's aspect.

    Raises `InputValidationError`.
    """
    size = None if cut_to is None else cut_to.aspect.size
    with _as_file(data, scratch) as given, _refusing("clip"):
        return await workbench.run(_last_picture, given, size, workbench.limits)


async def shape_of(workbench: Workbench, source: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The aspect and specs that a clip has, but for fields of `Specs` that are given.

    What goes on is generated in one of the aspects: a clip of another ratio is cut to the nearest, or
    the picture would jump where they are joined. Raises `InputValidationError`.
    """
    _, facts = await _take(workbench, source, None)
    width, height = given.get("width", facts.width), given.get("height", facts.height)
    aspect = Aspect.nearest(width, height)
    if "width" not in given and abs(width / height / aspect.ratio - 1) > _SAME_RATIO:
        width, height = min(width, height * aspect.ratio), min(height, width / aspect.ratio)
    size = {"width": round(width / 2) * 2, "height": round(height / 2) * 2}
    fps = min(60, max(15, round(facts.fps)))
    return {"aspect": aspect, "specs": Specs(**{**size, "fps": fps, **given})}


async def with_data_uris(workbench: Workbench, request: VideoRequest) -> VideoRequest:
    """The request as providers take it; raises `InputValidationError`."""

    async def as_uri(source: str | None) -> str | None:
        return None if source is None else (await take_picture(workbench, source, request)).data_uri

    if request.video is not None:
        data, seconds = await take_clip(workbench, request.video, request)
        return replace(request, video=picture.to_data_uri(data, "video/mp4"), video_seconds=seconds)
    return replace(request, image=await as_uri(request.image), last_image=await as_uri(request.last_image))


async def _take(workbench: Workbench, source: str, scratch: Path | None) -> tuple[bytes, Facts]:
    limits = workbench.limits
    data = _read_clip(source, limits.max_bytes)
    with _as_file(data, scratch) as given, _refusing("clip"):
        return data, await workbench.run(probe, given, limits, seconds=limits.decode_seconds)


@contextmanager
def _as_file(data: bytes, scratch: Path | None) -> Iterator[Path]:
    """In a folder that is made here, since a child that is killed would leave it behind."""
    if scratch is not None:
        scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        given = Path(folder) / "given.mp4"
        given.write_bytes(data)
        yield given


@contextmanager
def _refusing(what: str) -> Iterator[None]:
    try:
        yield
    except UnplayableVideo as error:
        raise InputValidationError(f"The {what} cannot be used. {error}") from error


def _shape_picture(source: str, name: str | None, request: VideoRequest, limits: Limits) -> picture.Picture:
    width, height = request.aspect.size
    most = limits.max_picture_pixels
    data = picture.read_picture(source, name=name, max_pixels=most)
    return picture.crop_to(data, width, height, max_pixels=most)


def _take_overlay(source: str, name: str | None, limits: Limits) -> bytes:
    data = picture.read_picture(source, name=name, max_pixels=limits.max_picture_pixels)
    return picture.take_overlay(data)


def _last_picture(path: Path, size: tuple[int, int] | None, limits: Limits) -> bytes:
    return picture.to_png(to_picture(last_frame(path, limits, size=size)))


def _read_clip(source: str, max_bytes: int) -> bytes:
    if source[:5].lower() == "data:":
        return picture.from_data_uri(source)
    picture.refuse_link(source)
    name = picture.short_name(source)
    try:
        path = Path(source)
        if not path.is_file():
            raise InputValidationError(f"There is no file {name!r}: check the path of the clip.")
        if path.stat().st_size > max_bytes:
            raise InputValidationError(f"{name!r} has more than {max_bytes // 2**20} MiB: cut it first.")
        return path.read_bytes()
    except (OSError, ValueError):
        raise InputValidationError(f"{name!r} cannot be read: check the path of the clip.") from None
