"""The camera's vocabulary: axes and manners, as text, as JSON, and from the skills' words."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from cutscene.errors import InputValidationError
from cutscene.motion import Motion


@pytest.mark.parametrize(
    ("text", "motion"),
    [
        ("zoom:3,pan:-2", Motion(zoom=3, pan=-2)),
        (" breathing:3 , sway:0.5", Motion(breathing=3, sway=0.5)),
        ("parallax:-10", Motion(parallax=-10)),
    ],
)
def test_text_and_json_say_the_same(text: str, motion: Motion) -> None:
    assert Motion.parse(text) == motion
    assert Motion.from_json(asdict(motion)) == motion


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("dance:3", "Unknown camera motion dance: choose from pan, .*breathing, sway"),
        ("zoom", "malformed"),
        ("sway:-1", "sway of -1.0 is out of range: choose 0 to 10"),
        ("parallax:11", "parallax of 11.0 is out of range: choose -10 to 10"),
        ("zoom:nan", "out of range"),
    ],
)
def test_what_no_camera_does_is_refused(text: str, said: str) -> None:
    with pytest.raises(InputValidationError, match=said):
        Motion.parse(text)


@pytest.mark.parametrize(
    ("words", "motion"),
    [
        ({"motion_type": "pan"}, Motion(pan=3)),
        ({"motion_type": "pan", "direction": "left"}, Motion(pan=-3)),
        ({"motion_type": "pan", "direction": "up"}, Motion(tilt=3)),
        ({"motion_type": "pan", "direction": "down"}, Motion(tilt=-3)),
        ({"motion_type": "zoom", "direction": "out"}, Motion(zoom=-3)),
        ({"motion_type": "rotate", "direction": "counterclockwise"}, Motion(roll=-3)),
        ({"motion_type": "parallax", "direction": "left"}, Motion(parallax=-3)),
        ({"motion_type": "subtle_movement"}, Motion(sway=3)),
        ({"motion_type": "breathing"}, Motion(breathing=3)),
        ({"motion_type": "zoom", "intensity": 0.2, "speed": 4.0}, Motion(zoom=4)),
        ({"motion_type": "zoom", "intensity": 1.0, "speed": 10.0}, Motion(zoom=10)),
    ],
)
def test_the_skills_words_become_axes(words: dict[str, Any], motion: Motion) -> None:
    assert Motion.from_words(**words) == motion


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"motion_type": "dance"}, "Unknown motion type 'dance': choose one of pan, zoom"),
        ({"motion_type": "zoom", "direction": "left"}, "no direction 'left': choose one of in, out"),
        ({"motion_type": "subtle_movement", "direction": "up"}, "no direction 'up': leave it out"),
        ({"motion_type": "pan", "intensity": 0}, "intensity of 0 is out of range: choose 0.1 to 1.0"),
        ({"motion_type": "pan", "speed": 11}, "speed of 11 is out of range"),
    ],
)
def test_words_that_make_no_sense_are_refused(words: dict[str, Any], said: str) -> None:
    with pytest.raises(InputValidationError, match=said):
        Motion.from_words(**words)
