"""Where text breaks, and how large it is: as large as looks right, in lines of about one length."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Final

__all__ = ["Lines", "fit"]

_WIDE: Final = "\u2e80-\u3029\u3031-\u3040\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff01-\uff60"
_CLOSING: Final = "\u3001\u3002\uff0c\uff0e\uff01\uff1f\uff1a\uff1b\uff09\u300d\u300f\u3011\u300b\u30fc\u3005"
"""Full-width stops, closing brackets, marks of length: never first in a line."""
_PIECE: Final = re.compile(f" *(?:[{_WIDE}][{_CLOSING}]*|[^ {_WIDE}]+[{_CLOSING}]*)")
"""A word with the blanks before it; Chinese and Japanese break after any character."""
_STEPS: Final = 12


@dataclass(frozen=True, slots=True)
class Lines:
    size: float
    """Of the em, in pixels."""
    lines: tuple[str, ...]


def fit(
    text: str,
    sizes: Iterable[float],
    measure: Callable[[str], float],
    fits: Callable[[float, int], bool],
    width: float,
) -> Lines | None:
    """``text`` in the first of ``sizes`` (largest first) in which it fits; None where there is none.

    ``measure`` gives the width of a line in ems, ``fits`` tells whether so many lines of a size
    are not too many, ``width`` is in pixels.
    """
    paragraphs = [_PIECE.findall(paragraph) or [""] for paragraph in text.split("\n")]
    for size in sizes:
        widest = width / size
        filled = [_filled(pieces, widest, measure) for pieces in paragraphs]
        lines = list(chain.from_iterable(filled))
        if fits(size, len(lines)) and all(measure(line) <= widest for line in lines):
            narrowed = [
                _narrowed(pieces, wide, widest, measure)
                for pieces, wide in zip(paragraphs, filled, strict=True)
            ]
            return Lines(size, tuple(chain.from_iterable(narrowed)))
    return None


def _narrowed(
    pieces: list[str], lines: list[str], widest: float, measure: Callable[[str], float]
) -> list[str]:
    """As many lines as before, as narrow as can be: so no last word stands alone."""
    low, high = widest / len(lines) / 2, widest
    for _ in range(_STEPS if len(lines) > 1 else 0):
        middle = (low + high) / 2
        narrower = _filled(pieces, middle, measure)
        if len(narrower) == len(lines) and all(measure(line) <= middle for line in narrower):
            lines, high = narrower, middle
        else:
            low = middle
    return lines


def _filled(pieces: list[str], width: float, measure: Callable[[str], float]) -> list[str]:
    """Line by line as much as goes in; a word that is too wide has a line of its own."""
    lines = [""]
    for piece in pieces:
        longer = (lines[-1] + piece).strip()
        if lines[-1] and measure(longer) > width:
            lines.append(piece.strip())
        else:
            lines[-1] = longer
    return lines
