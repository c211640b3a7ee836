"""Frames as plain arrays: what is cut, mixed and drawn on between one decoding and one encoding.

A frame stays in the encoder's own form, so that nothing is converted on the way.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

from cutscene.media.boxes import DEFAULT_LIMITS, Limits, UnplayableVideo
from cutscene.media.encode import to_yuv
from cutscene.media.orientation import UPRIGHT, Orientation, orientation
from cutscene.media.probe import frames_of, is_bt709, is_untagged_hd, open_video, pixel_aspect

__all__ = [
    "Frame",
    "from_picture",
    "from_video",
    "planes",
    "read_frames",
    "size_of",
    "to_picture",
    "to_video",
]

Frame = NDArray[np.uint8]
"""(height * 3 / 2, width), contiguous: luma, then both chromas at half the size; BT.709, limited range."""
Plane = NDArray[np.uint8]

_EXACT: Final = Interpolation.BICUBIC | Interpolation.FULL_CHR_H_INT | Interpolation.ACCURATE_RND
"""The shortcut taken without them is 2 to 8 levels off."""
_SMALLER: Final = Interpolation.AREA | Interpolation.FULL_CHR_H_INT | Interpolation.ACCURATE_RND
_per_thread = threading.local()


def size_of(frame: Frame) -> tuple[int, int]:
    """Width and height of the picture, pixels."""
    return frame.shape[1], frame.shape[0] * 2 // 3


def planes(frame: Frame) -> tuple[Plane, Plane, Plane]:
    """Luma (height, width) and two chromas (height / 2, width / 2): views, to be written to as well."""
    width, height = size_of(frame)
    flat, luma, chroma = frame.reshape(-1), width * height, (height // 2, width // 2)
    blue, red = flat[luma : luma * 5 // 4], flat[luma * 5 // 4 :]
    return flat[:luma].reshape(height, width), blue.reshape(chroma), red.reshape(chroma)


def read_frames(path: Path, limits: Limits = DEFAULT_LIMITS) -> Iterator[Frame]:
    """Every frame in display order, upright; raises `UnplayableVideo`.

    Only for files that `check_boxes` has passed.
    """
    with open_video(path, limits) as (container, stream):
        for frame in frames_of(container, stream, limits):
            yield from_video(frame, pixel_aspect(stream))


def from_video(frame: VideoFrame, pixel_aspect: float = 1.0, *, size: tuple[int, int] | None = None) -> Frame:
    """A decoded frame of any format, upright; an odd last row or column is scaled away.

    ``pixel_aspect`` is the width of its pixels over their height. With ``size`` (even pixels, before
    it is turned) it is scaled to exactly that. Raises `UnplayableVideo` where its colours are of a
    kind that cannot be converted.
    """
    lies = orientation(frame)
    width, height = size or (_even(frame.width * pixel_aspect), _even(frame.height))
    if not is_bt709(frame) or (frame.format.name, frame.width, frame.height) != ("yuv420p", width, height):
        frame = _plain(frame, width, height)
    return _upright(np.ascontiguousarray(frame.to_ndarray(), dtype=np.uint8), lies)


def to_video(frame: Frame) -> VideoFrame:
    """As the encoder takes it; shares the array's memory where PyAV can."""
    if size_of(frame)[1] % 4:  # it counts rows in fours there, and would lose the last two
        return av.VideoFrame.from_ndarray(frame, "yuv420p")
    return av.VideoFrame.from_numpy_buffer(frame, "yuv420p")


def from_picture(bgr: NDArray[np.uint8]) -> Frame:
    """A frame of ``bgr`` (height, width, 3), both sides even. Any thread may call."""
    return np.ascontiguousarray(to_yuv(bgr).to_ndarray(), dtype=np.uint8)


def to_picture(frame: Frame) -> NDArray[np.uint8]:
    """BGR (height, width, 3). Any thread may call."""
    picture = _reformatter().reformat(
        to_video(frame),
        format="bgr24",
        src_colorspace=Colorspace.ITU709,
        src_color_range=ColorRange.MPEG,
        dst_color_range=ColorRange.JPEG,
        interpolation=_EXACT,
        threads=1,
    )
    return np.ascontiguousarray(picture.to_ndarray(), dtype=np.uint8)


def _even(side: float) -> int:
    return max(2, int(side) // 2 * 2)


def _plain(frame: VideoFrame, width: int, height: int) -> VideoFrame:
    try:
        return _reformatter().reformat(
            frame,
            width,
            height,
            format="yuv420p",
            src_colorspace=Colorspace.ITU709 if is_untagged_hd(frame) else None,
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
            interpolation=_EXACT if width >= frame.width else _SMALLER,
            threads=1,
        )
    except (av.FFmpegError, ValueError) as error:
        raise UnplayableVideo("The video uses colours that cannot be decoded.") from error


def _upright(frame: Frame, lies: Orientation) -> Frame:
    if lies == UPRIGHT:
        return frame
    turned = [lies.upright(plane) for plane in planes(frame)]
    return np.concatenate([plane.reshape(-1) for plane in turned]).reshape(-1, turned[0].shape[1])


def _reformatter() -> VideoReformatter:
    reformatter: VideoReformatter | None = getattr(_per_thread, "reformatter", None)
    if reformatter is None:
        reformatter = _per_thread.reformatter = VideoReformatter()
    return reformatter
