"""Words in a frame: moved while they come in, then the same stamp frame by frame."""

from __future__ import annotations

import cv2
import numpy as np

from cutscene.media.frames import Frame
from cutscene.media.overlay.animation import STANDING, Pose, pose
from cutscene.media.overlay.area import unit
from cutscene.media.overlay.cycle import Cycle
from cutscene.media.overlay.layout import lay_out
from cutscene.media.overlay.lettering import Lettering, letter
from cutscene.media.overlay.stamp import Stamp, even_span
from cutscene.overlays import Animation, Position, TextOverlay

__all__ = ["Text"]


class Text:
    """One text overlay over a clip.

    In a loop the words stand all the time: whatever came in would have to vanish at the seam.
    """

    def __init__(self, overlay: TextOverlay, *, width: int, height: int, cycle: Cycle, logos: int) -> None:
        layout = lay_out(overlay, width, height, logos=logos)
        self._letters = letter(overlay, layout, width, height)
        self._size, self._fps = (width, height), cycle.fps
        self._longest = cycle.frames / cycle.fps / 2
        self._animation = Animation.NONE if cycle.loop else overlay.animation
        side = -1 if overlay.position is Position.TOP else 1
        self._away = side * unit(width, height)
        self._standing = self._posed(STANDING)

    def draw(self, frame: Frame, number: int) -> None:
        now = pose(self._animation, number / self._fps, self._longest)
        stamp = self._standing if now is STANDING else self._posed(now)
        if stamp is not None:
            stamp.draw(frame)

    def _posed(self, now: Pose) -> Stamp | None:
        """None where nothing of it is seen."""
        return _stamp(self._letters, now, now.away * self._away, *self._size)


def _stamp(letters: Lettering, now: Pose, down: float, width: int, height: int) -> Stamp | None:
    """Drawn anew from the finer pixels, at fractions of a pixel: nothing trembles."""
    high, wide = (side / letters.fine for side in letters.patch.shape[:2])
    x, y = letters.centre
    left, top = x + now.scale * (letters.left - x), y + now.scale * (letters.top - y) + down
    box_left, box_right = even_span(left, left + now.scale * wide, width)
    box_top, box_bottom = even_span(top, top + now.scale * high, height)
    if now.opacity <= 0 or box_left >= box_right or box_top >= box_bottom:
        return None
    step = now.scale / letters.fine
    # Pixels are counted at their centres.
    shift = (step - 1) / 2
    matrix = np.array([[step, 0, left - box_left + shift], [0, step, top - box_top + shift]])
    size = (box_right - box_left, box_bottom - box_top)
    patch = cv2.warpAffine(letters.patch, matrix, size, flags=cv2.INTER_LINEAR)
    return Stamp.of(np.asarray(patch, np.uint8), box_left, box_top, now.opacity)
