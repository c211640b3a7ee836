"""What an HTTP answer other than success means: for the request, for the account, and for the money."""

from __future__ import annotations

from typing import Any

import pytest

from cutscene.providers.refusals import is_conclusive
from cutscene.providers.runway.refusals import read_refusal, said, unreachable

LIVE = "api.dev.runwayml.com"

REFUSALS: list[tuple[int, Any, str, float | None, bool]] = [
    (400, {"error": "You do not have enough credits to run this task."}, "QUOTA_EXCEEDED_ERROR", None, True),
    (
        402,
        {"error": {"code": "insufficient_credits", "message": "Top up."}},
        "QUOTA_EXCEEDED_ERROR",
        None,
        True,
    ),
    (400, {"error": "Validation of body failed", "issues": []}, "INPUT_VALIDATION_ERROR", None, False),
    (422, {"error": {"code": "x", "message": "Bad."}}, "INPUT_VALIDATION_ERROR", None, False),
    (413, None, "INPUT_VALIDATION_ERROR", None, False),
    (401, {"error": "Unauthorized"}, "PROVIDER_AUTH_ERROR", None, True),
    (403, {"error": "The API key is disabled"}, "PROVIDER_AUTH_ERROR", None, True),
    (403, {"error": "Not enough credits."}, "QUOTA_EXCEEDED_ERROR", None, True),
    (403, {"error": "Forbidden"}, "INPUT_VALIDATION_ERROR", None, False),
    (403, {"error": "This API key has no access to the model"}, "INPUT_VALIDATION_ERROR", None, False),
    (403, None, "INPUT_VALIDATION_ERROR", None, False),
    (403, {"error": "Model variant x is not available"}, "INPUT_VALIDATION_ERROR", None, False),
    (404, {"error": "Not found"}, "PROVIDER_ERROR", 2.0, False),
    (405, None, "PROVIDER_ERROR", 2.0, False),
    (308, None, "PROVIDER_ERROR", 2.0, False),
    (429, {"error": "Your daily task limit has been reached."}, "QUOTA_EXCEEDED_ERROR", 900.0, False),
    (429, {"message": "Too Many Requests"}, "RATE_LIMIT_ERROR", 1.0, False),
    (429, None, "RATE_LIMIT_ERROR", 1.0, False),
]


@pytest.mark.parametrize(("status", "body", "code", "retry_after", "closes"), REFUSALS)
def test_a_refusal(status: int, body: Any, code: str, retry_after: float | None, closes: bool) -> None:
    assert is_conclusive(status)
    refusal = read_refusal(status, {}, body, host=LIVE)
    assert refusal.error.code == code
    assert refusal.retry_after == retry_after
    assert (refusal.closed_for > 0) == closes


@pytest.mark.parametrize("status", [200, 302, 303, 408, 500, 502, 503, 504, 529])
def test_what_proves_nothing(status: int) -> None:
    assert not is_conclusive(status)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("0.5", 0.5),
        ("99999", 3600.0),
        ("soon", 1.0),
        ("", 1.0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 1.0),
    ],
)
def test_when_to_come_again(header: str, seconds: float) -> None:
    assert read_refusal(429, {"Retry-After": header}, None, host=LIVE).retry_after == seconds


def test_the_issues_of_a_refused_body_are_named() -> None:
    issues = [{"code": "too_big", "path": ["promptText"], "message": "Too long"}, {"path": 7}]
    refusal = read_refusal(400, {}, {"error": "Validation of body failed", "issues": issues}, host=LIVE)
    assert str(refusal.error) == "Runway refused the request as it is: the job's detail says why."
    assert refusal.error.detail == "Validation of body failed: promptText Too long"


@pytest.mark.parametrize("body", [None, [], "text", {"error": 7}, {"issues": "x"}, {"error": {"message": 1}}])
def test_bodies_of_any_shape_are_read(body: Any) -> None:
    assert said(body) == ""


def test_no_secret_of_the_vendors_words_is_kept() -> None:
    secrets = "key_0123456789abcdef at https://x/y?_jwt=secret data:image/png;base64,QUJD"
    words = said({"error": f"{secrets} {'x' * 500}"})
    assert "0123" not in words
    assert "QUJD" not in words
    assert "secret" not in words
    assert len(words) == 300


def test_the_wrong_host_is_told_from_an_unknown_one() -> None:
    for wrong in (
        unreachable("api.runwayml.com", "no such host", unknown_name=True),
        read_refusal(404, {}, None, host="api.runwayml.com"),
    ):
        assert "is not the host of Runway's API: set RUNWAY_API_BASE_URL" in str(wrong.error)
        assert wrong.retry_after is None
        assert wrong.closed_for > 0  # no job after it is to find out the same
    elsewhere = unreachable("gateway", "no such host", unknown_name=True)
    assert elsewhere.retry_after == 2.0
    assert "RUNWAY_API_FLAVOR" in str(read_refusal(404, {}, None, host="gateway").error)


def test_half_an_emoji_of_the_vendors_words_is_left_out() -> None:
    assert said({"error": "cut \ud83d here\0"}) == "cut  here"
