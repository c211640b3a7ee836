"""All overlays of a clip: prepared once, drawn in their order over every frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from cutscene.media.frames import Frame
from cutscene.media.overlay.colors import parse_color
from cutscene.media.overlay.cycle import Cycle
from cutscene.media.overlay.layers import Layer
from cutscene.media.overlay.layout import lay_out
from cutscene.media.overlay.pictures import PictureLayer
from cutscene.media.overlay.text import Text
from cutscene.overlays import LayerOverlay, Overlay, PictureOverlay, Place, TextOverlay

__all__ = ["Overlays", "check_overlays"]


class _Drawn(Protocol):
    def draw(self, frame: Frame, number: int, /) -> None: ...


class Overlays:
    """What is drawn over a clip of ``frames`` frames of ``width`` x ``height`` pixels.

    ``pictures`` holds the encoded picture of every `PictureOverlay` by its ``image``. The same
    ``seed`` gives the same frames. Raises `InputValidationError`.
    """

    def __init__(
        self,
        overlays: Sequence[Overlay],
        *,
        width: int,
        height: int,
        fps: int,
        frames: int,
        loop: bool,
        pictures: Mapping[str, bytes],
        seed: int = 1,
    ) -> None:
        self._size, self._cycle = (width, height), Cycle(fps=fps, frames=frames, loop=loop)
        self._pictures, self._seed = pictures, seed
        self._drawn = [self._prepared(overlays, at) for at in range(len(overlays))]

    def draw(self, frame: Frame, number: int) -> None:
        """Draw on ``frame`` in place; ``number`` counts from 0."""
        for drawn in self._drawn:
            drawn.draw(frame, number)

    def _prepared(self, overlays: Sequence[Overlay], at: int) -> _Drawn:
        overlay, (width, height) = overlays[at], self._size
        if isinstance(overlay, TextOverlay):
            return Text(overlay, width=width, height=height, cycle=self._cycle, logos=_logos(overlays))
        if isinstance(overlay, PictureOverlay):
            nth = sum(_is_at(before, overlay.place) for before in overlays[:at])
            data = self._pictures[overlay.image]
            return PictureLayer(overlay, data, nth=nth, width=width, height=height)
        rng = np.random.default_rng((self._seed, at))
        return Layer(overlay, width=width, height=height, cycle=self._cycle, rng=rng)


def check_overlays(overlays: Sequence[Overlay], width: int, height: int) -> None:
    """Raise `InputValidationError` for what could not be drawn on such a frame.

    That is an unknown colour or font, a character that the font lacks, and words that do not fit
    even at the smallest size. Pictures are not looked at.
    """
    for overlay in overlays:
        if isinstance(overlay, TextOverlay):
            parse_color(overlay.color)
            lay_out(overlay, width, height, logos=_logos(overlays))
        elif isinstance(overlay, LayerOverlay):
            for color in overlay.colors:
                parse_color(color)


def _logos(overlays: Sequence[Overlay]) -> int:
    return sum(_is_at(overlay, Place.LOGO) for overlay in overlays)


def _is_at(overlay: Overlay, place: Place) -> bool:
    return isinstance(overlay, PictureOverlay) and overlay.place is place
