"""The structure of an MP4, walked in plain Python before any native code sees it.

Demuxers trust the counts that a file states about itself: a few kilobytes can claim gigabytes.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from cutscene.specs import MAX_PIXELS, Container

__all__ = ["DEFAULT_LIMITS", "Limits", "UnplayableVideo", "check_boxes"]


class UnplayableVideo(ValueError):  # noqa: N818 - says what the file is, not what the program did
    """The file is no video that can be trusted; ``str(error)`` is one sentence safe to show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a file may ask of us at most; settings say otherwise."""

    max_bytes: int = 256 * 2**20
    max_pixels: int = MAX_PIXELS
    """Width times height of one frame: as many as may be asked for, since what is made is measured."""
    max_picture_pixels: int = 50_000_000
    """The same of a picture that is handed over."""
    max_seconds: float = 120.0
    max_frames: int = 7200
    max_samples: int = 40_000
    """Of all tracks together; also the entries of any one index table."""
    max_boxes: int = 20_000
    max_tracks: int = 8
    decode_seconds: float = 60.0
    """For decoding the whole of a file."""
    work_seconds: float = 600.0
    """For making a clip of it, decoding and encoding included."""
    max_memory: int = 1400 * 2**20
    """Bytes that a process working on it may have."""
    codecs: tuple[str, ...] = ("h264", "hevc")
    """As FFmpeg calls them."""
    container: Container = Container.MP4
    """WebM only for files of our own making: nothing checks it before FFmpeg reads it."""


DEFAULT_LIMITS: Final = Limits()


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
_MAX_REFERENCES: Final = 8


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


def _references(_walk: _Walk, _kind: bytes, body: bytes) -> bool:
    """Media may be kept in other files; here every entry has to say that it is in this one."""
    (count,) = _numbers(body, 4, 1)
    at = 8
    for _ in range(min(count, _MAX_REFERENCES + 1)):
        size, _, flags = _numbers(body, at, 3)
        if size < 12 or not flags & 1:
            return False
        at += size
    return count <= _MAX_REFERENCES


def _numbers(body: bytes, offset: int, count: int) -> tuple[int, ...]:
    if len(body) < offset + 4 * count:
        raise _broken("a table in its index is cut off")
    return struct.unpack_from(f">{count}I", body, offset)


_CHECKS: Final[dict[bytes, Callable[[_Walk, bytes, bytes], bool]]] = {
    b"stsz": _sizes,
    b"stz2": _sizes,
    b"trun": _fragment,
    b"sidx": _segments,
    b"dref": _references,
    b"elst": lambda _walk, _kind, body: _numbers(body, 4, 1)[0] <= _MAX_EDITS,
    b"stsd": lambda _walk, _kind, body: not _HIDDEN_TABLE.search(body),
    b"cmov": lambda _walk, _kind, _body: False,  # a compressed index: nothing in it can be checked
    **dict.fromkeys(_ENTRY_BYTES, _entries),
}


def _broken(reason: str) -> UnplayableVideo:
    return UnplayableVideo(f"The file is not a playable MP4 video: {reason}.")
