"""A text overlay worked out for a frame's size: its font, its lines, its size."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

from cutscene.errors import InputValidationError
from cutscene.media.overlay.area import Box, text_box, unit
from cutscene.media.overlay.fonts import Font, find_font, is_visible
from cutscene.media.overlay.lines import fit
from cutscene.overlays import Position, TextOverlay

__all__ = ["Layout", "lay_out"]

_LARGEST: Final = {Position.TOP: 84, Position.CENTER: 112, Position.BOTTOM: 84}
_SHORT: Final = 10
"""Characters: a word or two may be larger."""
_SHORT_LARGER: Final = 1.4
_SMALLEST: Final = 12
"""Of the em, pixels at 720 lines."""
_TITLE: Final = 44
"""From here on it is a title, and has three lines at most."""
_TITLE_LINES: Final = 3
_STEP: Final = 0.96
_LEADING: Final = 0.9
"""Of what the font asks for: titles are set tight."""
_MEASURED: Final = 200
"""Pixels; widths are in proportion."""


@dataclass(frozen=True, slots=True)
class Layout:
    font: Font
    lines: tuple[str, ...]
    size: float
    """Of the em, in pixels of the frame."""
    pitch: float
    """From line to line, in ems."""
    box: Box
    """What the words may fill."""


def lay_out(overlay: TextOverlay, width: int, height: int, *, logos: int = 0) -> Layout:
    """For a frame of that size with so many logos in it.

    A size that was asked for shrinks where a word or the lines would not fit. Raises
    `InputValidationError` for an unknown font, a missing glyph, and where nothing fits.
    """
    font, text = find_font(overlay.font), _cleaned(overlay.text)
    _check_glyphs(font, text)
    measured = font.at(_MEASURED)
    pitch = _LEADING * sum(measured.getmetrics()) / _MEASURED
    scale, box = unit(width, height), text_box(overlay.position, logos, width, height)
    most = max(_TITLE_LINES, text.count("\n") + 1)

    def fits(size: float, lines: int) -> bool:
        few = overlay.size is not None or size < _TITLE * scale or lines <= most
        return few and lines * pitch * size <= box.height

    @cache
    def measure(line: str) -> float:
        return measured.getlength(line) / _MEASURED

    found = fit(text, _sizes(overlay, scale), measure, fits, box.width)
    if found is None:
        raise InputValidationError(
            f"The text {_short(text)} does not fit even at the smallest size: shorten it or its longest word."
        )
    return Layout(font=font, lines=found.lines, size=found.size, pitch=pitch, box=box)


def _sizes(overlay: TextOverlay, scale: float) -> Iterator[float]:
    short = len(overlay.text) <= _SHORT
    size: float = overlay.size or _LARGEST[overlay.position] * (_SHORT_LARGER if short else 1)
    while size > _SMALLEST:
        yield size * scale
        size *= _STEP
    yield _SMALLEST * scale


def _cleaned(text: str) -> str:
    """Composed characters, single blanks, lines that begin and end with a letter."""
    composed = unicodedata.normalize("NFC", text)
    lines = ["".join(map(_plain, line)) for line in composed.splitlines()]
    return "\n".join(" ".join(filter(None, line.split(" "))) for line in lines).strip("\n")


def _plain(char: str) -> str:
    """Tabs, other controls and halves of characters are blanks; a no-break space stays one."""
    return " " if unicodedata.category(char) in {"Cc", "Cs"} else char


def _check_glyphs(font: Font, text: str) -> None:
    if not any(map(is_visible, text)):
        raise InputValidationError("The text to overlay has nothing to be seen: leave it out.")
    if missing := font.missing(text):
        named = ", ".join(f"{char} (U+{ord(char):04X})" for char in missing[:5])
        raise InputValidationError(
            f"The font {font.name!r} cannot draw {named}: choose another font or other words."
        )


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:37]}...")
