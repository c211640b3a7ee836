"""The one door to MP4 files from outside: checked before FFmpeg reads them, measured while it does.

Native demuxers trust counts that a file states about itself, so a walk over the boxes in plain
Python comes first. FFmpeg is then pinned to one format, to local files and to a few decoders: left
to guess, it follows playlists and concat scripts to other files.
"""

from __future__ import annotations

import hashlib
import os
import re
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO, Final

import av
import numpy as np
from av.codec.context import ThreadType
from av.container import InputContainer
from av.stream import Disposition
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation
from av.video.stream import VideoStream
from numpy.typing import NDArray

__all__ = ["Facts", "Limits", "UnplayableVideo", "check_boxes", "decode", "open_video", "probe", "to_bgr"]


class UnplayableVideo(ValueError):  # noqa: N818 - says what the file is, not what the program did
    """The file is no video that can be trusted; ``str(error)`` is one sentence safe to show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a file may ask of us at most."""

    max_bytes: int = 256 * 2**20
    max_pixels: int = 2048 * 2048
    """Width times height of one frame."""
    max_seconds: float = 120.0
    max_frames: int = 7200
    max_samples: int = 40_000
    """Of all tracks together; also the entries of any one index table."""
    max_boxes: int = 20_000
    max_tracks: int = 8
    decode_seconds: float = 60.0
    """Time spent inside the decoder."""
    codecs: tuple[str, ...] = ("h264", "hevc")


DEFAULT_LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a clip is, measured on every decoded frame rather than read from its header."""

    width: int
    height: int
    """Pixels."""
    fps: float
    codec: str
    profile: str | None
    pix_fmt: str
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
    with path.open("rb") as file:
        faststart = check_boxes(file, limits)
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        size = file.tell()
    with open_video(path, limits) as (container, stream):
        codec = stream.codec_context
        shape, frames, seconds, constant_rate = _timeline(
            _frames(container, stream, limits), stream.time_base or Fraction(1)
        )
        if seconds > limits.max_seconds:
            raise UnplayableVideo(f"The video lasts more than {limits.max_seconds:g} seconds.")
        return Facts(
            width=shape[0],
            height=shape[1],
            fps=float(frames / seconds),
            codec=codec.name,
            profile=codec.profile,
            pix_fmt=shape[2],
            frames=frames,
            duration_ms=round(seconds * 1000),
            bytes=size,
            faststart=faststart,
            constant_rate=constant_rate,
            has_audio=bool(container.streams.audio),
            sha256=digest,
        )


def decode(path: Path, limits: Limits = DEFAULT_LIMITS) -> Iterator[VideoFrame]:
    """Every frame in display order, one at a time; raises `UnplayableVideo`.

    Only for files that `check_boxes` has passed.
    """
    with open_video(path, limits) as (container, stream):
        yield from _frames(container, stream, limits)


def to_bgr(frame: VideoFrame, width: int | None = None, height: int | None = None) -> NDArray[np.uint8]:
    """The frame as height x width x 3 BGR, scaled by area averaging where a size in pixels is given.

    Untagged HD is BT.709, as players take it; FFmpeg alone would take it for BT.601.
    """
    untagged_hd = frame.colorspace == _UNTAGGED and (frame.width >= 1280 or frame.height > 576)
    try:
        picture = frame.reformat(
            width,
            height,
            format="bgr24",
            src_colorspace="ITU709" if untagged_hd else None,
            interpolation=_EXACT | (Interpolation.AREA if width or height else Interpolation.BILINEAR),
            threads=1,
        )
    except av.FFmpegError as error:
        raise UnplayableVideo("The video uses colours that cannot be decoded.") from error
    return np.ascontiguousarray(picture.to_ndarray(), dtype=np.uint8)


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
            format="mp4",
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


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except av.FFmpegError as error:
        raise UnplayableVideo("The video is damaged and cannot be decoded.") from error


def _video_stream(container: InputContainer, limits: Limits) -> VideoStream:
    """Cover art counts as video for FFmpeg, not for us."""
    streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if len(streams) != 1:
        raise UnplayableVideo(f"The file has {len(streams)} video tracks instead of one.")
    codec: VideoCodecContext | None = streams[0].codec_context
    if codec is None or codec.name not in limits.codecs:
        raise UnplayableVideo("The video is in a format that is not accepted: H.264 is.")
    if not 0 < codec.width * codec.height <= limits.max_pixels:
        raise UnplayableVideo(f"A picture size of {codec.width}x{codec.height} pixels is not accepted.")
    return streams[0]


def _frames(container: InputContainer, stream: VideoStream, limits: Limits) -> Iterator[VideoFrame]:
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


def _timeline(
    frames: Iterator[VideoFrame], time_base: Fraction
) -> tuple[tuple[int, int, str], int, Fraction, bool]:
    """Width, height and pixel format of all frames; how many; seconds; whether at a constant rate."""
    shapes: set[tuple[int, int, str]] = set()
    times: list[int] = []
    last = 0
    for frame in frames:
        if frame.pts is None or (times and frame.pts <= times[-1]):
            raise UnplayableVideo("The pictures of the video are not in order.")
        shapes.add((frame.width, frame.height, frame.format.name))
        times.append(frame.pts)
        last = frame.duration
    if len(shapes) != 1:
        raise UnplayableVideo("The picture size changes in the middle of the video.")
    steps = {after - before for before, after in pairwise(times)}
    seconds = (times[-1] - times[0] + (max(steps) if len(steps) == 1 else last)) * time_base
    if seconds <= 0:
        raise UnplayableVideo("The video does not say how long its pictures last.")
    return shapes.pop(), len(times), seconds, len(steps) <= 1


def check_boxes(file: BinaryIO, limits: Limits = DEFAULT_LIMITS) -> bool:
    """Read the structure of an MP4, in about a millisecond, without any native code.

    Returns whether the index stands before the media (faststart). Raises `UnplayableVideo` for
    anything but whole boxes up to the last byte, and for tables that claim more than they hold.
    """
    size = file.seek(0, os.SEEK_END)
    if size > limits.max_bytes:
        raise UnplayableVideo(f"The video has more than {limits.max_bytes // 2**20} MiB.")
    file.seek(4)
    if file.read(4) != b"ftyp":
        raise UnplayableVideo("The file is not an MP4 video.")
    walk = _Walk(file, limits)
    order, end = [], 0
    for kind, start, end in walk.children(0, size):
        order.append(kind)
        walk.visit(kind, start, end)
    if end != size:
        raise _broken("it ends in the middle of a box")
    if order.count(b"moov") != 1 or b"mdat" not in order:
        raise _broken("its index or its media is missing")
    return order.index(b"moov") < order.index(b"mdat")


_CONTAINERS: Final = frozenset(
    b"moov trak mdia minf dinf stbl edts mvex moof traf udta meta ilst tref wave sinf schi".split()
)
"""Every kind that FFmpeg looks into, so that nothing hides in an odd place."""
_ENTRY_BYTES: Final = {b"stts": 8, b"ctts": 8, b"stsc": 12, b"stco": 4, b"co64": 8, b"stss": 4}
_HIDDEN_TABLE: Final = re.compile(rb"stsz|stz2|elst|trun|sidx|cmov|" + b"|".join(_ENTRY_BYTES))
_MAX_DEPTH: Final = 10
_MAX_EDITS: Final = 8


@dataclass(slots=True)
class _Walk:
    """One pass over the boxes of a file, and what it has counted so far."""

    file: BinaryIO
    limits: Limits
    boxes: int = 0
    tracks: int = 0
    samples: int = 0

    def children(self, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
        """Kind, body start and body end of every box in between, in bytes from the file's start."""
        while end - start >= 8:
            self.boxes += 1
            self.file.seek(start)
            size, kind, large = struct.unpack(">I4sQ", self.file.read(16).ljust(16, b"\0"))
            header = 16 if size == 1 else 8
            size = {0: end - start, 1: large}.get(size, size)
            if not header <= size <= end - start or self.boxes > self.limits.max_boxes:
                raise _broken("one of its boxes has a wrong size")
            yield kind, start + header, start + size
            start += size

    def visit(self, kind: bytes, start: int, end: int, depth: int = 0) -> None:
        """Check one box and all that it holds."""
        if kind in _CONTAINERS:
            self.tracks += kind == b"trak"
            if depth > _MAX_DEPTH or self.tracks > self.limits.max_tracks:
                raise _broken("it has too many tracks or levels")
            for child in self.children(start + self._version_bytes(kind, start), end):
                self.visit(*child, depth + 1)
        elif kind in _CHECKS:
            self.file.seek(start)
            if not _CHECKS[kind](self, kind, self.file.read(min(end - start, 16 * self.limits.max_samples))):
                raise _broken(f"its {kind.decode()} table is wrong")

    def _version_bytes(self, kind: bytes, start: int) -> int:
        """ISO puts four bytes in front of the children of `meta`, QuickTime does not."""
        self.file.seek(start + 4)
        return 4 if kind == b"meta" and self.file.read(4) != b"hdlr" else 0

    def count(self, samples: int) -> bool:
        self.samples += samples
        return self.samples <= self.limits.max_samples


def _sizes(walk: _Walk, kind: bytes, body: bytes) -> bool:
    """How many samples a track has, and how large each is unless all are equal."""
    fixed, count = _numbers(body, 4, 2)
    return walk.count(count) and (fixed > 0 or kind == b"stz2" or 12 + 4 * count <= len(body))


def _entries(walk: _Walk, kind: bytes, body: bytes) -> bool:
    (count,) = _numbers(body, 4, 1)
    words = count * _ENTRY_BYTES[kind] // 4
    if count > walk.limits.max_samples or 8 + 4 * words > len(body):
        return False
    # A demuxer unrolls run lengths in memory: eight bytes can claim billions of samples.
    if kind in (b"stts", b"ctts"):
        return sum(_numbers(body, 8, words)[::2]) <= walk.limits.max_samples
    return kind != b"stsc" or max(_numbers(body, 8, words)[1::3], default=0) <= walk.limits.max_samples


def _fragment(walk: _Walk, _kind: bytes, body: bytes) -> bool:
    flags, count = _numbers(body, 0, 2)
    fields = (flags & 0xF00).bit_count()  # of each sample: duration, size, flags, time offset
    return walk.count(count) and 8 + 4 * fields * count <= len(body)


def _segments(_walk: _Walk, _kind: bytes, body: bytes) -> bool:
    at = 28 if body[:1] != b"\0" else 20
    return at + 4 + 12 * (_numbers(body, at, 1)[0] & 0xFFFF) <= len(body)


def _numbers(body: bytes, offset: int, count: int) -> tuple[int, ...]:
    if len(body) < offset + 4 * count:
        raise _broken("a table in its index is cut off")
    return struct.unpack_from(f">{count}I", body, offset)


_CHECKS: Final[dict[bytes, Callable[[_Walk, bytes, bytes], bool]]] = {
    b"stsz": _sizes,
    b"stz2": _sizes,
    b"trun": _fragment,
    b"sidx": _segments,
    b"elst": lambda _walk, _kind, body: _numbers(body, 4, 1)[0] <= _MAX_EDITS,
    b"stsd": lambda _walk, _kind, body: not _HIDDEN_TABLE.search(body),
    b"cmov": lambda _walk, _kind, _body: False,  # a compressed index: nothing in it can be checked
    **dict.fromkeys(_ENTRY_BYTES, _entries),
}


def _broken(reason: str) -> UnplayableVideo:
    return UnplayableVideo(f"The file is not a playable MP4 video: {reason}.")
