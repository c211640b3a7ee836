"""Reference pictures: read from wherever the caller keeps them, checked, cropped to a clip's ratio.

Pillow is the only door, and a picture's size is checked before its pixels are decoded: a few
kilobytes can claim gigabytes.
"""

from __future__ import annotations

import base64
import binascii
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from math import gcd
from pathlib import Path
from typing import Final
from urllib.parse import unquote_to_bytes

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter, ImageOps, UnidentifiedImageError

from cutscene.errors import InputValidationError
from cutscene.media.boxes import DEFAULT_LIMITS

__all__ = [
    "MAX_BYTES",
    "Picture",
    "crop_to",
    "fit_to",
    "from_data_uri",
    "has_ratio",
    "open_overlay",
    "read_picture",
    "refuse_link",
    "short_name",
    "shrink_to",
    "take_overlay",
    "to_data_uri",
    "to_png",
    "widen_to",
]

MAX_BYTES: Final = 32 * 2**20
_MAX_PIXELS: Final = DEFAULT_LIMITS.max_picture_pixels
_FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF")
_WANTED: Final = "give a JPEG, PNG or WebP file"
_SPARE: Final = 1.25
"""How much larger than asked for a picture may stay."""
_FINE_STEPS: Final = 20
_OVERLAY_SIDE: Final = 4096
"""Pixels of the longer side: no frame is wider."""

# For good and not in a `with`: threads share the filters, and `catch_warnings` races between them.
warnings.simplefilter("error", Image.DecompressionBombWarning)


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """An encoded picture, ready to be sent."""

    data: bytes = field(repr=False)
    media_type: str
    width: int
    height: int
    """Pixels."""

    @property
    def data_uri(self) -> str:
        return to_data_uri(self.data, self.media_type)


def to_data_uri(data: bytes, media_type: str) -> str:
    return f"data:{media_type};base64,{base64.b64encode(data).decode('ascii')}"


def read_picture(source: str, *, name: str | None = None, max_pixels: int = _MAX_PIXELS) -> bytes:
    """The bytes of the picture at a local path or in a data URI, as they are.

    Its header has been read, not its pixels. Messages call it by ``name``, or else by its own.
    Raises `InputValidationError`.
    """
    refuse_link(source)
    if source[:5].lower() == "data:":
        data, name = from_data_uri(source), "The data URI"
    else:
        name = name or short_name(source)
        data = _read_file(source, name)
    with _refusing(name, max_pixels):
        _open(data, name, max_pixels)
    return data


def refuse_link(source: str) -> None:
    """Nothing is fetched by whoever reads files; raises `InputValidationError`."""
    if source[:8].lower().startswith(("http://", "https://")):
        raise InputValidationError("A web address is not read here: save the file and give its path.")


def short_name(source: str) -> str:
    """Of a path, fit for a message. What was meant as a link loses its query, which may be signed."""
    name = Path(source).name.partition("?")[0]
    name = "".join(char if char.isprintable() else "?" for char in name)
    return name if len(name) <= 80 else f"{name[:77]}..."


def from_data_uri(uri: str) -> bytes:
    """What ``data:image/png;base64,...`` holds; raises `InputValidationError`."""
    head, comma, body = uri.partition(",")
    if not comma or head[:5].lower() != "data:" or not head.lower().endswith(";base64"):
        raise InputValidationError("The data URI is malformed: write data:image/png;base64, and the data.")
    _check_bytes(len(body) * 3 // 4, "The data URI")
    try:
        data = base64.b64decode(unquote_to_bytes(body), validate=True)
    except (binascii.Error, ValueError):
        raise InputValidationError("The data URI is damaged: its base64 cannot be decoded.") from None
    _check_bytes(len(data), "The data URI")
    return data


def crop_to(data: bytes, width: int, height: int, *, max_pixels: int = _MAX_PIXELS) -> Picture:
    """Crop a picture around its centre to the ratio ``width:height``, upright, opaque and in RGB.

    A much larger one is scaled down to exactly that many pixels; none is scaled up or squeezed.
    The ratio is exact where that costs at most a twentieth of the picture, else to the nearest
    pixel. Photographs become JPEG, drawings PNG. Raises `InputValidationError`.
    """
    with _refusing("The file", max_pixels):
        image = _open(data, "The file", max_pixels)
        side = round(_SPARE * max(width, height))
        image.draft(None, (side, side))  # a JPEG need not be decoded much larger than it is used
        image = _in_rgb(ImageOps.exif_transpose(image))
    crop_width, crop_height = _largest(image.width, image.height, width, height)
    left, top = (image.width - crop_width) // 2, (image.height - crop_height) // 2
    image = image.crop((left, top, left + crop_width, top + crop_height))
    if crop_width > _SPARE * width:
        image = image.resize((width, height), Image.Resampling.LANCZOS)
    return _encode(image)


def has_ratio(data: bytes, width: int, height: int) -> bool:
    """Whether a picture is as wide and high as that, but for its scale; raises `InputValidationError`."""
    with _refusing("The file"):
        image = _open(data, "The file")
    return abs(image.width * height - image.height * width) <= max(image.size)


def widen_to(data: bytes, width: int, height: int) -> Picture:
    """Set a picture in the middle of one of the ratio ``width:height``, its surroundings blurred.

    They lie beside it, or above and below. It keeps its own size: whoever cuts the middle out again
    has the picture as it was. Raises `InputValidationError`.
    """
    with _refusing("The file"):
        image = _in_rgb(ImageOps.exif_transpose(_open(data, "The file")))
        scale = max(image.width / width, image.height / height)
        wide = ImageOps.fit(image, (round(width * scale), round(height * scale)))
        wide = wide.filter(ImageFilter.GaussianBlur(min(image.size) / 24))
        wide.paste(image, ((wide.width - image.width) // 2, (wide.height - image.height) // 2))
    return _encode(wide)


def fit_to(data: bytes, width: int, height: int) -> Picture:
    """Scale a picture, up too, and crop it around its centre, to exactly that many pixels.

    Raises `InputValidationError`.
    """
    with _refusing("The file"):
        image = _in_rgb(ImageOps.exif_transpose(_open(data, "The file")))
    return _encode(ImageOps.fit(image, (width, height), Image.Resampling.LANCZOS))


def take_overlay(data: bytes) -> bytes:
    """A picture to be laid over frames, as PNG, otherwise as `open_overlay` opens it."""
    buffer = BytesIO()
    open_overlay(data).save(buffer, "PNG")
    return buffer.getvalue()


def open_overlay(data: bytes) -> Image.Image:
    """A picture in RGBA, decoded, upright, its transparency kept.

    Of an animation it is the first picture; one that is larger than any frame is scaled down.
    Raises `InputValidationError`.
    """
    with _refusing("The file"):
        image = ImageOps.exif_transpose(_open(data, "The file"))
        if image.has_transparency_data and not image.mode.startswith("I"):
            image = image.convert("RGBA")
        else:
            image = _in_rgb(image).convert("RGBA")
        if max(image.size) > _OVERLAY_SIDE:
            # In premultiplied colours: what cannot be seen must not colour the edges.
            image = image.convert("RGBa")
            image.thumbnail((_OVERLAY_SIDE, _OVERLAY_SIDE), Image.Resampling.LANCZOS)
            image = image.convert("RGBA")
    image.info.clear()  # no profile, place or camera stays with it
    return image


def shrink_to(data: bytes, max_chars: int) -> Picture:
    """Recompress a picture, and then scale it down, until its data URI is no longer than that.

    What is short enough stays as it is. Raises `InputValidationError`.
    """
    with _refusing("The file"):
        image = _open(data, "The file")
        if _uri_chars(len(data)) <= max_chars:
            media_type = Image.MIME[image.format or "JPEG"]
            return Picture(data=data, media_type=media_type, width=image.width, height=image.height)
        image = _in_rgb(ImageOps.exif_transpose(image))
        qualities = iter(_QUALITIES)
        encoded = _jpeg(image, next(qualities))
        while _uri_chars(len(encoded)) > max_chars:
            quality = next(qualities, _QUALITIES[-1])
            if quality == _QUALITIES[-1]:
                image = image.resize((image.width * 3 // 4, image.height * 3 // 4), Image.Resampling.LANCZOS)
            encoded = _jpeg(image, quality)
    return Picture(data=encoded, media_type="image/jpeg", width=image.width, height=image.height)


def to_png(bgr: NDArray[np.uint8]) -> bytes:
    """A picture (height, width, 3) without any loss."""
    buffer = BytesIO()
    Image.fromarray(np.ascontiguousarray(bgr[..., ::-1])).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


_QUALITIES: Final = (95, 90, 85)
"""Finer than a model sees; below, fewer pixels look better than coarser ones."""


def _uri_chars(size: int) -> int:
    """Length of a data URI of so many bytes, its head included."""
    return (size + 2) // 3 * 4 + 32


def _jpeg(image: Image.Image, quality: int) -> bytes:
    buffer = BytesIO()
    image.info.clear()
    image.save(buffer, "JPEG", quality=quality, optimize=True)
    return buffer.getvalue()


def _read_file(source: str, name: str) -> bytes:
    path = Path(source)
    if not source.strip():
        raise InputValidationError(f"No picture is named: {_WANTED}.")
    try:
        info = path.stat()
        if stat.S_ISDIR(info.st_mode):
            raise InputValidationError(f"{name} is a directory: {_WANTED}.")
        if not stat.S_ISREG(info.st_mode):
            raise InputValidationError(f"{name} is not a regular file: {_WANTED}.")
        _check_bytes(info.st_size, name)
        return path.read_bytes()
    except FileNotFoundError:
        raise InputValidationError(f"{name} does not exist: check the path of the picture.") from None
    except PermissionError:
        raise InputValidationError(f"{name} may not be read: check the permissions of the file.") from None
    except (OSError, ValueError):
        raise InputValidationError(f"{name} cannot be read: check the path of the picture.") from None


def _check_bytes(size: int, name: str) -> None:
    if size == 0:
        raise InputValidationError(f"{name} is empty: {_WANTED}.")
    if size > MAX_BYTES:
        raise InputValidationError(
            f"{name} has more than {MAX_BYTES // 2**20} MiB: give a smaller version of the picture."
        )


def _open(data: bytes, name: str, max_pixels: int = _MAX_PIXELS) -> Image.Image:
    """Reads the header only."""
    _check_bytes(len(data), name)
    image = Image.open(BytesIO(data), formats=_FORMATS)
    if image.width * image.height > max_pixels:
        raise Image.DecompressionBombError
    return image


@contextmanager
def _refusing(name: str, max_pixels: int = _MAX_PIXELS) -> Iterator[None]:
    """Turn whatever Pillow raises into a sentence that says what to do."""
    try:
        yield
    except InputValidationError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise InputValidationError(
            f"{name} has more than {max_pixels // 1_000_000} million pixels: give a smaller version of it."
        ) from None
    except UnidentifiedImageError:
        raise InputValidationError(f"{name} is not a picture: {_WANTED}.") from None
    except Exception:  # noqa: BLE001 - decoders of broken files raise what they like, SyntaxError included
        raise InputValidationError(f"{name} is damaged: save the picture anew and try again.") from None


def _in_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16 bits of gray, which Pillow would clip instead of scaling
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if not image.has_transparency_data:
        return image.convert("RGB")
    opaque = Image.new("RGBA", image.size, "white")
    opaque.alpha_composite(image.convert("RGBA"))
    return opaque.convert("RGB")


def _largest(width: int, height: int, ratio_width: int, ratio_height: int) -> tuple[int, int]:
    """The largest width and height of that ratio that fit into a picture."""
    unit = gcd(ratio_width, ratio_height)
    unit_width, unit_height = ratio_width // unit, ratio_height // unit
    steps = min(width // unit_width, height // unit_height)
    if steps >= _FINE_STEPS:
        return steps * unit_width, steps * unit_height
    scale = min(width / ratio_width, height / ratio_height)
    return max(1, round(ratio_width * scale)), max(1, round(ratio_height * scale))


def _encode(image: Image.Image) -> Picture:
    image.info.clear()  # no profile, place or camera leaves with it
    jpeg, png = BytesIO(), BytesIO()
    image.save(jpeg, "JPEG", quality=95, subsampling=0, optimize=True)
    image.save(png, "PNG")
    lossless = png.tell() <= jpeg.tell()
    return Picture(
        data=(png if lossless else jpeg).getvalue(),
        media_type="image/png" if lossless else "image/jpeg",
        width=image.width,
        height=image.height,
    )
