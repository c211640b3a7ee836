"""The encoder's promises, checked on the file it wrote."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, VideoReformatter
from numpy.typing import NDArray

from cutscene.media.boxes import DEFAULT_LIMITS
from cutscene.media.encode import Encoder, to_yuv
from cutscene.media.seam import measure_seam
from cutscene.specs import Codec

WIDTH, HEIGHT = 128, 96
PATCHES = {
    "red": (0, 0, 255),
    "green": (0, 255, 0),
    "blue": (255, 0, 0),
    "skin": (140, 172, 224),
    "black": (0, 0, 0),
    "white": (255, 255, 255),
    "gray": (118, 118, 118),
}


def moving_square(number: int) -> NDArray[np.uint8]:
    picture = np.full((HEIGHT, WIDTH, 3), 40, np.uint8)
    picture[30:60, 2 * number : 2 * number + 30] = (60, 120, 220)
    return picture


def write(path: Path, frames: int = 30, **options: int) -> Path:
    with Encoder(path, width=WIDTH, height=HEIGHT, **options) as encoder:  # type: ignore[arg-type]  # ints only here
        for number in range(frames):
            encoder.write(to_yuv(moving_square(number)))
    return path


def decoded(path: Path) -> list[av.VideoFrame]:
    with av.open(str(path), format="mp4") as container:
        return list(container.decode(video=0))


def test_every_frame_comes_out_at_a_constant_rate(tmp_path: Path) -> None:
    path = write(tmp_path / "clip.mp4", frames=31)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.average_rate == 24
        assert stream.base_rate == 24
        seconds = [frame.time for frame in container.decode(stream)]
    assert seconds == pytest.approx([number / 24 for number in range(31)], abs=1e-4)


def test_another_rate_is_kept(tmp_path: Path) -> None:
    with av.open(str(write(tmp_path / "clip.mp4", fps=30))) as container:
        assert container.streams.video[0].average_rate == 30


@pytest.mark.parametrize("preset", ["ultrafast", "superfast", "medium"])
def test_high_profile_and_tags_at_every_preset(tmp_path: Path, preset: str) -> None:
    path = tmp_path / "clip.mp4"
    with Encoder(path, width=WIDTH, height=HEIGHT, preset=preset) as encoder:  # type: ignore[arg-type]  # a parameter
        for number in range(4):
            encoder.write(to_yuv(moving_square(number)))
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        assert context.name == "h264"
        assert context.profile == "High"
        assert context.pix_fmt == "yuv420p"
        assert (context.width, context.height) == (WIDTH, HEIGHT)
        assert context.color_range == ColorRange.MPEG
        assert context.colorspace == Colorspace.ITU709
        assert context.color_primaries == ColorPrimaries.BT709
        assert context.color_trc == ColorTrc.BT709


def test_the_index_stands_before_the_media(tmp_path: Path) -> None:
    data = write(tmp_path / "clip.mp4").read_bytes()
    assert 0 < data.find(b"moov") < data.find(b"mdat")


def test_the_same_frames_make_the_same_bytes(tmp_path: Path) -> None:
    first, second = write(tmp_path / "first.mp4"), write(tmp_path / "second.mp4")
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("name", PATCHES)
def test_colours_survive_a_round_trip(tmp_path: Path, name: str) -> None:
    path = tmp_path / "clip.mp4"
    with Encoder(path, width=WIDTH, height=HEIGHT, crf=10) as encoder:
        for _ in range(3):
            encoder.write(to_yuv(np.full((HEIGHT, WIDTH, 3), PATCHES[name], np.uint8)))
    frame = decoded(path)[1]
    # Decoded as the tags say: BT.601 in or out would be 20 and more levels off in red and green.
    back = VideoReformatter().reformat(
        frame,
        format="bgr24",
        src_colorspace=frame.colorspace,
        src_color_range=frame.color_range,
        dst_color_range=ColorRange.JPEG,
    )
    centre = back.to_ndarray()[HEIGHT // 2, WIDTH // 2].astype(int)
    assert np.abs(centre - PATCHES[name]).max() <= 4


def test_white_and_black_stay_within_limited_range() -> None:
    luma = [to_yuv(np.full((16, 16, 3), level, np.uint8)).to_ndarray()[:16].mean() for level in (0, 255)]
    assert luma == pytest.approx([16, 235], abs=1)


def test_a_decoded_frame_does_not_force_a_keyframe(tmp_path: Path) -> None:
    frames = decoded(write(tmp_path / "first.mp4"))
    assert frames[0].key_frame
    path = tmp_path / "second.mp4"
    with Encoder(path, width=WIDTH, height=HEIGHT) as encoder:
        for frame in [*frames[5:8], frames[0], *frames[8:12]]:
            encoder.write(frame)
    assert [frame.key_frame for frame in decoded(path)] == [True] + [False] * 7


def test_an_odd_size_is_refused_before_a_file_is_made(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    with pytest.raises(ValueError, match="even"):
        Encoder(path, width=127, height=96)
    assert not path.exists()


def test_an_error_in_the_block_comes_through_and_closes_the_file(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"

    def fail() -> None:
        with Encoder(path, width=WIDTH, height=HEIGHT) as encoder:
            encoder.write(to_yuv(moving_square(0)))
            raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"):
        fail()


def test_views_that_are_not_contiguous_are_converted_too() -> None:
    wide = np.zeros((HEIGHT, WIDTH * 2, 3), np.uint8)
    wide[:, ::2] = (10, 200, 90)
    straight = to_yuv(np.ascontiguousarray(wide[:, ::2])).to_ndarray()
    assert np.array_equal(to_yuv(wide[:, ::2]).to_ndarray(), straight)


@pytest.mark.parametrize(("codec", "least"), [(Codec.H264, 88), (Codec.H265, 85)])
def test_an_exact_loop_of_slow_motion_stays_seamless(
    tmp_path: Path, texture: Any, codec: Codec, least: float
) -> None:
    view, score = texture(320, 180), {}
    for loop in (True, False):
        path = tmp_path / f"{loop}.mp4"
        with Encoder(path, width=320, height=180, codec=codec, loop=loop) as encoder:
            for number in range(48):
                encoder.write(to_yuv(breathing(view, number / 48)))
        score[loop] = measure_seam(path, replace(DEFAULT_LIMITS, codecs=("h264", "hevc"))).score
    assert score[True] > max(least, score[False] + 5)


def breathing(view: NDArray[np.uint8], time: float) -> NDArray[np.uint8]:
    """In and out and back once while time goes from 0 to 1."""
    scale = 1.03 + 0.03 * np.sin(2 * np.pi * time)
    matrix = np.array([[scale, 0, 160 * (1 - scale)], [0, scale, 90 * (1 - scale)]], np.float32)
    return np.asarray(cv2.warpAffine(view, matrix, (320, 180)), np.uint8)
