"""What every provider must do, run over each of them. A new provider joins the list of `provider`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from cutscene.domain import Aspect, Credits, VideoRequest
from cutscene.emulator import Behaviour
from cutscene.errors import CutsceneError, InputValidationError
from cutscene.fetch import fetch, open_session
from cutscene.media.picture import crop_to
from cutscene.media.probe import probe
from cutscene.plan import LATER, plan_segments, segment_request
from cutscene.providers import (
    Capabilities,
    Done,
    Failed,
    Gone,
    Model,
    NotSubmitted,
    Pending,
    Provider,
    Providers,
    TaskState,
)
from cutscene.providers.generate_video import generate_video, short_form
from emulated import Emulated, runway_settings, videos_settings
from installed import installed_providers

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def vendor(footage_folder: Path) -> Iterator[Emulated]:
    with Emulated(Behaviour(seconds=0.1, footage=footage_folder)) as emulated:
        yield emulated


@pytest.fixture(
    params=[
        "local",
        "scripted",
        "runway tasks",
        "runway generations",
        "openai-videos multipart",
        "openai-videos json",
    ]
)
async def provider(
    request: pytest.FixtureRequest, vendor: Emulated, tmp_path: Path
) -> AsyncIterator[Provider]:
    name, _, spoken = request.param.partition(" ")
    if name == "openai-videos":
        settings = videos_settings(vendor, tmp_path, openai_videos_body=spoken)
    else:
        settings = runway_settings(vendor, tmp_path, flavor=spoken or "auto")
    async with Providers(settings, installed_providers()) as providers:
        yield await providers.get("video", name)


async def footage(provider: Provider, done: Done, target: Path) -> Path:
    """What a link of the provider leads to."""
    able = provider.capabilities()
    async with open_session(allow_private=able.private_links) as session:
        await fetch(done.urls[0], target, session=session, file_root=able.file_root, headers=done.headers)
    return target


async def outcome(provider: Provider, task_id: str, seconds: float = 60) -> TaskState:
    deadline = time.monotonic() + seconds
    while True:
        state = await provider.poll(task_id)
        if not isinstance(state, Pending):
            return state
        assert state.progress is None or 0 <= state.progress <= 1
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


async def test_it_is_a_provider(provider: Provider) -> None:
    assert isinstance(provider, Provider)


async def test_its_capabilities_are_plain_data(provider: Provider) -> None:
    found = provider.capabilities()
    assert isinstance(found, Capabilities)
    assert found == provider.capabilities()
    assert found.models
    assert found.concurrency >= 1
    assert 0 < found.poll_interval < found.timeout
    for model in found.models:
        assert model.text or model.image or model.video
        assert model.durations[0] > 0
        assert list(model.durations) == sorted(model.durations)
        assert all(width % 2 == height % 2 == 0 for width, height in model.sizes.values())


async def test_it_names_the_model_that_serves_a_request(provider: Provider) -> None:
    model = provider.check(VideoRequest(prompt="mountains", duration=2.0))
    assert isinstance(model, Model)
    assert model in provider.capabilities().models


@pytest.mark.parametrize("wrong", [{"model": "no-such-model"}, {"prompt": "x" * 15_000}])
async def test_what_it_refuses_it_refuses_without_io(provider: Provider, wrong: dict[str, object]) -> None:
    with pytest.raises(InputValidationError):
        provider.check(VideoRequest.from_json({"prompt": "mountains", **wrong}))


@pytest.mark.parametrize("seconds", [1.0, 30.0])
async def test_any_length_is_made_of_as_many_generations_as_it_takes(
    provider: Provider, seconds: float
) -> None:
    request = VideoRequest(prompt="mountains", duration=seconds)
    model = provider.check(request)
    plan = plan_segments(request, model)
    assert sum(segment.seconds for segment in plan) >= seconds
    for position in range(len(plan)):
        asked = segment_request(request, model, plan, position, image=LATER)
        assert provider.check(asked) == model
        assert provider.estimate(asked) >= Credits()


async def test_an_estimate_is_an_upper_bound_in_credits(provider: Provider) -> None:
    short, long = (provider.estimate(VideoRequest(prompt="x", duration=d)) for d in (2.0, 4.0))
    assert isinstance(short, Credits)
    assert Credits() <= short <= long


async def test_a_request_becomes_footage(provider: Provider, tmp_path: Path) -> None:
    request = VideoRequest(prompt="mountains at dusk", duration=2.0, seed=3)
    submitted = await provider.submit(await provider.prepare(request))
    state = await outcome(provider, submitted.task_id)
    assert isinstance(state, Done)
    again = await outcome(provider, submitted.task_id)
    assert isinstance(again, Done)
    assert again.credits == state.credits  # looking again changes nothing
    if state.credits is not None:
        assert state.credits <= provider.estimate(request)
    facts = probe(await footage(provider, state, tmp_path / "footage.mp4"))
    assert facts.frames >= 48
    assert (facts.width, facts.height) == provider.check(request).size(request)


async def test_a_picture_is_taken_as_a_data_uri(provider: Provider, still: bytes) -> None:
    picture = crop_to(still, *Aspect.SQUARE.size)
    request = VideoRequest(prompt="a gentle pan", image=picture.data_uri, aspect=Aspect.SQUARE, duration=1.0)
    submitted = await provider.submit(await provider.prepare(request))
    assert isinstance(await outcome(provider, submitted.task_id), Done)


async def test_the_account_is_asked_at_no_cost(provider: Provider) -> None:
    account = await provider.account()
    assert account.concurrency is None or account.concurrency >= 1


async def test_two_submissions_are_two_tasks(provider: Provider) -> None:
    request = VideoRequest(prompt="mountains", duration=1.0)
    one, two = await provider.submit(request), await provider.submit(request)
    assert one.task_id != two.task_id


async def test_what_is_wrong_is_not_submitted(provider: Provider) -> None:
    request = VideoRequest(prompt="[refuse]", duration=1.0, model=None if provider.id == "scripted" else "no")
    with pytest.raises(NotSubmitted) as refused:
        await provider.submit(await provider.prepare(request))
    assert isinstance(refused.value.error, CutsceneError)
    assert refused.value.retry_after is None


async def test_cancel_ends_a_task_and_may_be_repeated(provider: Provider) -> None:
    submitted = await provider.submit(VideoRequest(prompt="sea [work:60] [slow:60]", duration=4.0))
    stopped = await provider.cancel(submitted.task_id)
    assert await provider.cancel(submitted.task_id) == stopped
    if "(generations)" in provider.capabilities().address:  # that protocol knows no cancelling
        assert not stopped
        assert isinstance(await provider.poll(submitted.task_id), Pending)
    else:
        assert stopped
        assert isinstance(await outcome(provider, submitted.task_id), Failed | Gone)


async def test_a_task_nobody_knows_has_failed(provider: Provider) -> None:
    state = await provider.poll("local-0123456789abcdef")
    assert isinstance(state, Failed | Gone)


async def test_the_thin_face(provider: Provider) -> None:
    answer = await generate_video(provider, {"prompt": "ice and light", "duration": 1.0, "seed": 1})
    assert answer["uri"].startswith(("file://", "http://127.0.0.1"))
    assert set(answer["metadata"]) >= {
        "provider_id",
        "model",
        "duration_sec",
        "resolution",
        "fps",
        "format",
        "cost_usd",
        "raw_response",
    }
    assert answer["metadata"]["provider_id"] == provider.id
    made = provider.check(VideoRequest(prompt="x", duration=1.0)).length(1.0)
    assert short_form(answer) == {
        "video_url": answer["uri"],
        "duration_ms": 1000 * made,
        "credits_used": answer["metadata"]["credits_used"],
    }


async def test_the_thin_face_raises_what_happened(provider: Provider) -> None:
    with pytest.raises(InputValidationError):
        await generate_video(provider, {"prompt": "x", "model": "no-such-model"})
