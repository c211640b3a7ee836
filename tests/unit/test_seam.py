from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from cutscene.media.seam import SEAMLESS, Mixed, measure_seam, seam, thumbnail


def test_a_periodic_camera_is_seamless(pan: Any) -> None:
    verdict = seam(pan(40, 4))
    assert verdict.score >= 90
    assert verdict.seamless


def test_a_raw_cut_of_progressing_footage_is_a_cut(pan: Any) -> None:
    verdict = seam(pan(48, 1))
    assert verdict.score < 40
    assert verdict.jump > 2
    assert not verdict.seamless


def test_a_slow_zoom_is_no_loop(texture: Any) -> None:
    base = texture(320, 180)

    def zoomed(factor: float) -> Any:
        matrix = cv2.getRotationMatrix2D((160, 90), 0, factor)
        return thumbnail(cv2.warpAffine(base, matrix, (320, 180), borderMode=cv2.BORDER_REFLECT))  # type: ignore[arg-type]  # the stub returns any matrix

    assert seam([zoomed(1 + 0.005 * index) for index in range(48)]).score < 40


def test_a_doubled_frame_is_a_hitch(pan: Any) -> None:
    """A picture that equals its neighbour is the best likeness there is, and stutters."""
    frames = pan(40, 4)
    verdict = seam([*frames, frames[0]])
    assert verdict.hitch > 2
    assert verdict.jump <= 1.05
    assert not verdict.seamless


def test_going_back_the_way_one_came_is_a_turn(pan: Any) -> None:
    frames = pan(24, 2)
    verdict = seam(frames + frames[-2:0:-1])
    assert verdict.turn > 2
    assert not verdict.seamless


def test_the_worst_figure_makes_the_score(pan: Any) -> None:
    frames = pan(40, 4)
    fading = [
        (frame * (0.4 + 0.015 * index)).astype(np.uint8) for index, frame in enumerate([frames[0]] * 40)
    ]
    worst = set()
    for clip in (fading, frames[:39], [*frames, frames[0], frames[0]]):
        verdict = seam(clip)
        terms = (verdict.jump, verdict.turn**0.5, (1 + verdict.hitch) / 2)
        assert verdict.score == pytest.approx(100 / max(1, *terms))
        worst.add(terms.index(max(terms)))
    assert worst == {0, 1, 2}


def test_a_hard_cut_inside_does_not_excuse_or_accuse_the_seam(pan: Any) -> None:
    frames = pan(40, 4)
    elsewhere = [255 - frame for frame in frames]
    assert seam(frames[:15] + elsewhere[15:25] + frames[25:]).seamless
    straight = pan(48, 1)
    assert seam(straight[:20] + [255 - frame for frame in straight[20:30]] + straight[30:]).score < 40


@pytest.mark.parametrize("count", [1, 2, 3, 24])
def test_a_static_picture_is_seamless(texture: Any, count: int) -> None:
    assert seam([texture(160, 90)] * count).score == 100


def test_two_pictures_that_alternate_have_a_rhythm(texture: Any) -> None:
    assert seam([texture(160, 90, 1), texture(160, 90, 2)]).score == pytest.approx(100)


def test_a_hand_that_wanders_off_is_a_cut(texture: Any) -> None:
    view, hand = texture(320, 180), np.random.default_rng(3).normal(0, 0.6, (48, 2)).cumsum(axis=0)
    frames = [
        np.roll(view, (round(y), 3 * number + round(x)), axis=(0, 1))[45:135, 80:240]
        for number, (x, y) in enumerate(hand)
    ]
    assert seam(frames).score < 40


def test_particles_loop_where_each_comes_back() -> None:
    """Sparks that rise by a whole picture in a loop, against sparks that rise by half of one."""

    def sparks(number: int, rise: float) -> Any:
        picture = np.full((90, 160, 3), 20, np.uint8)
        for x, y in np.random.default_rng(4).uniform(0, 1, (60, 2)):
            place = int(x * 160), int((y - rise * number) % 1 * 90)
            cv2.circle(picture, place, 3, (80, 180, 250), -1)
        return picture

    assert seam([sparks(number, 2 / 40) for number in range(40)]).seamless
    assert seam([sparks(number, 1.5 / 120) for number in range(40)]).score < 60


def test_water_that_never_repeats_is_a_cut() -> None:
    waves = np.random.default_rng(5).uniform(0.05, 0.3, (12, 3))
    down, across = np.mgrid[0:90, 0:160]

    def water(number: int) -> Any:
        height = sum(np.sin(across * x + down * y + number * speed) for x, y, speed in waves)
        return np.repeat((np.clip(height * 20, -120, 120) + 128)[..., None], 3, axis=2).astype(np.uint8)

    assert seam([water(number) for number in range(40)]).score < 40


def test_what_is_seen_twice_costs_up_to_almost_half(pan: Any) -> None:
    frames = pan(40, 4)
    plain = seam(frames)
    assert seam(frames, Mixed(frames=6, ghost=1)).score == pytest.approx(plain.score * 0.55, rel=0.02)
    assert seam(frames, Mixed(frames=6, ghost=5)).score == seam(frames, Mixed(frames=6, ghost=1)).score
    assert plain.score > seam(frames, Mixed(frames=6, ghost=0.2)).score > 85


def test_a_jump_anywhere_in_the_blend_counts(pan: Any) -> None:
    frames = pan(40, 4)
    frames[35] = 255 - frames[35]
    assert seam(frames).score > 80
    assert seam(frames, Mixed(frames=8)).score < 40


def test_no_picture_is_no_loop() -> None:
    with pytest.raises(ValueError, match="no pictures"):
        seam([])


def test_the_threshold_is_the_verdict(pan: Any) -> None:
    verdict = seam(pan(48, 3))
    assert verdict.seamless == (verdict.score >= SEAMLESS)


@pytest.mark.parametrize(("size", "expected"), [((1280, 720), (160, 90)), ((720, 1280), (90, 160))])
def test_a_thumbnail_is_160_pixels_on_its_longer_side(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    small = thumbnail(np.zeros((size[1], size[0], 3), np.uint8))
    assert (small.shape[1], small.shape[0]) == expected


def test_a_clip_may_come_to_rest_at_its_seam(texture: Any) -> None:
    view = texture(160, 90).astype(np.float32)
    shades = 0.7 + 0.3 * np.cos(2 * np.pi * np.arange(48) / 48)
    resting = [np.asarray(view * shade, np.uint8) for shade in shades]
    assert seam(resting).score > 90
    assert seam([*resting, resting[0]]).score < 80, "but not stop"


def test_an_encoded_loop_keeps_its_verdict(pan: Any, write_clip: Any) -> None:
    loop = write_clip(pan(40, 8, width=320, height=180), name="loop.mp4", crf="14")
    assert measure_seam(loop).seamless
    straight = write_clip(pan(48, 2, width=320, height=180), name="straight.mp4", crf="14")
    assert measure_seam(straight).score < 40


def test_a_file_scores_like_its_frames(pan: Any, write_clip: Any) -> None:
    frames = pan(40, 5, width=320, height=180)
    score = seam([thumbnail(frame) for frame in frames]).score
    assert measure_seam(write_clip(frames, crf="8")).score == pytest.approx(score, rel=0.1)
