from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cutscene.media.blend import Blend, crossing, ease, ghost
from cutscene.media.frames import from_picture, planes, to_picture
from cutscene.media.warp import Morph, between
from cutscene.specs import Easing

HALF = np.full((90, 160), 0.5, np.float32)


@pytest.mark.parametrize("easing", list(Easing))
def test_a_weight_grows_from_nothing_to_all(easing: Easing) -> None:
    weights = [ease(time / 10, easing) for time in range(11)]
    assert (weights[0], weights[-1]) == (0, 1)
    assert weights == sorted(weights)


def test_easings_differ_in_the_middle() -> None:
    assert ease(0.5, Easing.EASE_IN) < ease(0.5, Easing.LINEAR) < ease(0.5, Easing.EASE_OUT)
    assert ease(0.25, Easing.EASE_IN_OUT) < 0.25


def test_two_pictures_through_each_other_are_a_ghost(texture: Any) -> None:
    one, other = texture(160, 90, 1), texture(160, 90, 2)
    assert ghost(one, one, HALF) < 0.01
    assert ghost(one, other, HALF) > 0.8
    assert ghost(one, other, HALF * 0.2) < ghost(one, other, HALF)
    assert ghost(one, other, np.zeros_like(HALF)) < 0.01


def test_a_torn_picture_is_no_better_than_a_ghost(texture: Any) -> None:
    """Half of one and half of another shows nothing twice, and an edge that neither has."""
    bright = np.full((90, 160, 3), 200, np.uint8)
    dark = np.full((90, 160, 3), 20, np.uint8)
    halves = np.zeros((90, 160), np.float32)
    halves[:, 80:] = 1
    assert ghost(bright, dark, HALF) < 0.01
    assert ghost(bright, dark, halves) > 1


def test_a_crossfade_is_the_mean_in_its_middle(texture: Any) -> None:
    one, other = texture(160, 90, 1), texture(160, 90, 2)
    mixed = Blend(frames=3).mix(one, other, 1, Morph())
    assert np.abs(mixed.astype(int) - (one.astype(int) + other) / 2).max() <= 1


def test_frames_are_mixed_as_their_pictures_are(texture: Any) -> None:
    one = texture(160, 88)
    other = np.roll(one, 4, axis=1)
    middle = np.full((88, 160), 0.5, np.float32)
    for blend in (Blend(frames=5), Blend(frames=5, crossing=middle), Blend(frames=5, morph=True)):
        frame = to_picture(blend.mix(from_picture(one), from_picture(other), 1, Morph()))
        assert np.abs(frame.astype(int) - blend.mix(one, other, 1, Morph())).mean() < 4


def test_a_morph_moves_where_a_crossfade_shows_twice(texture: Any) -> None:
    view = texture(160, 90)
    moved = np.roll(view, 6, axis=1)
    fade, morph = Blend(frames=3), Blend(frames=3, morph=True)
    assert morph.ghost(*morph.align(view, moved, 1, Morph()), 1) < 0.3 * fade.ghost(view, moved, 1)
    expected = np.roll(view, 3, axis=1)[:, 20:-20].astype(int)
    assert np.abs(morph.mix(view, moved, 1, Morph())[:, 20:-20] - expected).mean() < 5


def test_each_spot_crosses_while_both_show_the_same_there() -> None:
    """A bar is in the way early on the left, late on the right."""
    plain = np.full((90, 160, 3), 100, np.uint8)
    pairs = []
    for index in range(12):
        tail = plain.copy()
        tail[:, slice(0, 80) if index < 6 else slice(80, 160)] = 220
        pairs.append((tail, plain))
    times = crossing(pairs)
    assert times.shape == (90, 160)
    assert times[45, 20] > 0.5 > times[45, 140]
    assert 0.12 <= times.min() <= times.max() <= 0.88


def test_spots_have_all_crossed_at_both_ends(texture: Any) -> None:
    one, other = texture(160, 90, 1), texture(160, 90, 2)
    blend = Blend(frames=40, crossing=crossing([(one, other)] * 40))
    assert np.abs(blend.mix(one, other, 0, Morph()).astype(int) - one).max() <= 4
    assert np.abs(blend.mix(one, other, 39, Morph()).astype(int) - other).max() <= 4


def test_between_two_frames_things_are_on_their_way(texture: Any) -> None:
    view = texture(160, 90)
    halfway = between(view, np.roll(view, 4, axis=1), 0.5)
    expected = np.roll(view, 2, axis=1)[:, 20:-20].astype(int)
    assert np.abs(halfway[:, 20:-20] - expected).mean() < 5
    assert between(view, halfway, 0) is view
    assert between(view, halfway, 1) is halfway


def test_planes_of_a_frame_keep_their_places(texture: Any) -> None:
    gray = np.full((88, 160, 3), 128, np.uint8)
    red = gray.copy()
    red[..., 2] = 250
    mixed = Blend(frames=1, morph=True).mix(from_picture(red), from_picture(red), 0, Morph())
    for plane, expected in zip(planes(mixed), planes(from_picture(red)), strict=True):
        assert np.abs(plane.astype(int) - expected).max() <= 1
