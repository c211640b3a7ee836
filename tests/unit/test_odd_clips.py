"""Clips as cameras, phones and editors write them, through the door and into a finished clip."""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace

from cutscene.media.boxes import Limits, UnplayableVideo
from cutscene.media.frames import read_frames, to_picture
from cutscene.media.probe import decode, probe, to_bgr
from cutscene.media.recipe import Piece, Recipe, shape_clip

WIDTH, HEIGHT, FRAMES = 160, 90, 12
WANTED = Recipe(width=WIDTH, height=HEIGHT, frames=FRAMES)
COLOURS = ((30, 60, 200), (200, 90, 20), (40, 190, 60), (128, 128, 128))  # BGR, left to right


class Write:
    """An MP4 of four bars of colour, in any coding that PyAV knows."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "odd.mp4"

    def __call__(
        self,
        codec: str = "libx264",
        pix_fmt: str = "yuv420p",
        *,
        size: tuple[int, int] = (WIDTH, HEIGHT),
        space: Colorspace = Colorspace.ITU709,
        colour_range: ColorRange = ColorRange.MPEG,
        kind: str = "mp4",
        options: dict[str, str] | None = None,
        times: Sequence[int] = range(FRAMES),
    ) -> Path:
        width, height = size
        bars = np.repeat(np.array(COLOURS, np.uint8), -(-width // 4), 0)[:width]
        picture = np.ascontiguousarray(np.tile(bars[None], (height, 1, 1)))
        with av.open(str(self.path), "w", format=kind) as output:
            stream: Any = output.add_stream(codec, rate=24, options=options or {})
            stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
            context = stream.codec_context
            context.color_range, context.colorspace = colour_range, space
            for time in times:
                frame = av.VideoFrame.from_ndarray(picture, "bgr24").reformat(
                    format=pix_fmt,
                    dst_colorspace=space,
                    src_color_range=ColorRange.JPEG,
                    dst_color_range=colour_range,
                )
                frame.pts = time
                output.mux(stream.encode(frame))
            output.mux(stream.encode(None))
        return self.path


@pytest.fixture
def write(tmp_path: Path) -> Write:
    return Write(tmp_path)


def bars(picture: Any) -> list[float]:
    """Mean colour in the middle of each bar."""
    width = picture.shape[1]
    middles = [slice(width * (2 * bar + 1) // 8 - 4, width * (2 * bar + 1) // 8 + 4) for bar in range(4)]
    return [float(value) for middle in middles for value in picture[:, middle].mean((0, 1))]


X265 = {"x265-params": "log-level=none"}


@pytest.mark.parametrize(
    ("facts", "coding"),
    [
        ({"pix_fmt": "yuv420p"}, {}),
        ({"pix_fmt": "yuv420p10le"}, {"pix_fmt": "yuv420p10le"}),
        ({"pix_fmt": "yuv420p10le"}, {"codec": "libx265", "pix_fmt": "yuv420p10le", "options": X265}),
        ({"pix_fmt": "yuv420p10le"}, {"pix_fmt": "yuv420p10le", "space": Colorspace.BT2020}),
        ({"pix_fmt": "yuv422p"}, {"pix_fmt": "yuv422p"}),
        ({"pix_fmt": "yuv444p"}, {"pix_fmt": "yuv444p"}),
        ({"pix_fmt": "yuvj420p"}, {"colour_range": ColorRange.JPEG, "pix_fmt": "yuvj420p"}),
        ({"pix_fmt": "yuv420p"}, {"space": Colorspace.ITU601}),
        ({"pix_fmt": "yuvj420p"}, {"space": Colorspace.ITU601, "pix_fmt": "yuvj420p",
                                  "colour_range": ColorRange.JPEG}),
        ({"width": 161, "height": 91}, {"pix_fmt": "yuv444p", "size": (161, 91)}),
    ],
    ids=str,
)  # fmt: skip
def test_every_coding_comes_out_in_its_colours(
    write: Write, tmp_path: Path, facts: dict[str, Any], coding: dict[str, Any]
) -> None:
    """Ten bits, full range, BT.601, no subsampling, odd sizes."""
    source, target = write(**coding), tmp_path / "finished.mp4"
    found = probe(source)
    assert {name: getattr(found, name) for name in facts} == facts
    wanted = pytest.approx([value for colour in COLOURS for value in colour], abs=6)
    assert bars(to_picture(next(read_frames(source)))) == wanted
    shape_clip([Piece(path=source)], target, WANTED)
    finished = probe(target)
    assert (finished.width, finished.height, finished.pix_fmt) == (WIDTH, HEIGHT, "yuv420p")
    frame = next(decode(target))
    assert (frame.colorspace, frame.color_range) == (Colorspace.ITU709, ColorRange.MPEG)
    assert bars(to_bgr(frame)) == wanted


def test_what_is_not_plain_is_never_copied(write: Write, tmp_path: Path) -> None:
    """Of the right size and length, and yet not what was asked for."""
    target = tmp_path / "finished.mp4"
    for coding in ({"space": Colorspace.ITU601}, {"colour_range": ColorRange.JPEG, "pix_fmt": "yuvj420p"}):
        source = write(**coding)
        shape_clip([Piece(path=source)], target, WANTED)
        assert target.read_bytes() != source.read_bytes(), coding
    plain = write()
    shape_clip([Piece(path=plain)], target, WANTED)
    assert all(map(np.array_equal, read_frames(plain), read_frames(target)))


def refused(path: Path, limits: Limits | None = None) -> str:
    with pytest.raises(UnplayableVideo) as caught:
        probe(path, limits or Limits())
    assert str(path) not in str(caught.value)
    return str(caught.value)


def test_a_rate_that_varies_is_measured_over_the_whole(write: Write) -> None:
    """A phone that saves light: ten pictures in one second of time, sixteen ticks between the last."""
    facts = probe(write(times=[0, 1, 2, 3, 4, 5, 6, 7, 8, 24]))
    assert not facts.constant_rate
    assert facts.frames == 10
    assert facts.fps == pytest.approx(10 * 1000 / facts.duration_ms, rel=1e-3)
    assert facts.duration_ms == pytest.approx(25 / 24 * 1000, abs=700)


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "kind"),
    [
        ("libvpx-vp9", "yuv420p", "mp4"),
        ("mpeg4", "yuv420p", "mp4"),
        ("mjpeg", "yuvj420p", "mp4"),
        ("prores_ks", "yuva444p10le", "mov"),
        ("png", "rgba", "mov"),
        ("qtrle", "argb", "mov"),
    ],
)
def test_other_codecs_and_clips_with_alpha_are_refused(
    write: Write, codec: str, pix_fmt: str, kind: str
) -> None:
    assert refused(write(codec, pix_fmt, kind=kind)).endswith("is not accepted: give H.264 in an MP4.")


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "kind"),
    [
        ("libvpx-vp9", "yuva420p", "webm"),
        ("libx264", "yuv420p", "matroska"),
        ("libx264", "yuv420p", "mpegts"),
        ("libx264", "yuv420p", "hls"),
        ("libx264", "yuv420p", "flv"),
        ("gif", "rgb8", "gif"),
    ],
)
def test_other_containers_are_refused(write: Write, codec: str, pix_fmt: str, kind: str) -> None:
    assert refused(write(codec, pix_fmt, kind=kind)) == "The file is not an MP4 video."


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{other}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile {other}\n",
        "<?xml version='1.0'?><MPD><Period><BaseURL>{other}</BaseURL></Period></MPD>",
        "concat:{other}|{other}",
        "subfile,,start,0,end,0,,:{other}",
        "data:video/mp4;base64,AAAA",
    ],
)
@pytest.mark.parametrize("head", [b"", struct.pack(">I4s4sI", 16, b"ftyp", b"isom", 0)], ids=["bare", "ftyp"])
def test_a_playlist_is_no_way_to_another_file(write: Write, text: str, head: bytes) -> None:
    """Neither for us nor, without the walk over the boxes, for FFmpeg as we open it."""
    other = write()
    path = other.with_name("playlist.mp4")
    path.write_bytes(head + text.format(other=other.name).encode())
    assert refused(path).startswith("The file is not a")
    with pytest.raises(UnplayableVideo):
        next(decode(path))


def test_sound_alone_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "song.mp4"
    with av.open(str(path), "w", format="mp4") as output:
        stream: Any = output.add_stream("aac", rate=44100, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate, frame.pts = 44100, 0
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    assert refused(path) == "The file has 0 video tracks instead of one."


def test_two_videos_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "two.mp4"
    with av.open(str(path), "w", format="mp4") as output:
        streams = [output.add_stream("libx264", rate=24) for _ in range(2)]
        for stream in streams:
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for stream in streams:
            output.mux(stream.encode(av.VideoFrame(64, 48, "yuv420p")) + stream.encode(None))
    assert refused(path) == "The file has 2 video tracks instead of one."


def test_a_pipe_and_a_device_are_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "endless.mp4")
    assert "regular" in refused(tmp_path / "endless.mp4")
    assert "regular" in refused(Path("/dev/zero"))
    assert "regular" in refused(tmp_path)


def test_pictures_that_are_too_large_are_refused_before_they_are_decoded(write: Write) -> None:
    path = write(size=(7680, 4320), times=[0], options={"preset": "ultrafast"})
    assert "7680x4320" in refused(path)


def patched(path: Path, kind: bytes, offset: int, layout: str, *values: int) -> Path:
    """The file with other numbers at so many bytes after the name of a box."""
    data = bytearray(path.read_bytes())
    struct.pack_into(layout, data, data.index(kind) + offset, *values)
    path.write_bytes(data)
    return path


def test_a_size_in_the_headers_is_no_more_than_a_claim(write: Write) -> None:
    path = patched(write(), b"tkhd", 80, ">II", 7680 << 16, 4320 << 16)
    path = patched(path, b"avc1\0\0", 28, ">HH", 7680, 4320)
    facts = probe(path)
    assert (facts.width, facts.height) == (WIDTH, HEIGHT)


def test_an_hour_that_is_claimed_is_not_believed(write: Write) -> None:
    path = patched(write(), b"mvhd", 16, ">II", 1000, 3_600_000)
    assert probe(path).duration_ms == 500
    path = patched(path, b"mdhd", 20, ">I", 2**31 - 1)
    assert probe(path).duration_ms == 500


def test_pictures_that_rush_past_are_refused(write: Write) -> None:
    assert "too fast" in refused(patched(write(), b"mdhd", 16, ">I", 2**31 - 1))


def test_an_hour_between_two_pictures_is_refused(write: Write) -> None:
    path = write(times=[0, 1])
    (scale,) = struct.unpack_from(">I", path.read_bytes(), path.read_bytes().index(b"mdhd") + 16)
    assert "seconds" in refused(patched(path, b"stts", 16, ">I", 3600 * scale))


def test_a_file_that_is_cut_anywhere_is_refused(write: Write) -> None:
    whole = write().read_bytes()
    for end in range(0, len(whole), max(1, len(whole) // 60)):
        write.path.write_bytes(whole[:end])
        refused(write.path)


@pytest.mark.parametrize("kind", [b"url ", b"alis"])
def test_media_in_another_file_are_refused(write: Write, kind: bytes) -> None:
    """And FFmpeg, as we open it, does not fetch them."""
    whole = write().read_bytes()
    write.path.with_name("other.mp4").write_bytes(whole)
    name = f"file://{write.path.with_name('other.mp4')}\0".encode()
    entry = struct.pack(">I4sI", 12 + len(name), kind, 0) + name
    path = write.path
    path.write_bytes(with_reference(whole, entry))
    assert "dref table" in refused(path)
    with pytest.raises(UnplayableVideo):
        next(decode(path))
    path.write_bytes(with_reference(whole, struct.pack(">I4sI", 12, kind, 1), keep_media=True))
    assert probe(path).frames == FRAMES


def with_reference(whole: bytes, entry: bytes, *, keep_media: bool = False) -> bytes:
    """A clip, its index last, with another reference to its media, which are blank unless kept."""
    at = whole.index(b"dref") - 4
    (size,) = struct.unpack_from(">I", whole, at)
    box = struct.pack(">I4sII", 16 + len(entry), b"dref", 0, 1) + entry
    data = bytearray(whole[:at] + box + whole[at + size :])
    for parent in (b"moov", b"trak", b"mdia", b"minf", b"dinf"):
        place = data.index(parent) - 4
        struct.pack_into(">I", data, place, struct.unpack_from(">I", data, place)[0] + len(box) - size)
    start, end = data.index(b"mdat") + 4, data.index(b"moov") - 4
    if not keep_media:
        data[start:end] = bytes(end - start)
    return bytes(data)
