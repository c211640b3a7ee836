"""Clips and pictures to begin with, and ways to break them that reach deep into a decoder."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any, Final

import av
import numpy as np
from PIL import Image

__all__ = ["CLIP_MUTATORS", "PICTURE_MUTATORS", "clips", "pictures"]

Mutator = Callable[[Random, bytes, Sequence[bytes]], bytes]
"""Chance, what to break, and all that there is to mix it with."""

_TABLES: Final = tuple(b"stsz stts ctts stsc stco stss elst trun sidx dref stsd".split())
_CONTAINERS: Final = tuple(b"moov trak mdia minf dinf stbl edts mvex moof traf udta".split())
_WILD: Final = (0, 1, 2, 7, 8, 9, 16, 255, 2**15, 2**16, 40_000, 40_001, 2**24, 2**31 - 1, 2**31, 2**32 - 1)


def clips(folder: Path) -> list[bytes]:
    """Small MP4s of all the kinds that are accepted."""
    quick = {"preset": "ultrafast"}
    return [
        _clip(folder, options={"preset": "veryfast", "bf": "3"}, movflags="+faststart"),
        _clip(folder, options=quick, movflags=""),
        _clip(folder, options=quick, movflags="+frag_keyframe+empty_moov"),
        _clip(folder, options=quick, movflags="+dash+global_sidx+frag_every_frame"),
        _clip(folder, options=quick, movflags="+faststart", sound=True),
        _clip(folder, options=quick, movflags="+faststart", pix_fmt="yuv444p", size=(63, 47)),
        _clip(folder, options=quick, movflags="+faststart", pix_fmt="yuv420p10le"),
        _clip(folder, options={**quick, "x264-params": "interlaced=1"}, movflags="+faststart"),
        _clip(
            folder,
            codec="libx265",
            options={**quick, "x265-params": "log-level=none"},
            movflags="+faststart",
            size=(128, 96),
        ),
    ]


def pictures() -> list[bytes]:
    """Small pictures of all the kinds that are accepted."""
    base = Image.linear_gradient("L").resize((96, 64)).convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = 6
    return [
        _picture(base, "JPEG", exif=exif),
        _picture(base, "JPEG", progressive=True),
        _picture(base.convert("CMYK"), "JPEG"),
        _picture(base, "PNG"),
        _picture(base.convert("P"), "PNG", transparency=3),
        _picture(base.convert("L").convert("I;16"), "PNG"),
        _picture(base, "WEBP"),
        _picture(base, "WEBP", lossless=True),
        _picture(base, "WEBP", save_all=True, append_images=[base.rotate(90)], duration=50),
        _picture(base, "GIF", save_all=True, append_images=[base.rotate(90)], duration=50),
    ]


def _clip(
    folder: Path,
    *,
    options: dict[str, str],
    movflags: str,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    size: tuple[int, int] = (64, 48),
    sound: bool = False,
) -> bytes:
    path, noise = folder / "seed.mp4", np.random.default_rng(1)
    with av.open(str(path), "w", format="mp4", options={"movflags": movflags} if movflags else {}) as output:
        stream: Any = output.add_stream(codec, rate=24, options=options)
        stream.width, stream.height, stream.pix_fmt = *size, pix_fmt
        aac: Any = output.add_stream("aac", rate=44100, layout="mono") if sound else None
        for index in range(8):
            view = np.roll(noise.integers(0, 256, (size[1], size[0], 3), np.uint8), index, 1)
            frame = av.VideoFrame.from_ndarray(view, "bgr24").reformat(format=pix_fmt)
            frame.pts, frame.time_base = index, Fraction(1, 24)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
        if aac:
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            silence.sample_rate, silence.pts = 44100, 0
            output.mux(aac.encode(silence) + aac.encode(None))
    return path.read_bytes()


def _picture(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def _flip_bits(chance: Random, data: bytes, _others: Sequence[bytes]) -> bytes:
    mutant = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4, 16, 64))):
        mutant[chance.randrange(len(mutant))] ^= 1 << chance.randrange(8)
    return bytes(mutant)


def _overwrite(chance: Random, data: bytes, _others: Sequence[bytes]) -> bytes:
    at, size = chance.randrange(len(data)), chance.choice((1, 4, 32, 256))
    filler = chance.choice((bytes(size), b"\xff" * size, chance.randbytes(size)))
    return (data[:at] + filler + data[at + size :])[: len(data)]


def _truncate(chance: Random, data: bytes, _others: Sequence[bytes]) -> bytes:
    return data[: chance.randrange(len(data))]


def _splice(chance: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    other = chance.choice(others)
    start, size = chance.randrange(len(other)), chance.choice((4, 64, 1024))
    at = chance.randrange(len(data))
    kept = at + chance.choice((0, size))
    return data[:at] + other[start : start + size] + data[kept:]


def _places(data: bytes, kinds: Sequence[bytes]) -> list[int]:
    """Where the names of such boxes begin; the first box of all if there is none left."""
    found = []
    for kind in kinds:
        at = data.find(kind)
        while at >= 4:
            found.append(at)
            at = data.find(kind, at + 1)
    return found or [4]


def _in_tables(first: int, most: int) -> Mutator:
    """Wild numbers among the words of a table, so many bytes behind its name."""

    def mutate(chance: Random, data: bytes, _others: Sequence[bytes]) -> bytes:
        mutant, places = bytearray(data), _places(data, _TABLES)
        for _ in range(chance.choice((1, 1, 2, 5))):
            at = chance.choice(places) + first + 4 * chance.randrange(most)
            if at + 4 <= len(mutant):
                value = chance.choice((*_WILD, chance.getrandbits(32)))
                struct.pack_into(">I", mutant, at, value)
        return bytes(mutant)

    return mutate


def _box_sizes(chance: Random, data: bytes, _others: Sequence[bytes]) -> bytes:
    mutant = bytearray(data)
    at = chance.choice(_places(data, (*_TABLES, *_CONTAINERS, b"mdat", b"avcC", b"hvcC", b"tkhd"))) - 4
    (size,) = struct.unpack_from(">I", mutant, at)
    near = max(0, size + chance.choice((-8, -4, -1, 1, 4, 8)))
    struct.pack_into(">I", mutant, at, chance.choice((near, near, *_WILD)))
    return bytes(mutant)


def _decoder_setup(chance: Random, data: bytes, _others: Sequence[bytes]) -> bytes:
    """Sequence and picture parameters: sizes, depths, counts of reference pictures."""
    mutant, places = bytearray(data), _places(data, (b"avcC", b"hvcC"))
    for _ in range(chance.choice((1, 1, 2, 3))):
        at = chance.choice(places) + 8 + chance.randrange(48)
        if at < len(mutant):
            mutant[at] = chance.randrange(256)
    return bytes(mutant)


class Box:
    """A box and what is in it, so that sizes come out right however it is mixed."""

    def __init__(self, kind: bytes, body: bytes) -> None:
        self.kind = kind
        self.children = _parsed(body) if kind in _CONTAINERS else []
        self.body = b"" if self.children else body

    def __bytes__(self) -> bytes:
        body = self.body + b"".join(map(bytes, self.children))
        return struct.pack(">I4s", len(body) + 8, self.kind) + body


def _parsed(data: bytes) -> list[Box]:
    boxes = []
    while len(data) >= 8:
        size, kind = struct.unpack_from(">I4s", data)
        size = max(8, size)
        boxes.append(Box(kind, data[8:size]))
        data = data[size:]
    return boxes


def _lists(boxes: list[Box]) -> list[list[Box]]:
    found = [boxes] if boxes else []
    for box in boxes:
        found += _lists(box.children)
    return found


def _rebuild(chance: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Double, drop, swap, rename or borrow whole boxes; all sizes stay right."""
    boxes = _parsed(data)
    for _ in range(chance.choice((1, 1, 2, 4))):
        siblings = chance.choice(_lists(boxes))
        at = chance.randrange(len(siblings))
        match chance.randrange(6):
            case 0:
                siblings[at:at] = [siblings[at]] * chance.choice((1, 2, 9, 300))
            case 1 if len(siblings) > 1:
                del siblings[at]
            case 2:
                chance.shuffle(siblings)
            case 3:
                siblings[at].kind = chance.choice(
                    (*_TABLES, *_CONTAINERS, b"cmov", b"free", b"uuid", b"wide")
                )
            case 4:
                siblings.insert(at, chance.choice(chance.choice(_lists(_parsed(chance.choice(others))))))
            case _:
                siblings[at].body = siblings[at].body[: chance.randrange(len(siblings[at].body) + 1)]
    return b"".join(map(bytes, boxes))


def _twice(first: Mutator, second: Mutator) -> Mutator:
    return lambda chance, data, others: second(chance, first(chance, data, others), others)


CLIP_MUTATORS: Final[tuple[Mutator, ...]] = (
    _flip_bits,
    _overwrite,
    _truncate,
    _splice,
    _in_tables(8, 1),
    _in_tables(4, 3),
    _in_tables(12, 30),
    _box_sizes,
    _decoder_setup,
    _rebuild,
    _twice(_rebuild, _in_tables(12, 30)),
    _twice(_decoder_setup, _in_tables(12, 30)),
)
PICTURE_MUTATORS: Final[tuple[Mutator, ...]] = (_flip_bits, _overwrite, _truncate, _splice)
