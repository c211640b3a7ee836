from __future__ import annotations

import hashlib
import struct
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.stream import Disposition
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cutscene.media.boxes import Limits, UnplayableVideo, check_boxes
from cutscene.media.probe import Facts, decode, probe, to_bgr


@pytest.fixture
def clip(pan: Any, write_clip: Any) -> Path:
    path: Path = write_clip(pan(12, 3, width=64, height=48), preset="veryfast")
    return path


def refused(path: Path, limits: Limits | None = None) -> str:
    """The sentence that a user reads."""
    with pytest.raises(UnplayableVideo) as caught:
        probe(path, limits or Limits())
    sentence = str(caught.value)
    assert sentence.endswith(".")
    assert str(path) not in sentence
    return sentence


def test_the_facts_are_measured(clip: Path) -> None:
    assert probe(clip) == Facts(
        width=64,
        height=48,
        fps=24.0,
        codec="h264",
        profile="High",
        pix_fmt="yuv420p",
        bt709=True,
        turned=False,
        pixel_aspect=1.0,
        frames=12,
        duration_ms=500,
        bytes=clip.stat().st_size,
        faststart=True,
        constant_rate=True,
        has_audio=False,
        sha256=hashlib.sha256(clip.read_bytes()).hexdigest(),
    )


def test_other_rates_sound_and_order_show_in_the_facts(pan: Any, write_clip: Any) -> None:
    path = write_clip(pan(12, 3), rate=Fraction(30000, 1001), audio=True, movflags="")
    facts = probe(path)
    assert facts.fps == pytest.approx(30000 / 1001)
    assert facts.has_audio
    assert not facts.faststart
    assert facts.constant_rate


def test_a_wavering_rate_shows_in_the_facts(pan: Any, write_clip: Any) -> None:
    facts = probe(write_clip(pan(6, 3), times=[0, 10, 20, 30, 50, 60]))
    assert not facts.constant_rate
    assert facts.duration_ms == pytest.approx(6.9 / 24 * 1000, abs=50)


def test_a_single_picture_is_a_video(pan: Any, write_clip: Any) -> None:
    facts = probe(write_clip(pan(1, 0)))
    assert (facts.frames, facts.fps, facts.constant_rate) == (1, 24.0, True)


@pytest.mark.parametrize(
    "movflags", ["+frag_keyframe+empty_moov", "+dash+global_sidx+frag_every_frame", "+frag_keyframe"]
)
def test_fragmented_files_are_videos(pan: Any, write_clip: Any, movflags: str) -> None:
    assert probe(write_clip(pan(12, 3), movflags=movflags)).frames == 12


def test_hevc_is_accepted_unless_the_limits_say_no(pan: Any, write_clip: Any) -> None:
    options = {"x265-params": "log-level=none"}
    path = write_clip(pan(3, 3, width=128, height=96), codec="libx265", **options)
    assert probe(path).codec == "h265"
    assert "H.264" in refused(path, Limits(codecs=("h264",)))


def test_other_codecs_are_refused(pan: Any, write_clip: Any) -> None:
    assert "H.264" in refused(write_clip(pan(3, 3), codec="mpeg4"))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0",
        b"<!DOCTYPE html><html><body>Link expired</body></html>",
        b"ffconcat version 1.0\nfile other.mp4\n",
        b"#EXTM3U\n#EXT-X-VERSION:3\nother.mp4\n",
        struct.pack(">I4s", 8, b"ftyp"),
        struct.pack(">I4s", 8, b"ftyp") + struct.pack(">I4s", 8, b"moov"),
    ],
)
def test_what_is_no_video_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    assert "not a" in refused(path)


def test_a_script_cannot_reach_another_file(clip: Path) -> None:
    script = clip.with_name("script.mp4")
    script.write_text(f"ffconcat version 1.0\nfile {clip.name}\n")
    refused(script)
    with pytest.raises(UnplayableVideo):
        next(decode(script))  # FFmpeg alone, without the walk over the boxes


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_refused(clip: Path, keep: float) -> None:
    data = clip.read_bytes()
    clip.write_bytes(data[: int(len(data) * keep)])
    refused(clip)


def test_bytes_after_the_last_box_are_refused(clip: Path) -> None:
    clip.write_bytes(clip.read_bytes() + b"\0\0\0")
    assert "middle of a box" in refused(clip)


def test_a_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        probe(tmp_path / "none.mp4")


@pytest.mark.parametrize(
    ("limits", "word"),
    [
        (Limits(max_bytes=1000), "MiB"),
        (Limits(max_pixels=64 * 47), "64x48"),
        (Limits(max_seconds=0.4), "seconds"),
        (Limits(max_frames=11), "too long"),
        (Limits(max_samples=11), "playable"),
        (Limits(max_boxes=5), "playable"),
        (Limits(decode_seconds=0.0), "too long"),
    ],
)
def test_every_limit_holds(clip: Path, limits: Limits, word: str) -> None:
    assert word in refused(clip, limits)


def test_a_picture_size_that_the_header_hides_is_refused(clip: Path) -> None:
    """The stream's own size counts, whatever the track header says."""
    data = bytearray(clip.read_bytes())
    at = data.index(b"avc1", data.index(b"stsd")) + 28
    assert struct.unpack_from(">HH", data, at) == (64, 48)
    struct.pack_into(">HH", data, at, 16, 16)
    clip.write_bytes(data)
    refused(clip, Limits(max_pixels=64 * 47))


@pytest.mark.parametrize("kind", [b"stsz", b"stts", b"stsc", b"stco", b"stss", b"ctts", b"elst"])
@pytest.mark.parametrize("claim", [50_000, 2**31, 2**32 - 1])
def test_a_table_that_claims_more_than_it_holds_is_refused(clip: Path, kind: bytes, claim: int) -> None:
    data = bytearray(clip.read_bytes())
    struct.pack_into(">I", data, data.index(kind) + (12 if kind == b"stsz" else 8), claim)
    with pytest.raises(UnplayableVideo, match=kind.decode()):
        check_boxes(BytesIO(data))


@pytest.mark.parametrize(("kind", "offset"), [(b"stts", 12), (b"ctts", 12), (b"stsc", 16)])
def test_a_run_length_bomb_is_refused(clip: Path, kind: bytes, offset: int) -> None:
    data = bytearray(clip.read_bytes())
    struct.pack_into(">I", data, data.index(kind) + offset, 2**31)
    with pytest.raises(UnplayableVideo, match=kind.decode()):
        check_boxes(BytesIO(data))


def test_endless_nesting_is_refused() -> None:
    nested = b""
    for _ in range(5000):
        nested = struct.pack(">I4s", len(nested) + 8, b"moov") + nested
    with pytest.raises(UnplayableVideo, match="levels"):
        check_boxes(BytesIO(struct.pack(">I4s", 8, b"ftyp") + nested))


def in_index(clip: Path, kind: bytes, body: bytes) -> BytesIO:
    """The clip with one more box at the end of its index, which stands before the media."""
    data = clip.read_bytes()
    start, end = data.index(b"moov"), data.index(b"free") - 4
    index = data[start:end] + struct.pack(">I4s", len(body) + 8, kind) + body
    return BytesIO(data[: start - 4] + struct.pack(">I", len(index) + 4) + index + data[end:])


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (b"cmov", bytes(8)),
        (b"sidx", bytes(22) + b"\xff\xff"),
        (b"sidx", b"\1" + bytes(29) + b"\xff\xff"),
        (b"trun", struct.pack(">II", 0, 100_000)),
        (b"trun", struct.pack(">II", 0xF01, 1000)),
        (b"stsd", bytes(20) + b"stts" + bytes(20)),
        (b"elst", struct.pack(">II", 0, 9)),
        (b"stsz", struct.pack(">III", 0, 1, 50_000)),
    ],
)
def test_what_cannot_be_trusted_in_an_index_is_refused(clip: Path, kind: bytes, body: bytes) -> None:
    check_boxes(in_index(clip, b"free", body))
    with pytest.raises(UnplayableVideo, match=kind.decode()):
        check_boxes(in_index(clip, kind, body))
    with pytest.raises(UnplayableVideo, match=kind.decode()):
        check_boxes(in_index(clip, b"udta", struct.pack(">I4s", len(body) + 8, kind) + body))


def test_tags_are_no_reason_to_refuse(clip: Path) -> None:
    """A text may hold the name of a table, and QuickTime ends a list with four zero bytes."""
    text = struct.pack(">I4s", 24, b"\xa9nam") + b"postcode stts 10"
    for body in (text, text + bytes(4)):
        assert check_boxes(in_index(clip, b"udta", body))


def coded(width: int, height: int, start: int) -> list[Any]:
    """Four pictures that carry their size with them."""
    context = av.CodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    context.time_base = Fraction(1, 24)
    context.options = {"preset": "ultrafast", "x264-params": "repeat-headers=1"}
    packets = []
    for index in range(4):
        frame = av.VideoFrame(width, height, "yuv420p")
        frame.pts, frame.time_base = start + index, context.time_base
        packets += context.encode(frame)
    return packets + context.encode(None)


def test_a_picture_size_that_changes_is_refused(tmp_path: Path) -> None:
    """The header knows the first size alone."""
    path = tmp_path / "growing.mp4"
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as output:
        stream = output.add_stream("libx264", rate=24, options={"x264-params": "repeat-headers=1"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for packet in coded(64, 48, 0) + coded(640, 480, 4):
            packet.stream = stream
            output.mux(packet)
    assert "size changes" in refused(path)
    assert "damaged" in refused(path, Limits(max_pixels=64 * 48))


def test_cover_art_is_no_second_video(tmp_path: Path) -> None:
    path = tmp_path / "cover.mp4"
    with av.open(str(path), "w", format="mp4") as output:
        video = output.add_stream("libx264", rate=24)
        cover = output.add_stream("mjpeg", rate=1)
        cover.disposition = Disposition.attached_pic
        for stream, kind in ((cover, "yuvj420p"), (video, "yuv420p")):
            stream.width, stream.height, stream.pix_fmt = 64, 48, kind
        for stream in (cover, video):
            frame = av.VideoFrame(64, 48, stream.pix_fmt or "")
            frame.pts = 0
            output.mux(stream.encode(frame) + stream.encode(None))
    with av.open(str(path)) as container:
        assert len(container.streams.video) == 2
    assert probe(path).codec == "h264"


def test_pictures_at_the_same_time_are_refused(clip: Path) -> None:
    data = bytearray(clip.read_bytes())
    struct.pack_into(">I", data, data.index(b"stts") + 16, 0)
    clip.write_bytes(data)
    refused(clip)


def test_a_damaged_picture_is_refused(clip: Path) -> None:
    """Left to itself, the decoder paints over the damage."""
    data = bytearray(clip.read_bytes())
    middle = (data.index(b"mdat") + len(data)) // 2
    data[middle : middle + 40] = bytes(range(100, 140))
    clip.write_bytes(data)
    refused(clip)


@settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    edits=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=6),
    in_index=st.booleans(),
)
def test_a_mutated_file_is_refused_or_decoded(
    clip: Path, edits: list[tuple[float, int]], in_index: bool
) -> None:
    original = clip.read_bytes()
    data = bytearray(original)
    room = original.index(b"mdat") if in_index else len(data)
    for place, value in edits:
        data[int(place * room)] = value
    mutant = clip.with_name("mutant.mp4")
    mutant.write_bytes(data)
    try:
        facts = probe(mutant, Limits(decode_seconds=5))
    except UnplayableVideo:
        return
    assert 0 < facts.frames <= Limits().max_frames
    assert facts.duration_ms <= Limits().max_seconds * 1000


@pytest.mark.parametrize(("size", "tagged"), [((64, 48), True), ((1280, 720), True), ((1280, 720), False)])
def test_colours_come_back_as_bt709(write_clip: Any, size: tuple[int, int], tagged: bool) -> None:
    red = np.full((size[1], size[0], 3), (30, 60, 200), np.uint8)
    frame = next(decode(write_clip([red], tagged=tagged)))
    assert to_bgr(frame).mean((0, 1)) == pytest.approx((30, 60, 200), abs=3)


def test_a_scaled_frame_is_the_average_of_its_area(pan: Any, write_clip: Any) -> None:
    frame = next(decode(write_clip(pan(1, 0, width=320, height=160), crf="1")))
    small = to_bgr(frame, 32, 16)
    assert small.shape == (16, 32, 3)
    blocks = to_bgr(frame).reshape(16, 10, 32, 10, 3).mean((1, 3))
    assert np.abs(blocks - small).mean() < 3
