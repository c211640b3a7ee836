"""The `/v1/videos` protocol without a network: what is sent, and what answers mean."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageOps
from pydantic import ValidationError

from cutscene.domain import Aspect, Credits, VideoRequest
from cutscene.errors import InputValidationError, ProviderError
from cutscene.media import picture
from cutscene.motion import Motion
from cutscene.providers import Done, Failed, NotSubmitted, Pending, Providers
from cutscene.providers.connection import Call, File
from cutscene.providers.openai_videos import OpenAIVideosProvider, wire
from cutscene.providers.openai_videos.models import models_of
from cutscene.providers.openai_videos.refusals import read_refusal, said
from cutscene.settings import Settings
from installed import installed_providers

pytestmark = pytest.mark.anyio

LINK = "https://videos.example/v1/videos/video_1/content"
HEADERS = {"Authorization": "Bearer sk-1"}
PICTURE = picture.to_data_uri(b"abc", "image/jpeg")


def settings(**changed: Any) -> Settings:
    return Settings(**{"openai_videos_base_url": "http://127.0.0.1:9", **changed})


@asynccontextmanager
async def opened(home: Path, **changed: Any) -> AsyncIterator[OpenAIVideosProvider]:
    async with Providers(settings(home=home, **changed), installed_providers()) as providers:
        provider = await providers.get("video", "openai-videos")
        assert isinstance(provider, OpenAIVideosProvider)
        yield provider


def created(request: VideoRequest, **changed: Any) -> Call:
    return wire.create(models_of(settings(**changed))[0], request, request.prompt)


def test_a_form_as_the_official_client_sends_it() -> None:
    request = VideoRequest(prompt="sea", duration=5.0, aspect=Aspect.PORTRAIT, image=PICTURE, seed=7)
    assert created(request, openai_videos_model="sora-2") == Call(
        "POST",
        "/v1/videos",
        form={
            "model": "sora-2",
            "prompt": "sea",
            "seconds": "8",
            "size": "720x1280",
            "input_reference": File(b"abc", "picture.jpg", "image/jpeg"),
        },
    )  # no seed: it would be refused


def test_json_where_that_is_set() -> None:
    request = VideoRequest(prompt="sea", duration=2.0, image=PICTURE, seed=7)
    call = created(request, openai_videos_model="wan", openai_videos_body="json")
    assert call == Call(
        "POST",
        "/v1/videos",
        {
            "model": "wan",
            "prompt": "sea",
            "seconds": "2",
            "size": "1280x720",
            "seed": 7,
            "input_reference": {"image_url": PICTURE},
        },
    )


def test_a_server_that_serves_one_model_is_told_none() -> None:
    form = created(VideoRequest(prompt="sea", duration=1.0)).form
    assert form == {"prompt": "sea", "seconds": "1", "size": "1280x720"}


@pytest.mark.parametrize(
    ("name", "seconds", "price"),
    [
        ("sora-2", (4, 8, 12), 10),
        ("openai/sora-2-pro", (4, 8, 12), 30),
        ("sora-2-2025-12-08", (4, 8, 12), 10),
        ("openai/sora-2-pro-2025-10-06", (4, 8, 12), 30),
        ("Wan-AI/Wan2.2-TI2V-5B-Diffusers", tuple(range(1, 11)), 0),
        ("sora-2-turbo", tuple(range(1, 11)), 0),
        ("sora-2-pro-max", tuple(range(1, 11)), 0),
        ("x/sora-2.5", tuple(range(1, 11)), 0),
        ("my-sora-2", tuple(range(1, 11)), 0),
    ],
)
def test_what_is_known_of_a_model(name: str, seconds: tuple[int, ...], price: int) -> None:
    (model,) = models_of(settings(openai_videos_model=name))
    assert (model.id, model.durations, model.credits_per_second) == (name, seconds, Credits.of(price))
    assert model.is_priced is (price > 0)


def test_what_is_set_comes_first() -> None:
    first, second = models_of(
        settings(
            openai_videos_model="sora-2,ltx",
            openai_videos_seconds="2-4",
            openai_videos_sizes="832x480, 480x832",
            openai_videos_usd_per_second="0.05125",
        )
    )
    for model in (first, second):
        assert list(model.durations) == [2, 3, 4]
        assert model.sizes == {
            Aspect.LANDSCAPE: (832, 480),
            Aspect.PORTRAIT: (480, 832),
            Aspect.SQUARE: (832, 480),  # to be cut from
        }
        assert model.credits_per_second == Credits.of(Decimal("5.125"))


def test_what_larger_pictures_cost_is_not_known() -> None:
    for sizes, is_priced in (("1280x720", True), ("1792x1024,1024x1792", False)):
        (model,) = models_of(settings(openai_videos_model="sora-2-pro", openai_videos_sizes=sizes))
        assert model.is_priced is is_priced


async def test_an_estimate_is_what_its_length_costs(tmp_path: Path) -> None:
    async with opened(tmp_path, openai_videos_model="sora-2") as provider:
        assert provider.estimate(VideoRequest(prompt="x", duration=5.0)) == Credits.of(80)
        assert provider.capabilities().usd_per_credit == "0.01"
        with pytest.raises(InputValidationError, match="no model 'other': choose one of sora-2"):
            provider.check(VideoRequest(prompt="x", model="other"))


@pytest.mark.parametrize(
    ("changed", "is_free"),
    [
        ({}, True),  # an engine in the house
        ({"openai_videos_api_key": "sk-1"}, False),  # a gateway in the house, perhaps
        ({"openai_videos_base_url": "https://8.8.8.8"}, False),
        ({"openai_videos_base_url": "https://8.8.8.8", "openai_videos_usd_per_second": 0}, True),
        ({"openai_videos_base_url": "https://no-such-host.invalid", "openai_videos_api_key": "sk-1"}, False),
    ],
)
async def test_nothing_is_free_by_mistake(tmp_path: Path, changed: dict[str, Any], is_free: bool) -> None:
    async with opened(tmp_path, openai_videos_model="wan", **changed) as provider:
        request = VideoRequest(prompt="x")
        if is_free:
            assert provider.estimate(request) == Credits()
            return
        with pytest.raises(InputValidationError, match="set OPENAI_VIDEOS_USD_PER_SECOND, to 0 where"):
            provider.estimate(request)
        with pytest.raises(NotSubmitted):
            await provider.submit(request)


async def test_where_the_name_service_is_away_a_job_waits(tmp_path: Path) -> None:
    away = {"openai_videos_base_url": "http://no-such-host.invalid", "openai_videos_model": "wan"}
    async with opened(tmp_path, **away) as provider:
        request = VideoRequest(prompt="x")
        assert provider.estimate(request) == Credits()
        assert await provider.prepare(request) == request
        with pytest.raises(NotSubmitted, match="check the name in OPENAI_VIDEOS_BASE_URL") as refused:
            await provider.submit(request)
    assert refused.value.error.code == "PROVIDER_ERROR"
    assert refused.value.retry_after is not None


async def test_the_camera_goes_along_in_words(tmp_path: Path) -> None:
    async with opened(tmp_path) as provider:
        moving = VideoRequest(prompt="x", motion=Motion(zoom=5))
        assert provider.wording(moving) == "x The camera steadily pushes in."
        long = VideoRequest(prompt="x" * 1990, motion=Motion(zoom=5))
        with pytest.raises(InputValidationError, match="at most 2000"):
            provider.check(long)
        provider.check(VideoRequest(prompt="x" * 1990, loop=True))  # nobody asked for a camera


@pytest.mark.parametrize("aspect", list(Aspect))
async def test_pictures_have_the_very_size_that_is_generated(tmp_path: Path, aspect: Aspect) -> None:
    given = BytesIO()
    Image.new("RGB", aspect.size, "teal").resize((aspect.size[0] // 4, aspect.size[1] // 4)).save(
        given, "PNG"
    )
    uri = picture.to_data_uri(given.getvalue(), "image/png")
    async with opened(tmp_path, openai_videos_model="sora-2") as provider:
        request = VideoRequest(prompt="x", image=uri, aspect=aspect)
        prepared = await provider.prepare(request)
        assert prepared.image is not None
        size = Image.open(BytesIO(picture.from_data_uri(prepared.image))).size
        assert size == provider.check(request).size(request)


@pytest.mark.parametrize("sizes", ["720x1280,1280x720", "1280x720", "768x1024"])
async def test_a_square_is_whole_in_what_is_cut_from_it(tmp_path: Path, sizes: str) -> None:
    drawn = Image.new("RGB", (400, 400), "red")
    drawn.paste("white", (20, 20, 380, 380))
    given = BytesIO()
    drawn.save(given, "PNG")
    uri = picture.to_data_uri(given.getvalue(), "image/png")
    async with opened(tmp_path, openai_videos_sizes=sizes) as provider:
        prepared = await provider.prepare(VideoRequest(prompt="x", image=uri, aspect=Aspect.SQUARE))
    assert prepared.image is not None
    sent = Image.open(BytesIO(picture.from_data_uri(prepared.image)))
    assert sent.size == tuple(map(int, sizes.partition(",")[0].split("x")))
    cut = ImageOps.fit(sent, (400, 400))  # as the footage will be
    for place in ((6, 200), (394, 200), (200, 6), (200, 394)):
        color: Any = cut.getpixel(place)
        assert (color[0] > 180, color[1] < 80, color[2] < 80) == (True, True, True)


def state(answer: Any) -> Any:
    return wire.read_state(answer, LINK, HEADERS, unsaid=None, pause=2.0)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("queued", Pending(0.25, queued=True)),
        ("pending", Pending(0.25, queued=True)),
        ("in_progress", Pending(0.25)),
        ("Processing", Pending(0.25)),
        ("completed", Done((LINK,))),
        ("succeeded", Done((LINK,))),
    ],
)
def test_statuses_the_protocols_and_others(status: str, expected: Any) -> None:
    found = state({"id": "video_1", "status": status, "progress": 25, "url": "https://x/?sig=1"})
    if isinstance(expected, Done):
        assert isinstance(found, Done)
        assert (found.urls, found.credits, found.headers) == ((LINK,), None, HEADERS)
        assert "url" not in found.raw  # signed, perhaps
        assert "sk-1" not in repr(found)
    else:
        assert found == expected


def test_links_are_kept_from_nowhere_in_an_answer() -> None:
    signed = "https://bucket.example/clip.mp4?sig=hush"
    found = state(
        {
            "id": "video_1",
            "status": "completed",
            "progress": 100,
            "url": signed,
            "path": "/clips/1.mp4?sig=hush",
            "urls": [signed],
            "video": {"url": signed},
            "usage": {"cost": 0.4, "invoice": signed, "more": {"url": signed}},
        }
    )
    assert found.raw == {"id": "video_1", "status": "completed", "progress": 100, "usage": {"cost": 0.4}}


@pytest.mark.parametrize("answer", [None, [], "x", {}, {"status": None}, {"status": 3}])
def test_what_is_no_answer_says_nothing(answer: Any) -> None:
    assert state(answer) is None


def test_an_unknown_status_has_not_ended() -> None:
    assert state({"status": "dreaming"}) == Pending(note="unknown status 'dreaming'")


@pytest.mark.parametrize("progress", ["50", None, True, float("nan"), float("inf"), [], -5, 1e300, 10**400])
def test_progress_is_a_number_or_none(progress: Any) -> None:
    found = state({"status": "in_progress", "progress": progress})
    assert found.progress in (None, 0.0, 1.0)


@pytest.mark.parametrize(
    ("error", "code", "again"),
    [
        ({"code": "moderation_blocked", "message": "no"}, "INPUT_VALIDATION_ERROR", False),
        ({"code": "content_policy_violation"}, "INPUT_VALIDATION_ERROR", False),
        ({"code": "invalid_input_reference"}, "INPUT_VALIDATION_ERROR", False),
        ({"code": "server_error", "message": "oops"}, "PROVIDER_ERROR", True),
        ({"code": "video_generation_failed"}, "PROVIDER_ERROR", False),
        ("out of memory", "PROVIDER_ERROR", True),
        (None, "PROVIDER_ERROR", True),
    ],
)
def test_failures(error: Any, code: str, again: bool) -> None:
    found = state({"status": "failed", "error": error})
    assert isinstance(found, Failed)
    assert (found.error.code, found.retry_after == 2.0, found.credits) == (code, again, None)


def test_what_was_cancelled_is_no_failure_of_the_server() -> None:
    found = state({"status": "cancelled"})
    assert isinstance(found, Failed)
    assert found.error.code == "CANCELLED"


@pytest.mark.parametrize(
    ("usage", "charged"),
    [
        ({"cost": 0.4}, Credits.of(40)),
        ({"cost": 0}, Credits()),
        ({"cost": 0.000001}, Credits(1)),  # rounded up
        ({"cost": 0.07}, Credits.of(7)),
        ({"cost": "0.4"}, None),
        ({"cost": -1}, None),
        ({"cost": float("nan")}, None),
        ({"cost": 10**400}, None),
        ({}, None),
        ("free", None),
    ],
)
def test_gateways_that_price_do_so_in_usd(usage: Any, charged: Credits | None) -> None:
    found = state({"status": "completed", "usage": usage})
    assert isinstance(found, Done)
    assert found.credits == charged


def error(code: str | None, message: str = "No.") -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}}


NO_MODEL = {"message": "The model `x` does not exist.", "type": "NotFoundError", "code": 404}


@pytest.mark.parametrize(
    ("status", "body", "code", "retry_after", "closes"),
    [
        (400, error("invalid_value"), "INPUT_VALIDATION_ERROR", None, False),
        (400, error("moderation_blocked"), "INPUT_VALIDATION_ERROR", None, False),
        (400, error("billing_hard_limit_reached"), "QUOTA_EXCEEDED_ERROR", None, True),
        (422, {"detail": [{"loc": ["body", "size"], "msg": "bad"}]}, "INPUT_VALIDATION_ERROR", None, False),
        (401, error("invalid_api_key"), "PROVIDER_AUTH_ERROR", None, True),
        (403, error(None, "Incorrect API key provided"), "PROVIDER_AUTH_ERROR", None, True),
        (403, error(None, "Your organization must be verified"), "INPUT_VALIDATION_ERROR", None, False),
        (402, None, "QUOTA_EXCEEDED_ERROR", None, True),
        (429, error("insufficient_quota"), "QUOTA_EXCEEDED_ERROR", None, True),
        (429, error("rate_limit_exceeded"), "RATE_LIMIT_ERROR", 1.0, False),
        (
            429,
            error("rate_limit_exceeded", "Limit of 50 requests per day"),
            "QUOTA_EXCEEDED_ERROR",
            900.0,
            False,
        ),
        (404, error("model_not_found"), "INPUT_VALIDATION_ERROR", None, False),
        (404, {"error": NO_MODEL}, "INPUT_VALIDATION_ERROR", None, False),
        (404, NO_MODEL, "INPUT_VALIDATION_ERROR", None, False),
        (404, {"detail": "Model 'x' was not found."}, "INPUT_VALIDATION_ERROR", None, False),
        (404, {"detail": "Not Found"}, "PROVIDER_ERROR", 2.0, False),
        (405, None, "PROVIDER_ERROR", 2.0, False),
        (413, None, "INPUT_VALIDATION_ERROR", None, False),
        (307, None, "PROVIDER_ERROR", 2.0, False),
    ],
)
def test_refusals(status: int, body: Any, code: str, retry_after: float | None, closes: bool) -> None:
    refused = read_refusal(status, {}, body, host="videos.example")
    assert refused.error.code == code
    assert refused.retry_after == retry_after
    assert bool(refused.closed_for) == closes


def test_the_servers_words_are_for_operators() -> None:
    assert said({"detail": [{"loc": ["body", "size"], "msg": "bad"}]}) == "body.size bad"
    assert said(error("x", "see https://x.example/a?token=1")) == "see https://x.example/a..."
    junk: list[Any] = [None, [], "x", {"error": 3}, {"detail": [1]}]
    assert [said(body) for body in junk] == [""] * 5
    assert read_refusal(400, {}, error("x", "bad"), host="h").error.detail == "bad"


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("BASE_URL", "videos.example", "it is not an address like"),
        ("API_KEY", "a b", "it holds characters"),
        ("MODEL", "a,,b", "a model's name has"),
        ("MODEL", "x" * 64, "a model's name has"),
        ("SECONDS", "4,x", "give seconds from 1 to 120"),
        ("SECONDS", "9-2", "give seconds from 1 to 120"),
        ("SECONDS", "0-3", "give seconds from 1 to 120"),
        ("SIZES", "1280x721", "give even pixels"),
        ("SIZES", "1280", "give even pixels"),
        ("SIZES", "wide", "give even pixels"),
        ("USD_PER_SECOND", "-1", "input should be greater"),
        ("USD_PER_SECOND", "0.000001", "decimal input should have"),
        ("BODY", "xml", "input should be 'multipart' or 'json'"),
        ("CONCURRENCY", "0", "input should be greater"),
        ("POLL_INTERVAL_MS", "1", "input should be greater"),
        ("TIMEOUT_MS", "soon", "input should be a valid integer"),
    ],
)
def test_a_wrong_setting_is_named(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, sentence: str
) -> None:
    monkeypatch.setenv(f"OPENAI_VIDEOS_{variable}", value)
    with pytest.raises(InputValidationError) as refused:
        Settings.load()
    assert str(refused.value).startswith(f"OPENAI_VIDEOS_{variable}: {sentence}")


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("sizes", [5], "give even pixels"),
        ("seconds", 5, "give a list"),
        ("model", [5], "a model's name"),
    ],
)
def test_a_wrong_value_from_a_script_is_named(name: str, value: Any, sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        Settings(**{f"openai_videos_{name}": value})


async def test_without_a_server_it_says_what_to_set(tmp_path: Path) -> None:
    async with Providers(Settings(home=tmp_path), installed_providers()) as providers:
        with pytest.raises(ProviderError, match="set OPENAI_VIDEOS_BASE_URL"):
            await providers.get("video", "openai-videos")


@pytest.mark.parametrize("read", [wire.read_created, wire.read_deleted, state])
@pytest.mark.parametrize("junk", [None, 3, "x", [], [{}], {"id": {}}, {"id": ""}, {"status": []}])
def test_junk_breaks_nothing(read: Callable[[Any], Any], junk: Any) -> None:
    assert read(junk) in (None, True)
