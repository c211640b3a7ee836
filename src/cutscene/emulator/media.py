"""Media that a body brings along: decoded, measured, and refused as the vendor would. Blocking."""

from __future__ import annotations

import base64
import binascii
import io
from dataclasses import dataclass, field
from typing import Final

import av
from PIL import Image

from cutscene.emulator.addresses import Asset

__all__ = ["BadMedia", "Medium", "check_picture", "load"]

_LARGEST_SIDE: Final = 8000
_NARROWEST: Final = 0.5
_WIDEST: Final = 2.0
_FORMATS: Final = ("JPEG", "PNG", "WEBP")


class BadMedia(Exception):  # noqa: N818 -- names what it is
    """Says what the vendor says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Medium:
    """What is behind an address."""

    path: tuple[str | int, ...]
    """Where in the body it was named."""
    picture: bytes | None = field(default=None, repr=False)
    """The picture, or the first one of a video: PNG, JPEG or WebP."""
    width: int = 0
    height: int = 0
    """Pixels."""
    seconds: float = 0.0
    fps: float = 0.0


def load(asset: Asset, uploaded: bytes | None) -> Medium:
    """Raises `BadMedia`. ``uploaded`` is what was uploaded under the asset's address, if it is one."""
    if asset.uri[:6].lower() == "https:":
        raise BadMedia(
            "Failed to fetch asset. The emulator fetches nothing: send a data URI or a Runway upload URI."
        )
    data = _decoded(asset.uri) if asset.uri[:5].lower() == "data:" else uploaded
    if asset.kind == "video":
        return _video(data or b"", asset.path)
    if data is None:
        raise BadMedia("Failed to fetch asset. The upload does not exist, is empty or has expired.")
    if asset.kind == "audio":
        return Medium(path=asset.path)
    width, height = check_picture(data)
    _check_shape(width, height)
    return Medium(path=asset.path, picture=data, width=width, height=height)


def check_picture(data: bytes) -> tuple[int, int]:
    """Its width and height, once all of it has been decoded. Raises `BadMedia`."""
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            size = image.size
            if max(size) <= _LARGEST_SIDE:
                image.load()
    except Exception:  # noqa: BLE001 -- decoders of broken files raise what they like
        raise BadMedia("Invalid asset. The image could not be decoded as JPEG, PNG or WebP.") from None
    if max(size) > _LARGEST_SIDE:
        raise BadMedia(
            f"Invalid asset dimensions. width and height must be at most {_LARGEST_SIDE} pixels. "
            f"Got {size[0]}x{size[1]}."
        )
    return size


def _check_shape(width: int, height: int) -> None:
    shape = width / height
    if not _NARROWEST <= shape <= _WIDEST:
        bound = f"least {_NARROWEST:g}" if shape < _NARROWEST else f"most {_WIDEST:g}"
        raise BadMedia(
            f"Invalid asset aspect ratio. width / height ratio must be at {bound}. Got {shape:.3f}."
        )


def _decoded(uri: str) -> bytes:
    try:
        return base64.b64decode(uri.partition(",")[2], validate=True)
    except (binascii.Error, ValueError):
        raise BadMedia("Invalid data URI. The base64 could not be decoded.") from None


def _video(data: bytes, path: tuple[str | int, ...]) -> Medium:
    try:
        # One format, named: left to guess, FFmpeg follows playlists to other files.
        with av.open(io.BytesIO(data), "r", format="mp4") as container:
            stream = container.streams.video[0]
            seconds = (container.duration or 0) / av.time_base
            fps = float(stream.average_rate or 0)
            first = io.BytesIO()
            pixels = next(container.decode(stream)).to_ndarray(format="rgb24")
            Image.fromarray(pixels).save(first, "PNG")
            width, height = stream.width, stream.height
    except Exception:  # noqa: BLE001 -- decoders of broken files raise what they like
        raise BadMedia("Asset duration must be at least 1 seconds.") from None
    return Medium(path=path, picture=first.getvalue(), width=width, height=height, seconds=seconds, fps=fps)
