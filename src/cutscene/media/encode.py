"""The one H.264 encoder: MP4, High, yuv420p, BT.709, constant rate, the same bytes every time."""

from __future__ import annotations

import threading
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, Self

import av
import numpy as np
from av.video.frame import PictureType
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, VideoReformatter
from numpy.typing import NDArray

__all__ = ["Encoder", "Preset", "to_yuv"]

Preset = Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow"]

_X264: Final = {
    # Lookahead that feeds on later frames starves the last ones: a visible pop where a loop starts again.
    "mbtree": 0,
    "rc-lookahead": 0,
    "scenecut": 0,
    "b-adapt": 0,
    "weightp": 0,
    # The first frame must not be visibly better than the last.
    "ipratio": 1.1,
    "pbratio": 1.1,
    # Dark gradients are where eight bits show.
    "aq-mode": 3,
    # High profile at every preset.
    "8x8dct": 1,
    "cabac": 1,
}
_THREADS: Final = 2
"""Fixed: x264's bytes depend on it."""

_per_thread = threading.local()


def to_yuv(bgr: NDArray[np.uint8]) -> av.VideoFrame:
    """A yuv420p frame, BT.709 limited range, of ``bgr`` (height, width, 3). Any thread may call."""
    reformatter: VideoReformatter | None = getattr(_per_thread, "reformatter", None)
    if reformatter is None:
        reformatter = _per_thread.reformatter = VideoReformatter()
    return reformatter.reformat(
        av.VideoFrame.from_numpy_buffer(np.ascontiguousarray(bgr), "bgr24"),
        format="yuv420p",
        dst_colorspace=Colorspace.ITU709,
        src_color_range=ColorRange.JPEG,
        dst_color_range=ColorRange.MPEG,
        threads=1,
    )


class Encoder:
    """Writes frames to an MP4 file; leaving the block flushes and closes it.

    ``width`` and ``height`` are even pixels, ``crf`` is x264's quality: lower is better and bigger.
    """

    def __init__(
        self,
        path: Path,
        *,
        width: int,
        height: int,
        fps: int = 24,
        preset: Preset = "superfast",
        crf: float = 18,
    ) -> None:
        if width % 2 or height % 2:
            raise ValueError(f"{width}x{height}: yuv420p needs an even width and height")
        self._container = av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"})
        self._stream = self._container.add_stream(
            "libx264", rate=fps, options={"preset": preset, "crf": f"{crf:g}", "x264-params": _parameters()}
        )
        self._stream.width, self._stream.height, self._stream.pix_fmt = width, height, "yuv420p"
        self._time_base = Fraction(1, fps)
        self._frames = 0
        context = self._stream.codec_context
        context.time_base = self._time_base
        context.thread_type, context.thread_count = "FRAME", _THREADS
        context.color_range = ColorRange.MPEG
        context.colorspace = Colorspace.ITU709
        context.color_primaries = ColorPrimaries.BT709
        context.color_trc = ColorTrc.BT709

    def write(self, frame: av.VideoFrame) -> None:
        """Append a frame as made by `to_yuv`; its time is its place in the order."""
        frame.pts, frame.time_base = self._frames, self._time_base
        # A decoded frame remembers what it was, and would force a keyframe.
        frame.pict_type = PictureType.NONE
        self._frames += 1
        self._container.mux(self._stream.encode(frame))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._container.mux(self._stream.encode(None))
        finally:
            self._container.close()


def _parameters() -> str:
    return ":".join(f"{name}={value}" for name, value in _X264.items())
