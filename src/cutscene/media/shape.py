"""The size of frames: scaled and cropped around their centre, never squeezed."""

from __future__ import annotations

import numpy as np
from av.video.frame import VideoFrame

from cutscene.media.frames import Frame, from_video, planes, size_of
from cutscene.media.orientation import orientation

__all__ = ["cover"]


def cover(frame: VideoFrame, pixel_aspect: float, width: int, height: int) -> Frame:
    """A decoded frame at a size in pixels (both even), what differs in ratio cut off around its centre.

    ``pixel_aspect`` is the width of its pixels over their height. Raises `UnplayableVideo`.
    """
    lies = orientation(frame)
    shown_width, shown_height = lies.size(round(frame.width * pixel_aspect), frame.height)
    scale = max(width / shown_width, height / shown_height)
    # Even sizes and edges: a chroma sample covers two pixels each way.
    scaled_width = max(width, round(shown_width * scale / 2) * 2)
    scaled_height = max(height, round(shown_height * scale / 2) * 2)
    return _middle(from_video(frame, size=lies.size(scaled_width, scaled_height)), width, height)


def _middle(frame: Frame, width: int, height: int) -> Frame:
    given_width, given_height = size_of(frame)
    if (given_width, given_height) == (width, height):
        return frame
    left, top = (given_width - width) // 4 * 2, (given_height - height) // 4 * 2
    target = np.empty((height * 3 // 2, width), np.uint8)
    for divisor, plane, cut in zip((1, 2, 2), planes(frame), planes(target), strict=True):
        row, column = top // divisor, left // divisor
        cut[:] = plane[row : row + cut.shape[0], column : column + cut.shape[1]]
    return target
