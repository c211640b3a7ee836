"""Fonts: the one that comes with us, files, and what is installed, by name."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import Final

from PIL import ImageFont

from cutscene.errors import InputValidationError
from cutscene.overlays import is_font_file

__all__ = ["Font", "find_font", "is_visible"]

MAX_BYTES: Final = 32 * 2**20
"""The largest fonts for Chinese have 20 MiB."""
_SUFFIXES: Final = (".ttf", ".otf", ".ttc")
_FOLDERS: Final = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.fonts", "~/.local/share/fonts")
_ABSENT: Final = "\uffff"
"""Never a character: shows what the font draws for one that it lacks."""
_PROBE_SIZE: Final = 48
_INVISIBLE: Final = ("Zs", "Zl", "Zp", "Cc", "Cf")
"""Blanks, controls and marks of direction have nothing to be drawn."""
_VARIANTS: Final = range(0xFE00, 0xFE10)
"""They choose between two looks of the character before them."""


@dataclass(frozen=True, slots=True)
class Font:
    """A font file that has been read and opened once."""

    name: str
    """As it was asked for."""
    data: bytes

    def at(self, size: float) -> ImageFont.FreeTypeFont:
        """Ready to draw; ``size`` of the em in pixels."""
        return ImageFont.truetype(BytesIO(self.data), size)

    def missing(self, text: str) -> str:
        """The characters of ``text`` that the font cannot draw, each once."""
        font = ImageFont.truetype(BytesIO(self.data), _PROBE_SIZE, layout_engine=ImageFont.Layout.BASIC)
        blank = _drawn(font, _ABSENT)
        seen = filter(is_visible, dict.fromkeys(text))
        return "".join(char for char in seen if _drawn(font, char) in {blank, None})


def is_visible(char: str) -> bool:
    """Whether a font has to have something for it."""
    return unicodedata.category(char) not in _INVISIBLE and ord(char) not in _VARIANTS


def find_font(name: str | None) -> Font:
    """By path of a file, or by the name of an installed family, with or without its style.

    Of a family the bold face is taken, as titles are. None is the font that comes with us. Raises
    `InputValidationError`.
    """
    if name is None:
        return _own()
    if is_font_file(name):
        return _from_file(Path(name), name)
    if path := _installed().get(_folded(name)):
        return _from_file(Path(path), name)
    raise InputValidationError(
        f"No font {name!r} is installed: give the path of a TTF or OTF file, or leave the font out."
    )


@lru_cache(maxsize=1)
def _own() -> Font:
    path = files("cutscene") / "assets" / "fonts" / "InterDisplay-Black.otf"
    return Font("Inter Display", path.read_bytes())


def _from_file(path: Path, name: str) -> Font:
    font = Font(name, _read(path, name))
    try:
        font.at(_PROBE_SIZE).getbbox("A")
    except Exception:  # noqa: BLE001 - a broken font raises what it likes
        raise InputValidationError(
            f"The font {name!r} cannot be drawn with: give an undamaged TTF or OTF file."
        ) from None
    return font


def _read(path: Path, name: str) -> bytes:
    try:
        if path.is_file() and path.stat().st_size <= MAX_BYTES:
            return path.read_bytes()
    except (OSError, ValueError):
        pass  # a path that cannot be is as good as no file
    raise InputValidationError(
        f"The font {name!r} is no readable file of at most {MAX_BYTES // 2**20} MiB: check its path."
    )


@lru_cache(maxsize=1)
def _installed() -> dict[str, str]:
    """Paths by folded name; a family's own name stands for its boldest upright face."""
    found: dict[str, str] = {}
    faces = sorted(_faces(), key=lambda face: (_weight(face[1]), face[2]))
    for family, style, path in faces:
        found.setdefault(_folded(family), path)
        found.setdefault(_folded(f"{family} {style}"), path)
    return found


def _faces() -> Iterator[tuple[str, str, str]]:
    """Family, style and path of every font file in the usual folders."""
    for folder in _FOLDERS:
        for path in sorted(Path(folder).expanduser().rglob("*")):
            if path.suffix.lower() in _SUFFIXES:
                try:
                    family, style = ImageFont.truetype(path, _PROBE_SIZE).getname()
                except OSError:
                    continue
                if family:
                    yield family, style or "Regular", str(path)


def _weight(style: str) -> int:
    """0 for bold and upright; the higher, the less fit for a title."""
    words = style.lower().split()
    slanted = "italic" in words or "oblique" in words
    order = ("bold", "semibold", "black", "medium", "regular", "book")
    weight = next((at for at, name in enumerate(order) if name in words), len(order))
    return weight + 10 * slanted


def _folded(name: str) -> str:
    return " ".join(name.casefold().replace("-", " ").split())


def _drawn(font: ImageFont.FreeTypeFont, char: str) -> bytes | None:
    """The pixels of a character, None where there are none."""
    mask = font.getmask(char)
    return bytes(mask) if mask.getbbox() else None
