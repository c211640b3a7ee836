"""What Runway's protocols carry: bodies that are sent, answers that are read. No connection is made."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cutscene.domain import Aspect, Credits, VideoRequest
from cutscene.errors import InputValidationError, ProviderAuthError
from cutscene.motion import Motion
from cutscene.providers import Done, Failed, Pending, Providers
from cutscene.providers.camera import camera_words
from cutscene.providers.connection import Call
from cutscene.providers.runway import RunwayProvider
from cutscene.providers.runway.flavors.generations import GENERATIONS
from cutscene.providers.runway.flavors.tasks import TASKS
from cutscene.settings import Settings

PNG = "data:image/png;base64,AAAA"
MP4 = "data:video/mp4;base64,AAAA"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def provider(**changed: Any) -> RunwayProvider:
    """With the settings' defaults; it outlives its connection, which nobody here uses."""
    settings = Settings(**{"runway_api_key": "key_1", **changed})
    async with Providers(settings) as providers:
        found = await providers.get("video", "runway")
    assert isinstance(found, RunwayProvider)
    return found


async def call(request: VideoRequest, **changed: Any) -> Call:
    runway = await provider(**changed)
    model = runway.check(request)
    words = " ".join(
        part for part in (request.prompt, camera_words(request.motion, loop=request.loop)) if part
    )
    flavor = GENERATIONS if changed.get("runway_api_flavor") == "generations" else TASKS
    return flavor.create(model, request, words)


def ask(**fields: Any) -> VideoRequest:
    return VideoRequest.from_json({"prompt": "a castle", **fields})


TASKS_BODIES: list[tuple[dict[str, Any], str, dict[str, Any]]] = [
    ({}, "text_to_video", {"model": "gen4.5", "ratio": "1280:720", "duration": 4}),
    ({"aspect": "9:16", "duration": 6.2}, "text_to_video", {"ratio": "720:1280", "duration": 7}),
    ({"aspect": "1:1"}, "text_to_video", {"ratio": "1280:720"}),
    ({"duration": 1.0, "seed": 7}, "text_to_video", {"duration": 2, "seed": 7}),
    ({"image": PNG}, "image_to_video", {"model": "gen4_turbo", "ratio": "1280:720"}),
    ({"image": PNG, "aspect": "1:1"}, "image_to_video", {"ratio": "960:960"}),
    ({"image": PNG, "model": "gen4.5", "aspect": "1:1"}, "image_to_video", {"ratio": "960:960"}),
    ({"model": "veo3.1", "duration": 5}, "text_to_video", {"duration": 6, "audio": False}),
    (
        {"image": PNG, "last_image": PNG},
        "image_to_video",
        {
            "model": "veo3.1_fast",
            "promptImage": [{"uri": PNG, "position": "first"}, {"uri": PNG, "position": "last"}],
        },
    ),
    ({"model": "kling3.0_pro", "seed": 3}, "text_to_video", {"ratio": "1920:1080", "audio": False}),
    ({"video": MP4}, "video_to_video", {"model": "aleph2", "videoUri": MP4}),
    (
        {"video": MP4, "extend": True, "model": "seedance2_5"},
        "video_to_video",
        {"model": "seedance2_5", "promptVideo": MP4, "mode": "extend", "duration": 4},
    ),
    (
        {"video": MP4, "model": "seedance2_5"},
        "video_to_video",
        {"promptVideo": MP4, "mode": "edit", "duration": "auto"},
    ),
    ({"video": MP4, "model": "seedance2"}, "video_to_video", {"promptVideo": MP4, "ratio": "1280:720"}),
    (
        {"motion": {"zoom": 3, "pan": -9}},
        "text_to_video",
        {"promptText": "a castle The camera rapidly pans left and slowly pushes in."},
    ),
]


@pytest.mark.anyio
@pytest.mark.parametrize(("asked", "endpoint", "sent"), TASKS_BODIES)
async def test_what_is_sent_over_tasks(asked: dict[str, Any], endpoint: str, sent: dict[str, Any]) -> None:
    made = await call(ask(**asked))
    assert made.body is not None
    assert (made.method, made.path) == ("POST", f"/v1/{endpoint}")
    assert {name: made.body[name] for name in sent} == sent
    assert ("seed" in made.body) == ("seed" in asked and not made.body["model"].startswith("kling"))
    assert not {"ratio", "mode"} <= set(made.body)


@pytest.mark.anyio
async def test_what_is_sent_over_generations() -> None:
    made = await call(ask(image=PNG, seed=5, aspect="9:16"), runway_api_flavor="generations")
    assert made == Call(
        "POST",
        "/v1/generations",
        {"prompt_text": "a castle", "prompt_image": "AAAA", "duration": 4, "aspect_ratio": "9:16", "seed": 5},
    )


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("asked", "settings", "sentence"),
    [
        ({"model": "gen3a_turbo", "image": PNG}, {}, "retired 'gen3a_turbo': use gen4_turbo"),
        ({"model": "gen9"}, {}, "no model 'gen9': choose one of gen4_turbo, gen4.5"),
        ({"model": "gen4_turbo"}, {}, "needs a picture"),
        ({"model": "gen4.5", "image": PNG, "last_image": PNG}, {}, "takes no last picture"),
        ({"model": "gen4.5", "video": MP4}, {}, "takes no clip"),
        ({"model": "aleph2", "video": MP4, "extend": True}, {}, "does not go on with a clip"),
        ({"video": MP4, "model": "aleph2", "duration": 1}, {}, "'aleph2' takes clips of 2 seconds or more"),
        ({"prompt": "x" * 501}, {}, "501 characters, at most 500"),
        ({"prompt": "x" * 490, "motion": {"zoom": 1}}, {}, "With its camera motion .* 519 characters"),
        ({"prompt": "x" * 1001}, {"runway_max_prompt_chars": 5000}, "at most 1000"),
        ({"prompt": "\U0001f600" * 600}, {"runway_max_prompt_chars": 800}, "1200 as Runway counts"),
    ],
)
async def test_what_is_refused_at_no_cost(
    asked: dict[str, Any], settings: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(InputValidationError, match=sentence):
        (await provider(**settings)).check(ask(**asked))


@pytest.mark.anyio
async def test_a_retired_model_is_offered_where_the_host_is_not_runways() -> None:
    gateway = {"runway_api_base_url": "http://127.0.0.1:1", "runway_api_flavor": "tasks"}
    runway = await provider(**gateway)
    assert runway.check(ask(model="gen3a_turbo", image=PNG, duration=4)).length(4) == 5
    assert runway.capabilities().private_links


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("asked", "amount"),
    [
        ({}, 48),
        ({"duration": 4.5}, 60),
        ({"image": PNG}, 20),
        ({"video": MP4, "duration": 2}, 56),
        ({"video": MP4, "duration": 3}, 84),
        ({"model": "seedance2_5", "duration": 4}, 120),
        ({"model": "seedance2_5", "video": MP4, "extend": True, "duration": 4}, 180),
        ({"model": "seedance2_5", "video": MP4, "duration": 4}, 960),
    ],
)
async def test_an_estimate_is_what_it_may_cost_at_most(asked: dict[str, Any], amount: int) -> None:
    assert (await provider()).estimate(ask(**asked)) == Credits.of(amount)


@pytest.mark.anyio
async def test_defaults_come_from_the_settings() -> None:
    runway = await provider(runway_text_model="veo3.1", runway_image_model="gen4.5")
    assert runway.check(ask()).id == "veo3.1"
    assert runway.check(ask(image=PNG)).id == "gen4.5"
    assert runway.check(ask(image=PNG, last_image=PNG)).id == "veo3.1_fast"


@pytest.mark.anyio
async def test_without_a_key_it_says_which_setting_to_make(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ProviderAuthError, match="set RUNWAY_API_KEY"):
        await provider(runway_api_key=None)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("settings", "address"),
    [
        ({}, "api.dev.runwayml.com (tasks)"),
        (
            {"runway_api_base_url": "https://api.dev-stage.runwayml.com/v1/"},
            "api.dev-stage.runwayml.com (tasks)",
        ),
        ({"runway_api_base_url": "http://127.0.0.1:9/x"}, "127.0.0.1 (generations)"),
        ({"runway_api_base_url": "http://127.0.0.1:9", "runway_api_flavor": "tasks"}, "127.0.0.1 (tasks)"),
    ],
)
async def test_the_protocol_follows_the_host(settings: dict[str, Any], address: str) -> None:
    able = (await provider(**settings)).capabilities()
    assert able.address == address
    assert able.private_links == ("127.0.0.1" in address)


@pytest.mark.parametrize(
    ("motion", "words"),
    [
        (None, ""),
        (Motion(), "Static locked camera."),
        (Motion(zoom=3), "The camera slowly pushes in."),
        (Motion(zoom=-4), "The camera steadily pulls back."),
        (Motion(pan=10, tilt=-8), "The camera rapidly pans right and rapidly tilts down."),
        (Motion(roll=-1, truck=2, pedestal=7), "The camera steadily rises and slowly trucks right."),
        (Motion(roll=5), "The camera steadily rolls clockwise."),
        (Motion(pedestal=-0.5), "The camera slowly sinks."),
        (Motion(parallax=-4), "The camera steadily arcs left."),
        (Motion(breathing=2), "The camera slowly eases in and back out."),
        (Motion(breathing=-2, sway=1), "The camera slowly eases out and back in and slowly sways."),
    ],
)
def test_camera_motion_becomes_words(motion: Motion | None, words: str) -> None:
    assert camera_words(motion) == words


@pytest.mark.parametrize(
    ("motion", "words"),
    [
        (None, "Static locked camera."),
        (Motion(), "Static locked camera."),
        (Motion(zoom=3), "The camera slowly pushes in, then returns to where it began."),
        (
            Motion(pan=-5, sway=2),
            "The camera steadily pans left and slowly sways, then returns to where it began.",
        ),
        (Motion(breathing=2), "The camera slowly eases in and back out."),
        (Motion(sway=9), "The camera rapidly sways."),
    ],
)
def test_the_camera_of_a_loop_comes_back(motion: Motion | None, words: str) -> None:
    assert camera_words(motion, loop=True) == words


@pytest.mark.anyio
async def test_words_that_nobody_asked_for_refuse_no_prompt() -> None:
    runway = await provider()
    prompt = VideoRequest(prompt="x" * 490, loop=True)
    assert runway.wording(prompt) == prompt.prompt
    assert runway.wording(replace(prompt, prompt="a harbour")) == "a harbour Static locked camera."
    with pytest.raises(InputValidationError, match="With its camera motion"):
        runway.check(replace(prompt, motion=Motion(zoom=1)))


ANSWERS: list[tuple[dict[str, Any], object]] = [
    ({"status": "PENDING"}, Pending()),
    ({"status": "THROTTLED"}, Pending(queued=True)),
    ({"status": "RUNNING", "progress": 0.25}, Pending(0.25)),
    ({"status": "RUNNING", "progress": 7}, Pending(1.0)),
    ({"status": "RUNNING", "progress": "much"}, Pending()),
    ({"status": "PREPARING"}, Pending(note="unknown status 'PREPARING'")),
    ({}, None),
    ({"status": 7}, None),
]


@pytest.mark.parametrize(("answer", "state"), ANSWERS)
def test_a_task_that_has_not_ended(answer: dict[str, Any], state: object) -> None:
    assert TASKS.read_state(answer, 10.0) == state
    assert GENERATIONS.read_state(answer, 10.0) == state


def test_a_task_that_is_done() -> None:
    links = ["https://x/a.mp4?_jwt=1"]
    over_tasks = TASKS.read_state({"status": "SUCCEEDED", "output": links, "cost": {"credits": 48}}, 1.0)
    listed = [{"url": link} for link in links]
    over_generations = GENERATIONS.read_state(
        {"status": "SUCCEEDED", "output": listed, "credits_used": 40.5}, 1.0
    )
    for state, milli in ((over_tasks, 48_000), (over_generations, 40_500)):
        assert isinstance(state, Done)
        assert state.urls == tuple(links)
        assert state.credits == Credits(milli)
        assert "output" not in state.raw  # links are signed
    silent = GENERATIONS.read_state({"status": "SUCCEEDED", "output": links}, 1.0)
    assert isinstance(silent, Done)
    assert silent.credits is None


@pytest.mark.parametrize("junk", ["5", True, None, [], -1, float("nan"), float("inf"), 10**400])
def test_junk_is_no_progress_and_no_amount(junk: Any) -> None:
    for flavor, charge in ((TASKS, {"cost": {"credits": junk}}), (GENERATIONS, {"credits_used": junk})):
        done = flavor.read_state({"status": "SUCCEEDED", "output": [], **charge}, 1.0)
        assert isinstance(done, Done)
        assert done.credits is None
        pending = flavor.read_state({"status": "RUNNING", "progress": junk}, 1.0)
        assert isinstance(pending, Pending)
        assert pending.progress in (None, 0.0)


@pytest.mark.parametrize(
    ("code", "error", "transient"),
    [
        ("SAFETY.INPUT.TEXT", "INPUT_VALIDATION_ERROR", False),
        ("SAFETY.OUTPUT.VIDEO", "INPUT_VALIDATION_ERROR", False),
        ("INPUT_PREPROCESSING.SAFETY.TEXT", "INPUT_VALIDATION_ERROR", False),
        ("INPUT_PREPROCESSING.SAFETY.THIRD_PARTY", "INPUT_VALIDATION_ERROR", False),
        ("INPUT_PREPROCESSING.INTERNAL", "PROVIDER_ERROR", True),
        ("THIRD_PARTY.INPUT_VALIDATION", "INPUT_VALIDATION_ERROR", False),
        ("THIRD_PARTY.UNAVAILABLE", "PROVIDER_ERROR", True),
        ("ASSET.INVALID", "INPUT_VALIDATION_ERROR", False),
        ("INTERNAL.BAD_OUTPUT.CODE01", "PROVIDER_ERROR", False),
        ("INTERNAL", "PROVIDER_ERROR", True),
        (None, "PROVIDER_ERROR", True),
        ("SOMETHING.NEW", "PROVIDER_ERROR", False),
    ],
)
def test_each_family_of_failures(code: str | None, error: str, transient: bool) -> None:
    failed = {"status": "FAILED", "failure": "See https://x/y?token=secret.", "failureCode": code}
    state = TASKS.read_state({**failed, "cost": {"credits": 0}}, 10.0)
    assert isinstance(state, Failed)
    assert (state.error.code, state.credits) == (error, Credits())
    assert state.retry_after == (10.0 if transient else None)
    assert state.error.detail is not None
    assert state.error.detail.startswith(code or "See")
    assert "secret" not in state.error.detail
    same = GENERATIONS.read_state({"status": "FAILED", "failure": "x", "failure_code": code}, 10.0)
    assert isinstance(same, Failed)
    assert (str(same.error), same.credits) == (str(state.error), None)


def test_a_task_cancelled_at_the_vendor() -> None:
    state = TASKS.read_state({"status": "CANCELLED", "cost": {"credits": 5}}, 1.0)
    assert isinstance(state, Failed)
    assert (state.error.code, state.credits) == ("CANCELLED", Credits.of(5))


@pytest.mark.parametrize(
    "answer", [None, [], {}, {"id": None}, {"id": ""}, {"id": "x" * 501}, {"id": "a\nb"}]
)
def test_an_answer_that_names_no_task_is_no_acceptance(answer: Any) -> None:
    assert TASKS.read_created(answer) is None
    assert GENERATIONS.read_created(answer) is None


def test_task_ids_cannot_lead_elsewhere() -> None:
    assert TASKS.look("../organization?x").path == "/v1/tasks/..%2Forganization%3Fx"


def test_the_account_says_what_fits_all_models() -> None:
    limits = {"gen4.5": {"maxConcurrentGenerations": 3}, "aleph2": {"maxConcurrentGenerations": 2}, "x": {}}
    account = TASKS.read_account({"creditBalance": 900, "tier": {"models": limits}})
    assert (account.credits, account.concurrency) == (Credits.of(900), 2)
    assert TASKS.read_account(None).concurrency is None
    assert Aspect.SQUARE.size == (768, 768)
