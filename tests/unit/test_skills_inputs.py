"""What skills take, refuse, and make of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from cutscene import skills
from cutscene.domain import Aspect
from cutscene.errors import InputValidationError
from cutscene.motion import Motion
from cutscene.overlays import Animation, LayerOverlay, PictureOverlay, Place, Position, TextOverlay, Weather
from cutscene.skills.forms import SkillInput, check_sources, validated
from cutscene.skills.intro import IntroInput
from cutscene.skills.outcome import LoseInput, WinInput
from cutscene.specs import Codec, Container, Easing, LoopStyle, Specs

STILL = "https://pictures.example/still.jpg"
SCHEMAS = Path(__file__).parents[2] / "docs" / "reference" / "schemas"


def intro(**fields: Any) -> dict[str, Any]:
    return {"image_uri": STILL, **fields}


REFUSED: list[tuple[type[SkillInput], Any, str]] = [
    (IntroInput, {}, "image_uri is missing: give it."),
    (IntroInput, [], "The input is malformed: give a JSON object."),
    (IntroInput, intro(specs={"bar": 2}, foo=1), "Unknown in the input: specs.bar, foo."),
    (IntroInput, intro(win_text="x"), "Unknown in the input: win_text."),
    (WinInput, {"lose_text": "x"}, "Unknown in the input: lose_text."),
    (WinInput, {"{x}": 1}, "Unknown in the input: {x}."),
    (IntroInput, intro(image_uri=""), "image_uri is empty: leave it out, or say something."),
    (IntroInput, intro(specs={"fps": 61}), "specs.fps of 61 is out of range: at most 60 is allowed."),
    (IntroInput, intro(specs={"fps": 14}), "specs.fps of 14 is out of range: at least 15 is allowed."),
    (IntroInput, intro(specs={"fps": 24.5}), "specs.fps is malformed: input should be a valid integer."),
    (IntroInput, intro(specs={"fps": "{0}"}), "specs.fps is malformed: input should be a valid integer."),
    (IntroInput, intro(specs={"duration_sec": 31}), "specs.duration_sec of 31 is out of range"),
    (IntroInput, intro(specs={"duration_sec": 0.9}), "specs.duration_sec of 0.9 is out of range"),
    (IntroInput, intro(specs={"duration_sec": float("nan")}), "specs.duration_sec is malformed"),
    (IntroInput, intro(specs={"duration_sec": "4"}), "specs.duration_sec is malformed"),
    (IntroInput, intro(specs={"width": 640}), "A size needs both width and height."),
    (IntroInput, intro(specs={"width": 481, "height": 480}), "specs.width of 481 is odd"),
    (IntroInput, intro(specs={"width": 478, "height": 480}), "specs.width of 478 is out of range"),
    (IntroInput, intro(specs={"width": 4096, "height": 4096}), "4096x4096 pixels are more than are made"),
    (IntroInput, intro(specs={"aspect_ratio": "4:3"}), "specs.aspect_ratio of '4:3' is not known"),
    (
        WinInput,
        {"specs": {"width": 720, "height": 1280, "aspect_ratio": "16:9"}},
        "720x1280 is not 16:9: leave out the one or the other.",
    ),
    (WinInput, {"specs": {"format": "webm", "codec": "h264"}}, "webm holds no h264: choose vp9."),
    (WinInput, {"specs": {"format": "mov"}}, "specs.format of 'mov' is not known: choose 'mp4' or 'webm'."),
    (WinInput, {"specs": {"bitrate_kbps": 499}}, "specs.bitrate_kbps of 499 is out of range"),
    (WinInput, {"specs": {"bitrate_kbps": 50_001}}, "specs.bitrate_kbps of 50001 is out of range"),
    (WinInput, {"seed": 0}, "seed of 0 is out of range: at least 1 is allowed."),
    (WinInput, {"seed": 2**31}, "seed of 2147483648 is out of range"),
    (WinInput, {"seed": True}, "seed is malformed"),
    (WinInput, {"seed": 10**60}, "seed of a number that large is out of range"),
    (WinInput, {"win_text": "\ud800"}, "win_text holds characters that are not text"),
    (IntroInput, intro(motion_params={}), "motion_params.motion_type is missing: give it."),
    (IntroInput, intro(motion_params={"motion_type": "fly"}), "motion_params.motion_type of 'fly'"),
    (
        IntroInput,
        intro(motion_params={"motion_type": "pan", "direction": "in"}),
        "A pan has no direction 'in': choose one of right, left, up, down.",
    ),
    (
        IntroInput,
        intro(motion_params={"motion_type": "subtle_movement", "direction": "up"}),
        "A subtle_movement has no direction 'up': leave it out.",
    ),
    (
        IntroInput,
        intro(motion_params={"motion_type": "zoom", "intensity": 1.1}),
        "motion_params.intensity of 1.1 is out of range: at most 1.0 is allowed.",
    ),
    (IntroInput, intro(motion_params={"motion_type": "zoom", "speed": 0.4}), "motion_params.speed of 0.4"),
    (IntroInput, intro(loop_config={"crossfade_duration": 1.1}), "loop_config.crossfade_duration of 1.1"),
    (
        IntroInput,
        intro(loop_config={"seamless": False, "easing": "linear"}),
        "loop_config.easing is for seamless loops: leave it out, or ask for seamless.",
    ),
    (
        IntroInput,
        intro(motion_prompt="x" * 512),
        "motion_prompt has 512 characters, at most 500 are allowed: shorten it.",
    ),
    (WinInput, {"prompt": "x" * 501}, "prompt has 501 characters, at most 500 are allowed: shorten it."),
    (WinInput, {"theme": {"primary_color": "blurple"}}, "Unknown color 'blurple'"),
    (WinInput, {"theme": {"accent_color": "#12345"}}, "Unknown color '#12345'"),
    (WinInput, {"theme": {"mood": "angry"}}, "theme.mood of 'angry' is not known: choose 'energetic'"),
    (WinInput, {"text_overlay": {"color": "transparent"}}, "Unknown color 'transparent'"),
    (WinInput, {"text_overlay": {"font_size": 201}}, "text_overlay.font_size of 201 is out of range"),
    (WinInput, {"text_overlay": {"text": "x" * 501}}, "text_overlay.text has 501 characters, at most 500"),
    (WinInput, {"specs": None}, "specs is malformed: give a JSON object."),
    (WinInput, {"seed": [10**5000]}, "seed is malformed: input should be a valid integer."),
    (WinInput, {"assets": "x"}, "assets is malformed: input should be a valid list."),
    (WinInput, {"assets": [{"type": "logo"}]}, "A logo needs a picture: give its uri."),
    (WinInput, {"assets": [{"type": "tiger"}]}, "assets[0].type of 'tiger' is not known"),
    (WinInput, {"assets": [{"type": "confetti"}] * 13}, "assets has 13 entries, at most 12 are allowed."),
    (
        WinInput,
        {"assets": [{"type": "confetti", "opacity": 1.5}]},
        "assets[0].opacity of 1.5 is out of range: at most 1.0 is allowed.",
    ),
    (
        WinInput,
        {"assets": [{"type": "background", "uri": STILL}] * 2},
        "There can be one background only: leave the others out.",
    ),
    (
        WinInput,
        {"assets": [{"type": "background", "uri": STILL, "opacity": 1}]},
        "A background is what the clip",
    ),
    (
        LoseInput,
        {"lose_text": "a", "text_overlay": {"text": "b"}},
        "lose_text and text_overlay.text say different things: give one of them.",
    ),
]


@pytest.mark.parametrize(("form", "value", "sentence"), REFUSED)
def test_what_is_wrong_is_named_in_one_sentence(form: type[SkillInput], value: Any, sentence: str) -> None:
    with pytest.raises(InputValidationError) as refusal:
        validated(form, value)
    assert str(refusal.value).startswith(sentence.rstrip("."))
    assert "\n" not in str(refusal.value)


WORDS = [*IntroInput.model_fields, *WinInput.model_fields, "text", "type", "fps", "mood", "win_text"]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4),
    max_leaves=12,
)


@hypothesis.given(VALUES, st.sampled_from([IntroInput, WinInput, LoseInput]))
@hypothesis.settings(max_examples=300, deadline=None)
def test_anything_else_is_refused_in_one_sentence_too(value: Any, form: type[SkillInput]) -> None:
    said = ""
    try:
        validated(form, value).request()
    except InputValidationError as refusal:
        said = str(refusal)
    assert len(said) < 600
    assert "\n" not in said


def test_an_intro_with_everything() -> None:
    request = IntroInput.model_validate(
        intro(
            motion_params={"motion_type": "zoom", "direction": "out", "intensity": 0.4, "speed": 4.0},
            loop_config={"crossfade_duration": 0.5, "easing": "ease_in"},
            specs={
                "duration_sec": 12,
                "fps": 30,
                "width": 1080,
                "height": 1920,
                "codec": "h265",
                "bitrate_kbps": 8000,
            },
            motion_prompt="the flags wave",
            seed=7,
            model="gen4.5",
        )
    ).request()
    assert (request.prompt, request.image) == ("the flags wave", STILL)
    assert request.motion == Motion(zoom=-8.0)
    assert (request.loop, request.loop_style) == (True, LoopStyle(longest_blend=0.5, easing=Easing.EASE_IN))
    assert (request.duration, request.aspect) == (12, Aspect.PORTRAIT)
    assert request.specs == Specs(width=1080, height=1920, fps=30, codec=Codec.H265, bitrate_kbps=8000)
    assert (request.seed, request.model, request.overlays) == (7, "gen4.5", ())


def test_an_intro_with_a_picture_alone() -> None:
    request = IntroInput.model_validate(intro()).request()
    assert (request.motion, request.loop, request.loop_style) == (None, True, LoopStyle())
    assert (request.duration, request.aspect, request.specs) == (4, Aspect.LANDSCAPE, Specs())


def test_what_stands_over_an_outcome_and_in_which_order() -> None:
    given = {
        "theme": {"primary_color": "#f00", "accent_color": "Gold"},
        "assets": [
            {"type": "confetti", "opacity": 0.5},
            {"type": "logo", "uri": "https://x.example/logo.png", "opacity": 0.8},
            {"type": "particle_effect", "uri": "https://x.example/sparks.png"},
            {"type": "background", "uri": STILL, "description": "a harbour."},
            {"type": "mascot", "uri": "https://x.example/fox.png"},
            {"type": "overlay", "uri": "https://x.example/frame.png"},
        ],
        "text_overlay": {"font_family": "Inter", "font_size": 80, "color": "gold", "position": "top"},
        "specs": {"format": "webm"},
    }
    request = WinInput.model_validate(given).request()
    assert request.image == STILL
    assert request.overlays == (
        PictureOverlay(image="https://x.example/frame.png"),
        PictureOverlay(image="https://x.example/fox.png", place=Place.MASCOT),
        PictureOverlay(image="https://x.example/logo.png", place=Place.LOGO, opacity=0.8),
        PictureOverlay(image="https://x.example/sparks.png"),
        LayerOverlay(weather=Weather.CONFETTI, colors=("#f00", "Gold"), opacity=0.5),
        TextOverlay(
            text="Congratulations! You Win!",
            font="Inter",
            size=80,
            color="gold",
            position=Position.TOP,
            animation=Animation.BOUNCE,
        ),
    )
    assert (request.specs.container, request.specs.coded) == (Container.WEBM, Codec.VP9)
    assert (request.loop, request.duration) == (False, 4)


def test_the_texts_of_outcomes() -> None:
    def text(form: type[WinInput | LoseInput], **given: Any) -> TextOverlay | None:
        overlays = form.model_validate(given).request().overlays
        return overlays[0] if overlays and isinstance(overlays[0], TextOverlay) else None

    assert text(LoseInput) == TextOverlay(text="Better luck next time!", animation=Animation.FADE_IN)
    assert text(LoseInput, lose_text="Nearly!") == TextOverlay(text="Nearly!")
    assert text(WinInput, text_overlay={"text": "Yes", "animation": "slide_in"}) == TextOverlay(
        text="Yes", animation=Animation.SLIDE_IN
    )
    assert text(WinInput, win_text="Yes", text_overlay={"text": "Yes"}) is not None
    assert text(WinInput, win_text="") is None
    assert text(WinInput, text_overlay={"text": " "}) is None


@pytest.mark.parametrize(
    ("source", "is_allowed"),
    [
        (STILL, True),
        ("HTTPS://x.example/a.png", True),
        ("data:image/png;base64,AAAA", True),
        (f"acme/run-1/source/{'0af1' * 8}.png", True),
        (f"acme/run-1/video/{'0af1' * 8}.jpg", True),
        (f"acme/run-1/segment/{'0af1' * 8}.png", False),
        ("acme/run-1/source/0123.png", False),
        ("a/b/c/d.png", False),
        ("/etc/passwd", False),
        ("picture.png", False),
        ("pictures/picture.png", False),
        ("../a/b/c.png", False),
        ("~/a/b/c.png", False),
        ("/a/b/c", False),
        ("\x00", False),
    ],
)
def test_paths_of_this_machine_are_for_its_own_people(source: str, is_allowed: bool) -> None:
    for given, name in (
        (IntroInput(image_uri=source), "image_uri"),
        (WinInput.model_validate({"assets": [{"type": "logo", "uri": source}]}), "assets[0].uri"),
    ):
        if is_allowed:
            check_sources(given)
        else:
            with pytest.raises(InputValidationError) as refusal:
                check_sources(given)
            assert str(refusal.value).startswith(f"{name} is not usable here: give an https URL")
            assert source not in str(refusal.value)


def test_fonts_are_named_where_paths_are_refused() -> None:
    check_sources(WinInput.model_validate({"text_overlay": {"font_family": "Inter"}}))
    with pytest.raises(InputValidationError, match="font_family may not be a file here"):
        check_sources(WinInput.model_validate({"text_overlay": {"font_family": "/fonts/a.ttf"}}))


@pytest.mark.parametrize("name", skills.names())
@pytest.mark.parametrize("kind", ["input", "result"])
def test_the_committed_schemas_are_those_of_the_models(name: str, kind: str) -> None:
    """Written by ``cutscene schema NAME`` and ``cutscene schema NAME --output``."""
    committed = (SCHEMAS / f"{name}.{kind}.json").read_text()
    assert committed == skills.schema_of(skills.get(name), output=kind == "result")
    assert json.loads(committed)["additionalProperties"] is False


def test_the_registry() -> None:
    assert skills.get("generate_outcome_video_win") is skills.generate_outcome_video_win
    assert set(skills.names()) == {
        "generate_intro_video_loop",
        "generate_outcome_video_win",
        "generate_outcome_video_lose",
    }
    with pytest.raises(InputValidationError, match="There is no skill 'x': choose one of generate_intro"):
        skills.get("x")
