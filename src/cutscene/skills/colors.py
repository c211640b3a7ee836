"""Colours as callers write them, and as a prompt says them."""

from __future__ import annotations

import re
from typing import Final

from PIL import ImageColor

__all__ = ["check_color", "color_word"]

_HEX: Final = re.compile(r"#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})")

_WORDS: Final = {
    "red": "#e02020",
    "dark red": "#8b0000",
    "coral": "#ff7f50",
    "orange": "#ff8c00",
    "amber": "#ffbf00",
    "gold": "#ffd700",
    "yellow": "#ffee33",
    "lime green": "#a4dd00",
    "green": "#22aa33",
    "dark green": "#0b5d1e",
    "mint": "#98e8c1",
    "teal": "#008080",
    "turquoise": "#40e0d0",
    "sky blue": "#7ec8ff",
    "blue": "#1e66f5",
    "navy blue": "#0a1f5c",
    "indigo": "#4b1fb0",
    "violet": "#8a2be2",
    "lavender": "#c9b6f2",
    "magenta": "#e6007e",
    "pink": "#ff9ec4",
    "brown": "#7a4a21",
    "beige": "#ecdcc0",
    "black": "#000000",
    "dark grey": "#444444",
    "grey": "#888888",
    "silver": "#c0c0c0",
    "white": "#ffffff",
}
"""What models have seen words for; each with a typical shade."""


def check_color(color: str) -> str:
    """As it came; raises `ValueError` where it is none."""
    if not _HEX.fullmatch(color) and color.lower() not in ImageColor.colormap:
        shown = "".join(char if char.isprintable() else "?" for char in color[:40])
        raise ValueError(f"Unknown color {shown!r}: write #rrggbb or a CSS name.")
    return color


def color_word(color: str) -> str:
    """The nearest colour that has a common name: models know words better than numbers."""
    wanted = ImageColor.getrgb(color)[:3]
    return min(_WORDS, key=lambda word: _distance(wanted, ImageColor.getrgb(_WORDS[word])[:3]))


def _distance(one: tuple[int, ...], other: tuple[int, ...]) -> float:
    """Squared, weighted as the eye does it, more for red where colours are red."""
    red = (one[0] + other[0]) / 2
    dr, dg, db = (a - b for a, b in zip(one, other, strict=True))
    return (2 + red / 256) * dr * dr + 4 * dg * dg + (2 + (255 - red) / 256) * db * db
