"""Words drawn once: letters on an outline on a soft shadow, finer than the frame where that shows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from cutscene.media.overlay.area import Box
from cutscene.media.overlay.colors import BGR, contrasting, luminance, parse_color, to_yuva
from cutscene.media.overlay.layout import Layout
from cutscene.media.overlay.stamp import Patch
from cutscene.overlays import Position, TextOverlay

__all__ = ["Lettering", "letter"]

_OUTLINE: Final = 0.055
_THINNEST: Final = 1.75
"""Pixels of the frame."""
_SHADOW: Final = (0.05, 0.07, 0.55)
"""How far down it falls, how soft it is (both in ems), and its strength."""
_FINE_UP_TO: Final = 1440
"""Pixels of the shorter side: larger frames have pixels enough."""
Mask = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Lettering:
    """The patch in its own, finer pixels, and where its upper left corner belongs in the frame."""

    patch: Patch
    fine: int
    left: int
    top: int
    centre: tuple[float, float]
    """Of the words, x and y in pixels of the frame."""


def letter(overlay: TextOverlay, layout: Layout, width: int, height: int) -> Lettering:
    """The words as they will stand in a frame of ``width`` x ``height`` pixels."""
    fine = 2 if min(width, height) < _FINE_UP_TO else 1
    size = layout.size * fine
    outline = max(_OUTLINE * size, _THINNEST * fine)
    fall, soft, _ = (value * size for value in _SHADOW)
    pad = math.ceil((outline + fall + 3 * soft) / fine) * fine
    letters, outlined = _masks(layout, size, outline, pad, fine)
    x, y, wide, high = cv2.boundingRect(outlined)
    x, y = max(pad, x // fine * fine), max(pad, y // fine * fine)
    cut = (slice(y - pad, y + high + pad), slice(x - pad, x + wide + pad))
    left, top = round((width - wide / fine) / 2), _top(overlay.position, layout.box, high / fine, height)
    return Lettering(
        patch=_painted(letters[cut], outlined[cut], parse_color(overlay.color), size),
        fine=fine,
        left=left - pad // fine,
        top=top - pad // fine,
        centre=(left + wide / fine / 2, top + high / fine / 2),
    )


def _masks(layout: Layout, size: float, outline: float, pad: int, fine: int) -> tuple[Mask, Mask]:
    """The letters, and the letters with their outline, with room for a shadow around them."""
    font = layout.font.at(size)
    lengths = [font.getlength(line) for line in layout.lines]
    ascent, descent = font.getmetrics()
    # Some scripts reach far beyond what a font says of itself: room for half a line more.
    spare = 2 * pad + math.ceil(size / 2)
    wide = math.ceil(max(lengths)) + 2 * spare
    last = math.ceil(layout.pitch * size * (len(lengths) - 1))
    canvas = (wide, last + ascent + descent + 2 * spare)
    masks = (Image.new("L", canvas), Image.new("L", canvas))
    for at, line in enumerate(layout.lines):
        # Baselines lie between pixels of the frame: their edge is sharp.
        baseline = round((spare + ascent + at * layout.pitch * size) / fine) * fine
        corner = ((wide - lengths[at]) / 2, float(baseline))
        for mask, stroke in zip(masks, (0.0, outline), strict=True):
            _write(mask, corner, line, font, stroke)
    letters, outlined = (np.asarray(mask, np.uint8) for mask in masks)
    return letters, outlined


def _write(
    mask: Image.Image, corner: tuple[float, float], line: str, font: ImageFont.FreeTypeFont, stroke: float
) -> None:
    ImageDraw.Draw(mask).text(corner, line, fill=255, font=font, anchor="ls", stroke_width=stroke)


def _top(position: Position, box: Box, high: float, height: int) -> int:
    places = {
        Position.TOP: box.top,
        Position.CENTER: (height - high) / 2,
        Position.BOTTOM: box.bottom - high,
    }
    return round(places[position])


def _painted(letters: Mask, outlined: Mask, color: BGR, size: float) -> Patch:
    """Shadow, outline and letters, one over the other."""
    fall, soft, strength = _SHADOW
    down = np.array([[1, 0, 0], [0, 1, fall * size]], np.float32)
    shadow = cv2.warpAffine(outlined, down, outlined.shape[::-1])
    shadow = cv2.convertScaleAbs(cv2.GaussianBlur(shadow, (0, 0), soft * size), alpha=strength)
    border = contrasting(color)
    # Around dark letters the shadow is a glow.
    cast = border if luminance(border) > luminance(color) else (0, 0, 0)
    layers = [(shadow, cast), (outlined, border), (letters, color)]
    shares = [(np.asarray(mask, np.float32) / 255, _solid(tone)) for mask, tone in layers]
    patch = np.zeros((*letters.shape, 4), np.uint8)
    for channel in range(4):
        value = np.zeros(letters.shape, np.float32)
        for share, solid in shares:
            value += (solid[channel] - value) * share
        patch[..., channel] = np.rint(value)
    return patch


def _solid(color: BGR) -> tuple[int, ...]:
    """Luma, blue, red and alpha of an opaque colour."""
    pixel = to_yuva(np.array([[[*color, 255]]], np.float32))[0, 0]
    return tuple(int(value) for value in pixel)
