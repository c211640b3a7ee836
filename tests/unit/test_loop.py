from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import pytest

from cutscene.media.change import Thumbnail
from cutscene.media.frames import from_picture, size_of
from cutscene.media.loop import LoopPlan, looped, plan_loop
from cutscene.media.loop_search import Cut, Footage, likeliest_cut
from cutscene.media.seam import seam
from cutscene.specs import Easing, LoopStyle

FPS = 24.0
WIDTH, HEIGHT = 80, 48


def plan(pictures: list[Thumbnail], frames: int, **style: Any) -> LoopPlan:
    return plan_loop(pictures, frames, fps=FPS, style=LoopStyle(**style))


@pytest.fixture
def turning(pan: Any) -> list[Thumbnail]:
    """Forty frames that loop exactly."""
    frames: list[Thumbnail] = pan(40, 2, width=WIDTH, height=HEIGHT)
    return frames


@pytest.fixture
def swaying(texture: Any) -> list[Thumbnail]:
    """Seventy-two frames that nearly come back to themselves, and never quite."""
    view = texture(WIDTH * 2, HEIGHT * 2)

    def at(number: int) -> Thumbnail:
        across = 6 * np.sin(0.16 * number) + 0.04 * number
        down = 3 * np.sin(0.23 * number + 1)
        matrix = np.array([[1, 0, -WIDTH / 2 + across], [0, 1, -HEIGHT / 2 + down]], np.float32)
        return np.asarray(cv2.warpAffine(view, matrix, (WIDTH, HEIGHT)), np.uint8)

    return [at(number) for number in range(72)]


def test_what_loops_already_is_left_alone(turning: list[Thumbnail]) -> None:
    found = plan(turning, 40)
    assert (found.method, found.frames, found.stretch) == ("as_is", 40, 1)
    assert found.seam.score >= 90
    assert all(made is given for made, given in zip(looped(iter(turning), found), turning, strict=True))


def test_a_clip_that_ends_as_it_began_loses_its_doubled_frame(turning: list[Thumbnail]) -> None:
    found = plan([*turning, turning[0]], 41)
    assert (found.method, found.frames) == ("as_is", 40)
    assert found.seam.score >= 90
    assert not found.facts()["shortened"]


def test_a_loop_of_another_length_is_stretched_to_the_asked_one(turning: list[Thumbnail]) -> None:
    found = plan(turning, 46)
    assert (found.method, found.frames, found.cut.frames) == ("as_is", 46, 40)
    made = list(looped(iter(turning), found))
    assert len(made) == 46
    assert seam(made).seamless


def test_the_asked_length_comes_out_of_footage_without_a_loop(swaying: list[Thumbnail]) -> None:
    found = plan(swaying, 48)
    made = list(looped(iter(swaying), found))
    assert len(made) == found.frames == 48
    assert seam(made, found.mixed).score == pytest.approx(found.seam.score)
    assert found.seam.score > seam(swaying[:48]).score + 20


def test_what_is_predicted_is_what_is_made(swaying: list[Thumbnail]) -> None:
    for found in (plan(swaying, 48), plan(swaying, 40, ping_pong=True)):
        made = list(looped(iter(swaying), found))
        assert seam(made, found.mixed).score == pytest.approx(found.seam.score)


def test_what_is_stretched_comes_close_to_what_was_predicted(swaying: list[Thumbnail]) -> None:
    found = plan(swaying, 44)
    assert found.stretch > 1
    made = list(looped(iter(swaying), found))
    assert len(made) == 44
    assert seam(made, found.mixed).score == pytest.approx(found.seam.score, abs=10)


def test_without_a_frame_to_spare_a_shorter_cut_is_stretched(swaying: list[Thumbnail]) -> None:
    found = plan(swaying[:48], 48)
    assert found.frames == 48
    assert 0.8 * 48 <= found.cut.frames < 48
    assert found.facts()["kept"] == pytest.approx(found.cut.frames / 48, abs=0.001)


def test_far_too_short_a_clip_gives_a_shorter_loop_and_says_so(swaying: list[Thumbnail]) -> None:
    found = plan(swaying[:30], 60)
    assert 30 <= found.frames < 40
    assert found.facts()["shortened"]
    assert len(list(looped(iter(swaying[:30]), found))) == found.frames


def test_a_blend_is_as_long_and_as_eased_as_asked(swaying: list[Thumbnail]) -> None:
    found = plan(swaying[:60], 48, longest_blend=0.2, easing=Easing.LINEAR)
    assert found.cut.blend <= 5
    assert found.blend is None or found.blend.easing is Easing.LINEAR


def test_ping_pong_comes_back_the_way_it_went(swaying: list[Thumbnail]) -> None:
    for frames in (40, 41):
        found = plan(swaying, frames, ping_pong=True)
        made = list(looped(iter(swaying), found))
        assert (found.method, len(made)) == ("ping_pong", frames)
        for there, back in zip(made[1:], reversed(made[1:]), strict=True):
            assert np.array_equal(there, back)


def test_time_runs_backward_only_when_asked(swaying: list[Thumbnail]) -> None:
    assert plan(swaying[:50], 40).method != "ping_pong"


@pytest.mark.parametrize("count", [1, 2, 3, 30])
@pytest.mark.parametrize("ping_pong", [False, True])
def test_a_still_picture_loops(texture: Any, count: int, ping_pong: bool) -> None:
    pictures = [texture(WIDTH, HEIGHT)] * count
    found = plan(pictures, count, ping_pong=ping_pong)
    assert found.seam.seamless
    assert len(list(looped(iter(pictures), found))) == count


def test_a_hard_cut_inside_is_no_end_of_the_world(turning: list[Thumbnail]) -> None:
    clip = [*turning[:20], *(255 - frame for frame in turning[20:])]
    found = plan(clip, 36)
    assert len(list(looped(iter(clip), found))) == 36


def test_no_picture_is_no_loop() -> None:
    with pytest.raises(ValueError, match="no pictures"):
        plan([], 24)


def test_facts_are_plain_json(swaying: list[Thumbnail]) -> None:
    facts = plan(swaying[:30], 30).facts()
    assert json.loads(json.dumps(facts)) == facts
    assert {"method", "start", "frames", "blend", "stretch", "kept", "shortened", "seam"} <= set(facts)


def test_full_frames_pass_through_one_at_a_time(swaying: list[Thumbnail]) -> None:
    """What is held is one blend, not the clip."""
    found = plan(swaying, 48)
    taken = 0

    def frames() -> Iterator[Any]:
        nonlocal taken
        for picture in swaying:
            taken += 1
            yield from_picture(np.asarray(cv2.resize(picture, (160, 96)), np.uint8))

    for made, frame in enumerate(looped(frames(), found), start=1):
        assert size_of(frame) == (160, 96)
        assert taken <= found.cut.start + found.cut.blend + made / found.stretch + 2


def test_the_likeliest_cut_is_where_the_clip_comes_back(turning: list[Thumbnail]) -> None:
    clip = [*turning, *turning[:20]]
    for blend in (0, 6):
        cut = likeliest_cut(Footage(clip), range(30, 50), blend)
        assert cut is not None
        assert cut.frames == 40
        assert cut.start + cut.frames + cut.blend <= 60


def test_a_clip_too_short_for_the_blend_has_no_cut(turning: list[Thumbnail]) -> None:
    assert likeliest_cut(Footage(turning[:6]), [6], blend=6) is None


def test_a_cut_tells_its_frames() -> None:
    cut = Cut(start=3, frames=10, blend=2)
    assert list(cut.plain) == [5, 6, 7, 8, 9, 10, 11, 12]
    assert cut.pairs == [(13, 3), (14, 4)]
