"""The one encoder: yuv420p, BT.709, constant rate; H.264 is High, and the same bytes every time."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, Self

import av
import numpy as np
from av.audio.stream import AudioStream
from av.video.frame import PictureType
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from cutscene.media.sound import RATE, Sound, sound_frames
from cutscene.specs import Codec, Container

__all__ = ["Encoder", "Preset", "to_yuv"]

Preset = Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow"]

_X264: Final = {
    # Lookahead that feeds on later frames starves the last ones: a visible pop where a loop starts again.
    "mbtree": 0,
    "rc-lookahead": 0,
    "scenecut": 0,
    "b-adapt": 0,
    "weightp": 0,
    # Slow changes that are skipped as too small add up, and pop where a loop starts again.
    "fast-pskip": 0,
    "dct-decimate": 0,
    # The first frame must not be visibly better than the last.
    "ipratio": 1.1,
    "pbratio": 1.1,
    # Dark gradients are where eight bits show.
    "aq-mode": 3,
    # High profile at every preset.
    "8x8dct": 1,
    "cabac": 1,
}
_X264_LOOP: Final = {
    # Slow motion lives in the chroma, where the codec's noise pops at the seam first.
    "chroma-qp-offset": -12,
    # Still parts nearly as good as moving ones, from the first frame to the last.
    "qcomp": 0.8,
    "ipratio": 1.6,
    "pbratio": 1.3,
}
_CRF: Final = 18
_X265: Final[Mapping[str, float | str]] = {
    "log-level": "error",
    "cutree": 0,
    "rc-lookahead": 5,
    "scenecut": 0,
    "pools": 2,
}
_X265_LOOP: Final = {
    "cbqpoffs": -12,
    "crqpoffs": -12,
    # Blocks that are skipped lag behind slow motion.
    "rskip": 0,
    "early-skip": 0,
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
    """Writes frames to a file; leaving the block flushes and closes it.

    ``width`` and ``height`` are even pixels. ``crf`` is x264's quality, translated for other
    codecs: lower is better and bigger. ``loop`` is for clips that are played again and again: nobody
    is to see where they start. With ``bitrate_kbps`` the file has that rate on average.
    ``sound`` stands beside the pictures from their first on.
    """

    def __init__(
        self,
        path: Path,
        *,
        width: int,
        height: int,
        fps: int = 24,
        preset: Preset = "superfast",
        crf: float | None = None,
        loop: bool = False,
        container: Container = Container.MP4,
        codec: Codec = Codec.H264,
        bitrate_kbps: int | None = None,
        sound: Sound | None = None,
    ) -> None:
        if width % 2 or height % 2:
            raise ValueError(f"{width}x{height}: yuv420p needs an even width and height")
        movflags = {"movflags": "+faststart"} if container is Container.MP4 else {}
        self._container = av.open(str(path), "w", format=container.value, options=movflags)
        options = _options(codec, preset, _CRF if crf is None else crf, bitrate_kbps, loop=loop)
        stream = self._container.add_stream(_ENCODERS[codec], rate=fps, options=options)
        assert isinstance(stream, VideoStream)
        self._stream = stream
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
        if codec is Codec.H265:
            context.codec_tag = "hvc1"  # what Apple's players insist on
        if bitrate_kbps is not None:
            context.bit_rate = bitrate_kbps * 1000
        if sound is not None:
            self._add(sound, _SOUND[container])

    def _add(self, sound: Sound, codec: str) -> None:
        stream = self._container.add_stream(codec, rate=RATE, layout="stereo")
        assert isinstance(stream, AudioStream)
        for frame in (*sound_frames(sound), None):
            self._container.mux(stream.encode(frame))

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


_SOUND: Final = {Container.MP4: "aac", Container.WEBM: "libopus"}
_ENCODERS: Final = {Codec.H264: "libx264", Codec.H265: "libx265", Codec.VP9: "libvpx-vp9"}


def _options(
    codec: Codec, preset: Preset, crf: float, bitrate_kbps: int | None, *, loop: bool
) -> dict[str, str]:
    """FFmpeg's, for one codec; a rate takes the place of a quality."""
    quality = {} if bitrate_kbps is not None else {"crf": f"{crf + _CRF_ABOVE_X264[codec]:g}"}
    match codec:
        case Codec.H264:
            parameters = _joined({**_X264, **(_X264_LOOP if loop else {})})
            return {"preset": preset, **quality, **_rate(bitrate_kbps), "x264-params": parameters}
        case Codec.H265:
            parameters = _joined({**_X265, **(_X265_LOOP if loop else {})})
            return {"preset": preset, **quality, **_rate(bitrate_kbps), "x265-params": parameters}
        case Codec.VP9:
            return {"deadline": "realtime", "cpu-used": "5", "row-mt": "1", "lag-in-frames": "0", **quality}


_CRF_ABOVE_X264: Final = {Codec.H264: 0, Codec.H265: 2, Codec.VP9: 3}
"""Where loops hold their seams about as well."""


def _rate(kbps: int | None) -> dict[str, str]:
    """No second of the clip far above its average, which clips of a few seconds would miss otherwise."""
    return {} if kbps is None else {"maxrate": f"{kbps * 6 // 5}k", "bufsize": f"{kbps}k"}


def _joined(parameters: Mapping[str, float | str]) -> str:
    return ":".join(f"{name}={value}" for name, value in parameters.items())
