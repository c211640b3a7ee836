"""The still picture that stands for a clip."""

from __future__ import annotations

from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray
from PIL import Image

from cutscene.media.boxes import DEFAULT_LIMITS, Limits
from cutscene.media.probe import decode, to_bgr

__all__ = ["draw_poster"]

_EVERY: Final = 12
"""Frames from one candidate to the next: half a second."""
_SKETCH_WIDTH: Final = 320
_QUALITY: Final = 85


def draw_poster(path: Path, *, max_side: int = 1280, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """A JPEG of the clip's most telling frame, its longer side at most ``max_side`` pixels.

    Raises `UnplayableVideo`.
    """
    frame = max(islice(decode(path, limits), 0, None, _EVERY), key=_interest)
    scale = max_side / max(frame.width, frame.height)
    if scale < 1:
        picture = to_bgr(frame, max(1, round(frame.width * scale)), max(1, round(frame.height * scale)))
    else:
        picture = to_bgr(frame)
    return _jpeg(picture)


def _interest(frame: VideoFrame) -> float:
    """Contrast times sharpness: black, washed-out and blurred frames lose."""
    sketch = to_bgr(frame, _SKETCH_WIDTH, max(16, round(_SKETCH_WIDTH * frame.height / frame.width)))
    gray = cv2.cvtColor(sketch, cv2.COLOR_BGR2GRAY)
    edges = cv2.Laplacian(gray, cv2.CV_32F)
    return float(gray.std() * np.sqrt(np.abs(edges).mean()))


def _jpeg(picture: NDArray[np.uint8]) -> bytes:
    rgb = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
    file = BytesIO()
    Image.fromarray(rgb).save(file, "JPEG", quality=_QUALITY, optimize=True, progressive=True)
    return file.getvalue()
