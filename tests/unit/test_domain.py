from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutscene.domain import Aspect, Credits, VideoRequest, check_tenant
from cutscene.errors import InputValidationError


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"prompt": ""}, "prompt is empty"),
        ({"prompt": "  \n"}, "prompt is empty"),
        ({"prompt": "x" * 15_001}, "15001 characters, at most 15000"),
        ({"prompt": "a\x00b"}, "not text"),
        ({"prompt": "a\ud800b"}, "not text"),
        ({"prompt": 7}, "prompt is empty"),
        ({"duration": 0.5}, "choose 1 to 30 seconds"),
        ({"duration": 30.01}, "choose 1 to 30 seconds"),
        ({"duration": float("nan")}, "choose 1 to 30 seconds"),
        ({"duration": "4"}, "choose 1 to 30 seconds"),
        ({"duration": True}, "choose 1 to 30 seconds"),
        ({"aspect": "4:3"}, "choose one of 16:9, 9:16, 1:1"),
        ({"seed": 0}, "1 to 2147483647"),
        ({"seed": 2**31}, "1 to 2147483647"),
        ({"seed": 1.5}, "1 to 2147483647"),
        ({"last_image": "b.png"}, "needs a first one"),
        ({"image": "a.png", "video": "a.mp4"}, "cannot both be the start"),
        ({"extend": True}, "nothing to extend"),
        ({"motion": {"zoom": 11}}, "zoom of 11 is out of range"),
        ({"motion": {"dance": 1}}, "Unknown camera motion dance: choose from pan, tilt"),
        ({"colour": "red"}, "Unknown in a request: colour"),
    ],
)
def test_a_wrong_request_says_what_to_do(wrong: dict[str, object], sentence: str) -> None:
    with pytest.raises(InputValidationError, match=sentence):
        VideoRequest.from_json({"prompt": "mountains", **wrong})


@given(
    prompt=st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=500).filter(
        str.strip
    ),
    duration=st.floats(1, 30),
    aspect=st.sampled_from(Aspect),
    seed=st.none() | st.integers(1, 2**31 - 1),
)
def test_a_request_survives_json(prompt: str, duration: float, aspect: Aspect, seed: int | None) -> None:
    request = VideoRequest(prompt=prompt, duration=duration, aspect=aspect, seed=seed)
    assert VideoRequest.from_json(request.to_json()) == request


def test_the_aspect_is_known_by_its_words() -> None:
    request = VideoRequest.from_json({"prompt": "x", "aspect": "9:16"})
    assert request.aspect is Aspect.PORTRAIT
    assert request.aspect.size == (720, 1280)


def test_credits_are_exact() -> None:
    assert Credits.of("0.125") + Credits.of(2) == Credits(2125)
    assert (Credits.of(5) - Credits.of(7)).amount == Decimal(-2)
    assert [str(Credits.of(x)) for x in ("100", "0.5", "0")] == ["100", "0.5", "0"]
    with pytest.raises(TypeError, match="never floats"):
        Credits.of(0.1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="finer"):
        Credits.of("0.0001")


@pytest.mark.parametrize("name", ["", "Acme", "../x", "a/b", "a b", "-a", "x" * 64, "é"])
def test_a_tenant_is_safe_in_a_key(name: str) -> None:
    with pytest.raises(InputValidationError, match="cannot name a tenant"):
        check_tenant(name)
