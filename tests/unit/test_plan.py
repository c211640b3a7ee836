from __future__ import annotations

from typing import Any

import pytest

from cutscene.domain import Aspect, Credits, VideoRequest
from cutscene.errors import InputValidationError
from cutscene.plan import Start, closes_by_keyframes, plan_segments, segment_request
from cutscene.providers import Model

MP4 = "data:video/mp4;base64,AA=="
PNG = "data:image/png;base64,AA=="


def model(*durations: float, **able: Any) -> Model:
    return Model(
        id="m",
        **{"text": True, "image": True, **able},
        durations=durations,
        sizes={aspect: aspect.size for aspect in Aspect},
        credits_per_second=Credits.of(1),
    )


@pytest.mark.parametrize(
    ("seconds", "durations", "lengths"),
    [
        (4, range(2, 11), (4,)),
        (10, range(2, 11), (10,)),
        (11, range(2, 11), (6, 5)),
        (12, range(2, 11), (6, 6)),
        (21, range(2, 11), (7, 7, 7)),
        (30, range(2, 11), (10, 10, 10)),
        (9, (4, 6, 8), (6, 4)),
        (12, (4, 6, 8), (6, 6)),
        (16.5, (4, 6, 8), (6, 6, 6)),
        (12, (5, 10), (10, 5)),
        (10.5, (4,), (4, 4, 4)),
        (3.2, (5, 10), (3.2,)),
    ],
)
def test_lengths_add_up_with_the_least_waste(
    seconds: float, durations: tuple[float, ...], lengths: tuple[float, ...]
) -> None:
    plan = plan_segments(VideoRequest(prompt="x", duration=seconds), model(*durations))
    assert tuple(segment.seconds for segment in plan) == lengths
    assert [segment.start for segment in plan] == [Start.REQUEST, *[Start.FOOTAGE] * (len(lengths) - 1)]


def test_a_model_of_any_length_is_asked_for_equal_parts() -> None:
    plan = plan_segments(VideoRequest(prompt="x", duration=25), model(1, 10, any_duration=True))
    assert [segment.seconds for segment in plan] == pytest.approx([25 / 3] * 3)


def test_a_loop_has_a_second_to_spare_where_there_is_one() -> None:
    looped = VideoRequest(prompt="x", duration=4, loop=True)
    assert plan_segments(looped, model(4, 5))[0].seconds == 5
    assert plan_segments(looped, model(4))[0].seconds == 4
    assert plan_segments(looped, model(4, 5, loop=True))[0].seconds == 4
    keyframes = VideoRequest(prompt="x", duration=4, loop=True, image="k")
    assert plan_segments(keyframes, model(4, 5, last_image=True))[0].seconds == 4


def test_a_loop_closes_by_keyframes_where_the_model_takes_them() -> None:
    asked = VideoRequest(prompt="x", duration=8, loop=True, image="k")
    able = model(4, last_image=True)
    plan = plan_segments(asked, able)
    first, last = (segment_request(asked, able, plan, n, image="f") for n in (0, 1))
    assert (first.image, first.last_image, last.image, last.last_image) == ("k", None, "f", "k")
    assert first.loop
    whole = model(4, loop=True)
    assert not segment_request(asked, whole, plan_segments(asked, whole), 0).loop
    assert closes_by_keyframes(asked, able)
    assert not closes_by_keyframes(asked, model(4))


def test_a_clip_goes_on_from_its_last_frame_or_natively() -> None:
    asked = VideoRequest(prompt="x", duration=10, video=MP4, extend=True, video_seconds=6.0)
    [by_picture] = plan_segments(asked, model(4))
    assert (by_picture.start, by_picture.seconds) == (Start.CLIP, 4)
    sent = segment_request(asked, model(4), [by_picture], 0, image=PNG)
    assert (sent.image, sent.video, sent.extend) == (PNG, None, False)
    native = model(4, extends=True)
    [by_clip] = plan_segments(asked, native)
    assert by_clip.start is Start.REQUEST
    sent = segment_request(asked, native, [by_clip], 0)
    assert (sent.video, sent.extend, sent.duration) == (MP4, True, 4)


def test_what_is_as_long_already_is_not_extended() -> None:
    asked = VideoRequest(prompt="x", duration=6, video=MP4, extend=True, video_seconds=6.0)
    with pytest.raises(InputValidationError, match=r"lasts 6\.0 seconds already"):
        plan_segments(asked, model(4))
