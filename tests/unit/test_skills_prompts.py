"""What models are told by skills, word for word."""

from __future__ import annotations

import re
from itertools import product
from typing import Any, get_args

import pytest
from PIL import ImageColor

from cutscene.errors import InputValidationError
from cutscene.skills.colors import check_color, color_word
from cutscene.skills.intro import IntroInput
from cutscene.skills.outcome import LoseInput, OutcomeInput, Theme, WinInput
from cutscene.skills.prompts import intro_prompt, outcome_prompt

END = "Smooth motion in one continuous shot"


def intro(**given: Any) -> str:
    return IntroInput.model_validate({"image_uri": "https://x.example/a.png", **given}).request().prompt


def move(motion_type: str, **more: Any) -> dict[str, Any]:
    return {"motion_params": {"motion_type": motion_type, **more}}


@pytest.mark.parametrize(
    ("given", "prompt"),
    [
        (
            {},
            (
                "The scene comes gently to life: light shimmers, air drifts and small details move. "
                f"{END}, ending exactly as it began."
            ),
        ),
        (
            {"loop_config": {"seamless": False}},
            f"The scene comes gently to life: light shimmers, air drifts and small details move. {END}.",
        ),
        (
            move("pan"),
            (
                "The scene comes gently to life: the view glides across it while light shimmers "
                f"and air drifts. {END}, ending exactly as it began."
            ),
        ),
        (
            move("zoom", intensity=0.5),
            (
                "The scene comes steadily to life: its depth opens up while light shimmers and air drifts. "
                f"{END}, ending exactly as it began."
            ),
        ),
        (
            move("rotate", intensity=0.9),
            (
                "The scene comes boldly to life: it turns around its centre while light shimmers "
                f"and air drifts. {END}, ending exactly as it began."
            ),
        ),
        (
            move("parallax"),
            (
                "The scene comes gently to life: near and far layers slide past each other while light "
                f"shimmers. {END}, ending exactly as it began."
            ),
        ),
        (
            move("subtle_movement", intensity=0.1),
            (
                "The scene comes gently to life: light shimmers and the smallest details stir. "
                f"{END}, ending exactly as it began."
            ),
        ),
        (
            move("breathing", intensity=1.0),
            (
                "The scene comes boldly to life: it swells and settles like a breath while light shimmers. "
                f"{END}, ending exactly as it began."
            ),
        ),
        ({**move("pan"), "motion_prompt": "  the flags wave "}, "  the flags wave "),
    ],
)
def test_intros(given: dict[str, Any], prompt: str) -> None:
    assert intro(**given) == prompt


PLAYFUL = "Playful look, rounded shapes, bouncy movement."
LAST = "The centre of the frame stays open and calm. One continuous shot."
BACKGROUND = {"type": "background", "uri": "https://x.example/a.png"}


@pytest.mark.parametrize(
    ("form", "given", "prompt"),
    [
        (
            WinInput,
            {},
            (
                "A joyful win celebration: fireworks bloom, confetti rains down, golden sparkles glitter. "
                f"{PLAYFUL} {LAST}"
            ),
        ),
        (
            LoseInput,
            {},
            (
                "An encouraging consolation: the sun breaks through clouds, warm light grows, hope rises. "
                f"{PLAYFUL} {LAST}"
            ),
        ),
        (
            WinInput,
            {
                "theme": {"mood": "exciting", "style": "modern", "primary_color": "#c8102e"},
                "win_text": "",
            },
            (
                "An exciting win celebration: beams of light sweep, sparks fly and the glow keeps building. "
                "Clean modern look, crisp light, smooth gradients. Colours of red. One continuous shot."
            ),
        ),
        (
            WinInput,
            {
                "theme": {
                    "mood": "calm",
                    "style": "classic",
                    "primary_color": "navy",
                    "secondary_color": "#FFD700",
                    "accent_color": "#fff",
                },
                "text_overlay": {"position": "bottom"},
            },
            (
                "A quiet win celebration: soft golden light spreads and slow glittering sparkles float "
                "upward. Classic elegant look, rich warm tones. Colours of navy blue, gold and white. "
                "The bottom of the frame stays open and calm. One continuous shot."
            ),
        ),
        (
            LoseInput,
            {
                "theme": {"mood": "sympathetic", "style": "casual", "accent_color": "lightseagreen"},
                "assets": [{**BACKGROUND, "description": "a quiet harbour."}],
            },
            (
                "A sympathetic, comforting consolation: clouds thin out and kind, warm light settles. "
                "The given scene stays in place, the effects play in front of it. Setting: a quiet harbour. "
                f"Relaxed, friendly everyday look. Colours of turquoise. {LAST}"
            ),
        ),
        (LoseInput, {"prompt": "rain on a window", "theme": {"mood": "calm"}}, "rain on a window"),
    ],
)
def test_outcomes(form: type[OutcomeInput], given: dict[str, Any], prompt: str) -> None:
    assert form.model_validate(given).request().prompt == prompt


def all_prompts() -> list[str]:
    moods = get_args(get_args(Theme.model_fields["mood"].annotation)[0])
    styles = get_args(Theme.model_fields["style"].annotation)
    assert len(moods) == 6
    assert len(styles) == 5
    outcomes = [
        outcome_prompt(
            won=won,
            mood=mood,
            style=style,
            colors=["lightgoldenrodyellow", "mediumturquoise", "midnightblue"],
            on_picture=True,
            setting=None,
            room_at="bottom",
        )
        for won, mood, style in product((True, False), moods, styles)
    ]
    motions = ("pan", "zoom", "rotate", "parallax", "subtle_movement", "breathing", None)
    return outcomes + [intro_prompt(motion, 1.0, seamless=True) for motion in motions]


def test_every_prompt_is_positive_short_and_silent_about_text() -> None:
    forbidden = re.compile(
        r"\b(no|not|never|without|avoid|don't|free of|text|word|words|letters?|lettering|caption|title|sign|"
        r"logo|writing|prize|coupon|voucher|reward|los\w+|fail\w*|defeat\w*)\b",
        re.IGNORECASE,
    )
    for prompt in all_prompts():
        assert not forbidden.search(prompt), prompt
        assert len(prompt) <= 420, prompt  # there is room for a setting and the camera's words


def test_wins_and_consolations_keep_their_tone() -> None:
    for prompt in all_prompts()[:60]:
        assert ("celebration" in prompt) != ("consolation" in prompt)


def test_a_setting_is_never_cut() -> None:
    def win(length: int) -> WinInput:
        return WinInput.model_validate({"assets": [{**BACKGROUND, "description": "x" * length}]})

    room = 500 - (len(win(10).request().prompt) - 10)
    assert len(win(room).request().prompt) == 500
    with pytest.raises(InputValidationError) as refusal:
        win(room + 3).request()
    assert str(refusal.value) == (
        f"The description of the background has {room + 3} characters, and the prompt {500 - room} besides: "
        "at most 500 are allowed together, shorten it by 3."
    )


def test_colors_are_said_in_common_words() -> None:
    said = {
        "#c8102e": "red",
        "crimson": "red",
        "#1e90ff": "blue",
        "#001f3f": "navy blue",
        "hotpink": "pink",
        "#FFD700": "gold",
        "#000": "black",
        "whitesmoke": "white",
        "forestgreen": "green",
    }
    assert {color: color_word(color) for color in said} == said
    for name in ImageColor.colormap:
        assert color_word(check_color(name))
