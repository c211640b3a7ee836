"""The one door to MP4 files from outside: checked before FFmpeg reads them, measured while it does.

Native demuxers trust counts that a file states about itself, so a walk over the boxes in plain
Python comes first. FFmpeg is then pinned to one format, to local files and to a few decoders: left
to guess, it follows playlists and concat scripts to other files.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple, Self

import av
import numpy as np
from av.codec.context import ThreadType
from av.container import InputContainer
from av.stream import Disposition
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation
from av.video.stream import VideoStream
from numpy.typing import NDArray

from cutscene.media.boxes import DEFAULT_LIMITS, Limits, UnplayableVideo, check_boxes
from cutscene.media.orientation import UPRIGHT, Orientation, orientation
from cutscene.specs import Codec, Container

__all__ = [
    "Facts",
    "decode",
    "frames_of",
    "is_bt709",
    "is_untagged_hd",
    "open_video",
    "pixel_aspect",
    "probe",
    "sha256",
    "to_bgr",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a clip is, measured on every decoded frame rather than read from its header."""

    width: int
    height: int
    """Pixels, as it is meant to be seen: upright, and every pixel a square."""
    fps: float
    codec: str
    """As `Codec` has it, where it does."""
    profile: str | None
    pix_fmt: str
    bt709: bool
    """The colours are BT.709 in limited range, or untagged and meant so."""
    turned: bool
    """The coded pictures lie on their side, upside down or mirrored."""
    pixel_aspect: float
    """Width over height of a coded pixel."""
    frames: int
    duration_ms: int
    bytes: int
    faststart: bool
    """The index stands before the media, so playing starts before the last byte is there."""
    constant_rate: bool
    """Every step from one timestamp to the next is the same."""
    has_audio: bool
    sha256: str
    """Hexadecimal."""


def probe(path: Path, limits: Limits = DEFAULT_LIMITS) -> Facts:
    """Decode the whole of an untrusted MP4 and say what it is.

    Raises `UnplayableVideo` where the file is damaged, beyond the limits or no MP4 video at all,
    and `OSError` where it cannot be read.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise UnplayableVideo("It is not a regular file.")
    faststart = True
    if limits.container is Container.MP4:
        with path.open("rb") as file:
            faststart = check_boxes(file, limits)
    with open_video(path, limits) as (container, stream):
        codec = stream.codec_context
        shape, frames, seconds, constant_rate = _timeline(
            frames_of(container, stream, limits), stream.time_base or Fraction(1)
        )
        if seconds > limits.max_seconds:
            raise UnplayableVideo(f"The video lasts more than {limits.max_seconds:g} seconds.")
        aspect = pixel_aspect(stream)
        width, height = shape.lies.size(round(shape.width * aspect), shape.height)
        return Facts(
            width=width,
            height=height,
            fps=float(frames / seconds),
            codec=_CODECS.get(codec.name, codec.name),
            profile=codec.profile,
            pix_fmt=shape.pix_fmt,
            bt709=shape.bt709,
            turned=shape.lies != UPRIGHT,
            pixel_aspect=aspect,
            frames=frames,
            duration_ms=round(seconds * 1000),
            bytes=path.stat().st_size,
            faststart=faststart,
            constant_rate=constant_rate,
            has_audio=bool(container.streams.audio),
            sha256=sha256(path),
        )


_CODECS: Final = {"hevc": Codec.H265.value, "libvpx-vp9": Codec.VP9.value}


def sha256(path: Path) -> str:
    """Of the file's bytes, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def decode(path: Path, limits: Limits = DEFAULT_LIMITS) -> Iterator[VideoFrame]:
    """Every frame in display order, one at a time; raises `UnplayableVideo`.

    Only for files that `check_boxes` has passed.
    """
    with open_video(path, limits) as (container, stream):
        yield from frames_of(container, stream, limits)


def to_bgr(frame: VideoFrame, width: int | None = None, height: int | None = None) -> NDArray[np.uint8]:
    """The frame as height x width x 3 BGR, scaled by area averaging where a size in pixels is given.

    Untagged HD is BT.709, as players take it; FFmpeg alone would take it for BT.601.
    """
    try:
        picture = frame.reformat(
            width,
            height,
            format="bgr24",
            src_colorspace="ITU709" if is_untagged_hd(frame) else None,
            interpolation=_EXACT | (Interpolation.AREA if width or height else Interpolation.BILINEAR),
            threads=1,
        )
    except av.FFmpegError as error:
        raise UnplayableVideo("The video uses colours that cannot be decoded.") from error
    return np.ascontiguousarray(picture.to_ndarray(), dtype=np.uint8)


def is_untagged_hd(frame: VideoFrame) -> bool:
    """Whether a frame is BT.709 without saying so."""
    return frame.colorspace == _UNTAGGED and (frame.width >= 1280 or frame.height > 576)


def is_bt709(frame: VideoFrame) -> bool:
    """Whether a frame has the colours that finished clips have: BT.709 in limited range."""
    return frame.color_range in (ColorRange.UNSPECIFIED, ColorRange.MPEG) and (
        frame.colorspace == Colorspace.ITU709 or is_untagged_hd(frame)
    )


_UNTAGGED: Final = 2
_EXACT: Final = Interpolation.FULL_CHR_H_INT | Interpolation.ACCURATE_RND
"""The shortcut taken without them is 2 to 8 levels off."""


@contextmanager
def open_video(path: Path, limits: Limits = DEFAULT_LIMITS) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The container and its one video stream, the decoder bounded; raises `UnplayableVideo`.

    Only for files that `check_boxes` has passed: what FFmpeg allocates while it opens is not bounded.
    """
    bounds = {"codec_whitelist": ",".join(limits.codecs), "max_pixels": str(limits.max_pixels)}
    with _refusing():
        container = av.open(
            str(path.absolute()),
            format=limits.container.value,
            options={"protocol_whitelist": "file", **bounds},
            metadata_errors="replace",
        )
    with container:
        stream = _video_stream(container, limits)
        stream.codec_context.options = {**bounds, "err_detect": "explode"}
        stream.codec_context.thread_type = ThreadType.AUTO
        stream.codec_context.thread_count = min(_MAX_THREADS, os.cpu_count() or 1)
        yield container, stream


_MAX_THREADS: Final = 4


def pixel_aspect(stream: VideoStream) -> float:
    """Width over height of its pixels."""
    return float(stream.sample_aspect_ratio or 1)


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except av.FFmpegError as error:
        raise UnplayableVideo("The video is damaged and cannot be decoded.") from error


_LEAST_ASPECT: Final = 0.25


def _video_stream(container: InputContainer, limits: Limits) -> VideoStream:
    """Cover art counts as video for FFmpeg, not for us."""
    streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if len(streams) != 1:
        raise UnplayableVideo(f"The file has {len(streams)} video tracks instead of one.")
    codec: VideoCodecContext | None = streams[0].codec_context
    if codec is None or codec.name not in limits.codecs:
        name = "an unknown codec" if codec is None else codec.name
        raise UnplayableVideo(f"Video in {name} is not accepted: give H.264 in an MP4.")
    aspect = pixel_aspect(streams[0])
    if not 0 < codec.width * codec.height * max(1.0, aspect) <= limits.max_pixels:
        raise UnplayableVideo(f"A picture size of {codec.width}x{codec.height} pixels is not accepted.")
    if not _LEAST_ASPECT <= aspect <= 1 / _LEAST_ASPECT:
        raise UnplayableVideo("The pixels of the video are not nearly square.")
    return streams[0]


def frames_of(container: InputContainer, stream: VideoStream, limits: Limits) -> Iterator[VideoFrame]:
    """The same of a video that `open_video` has opened."""
    spent, count = 0.0, 0
    with _refusing():
        for packet in container.demux(stream):
            began = time.monotonic()
            frames = packet.decode()
            spent += time.monotonic() - began
            count += len(frames)
            if spent > limits.decode_seconds or count > limits.max_frames:
                raise UnplayableVideo("The video is too long or takes too long to decode.")
            yield from frames
    if not count:
        raise UnplayableVideo("The video has no pictures in it.")


_MAX_FPS: Final = 1000


class _Shape(NamedTuple):
    """What has to be the same of all pictures of a video."""

    width: int
    height: int
    pix_fmt: str
    bt709: bool
    lies: Orientation

    @classmethod
    def of(cls, frame: VideoFrame) -> Self:
        return cls(frame.width, frame.height, frame.format.name, is_bt709(frame), orientation(frame))


def _timeline(frames: Iterator[VideoFrame], time_base: Fraction) -> tuple[_Shape, int, Fraction, bool]:
    """The shape of all frames; how many; seconds; whether at a constant rate."""
    shapes: set[_Shape] = set()
    times: list[int] = []
    last = 0
    for frame in frames:
        if frame.pts is None or (times and frame.pts <= times[-1]):
            raise UnplayableVideo("The pictures of the video are not in order.")
        shapes.add(_Shape.of(frame))
        times.append(frame.pts)
        last = frame.duration
    if len(shapes) != 1:
        raise UnplayableVideo("The picture size changes in the middle of the video.")
    steps = {after - before for before, after in pairwise(times)}
    seconds = (times[-1] - times[0] + (max(steps) if len(steps) == 1 else last)) * time_base
    if seconds <= 0:
        raise UnplayableVideo("The video does not say how long its pictures last.")
    if len(times) / seconds > _MAX_FPS:
        raise UnplayableVideo("The pictures of the video follow each other too fast to be seen.")
    # WebM counts in milliseconds, which few rates are whole numbers of.
    is_constant = len(steps) <= 1 or (time_base == _MILLISECOND and max(steps) - min(steps) <= 1)
    return shapes.pop(), len(times), seconds, is_constant


_MILLISECOND: Final = Fraction(1, 1000)
