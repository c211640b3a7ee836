from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from cutscene.media.boxes import Limits, UnplayableVideo
from cutscene.media.conform import conform
from cutscene.media.frames import Frame, read_frames, size_of, to_picture, to_video
from cutscene.media.orientation import UPRIGHT, orientation
from cutscene.media.probe import decode, probe, to_bgr

WIDTH, HEIGHT = 160, 96
RED, GREEN, BLUE, WHITE = (30, 30, 200), (30, 180, 30), (200, 40, 30), (230, 230, 230)  # BGR

# What a matrix (a, b, c, d) makes of x, y: a x + c y, b x + d y. Corners: top left, top right,
# bottom left, bottom right, of what is seen where red, green, blue, white lie so in the file.
LAYS = {
    (1, 0, 0, 1): (RED, GREEN, BLUE, WHITE),
    (-1, 0, 0, -1): (WHITE, BLUE, GREEN, RED),
    (0, 1, -1, 0): (BLUE, RED, WHITE, GREEN),  # clockwise, as a telephone held upright
    (0, -1, 1, 0): (GREEN, WHITE, RED, BLUE),
    (-1, 0, 0, 1): (GREEN, RED, WHITE, BLUE),
    (1, 0, 0, -1): (BLUE, WHITE, RED, GREEN),
    (0, 1, 1, 0): (RED, BLUE, GREEN, WHITE),
    (0, -1, -1, 0): (WHITE, GREEN, BLUE, RED),
}


@pytest.fixture
def clip(write_clip: Any) -> Path:
    """Four corners of four colours."""
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    half_height, half_width = HEIGHT // 2, WIDTH // 2
    picture[:half_height, :half_width], picture[:half_height, half_width:] = RED, GREEN
    picture[half_height:, :half_width], picture[half_height:, half_width:] = BLUE, WHITE
    path: Path = write_clip([picture] * 12, crf="8")
    return path


def lay(clip: Path, matrix: tuple[int, int, int, int], one: int = 1 << 16) -> None:
    """Write a matrix into the track's header."""
    data = bytearray(clip.read_bytes())
    at = data.index(b"tkhd") + 44
    assert struct.unpack_from(">9i", data, at) == (1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    a, b, c, d = (value * one for value in matrix)
    struct.pack_into(">9i", data, at, a, b, 0, c, d, 0, 0, 0, 1 << 30)
    clip.write_bytes(data)


def corners(picture: Any) -> list[Any]:
    height, width = picture.shape[:2]
    places = [(height // 4, width // 4), (height // 4, width * 3 // 4)]
    places += [(height * 3 // 4, width // 4), (height * 3 // 4, width * 3 // 4)]
    return [picture[place].astype(int).tolist() for place in places]


@pytest.mark.parametrize(("matrix", "seen"), LAYS.items())
def test_a_clip_is_seen_as_the_camera_was_held(clip: Path, tmp_path: Path, matrix: Any, seen: Any) -> None:
    lay(clip, matrix)
    facts, sideways = probe(clip), matrix[0] == 0
    assert (facts.width, facts.height) == ((HEIGHT, WIDTH) if sideways else (WIDTH, HEIGHT))
    assert facts.turned == (matrix != (1, 0, 0, 1))
    expected = [pytest.approx(colour, abs=6) for colour in seen]
    frames = list(read_frames(clip))
    assert size_of(frames[0]) == (facts.width, facts.height)
    assert corners(to_picture(frames[0])) == expected
    target = tmp_path / "finished.mp4"
    assert conform(clip, target, width=facts.width, height=facts.height, frames=12) == facts.turned
    assert not probe(target).turned
    assert corners(to_bgr(next(decode(target)))) == expected


def test_a_turn_that_is_no_quarter_is_left_alone(clip: Path) -> None:
    lay(clip, (7, 7, -7, 7), one=6554)
    assert orientation(next(decode(clip))) == UPRIGHT


def test_wide_pixels_are_stretched_before_they_are_cropped(tmp_path: Path) -> None:
    """A circle of 40 x 80 pixels that are twice as wide as high is seen as a circle."""
    source, target = tmp_path / "wide.mp4", tmp_path / "finished.mp4"
    across, down = np.meshgrid(np.arange(80), np.arange(96))
    circle = (((across - 40) / 20) ** 2 + ((down - 48) / 40) ** 2 <= 1) * np.uint8(235)
    flat = np.vstack([circle, np.full((48, 80), 128, np.uint8)])
    write_yuv(source, [flat] * 12, pixel_aspect=Fraction(2))
    facts = probe(source)
    assert (facts.width, facts.height, facts.pixel_aspect) == (160, 96, 2.0)
    assert size_of(next(read_frames(source))) == (160, 96)
    assert conform(source, target, width=160, height=96, frames=12)
    rows, columns = np.nonzero(next(read_frames(target))[:96] > 128)
    assert [np.ptp(rows), np.ptp(columns)] == pytest.approx([80, 80], abs=2)
    with pytest.raises(UnplayableVideo, match="80x96"):
        probe(source, Limits(max_pixels=80 * 96))


def write_yuv(path: Path, frames: list[Any], *, pixel_aspect: Fraction) -> None:
    with av.open(str(path), "w", format="mp4") as output:
        stream: Any = output.add_stream("libx264", rate=24, options={"crf": "4"})
        stream.width, stream.height = size_of(frames[0])
        stream.codec_context.sample_aspect_ratio = pixel_aspect
        for frame in frames:
            output.mux(stream.encode(av.VideoFrame.from_ndarray(frame, "yuv420p")))
        output.mux(stream.encode(None))


def test_pixels_like_splinters_are_refused(tmp_path: Path) -> None:
    source = tmp_path / "splinters.mp4"
    write_yuv(source, [np.full((96 * 3 // 2, 80), 128, np.uint8)] * 2, pixel_aspect=Fraction(9))
    with pytest.raises(UnplayableVideo, match="square"):
        probe(source)


@pytest.mark.parametrize("height", [88, 90, 92, 94])
def test_no_row_of_a_frame_is_lost(height: int) -> None:
    frame: Frame = np.random.default_rng(1).integers(16, 236, (height * 3 // 2, 64), np.uint8)
    assert np.array_equal(to_video(frame).to_ndarray(), frame)
