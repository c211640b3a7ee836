"""The emulator's pure parts: tags, bodies, prices, ranges, and places in the works."""

from __future__ import annotations

import asyncio
import base64
import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from cutscene.emulator import Behaviour, Faults, Outage, read_faults
from cutscene.emulator.faults import _TAGS, ALWAYS
from cutscene.emulator.generations_flavor import order_of as generation_order
from cutscene.emulator.generations_flavor import problems_of
from cutscene.emulator.lanes import Lane
from cutscene.emulator.links import Links
from cutscene.emulator.media import BadMedia, Medium, check_picture
from cutscene.emulator.models import FORMS
from cutscene.emulator.orders import check_body, order_of
from cutscene.emulator.ranges import Span, asked_span
from cutscene.emulator.troubles import Counts, Dice, Troubles

PICTURE = "data:image/png;base64,iVBORw0KGgo="
VIDEO = "data:video/mp4;base64,AAAA"
GEN45: Mapping[str, Any] = {"promptText": "x", "ratio": "1280:720", "duration": 5}
TURBO: Mapping[str, Any] = {"promptImage": PICTURE, "ratio": "1280:720"}
GENERATION: Mapping[str, Any] = {"prompt_text": "x", "duration": 4, "aspect_ratio": "16:9"}


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("[busy]", Faults(busy=ALWAYS)),
        ("[busy:2]", Faults(busy=2)),
        ("[daily]", Faults(daily=True)),
        ("[no-credits]", Faults(no_credits=True)),
        ("[create-error:502x3]", Faults(create_error=Outage(502, 3))),
        ("[create-error:500]", Faults(create_error=Outage(500, 1))),
        ("[create-error]", Faults(create_error=Outage(503, 1))),
        ("[drop]", Faults(drop=1)),
        ("[drop:3]", Faults(drop=3)),
        ("[drop-after-accept]", Faults(drop_after_accept=1)),
        ("[slow-accept:0.5]", Faults(slow_accept=0.5)),
        ("[slow:60]", Faults(slow=60)),
        ("[throttle:5]", Faults(throttle=5)),
        ("[moderated]", Faults(failure="SAFETY.INPUT.TEXT")),
        ("[moderated:output]", Faults(failure="SAFETY.OUTPUT.VIDEO")),
        ("[fail]", Faults(failure="INTERNAL.BAD_OUTPUT.CODE01")),
        ("[fail:THIRD_PARTY.UNAVAILABLE]", Faults(failure="THIRD_PARTY.UNAVAILABLE")),
        ("[fail-once:INTERNAL]", Faults(fail_once="INTERNAL")),
        ("[charge:7]", Faults(charge=7)),
        ("[cancelled]", Faults(cancelled=True)),
        ("[never]", Faults(never=True)),
        ("[odd-status:2]", Faults(odd_status=2)),
        ("[silent]", Faults(silent=True)),
        ("[error:503x2]", Faults(error=Outage(503, 2))),
        ("[poll-drop]", Faults(poll_drop=1)),
        ("[poll-busy:4]", Faults(poll_busy=4)),
        ("[truncate:2]", Faults(truncate=2)),
        ("[expire]", Faults(expire=True)),
        ("[badfile]", Faults(badfile=True)),
        ("[html]", Faults(html=True)),
        ("[stall]", Faults(stall=1)),
        ("[slow-download:1.5]", Faults(slow_download=1.5)),
        ("[size:640x360]", Faults(size=(640, 360))),
        ("[length:1.5]", Faults(length=1.5)),
        ("[seamless]", Faults(seamless=True)),
    ],
)
def test_a_tag_is_read_and_taken_out_of_the_prompt(tag: str, expected: Faults) -> None:
    assert read_faults(f"A castle {tag} at dawn") == ("A castle at dawn", expected)
    assert read_faults(f"{tag}A castle") == ("A castle", expected)
    assert read_faults(tag) == ("", expected)


@pytest.mark.parametrize(
    "tag",
    [
        "[unknown]", "[busy:x]", "[busy:-1]", "[slow]", "[slow:inf]", "[create-error:200]", "[error:503x]",
        "[size:641x360]", "[size:8x8]", "[length:0]", "[length:61]", "[moderated:twice]", "[daily:2]",
        "[charge]", "[busy :2]", "[]", "[BUSY]",
    ],
)  # fmt: skip
def test_what_is_no_tag_stays_in_the_prompt(tag: str) -> None:
    prompt = f"  A castle {tag}\n at dawn "
    assert read_faults(prompt) == (prompt, Faults())


def test_several_tags_are_read_at_once() -> None:
    text, faults = read_faults("[busy:1] A [odd] castle [slow:2][charge:0]")
    assert text == "A [odd] castle"
    assert faults == Faults(busy=1, slow=2.0, charge=0)


def test_faults_are_counted_per_prompt() -> None:
    counts = Counts()

    def troubles(prompt: str) -> Troubles:
        return Troubles(counts, prompt, read_faults(prompt)[1], Faults(), 0)

    assert [troubles("a [busy:2]").due("busy") for _ in range(3)] == [True, True, False]
    assert troubles("b [busy:2]").due("busy")
    assert [troubles("[error:502x1]").outage("error") for _ in range(2)] == [502, None]
    assert [troubles("[fail-once:X][fail:Y]").failure() for _ in range(2)] == ["X", "Y"]


def test_chance_repeats_itself_and_one_rate_leaves_the_others_alone() -> None:
    def thrown(rates: Mapping[str, float]) -> list[Faults]:
        dice = Dice(rates, seed=3)
        return [dice.throw() for _ in range(200)]

    some = thrown({"fail": 0.3, "drop": 0.1})
    assert some == thrown({"drop": 0.1, "fail": 0.3})
    failing = [faults.failure for faults in thrown({"fail": 0.3})]
    assert failing == [faults.failure for faults in some]
    assert 40 <= sum(failure is not None for failure in failing) <= 80
    assert thrown({}) == [Faults()] * 200
    assert thrown({"expire": 1.0, "truncate": 1.0})[0] == Faults(expire=True, truncate=1)


def test_what_chance_throws_does_not_use_up_what_a_prompt_names() -> None:
    counts = Counts()
    for number in range(2):
        assert Troubles(counts, "p", Faults(), Faults(busy=ALWAYS), number).due("busy")
    assert Troubles(counts, "p", Faults(busy=1), Faults(), 2).due("busy")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"rates": {"slow": 0.5}}, "fail, moderated, busy, drop, drop-after-accept, error, truncate, expire"),
        ({"rates": {"fail": 1.5}}, "from 0 to 1"),
        ({"rates": {"fail": float("nan")}}, "from 0 to 1"),
        ({"concurrency": 0}, "at least 1"),
        ({"credits": -1}, "at least 0"),
        ({"seconds": float("inf")}, "0 seconds or more"),
    ],
)
def test_a_behaviour_that_cannot_be_is_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Behaviour(**settings)


def issues(endpoint: str, model: str, body: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Code and path of each, and nothing else wrong with their shape."""
    found = check_body(endpoint, {"model": model, **body}).issues
    assert all(isinstance(issue["message"], str) and issue["message"] for issue in found)
    return [(issue["code"], ".".join(map(str, issue["path"]))) for issue in found]


MINIMAL: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "text_to_video": {
        "gen4.5": GEN45,
        "kling3.0_pro": {"ratio": "1920:1080"},
        "kling3.0_standard": {"ratio": "1280:720"},
        "seedance2": {"promptText": "x"},
        "seedance2_5": {},
        "veo3.1": {"promptText": "x", "ratio": "1280:720"},
        "veo3.1_fast": {"promptText": "x", "ratio": "1080:1920"},
    },
    "image_to_video": {
        "gen4.5": {**GEN45, "promptImage": PICTURE},
        "gen4_turbo": TURBO,
        "kling3.0_pro": {"promptImage": PICTURE},
        "kling3.0_standard": {"promptImage": PICTURE},
        "seedance2": {"promptImage": PICTURE},
        "seedance2_5": {"promptImage": PICTURE},
        "veo3.1": TURBO,
        "veo3.1_fast": TURBO,
    },
    "video_to_video": {
        "aleph2": {"videoUri": VIDEO},
        "seedance2": {"promptVideo": VIDEO},
        "seedance2_5": {"promptVideo": VIDEO},
    },
}


def test_every_model_takes_its_smallest_body_and_misses_each_field_of_it() -> None:
    assert {endpoint: set(bodies) for endpoint, bodies in MINIMAL.items()} == {
        endpoint: set(forms) for endpoint, forms in FORMS.items()
    }
    for endpoint, bodies in MINIMAL.items():
        for model, body in bodies.items():
            assert issues(endpoint, model, body) == []
            assert issues(endpoint, model, {**body, "loop": True}) == [("unrecognized_keys", "")]
            for name in body:
                rest = {key: value for key, value in body.items() if key != name}
                assert issues(endpoint, model, rest) == [("invalid_type", name)]


@pytest.mark.parametrize("model", ["gen3a_turbo", "gen4_aleph", "veo3", "", None, 3, ["gen4.5"]])
def test_an_unknown_model_is_told_the_known_ones(model: Any) -> None:
    [issue] = check_body("image_to_video", {"model": model, "anything": 1}).issues
    assert issue["path"] == ["model"]
    assert "gen4_turbo" in issue["options"]
    assert "'gen4_turbo'" in issue["message"]
    assert check_body("text_to_video", {"model": "gen4_turbo"}).issues[0]["options"][0] == "gen4.5"


@pytest.mark.parametrize("body", [None, [], "x", 1, True])
def test_a_body_is_an_object(body: Any) -> None:
    [issue] = check_body("text_to_video", body).issues
    assert (issue["code"], issue["expected"], issue["path"]) == ("invalid_type", "object", [])
    assert len(list(problems_of(body))) == 1


FIELDS = [
    ("gen4.5", {"promptText": ""}, ("too_small", "promptText")),
    ("gen4.5", {"promptText": "x" * 1001}, ("too_big", "promptText")),
    ("gen4.5", {"promptText": "\U0001f600" * 501}, ("too_big", "promptText")),
    ("gen4.5", {"promptText": None}, ("invalid_type", "promptText")),
    ("gen4.5", {"promptText": ["x"]}, ("invalid_type", "promptText")),
    ("gen4.5", {"ratio": "16:9"}, ("invalid_enum_value", "ratio")),
    ("gen4.5", {"ratio": "960:960"}, ("invalid_enum_value", "ratio")),
    ("gen4.5", {"ratio": 5}, ("invalid_type", "ratio")),
    ("gen4.5", {"duration": 1}, ("too_small", "duration")),
    ("gen4.5", {"duration": 11}, ("too_big", "duration")),
    ("gen4.5", {"duration": 2.5}, ("invalid_type", "duration")),
    ("gen4.5", {"duration": True}, ("invalid_type", "duration")),
    ("gen4.5", {"duration": "5"}, ("invalid_type", "duration")),
    ("gen4.5", {"duration": "auto"}, ("invalid_type", "duration")),
    ("gen4.5", {"seed": -1}, ("too_small", "seed")),
    ("gen4.5", {"seed": 2**32}, ("too_big", "seed")),
    ("gen4.5", {"seed": False}, ("invalid_type", "seed")),
    ("gen4.5", {"seed": None}, ("invalid_type", "seed")),
    ("gen4.5", {"contentModeration": "low"}, ("invalid_type", "contentModeration")),
    (
        "gen4.5",
        {"contentModeration": {"publicFigureThreshold": "high"}},
        ("invalid_enum_value", "contentModeration.publicFigureThreshold"),
    ),
    ("gen4.5", {"contentModeration": {"x": 1}}, ("unrecognized_keys", "contentModeration")),
    ("gen4.5", {"outputFormat": "avi"}, ("invalid_enum_value", "outputFormat")),
    ("gen4.5", {"proresProfile": "4444"}, ("custom", "proresProfile")),
    ("gen4.5", {"audio": True}, ("unrecognized_keys", "")),
    ("gen4.5", {"promptImage": PICTURE}, ("unrecognized_keys", "")),
    ("veo3.1", {"duration": 5}, ("invalid_union", "duration")),
    ("veo3.1", {"duration": True}, ("invalid_union", "duration")),
    ("veo3.1", {"audio": "yes"}, ("invalid_type", "audio")),
    ("veo3.1_fast", {"negativePrompt": 1}, ("invalid_type", "negativePrompt")),
    ("seedance2", {"duration": 3}, ("too_small", "duration")),
    ("seedance2", {"duration": 16}, ("too_big", "duration")),
    ("seedance2", {"duration": 4.5}, ("invalid_type", "duration")),
    ("seedance2", {"duration": "long"}, ("invalid_union", "duration")),
    ("seedance2", {"duration": True}, ("invalid_union", "duration")),
    ("seedance2", {"promptText": "x" * 3501}, ("too_big", "promptText")),
    ("seedance2", {"ratio": "854:480"}, ("invalid_enum_value", "ratio")),
    ("seedance2", {"draft": True}, ("unrecognized_keys", "")),
    ("seedance2", {"references": [{"uri": 1}]}, ("invalid_type", "references.0.uri")),
    ("seedance2", {"referenceVideos": [{"uri": VIDEO}]}, ("invalid_type", "referenceVideos.0.type")),
    ("seedance2", {"referenceAudio": [{"type": "audio", "uri": "x"}]}, ("custom", "referenceAudio.0.uri")),
    ("seedance2_5", {"duration": 31}, ("too_big", "duration")),
    ("seedance2_5", {"promptText": "x" * 15001}, ("too_big", "promptText")),
    ("seedance2_5", {"draft": True, "outputFormat": "mov"}, ("custom", "outputFormat")),
    ("seedance2_5", {"draftTaskId": "x", "promptText": "x"}, ("custom", "draftTaskId")),
    ("kling3.0_pro", {"duration": 2}, ("too_small", "duration")),
    ("kling3.0_pro", {"ratio": "1280:720"}, ("invalid_enum_value", "ratio")),
    ("kling3.0_standard", {"cfgScale": 1.5}, ("too_big", "cfgScale")),
    ("kling3.0_standard", {"promptText": "x" * 2501}, ("too_big", "promptText")),
    (
        "kling3.0_standard",
        {"providerSettings": {"shotType": "intelligence"}},
        ("invalid_type", "promptText"),
    ),
    (
        "kling3.0_standard",
        {"providerSettings": {"multiPrompt": [{"duration": 2, "prompt": "x"}]}},
        ("too_small", "providerSettings.multiPrompt"),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("model", "wrong", "issue"), FIELDS)
def test_a_wrong_field_is_named(model: str, wrong: Mapping[str, Any], issue: tuple[str, str]) -> None:
    body = {**MINIMAL["text_to_video"][model], **wrong}
    assert issues("text_to_video", model, body) == [issue]


@pytest.mark.parametrize(
    ("model", "more"),
    [
        ("gen4.5", {"promptText": "\U0001f600" * 500, "seed": 2**32 - 1, "duration": 10.0}),
        ("gen4.5", {"outputFormat": "prores", "proresProfile": "422 HQ"}),
        ("gen4.5", {"contentModeration": {"publicFigureThreshold": "low"}}),
        ("veo3.1", {"duration": 8, "audio": False, "negativePrompt": "rain"}),
        ("seedance2", {"duration": "auto", "ratio": "3840:1646", "references": []}),
        ("seedance2_5", {"draft": True, "duration": 30}),
        ("kling3.0_pro", {"cfgScale": 0, "duration": 15}),
    ],
)
def test_a_right_field_is_taken(model: str, more: Mapping[str, Any]) -> None:
    assert issues("text_to_video", model, {**MINIMAL["text_to_video"][model], **more}) == []


def test_all_issues_come_at_once() -> None:
    body = {"ratio": "16:9", "duration": 99, "seed": "x", "loop": True}
    assert issues("text_to_video", "gen4.5", body) == [
        ("invalid_type", "promptText"),
        ("invalid_enum_value", "ratio"),
        ("too_big", "duration"),
        ("invalid_type", "seed"),
        ("unrecognized_keys", ""),
    ]


def at(*positions: str | None) -> list[dict[str, str]]:
    return [{"uri": PICTURE, **({"position": position} if position else {})} for position in positions]


@pytest.mark.parametrize(
    ("model", "pictures", "expected"),
    [
        ("gen4_turbo", at("first"), []),
        ("gen4_turbo", at("last"), [("invalid_enum_value", "promptImage.0.position")]),
        ("gen4_turbo", at(None), [("invalid_type", "promptImage.0.position")]),
        ("gen4_turbo", [], [("too_small", "promptImage")]),
        ("gen4_turbo", 7, [("invalid_union", "promptImage")]),
        ("gen4_turbo", [PICTURE], [("invalid_type", "promptImage.0")]),
        ("gen4_turbo", [{"position": "first"}], [("invalid_type", "promptImage.0.uri")]),
        ("gen4_turbo", [*at("first"), *at("first")], [("too_big", "promptImage"), ("custom", "promptImage")]),
        ("veo3.1", at("first", "last"), []),
        ("veo3.1", at("last"), [("custom", "promptImage")]),
        ("veo3.1", at("first", "first"), [("custom", "promptImage")]),
        ("kling3.0_pro", at("last", "first"), []),
        ("seedance2", at(None, None), []),
        ("seedance2", at("first", "last"), []),
        ("seedance2", at("last"), []),
        ("seedance2", at("first", None), [("custom", "promptImage")]),
        ("seedance2_5", at("middle"), [("invalid_enum_value", "promptImage.0.position")]),
    ],
)
def test_pictures_have_their_places(model: str, pictures: Any, expected: list[tuple[str, str]]) -> None:
    body = {**MINIMAL["image_to_video"][model], "promptImage": pictures}
    assert issues("image_to_video", model, body) == expected


@pytest.mark.parametrize(
    ("uri", "is_good"),
    [
        ("https://media.example.com/a.png?x=1", True),
        ("https://media.example.com:8443/a.png", True),
        ("runway://0123abcd", True),
        ("data:image/webp;base64,AAAA", True),
        ("data:image/jpeg;base64,", True),
        ("http://media.example.com/a.png", False),
        ("https://127.0.0.1/a.png", False),
        ("https://[::1]/a.png", False),
        ("https://2130706433/a.png", False),
        ("https://localhost/a.png", False),
        ("https://", False),
        ("https://exa mple.com/a.png", False),
        (f"https://media.example.com/{'x' * 2048}", False),
        ("data:image/gif;base64,AAAA", False),
        ("data:image/png,AAAA", False),
        ("data:video/mp4;base64,AAAA", False),
        ("runway://", False),
        ("runway://a/b", False),
        ("file:///etc/passwd", False),
        ("AAAA", False),
        ("", False),
    ],
)
def test_addresses_are_https_uploads_or_data(uri: str, is_good: bool) -> None:
    expected = [] if is_good else [("custom", "promptImage")]
    assert issues("image_to_video", "gen4_turbo", {**TURBO, "promptImage": uri}) == expected


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"mode": "reference", "ratio": "1280:720"}, []),
        ({"mode": "extend", "promptText": "x"}, []),
        ({"mode": "extend"}, [("invalid_type", "promptText")]),
        ({"mode": "extend", "promptText": "x", "ratio": "1280:720"}, [("custom", "ratio")]),
        ({"mode": "edit", "promptText": "x", "duration": "auto"}, []),
        ({"mode": "edit", "promptText": "x", "duration": 5}, [("custom", "duration")]),
        ({"mode": "remix"}, [("invalid_enum_value", "mode")]),
    ],
)
def test_extending_and_editing_follow_the_video(
    more: Mapping[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert issues("video_to_video", "seedance2_5", {"promptVideo": VIDEO, **more}) == expected


@pytest.mark.parametrize(
    ("keyframes", "expected"),
    [
        ([{"seconds": 1.5, "uri": PICTURE}, {"at": 0.5, "uri": PICTURE}], []),
        ([{"at": 1.5, "uri": PICTURE}], [("too_big", "keyframes.0.at")]),
        ([{"uri": PICTURE}], [("invalid_union", "keyframes.0")]),
        ([{"at": 0, "seconds": 0, "uri": PICTURE}], [("invalid_union", "keyframes.0")]),
        (
            [{"at": 0, "uri": PICTURE, "range": {"startSeconds": 0}}],
            [("invalid_type", "keyframes.0.range.endSeconds")],
        ),
        ([{"at": 0, "uri": PICTURE}] * 6, [("too_big", "keyframes")]),
    ],
)
def test_keyframes_of_an_edit_are_checked(keyframes: Any, expected: list[tuple[str, str]]) -> None:
    assert issues("video_to_video", "aleph2", {"videoUri": VIDEO, "keyframes": keyframes}) == expected


SQUARE = Medium(path=("promptImage",), picture=b"p", width=900, height=900)
CLIP = Medium(path=("promptVideo",), picture=b"p", width=1080, height=1920, seconds=6.5, fps=24)


@pytest.mark.parametrize(
    ("model", "body", "medium", "estimated", "cost"),
    [
        ("gen4_turbo", {**TURBO, "duration": 2}, SQUARE, 10, 10),
        ("gen4_turbo", TURBO, SQUARE, 25, 25),
        ("gen4.5", GEN45, None, 60, 60),
        ("gen4.5", {**GEN45, "outputFormat": "prores"}, None, 85, 85),
        ("gen4.5", {**GEN45, "outputFormat": "hdr10"}, None, 160, 160),
        ("veo3.1", {"ratio": "1280:720", "duration": 4}, None, 160, 160),
        ("veo3.1", {"ratio": "1920:1080", "duration": 4, "audio": False}, None, 80, 80),
        ("veo3.1_fast", {"ratio": "1280:720"}, None, 120, 120),
        ("veo3.1_fast", {"ratio": "1280:720", "audio": False}, None, 80, 80),
        ("seedance2", {"duration": 4}, None, 144, 144),
        ("seedance2", {"duration": 4, "ratio": "1080:1920"}, None, 160, 160),
        ("seedance2", {"duration": 4, "ratio": "2160:3840"}, None, 600, 600),
        ("seedance2", {"duration": "auto"}, None, 540, 180),
        ("seedance2_5", {"duration": 4}, None, 120, 120),
        ("seedance2_5", {"duration": 4, "ratio": "854:480"}, None, 80, 80),
        ("seedance2_5", {"duration": 5, "ratio": "1440:1440"}, None, 340, 340),
        ("seedance2_5", {"duration": "auto"}, None, 900, 150),
        ("seedance2_5", {"duration": 5, "draft": True}, None, 100, 100),
        ("seedance2_5", {"duration": 4, "mode": "extend"}, CLIP, 210, 210),
        ("seedance2_5", {"duration": "auto", "mode": "edit"}, CLIP, 990, 270),
        ("kling3.0_standard", {"ratio": "1280:720", "duration": 3}, None, 60, 60),
        ("kling3.0_pro", {"ratio": "1920:1080", "duration": 10}, None, 280, 280),
        (
            "kling3.0_pro",
            {"providerSettings": {"multiPrompt": [{"duration": 2, "prompt": "a"}] * 2}},
            None,
            112,
            112,
        ),
    ],
)
def test_prices(
    model: str, body: Mapping[str, Any], medium: Medium | None, estimated: int, cost: int
) -> None:
    order = order_of("text_to_video", {"model": model, **body}, [medium] if medium else [])
    assert (order.estimated, order.cost) == (estimated, cost)


@pytest.mark.parametrize(("seconds", "credits_due"), [(2.0, 56), (29.9, 812), (30.0, 840)])
def test_an_edit_is_paid_for_by_the_second_of_its_input(seconds: float, credits_due: int) -> None:
    medium = Medium(path=("videoUri",), picture=b"p", width=641, height=361, seconds=seconds)
    order = order_of("video_to_video", {"model": "aleph2", "videoUri": VIDEO}, [medium])
    assert order.estimated == credits_due
    assert (order.shot.width, order.shot.height, order.shot.image) == (640, 360, b"p")
    assert order.shot.frames == round(seconds * 24)


@pytest.mark.parametrize(
    ("endpoint", "model", "body", "shot"),
    [
        ("text_to_video", "gen4.5", GEN45, (1280, 720, 120)),
        ("image_to_video", "gen4_turbo", {"ratio": "1584:672", "duration": 2}, (1584, 672, 48)),
        ("text_to_video", "seedance2_5", {"duration": 5}, (1280, 720, 121)),
        ("text_to_video", "seedance2_5", {"duration": 5, "draft": True}, (854, 480, 121)),
        ("image_to_video", "seedance2", {"duration": 4}, (960, 960, 97)),
        ("image_to_video", "kling3.0_pro", {}, (1440, 1440, 120)),
        ("image_to_video", "kling3.0_pro", {"ratio": "1080:1920"}, (1080, 1920, 120)),
        ("text_to_video", "veo3.1", {"ratio": "1080:1920"}, (1080, 1920, 192)),
        (
            "text_to_video",
            "gen4.5",
            {**GEN45, "promptText": "[size:640x360][length:1.5]"},
            (640, 360, 36),
        ),
    ],
)
def test_what_is_drawn(
    endpoint: str, model: str, body: Mapping[str, Any], shot: tuple[int, int, int]
) -> None:
    media = [SQUARE] if endpoint == "image_to_video" else []
    drawn = order_of(endpoint, {"model": model, **body}, media).shot
    assert (drawn.width, drawn.height, drawn.frames) == shot
    assert drawn.image == (b"p" if media else None)
    assert not drawn.loop


def test_the_words_decide_where_no_seed_does() -> None:
    def shot(**more: Any) -> Any:
        return order_of("text_to_video", {"model": "gen4.5", **GEN45, **more}, []).shot

    assert shot() == shot()
    assert shot(promptText="x [slow:1]") == shot()
    assert shot(promptText="y").seed != shot().seed
    assert shot(seed=0).seed == 0
    assert shot(promptText="[seamless]").loop
    assert shot(promptText="half an emoji \ud83d").prompt == "half an emoji ?"


def test_the_first_frame_is_what_is_animated() -> None:
    pictures = [{"position": "last", "uri": "a"}, {"position": "first", "uri": "b"}]
    media = [
        Medium(path=("promptImage", 0, "uri"), picture=b"last", width=720, height=1280),
        Medium(path=("promptImage", 1, "uri"), picture=b"first", width=1280, height=720),
    ]
    body = {"model": "kling3.0_standard", "promptImage": pictures, "ratio": "720:1280"}
    shot = order_of("image_to_video", body, media).shot
    assert (shot.image, shot.width, shot.height) == (b"first", 1280, 720)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"prompt_text": ""}, "1 to 500"),
        ({"prompt_text": "x" * 501}, "1 to 500"),
        ({"prompt_text": None}, "1 to 500"),
        ({"duration": 5}, "duration must be 4"),
        ({"duration": True}, "duration must be 4"),
        ({"duration": "4"}, "duration must be 4"),
        ({"aspect_ratio": "4:3"}, "one of 16:9, 9:16, 1:1"),
        ({"aspect_ratio": ["16:9"]}, "one of 16:9, 9:16, 1:1"),
        ({"seed": 1.0}, "seed must be an integer"),
        ({"seed": True}, "seed must be an integer"),
        ({"seed": -1}, "seed must be an integer"),
        ({"promptText": "x"}, "promptText is not a field"),
        ({"loop": True}, "loop is not a field"),
    ],
)
def test_a_generation_is_refused_for_what_is_wrong_with_it(more: Mapping[str, Any], said: str) -> None:
    [problem] = problems_of({**GENERATION, **more})
    assert said in problem


def test_a_generation_misses_each_of_its_fields() -> None:
    assert list(problems_of(GENERATION)) == []
    assert [problem.split()[0] for problem in problems_of({})] == list(GENERATION)


@pytest.mark.parametrize(
    ("ratio", "size"), [("16:9", (1280, 768)), ("9:16", (768, 1280)), ("1:1", (1280, 768))]
)
def test_a_generation_has_two_shapes(ratio: str, size: tuple[int, int]) -> None:
    order = generation_order({**GENERATION, "aspect_ratio": ratio, "seed": 5}, b"p")
    assert (order.shot.width, order.shot.height, order.shot.frames, order.shot.seed) == (*size, 96, 5)
    assert (order.estimated, order.model, order.shot.image) == (40, "gen3a", b"p")


@pytest.mark.parametrize(
    ("header", "if_range", "span"),
    [
        (None, None, None),
        ("bytes=0-", None, Span(0, 100)),
        ("bytes=10-19", None, Span(10, 20)),
        ("bytes=90-200", None, Span(90, 100)),
        ("bytes=-10", None, Span(90, 100)),
        ("bytes=-200", None, Span(0, 100)),
        ("bytes=10-19", '"v1"', Span(10, 20)),
        ("bytes=10-19", '"v2"', None),
        ("bytes=10-19", "Wed, 21 Oct 2026 07:28:00 GMT", None),
        ("bytes=19-10", None, None),
        ("bytes=-", None, None),
        ("bytes=0-1,3-4", None, None),
        ("lines=1-2", None, None),
        ("bytes=a-b", None, None),
    ],
)
def test_parts_of_a_file(header: str | None, if_range: str | None, span: Span | None) -> None:
    assert asked_span(header, if_range, '"v1"', 100) == span


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_parts_that_are_not_there(header: str) -> None:
    span = asked_span(header, None, '"v1"', 100)
    assert span is not None
    assert span.is_empty


def test_a_link_is_bound_to_its_task_and_its_time() -> None:
    links = Links(60)
    token = links.token("a", 1000.0)
    assert links.admits("a", token, 1059.0)
    assert not links.admits("a", token, 1061.0)
    assert not links.admits("b", token, 1000.0)
    assert not Links(60).admits("a", token, 1000.0)
    later = f"9{token}"
    assert not any(links.admits("a", wrong, 1000.0) for wrong in ("", "x", later, token[:-1], token.upper()))
    assert not links.admits("a", links.token("a", 1000.0, expired=True), 1000.0)


@pytest.mark.anyio
async def test_places_are_given_away_in_the_order_of_arrival() -> None:
    lane, order = Lane(1), []

    async def visit(number: int) -> None:
        await lane.wait(number)
        order.append(number)
        await asyncio.sleep(0)
        lane.leave()

    assert lane.take()
    visits = {number: asyncio.create_task(visit(number)) for number in (3, 1, 4, 2)}
    await asyncio.sleep(0)
    visits[2].cancel()
    lane.leave()
    await asyncio.gather(*visits.values(), return_exceptions=True)
    assert order == [1, 3, 4]
    assert lane.take()


@pytest.mark.anyio
async def test_a_place_is_not_lost_with_who_was_just_given_it() -> None:
    lane = Lane(1)
    assert lane.take()
    waiting = asyncio.create_task(lane.wait(1))
    await asyncio.sleep(0)
    lane.leave()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert lane.take()


def encoded(width: int, height: int, kind: str = "PNG") -> bytes:
    stream = io.BytesIO()
    Image.new("L", (width, height)).save(stream, kind)
    return stream.getvalue()


def test_pictures_are_decoded_to_the_end() -> None:
    assert check_picture(encoded(64, 32, "WEBP")) == (64, 32)
    noise = encoded(200, 200, "JPEG")
    for data in (b"", noise[: len(noise) // 2], encoded(8, 8, "GIF"), base64.b64encode(noise)):
        with pytest.raises(BadMedia, match="could not be decoded"):
            check_picture(data)
    with pytest.raises(BadMedia, match="at most 8000 pixels"):
        check_picture(encoded(8001, 1))


def test_the_reference_lists_every_tag() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "emulator.md").read_text()
    listed = re.findall(r"^\| `\[([a-z-]+)", page, re.MULTILINE)
    assert sorted(listed) == sorted(_TAGS)
