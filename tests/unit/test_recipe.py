from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from cutscene.media.boxes import UnplayableVideo
from cutscene.media.probe import Facts, decode, probe, to_bgr
from cutscene.media.recipe import Piece, Recipe, make_clip, shape_clip
from cutscene.specs import Codec, Container, LoopStyle

WIDTH, HEIGHT, FRAMES = 160, 90, 24
SMALL = Recipe(width=WIDTH, height=HEIGHT, frames=FRAMES)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "finished.mp4"


def counted(count: int) -> list[Any]:
    """Frames that carry their number as eight black or white bars."""
    bars = [np.unpackbits(np.array([index], np.uint8)) * np.uint8(255) for index in range(count)]
    return [np.tile(bar.repeat(WIDTH // 8)[None, :, None], (HEIGHT, 1, 3)) for bar in bars]


def numbers(path: Path) -> list[int]:
    bars = (to_bgr(frame)[:, :, 1].reshape(HEIGHT, 8, -1).mean((0, 2)) > 128 for frame in decode(path))
    return [int(np.packbits(bar)[0]) for bar in bars]


def conformed(source: Path, target: Path, **changes: Any) -> tuple[bool, Facts]:
    """Whether pictures were encoded anew, and what came out."""
    wanted: dict[str, Any] = {"width": WIDTH, "height": HEIGHT, "frames": FRAMES} | changes
    facts = shape_clip([Piece(path=source)], target, Recipe(**wanted))
    assert (facts.width, facts.height, facts.frames) == (wanted["width"], wanted["height"], wanted["frames"])
    assert (facts.codec, facts.pix_fmt, facts.fps) == ("h264", "yuv420p", wanted.get("fps", 24))
    assert facts.constant_rate
    assert facts.faststart
    assert not facts.has_audio
    return not have_same_pictures(source, target), facts


def have_same_pictures(first: Path, second: Path) -> bool:
    before, after = ([frame.to_ndarray() for frame in decode(path)] for path in (first, second))
    return len(before) == len(after) and all(map(np.array_equal, before, after))


def test_what_is_exact_already_is_copied(pan: Any, write_clip: Any, target: Path) -> None:
    source = write_clip(pan(FRAMES, 2))
    encoded, _ = conformed(source, target)
    assert not encoded
    assert target.read_bytes() == source.read_bytes()


@pytest.mark.parametrize(
    "odd", [{"audio": True}, {"movflags": ""}, {"audio": True, "movflags": "", "preset": "veryfast"}]
)
def test_sound_and_order_are_mended_without_encoding(
    pan: Any, write_clip: Any, target: Path, odd: dict[str, Any]
) -> None:
    source = write_clip(pan(FRAMES, 2), **odd)
    encoded, _ = conformed(source, target)
    assert not encoded


def test_a_longer_clip_is_cut_at_its_end(write_clip: Any, target: Path) -> None:
    assert conformed(write_clip(counted(40)), target)[0]
    assert numbers(target) == list(range(FRAMES))


@pytest.mark.parametrize("delivered", [20, 21, 22])
def test_a_few_missing_frames_are_spread_over_the_clip(write_clip: Any, target: Path, delivered: int) -> None:
    assert conformed(write_clip(counted(delivered)), target)[0]
    shown = numbers(target)
    assert (shown[0], shown[-1]) == (0, delivered - 1)
    assert set(np.diff(shown)) == {0, 1}
    assert max(shown.count(number) for number in shown) == 2


def test_one_missing_frame_is_no_reason_to_show_another_twice(write_clip: Any, target: Path) -> None:
    source = write_clip(counted(FRAMES - 1))
    assert shape_clip([Piece(path=source)], target, SMALL).frames == FRAMES - 1
    assert target.read_bytes() == source.read_bytes()


def test_a_far_too_short_clip_is_refused(write_clip: Any, target: Path) -> None:
    with pytest.raises(UnplayableVideo, match=r"lasts 0\.5 seconds, 1\.0 were asked for"):
        conformed(write_clip(counted(12)), target)
    assert not target.exists()


@pytest.mark.parametrize("rate", [25, 30, Fraction(30000, 1001), 48, 60])
def test_another_rate_is_retimed(write_clip: Any, target: Path, rate: Any) -> None:
    source = write_clip(counted(round(rate * FRAMES / 24)), rate=rate)
    assert conformed(source, target)[0]
    for index, shown in enumerate(numbers(target)):
        middle = (index + 0.5) / 24 * float(rate)
        assert shown <= middle <= shown + 1


def test_the_right_number_at_the_wrong_rate_is_encoded(write_clip: Any, target: Path) -> None:
    assert conformed(write_clip(counted(FRAMES), rate=25), target)[0]


def test_wavering_timestamps_are_straightened(write_clip: Any, target: Path) -> None:
    times = [10 * index + (3 if index % 3 == 1 else 0) for index in range(FRAMES)]
    assert conformed(write_clip(counted(FRAMES), times=times), target)[0]
    assert numbers(target) == list(range(FRAMES))


def test_a_gap_is_filled_with_the_picture_before_it(write_clip: Any, target: Path) -> None:
    times = [10 * (index if index < 6 else index + 4) for index in range(20)]
    conformed(write_clip(counted(20), times=times), target)
    assert numbers(target) == [*range(5), *[5] * 5, *range(6, 20)]


def test_another_output_rate(write_clip: Any, target: Path) -> None:
    assert conformed(write_clip(counted(24)), target, fps=30, frames=30)[1].duration_ms == 1000


@pytest.mark.parametrize(
    ("width", "height"), [(160, 96), (200, 90), (320, 192), (80, 80), (96, 160), (159, 95)]
)
def test_any_size_is_cropped_around_its_centre_and_never_squeezed(
    write_clip: Any, target: Path, width: int, height: int
) -> None:
    """A circle in the middle stays a circle in the middle."""
    even = (width - width % 2, height - height % 2)
    picture = np.zeros((even[1], even[0], 3), np.uint8)
    radius = min(even) // 5
    cv2.circle(picture, (even[0] // 2, even[1] // 2), radius, (255, 255, 255), -1, cv2.LINE_AA)
    conformed(write_clip([picture] * FRAMES, rate=24), target, frames=FRAMES)
    rows, columns = np.nonzero(to_bgr(next(decode(target)))[:, :, 1] > 128)
    round_width, round_height = np.ptp(columns) + 1, np.ptp(rows) + 1
    expected = 2 * radius * max(WIDTH / even[0], HEIGHT / even[1])
    assert round_width == pytest.approx(expected, abs=3)
    assert round_height == pytest.approx(expected, abs=3)
    assert (columns.mean(), rows.mean()) == pytest.approx((WIDTH / 2, HEIGHT / 2), abs=2)


def test_colours_survive(write_clip: Any, target: Path) -> None:
    red = np.full((96, 160, 3), (30, 60, 200), np.uint8)
    conformed(write_clip([red] * FRAMES), target)
    frame = next(decode(target))
    assert (frame.colorspace, frame.color_range) == (1, 1)
    assert to_bgr(frame).mean((0, 1)) == pytest.approx((30, 60, 200), abs=4)


def test_hevc_becomes_h264(pan: Any, write_clip: Any, target: Path) -> None:
    options = {"x265-params": "log-level=none"}
    assert conformed(write_clip(pan(FRAMES, 2), codec="libx265", **options), target)[0]


@pytest.mark.parametrize(
    ("container", "codec"),
    [
        (Container.MP4, Codec.H264),
        (Container.MP4, Codec.H265),
        (Container.MP4, Codec.VP9),
        (Container.WEBM, Codec.VP9),
    ],
)
def test_every_container_and_codec(
    pan: Any, write_clip: Any, tmp_path: Path, container: Container, codec: Codec
) -> None:
    asked = Recipe(width=128, height=130, frames=30, fps=30, container=container, codec=codec, audio=True)
    target = tmp_path / f"finished.{container}"
    made = make_clip([Piece(path=write_clip(pan(26, 2), audio=True))], target, asked)
    facts = made.facts
    assert (facts.width, facts.height, facts.frames, facts.codec) == (128, 130, 30, codec)
    assert facts.fps == pytest.approx(30, rel=1e-3)
    assert facts.duration_ms == pytest.approx(1000, abs=1)
    assert (facts.constant_rate, facts.has_audio) == (True, True)
    assert made.poster[:3] == b"\xff\xd8\xff"
    with av.open(str(target)) as opened:
        assert opened.format.name.startswith("mov" if container is Container.MP4 else "matroska")
        [sound] = opened.streams.audio
        heard = sum(frame.samples for frame in opened.decode(sound))
        assert heard / sound.rate == pytest.approx(1, abs=0.06)


def test_a_bitrate_is_kept_to(tmp_path: Path, write_clip: Any) -> None:
    """Noise, which no codec can make small by itself."""
    noise = np.random.default_rng(1).integers(0, 256, (48, 180, 320, 3), np.uint8)
    source = write_clip(list(noise), crf="10")
    for kbps in (2000, 5000):
        asked = Recipe(width=320, height=180, frames=48, bitrate_kbps=kbps)
        facts = shape_clip([Piece(path=source)], tmp_path / "x.mp4", asked)
        assert facts.bytes * 8 / 2000 == pytest.approx(kbps, rel=0.4)


def test_sound_is_kept_only_where_it_is_asked_for(pan: Any, write_clip: Any, target: Path) -> None:
    source = write_clip(pan(FRAMES, 2), audio=True)
    assert not shape_clip([Piece(path=source)], target, SMALL).has_audio
    assert shape_clip([Piece(path=source)], target, replace(SMALL, audio=True)).has_audio
    assert target.read_bytes() == source.read_bytes()
    silent = write_clip(pan(FRAMES, 2), name="silent.mp4")
    assert not shape_clip([Piece(path=silent)], target, replace(SMALL, audio=True)).has_audio


def test_a_clip_is_measured_as_it_is_written(pan: Any, write_clip: Any, target: Path) -> None:
    made = make_clip([Piece(path=write_clip(pan(FRAMES, 2)))], target, SMALL)
    assert made.facts == probe(target)
    assert 0 <= made.seam.score <= 100


def test_a_loop_is_searched_in_all_footage_and_delivered_as_long_as_asked(
    pan: Any, write_clip: Any, target: Path
) -> None:
    """A camera that travels over a picture that comes again after 40 frames, in footage of 60."""
    source = write_clip(pan(60, 4))
    made = make_clip([Piece(path=source)], target, replace(SMALL, frames=40, loop=LoopStyle()))
    assert made.facts.frames == 40
    assert made.loop is not None
    assert made.loop["method"] in {"as_is", "cut"}
    assert made.seam.seamless


def test_footage_that_loops_already_is_left_alone(pan: Any, write_clip: Any, target: Path) -> None:
    source = write_clip(pan(40, 4), crf="12")
    made = make_clip([Piece(path=source)], target, replace(SMALL, frames=40, loop=LoopStyle()))
    assert target.read_bytes() == source.read_bytes()
    assert made.loop is not None
    assert (made.loop["method"], made.seam.seamless) == ("as_is", True)


def test_the_doubled_frame_of_keyframes_is_dropped(pan: Any, write_clip: Any, target: Path) -> None:
    source = write_clip(pan(41, 4))  # its last frame is its first
    made = make_clip([Piece(path=source)], target, replace(SMALL, frames=41, loop=LoopStyle()))
    assert made.facts.frames == 40
    assert made.seam.seamless


def test_a_loop_that_is_none_says_what_was_done_to_it(write_clip: Any, target: Path) -> None:
    made = make_clip(
        [Piece(path=write_clip(counted(60)))], target, replace(SMALL, frames=40, loop=LoopStyle())
    )
    assert made.facts.frames == 40
    assert made.loop is not None
    assert made.loop["frames"] == 40
    assert 0.8 <= made.loop["kept"] <= 1
    assert json.dumps(made.loop)


def test_forward_and_backward(pan: Any, write_clip: Any, target: Path) -> None:
    style = LoopStyle(ping_pong=True)
    made = make_clip([Piece(path=write_clip(pan(40, 3)))], target, replace(SMALL, frames=40, loop=style))
    assert made.loop is not None
    assert (made.loop["method"], made.facts.frames) == ("ping_pong", 40)
