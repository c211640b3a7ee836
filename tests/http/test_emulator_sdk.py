"""The emulator before its strictest judge: the vendor's own SDK."""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import runwayml
from PIL import Image
from runwayml import AsyncRunwayML
from runwayml.lib.polling import TaskFailedError
from runwayml.types.task_retrieve_response import Cancelled, Failed, Running, Succeeded, Throttled

from cutscene.emulator import Behaviour, Emulator

pytestmark = pytest.mark.anyio

SMALL = "[size:160x90][length:0.5]"

Open = Callable[..., Awaitable[AsyncRunwayML]]


@pytest.fixture
async def open_sdk(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Open, None]:
    """The SDK, pointed at any emulator."""
    footage = tmp_path_factory.getbasetemp() / "emulated-footage"

    async def opened(**settings: Any) -> AsyncRunwayML:
        behaviour = Behaviour(**{"seconds": 0.1, "footage": footage, **settings})
        emulator = await stack.enter_async_context(Emulator(behaviour))
        sdk = AsyncRunwayML(api_key=emulator.key, base_url=emulator.url, max_retries=0)
        return await stack.enter_async_context(sdk)

    async with AsyncExitStack() as stack:
        yield opened


@pytest.fixture
async def sdk(open_sdk: Open) -> AsyncRunwayML:
    return await open_sdk()


def png(width: int = 320, height: int = 180) -> bytes:
    stream = io.BytesIO()
    Image.effect_noise((width, height), 50).convert("RGB").save(stream, "PNG")
    return stream.getvalue()


def data_uri() -> str:
    return f"data:image/png;base64,{base64.b64encode(png()).decode()}"


async def create(sdk: AsyncRunwayML, prompt: str) -> Any:
    return await sdk.text_to_video.create(
        model="gen4.5", prompt_text=f"{prompt} {SMALL}", ratio="1280:720", duration=2
    )


def estimate(created: Any) -> float:
    """Credits; the types of the SDK do not know that it is there."""
    estimated: float = created.estimated_cost.credits
    return estimated


async def ended(sdk: AsyncRunwayML, task_id: str) -> Any:
    async with asyncio.timeout(20):
        while (task := await sdk.tasks.retrieve(task_id)).status not in ("SUCCEEDED", "FAILED", "CANCELLED"):
            await asyncio.sleep(0.02)
    return task


async def test_it_waits_for_what_it_created(sdk: AsyncRunwayML) -> None:
    """All in one: before its first look the SDK sleeps for six seconds."""
    text = await sdk.text_to_video.create(
        model="gen4.5", prompt_text="A castle [length:0.5]", ratio="720:1280", duration=2, seed=4
    )
    image = await sdk.image_to_video.create(
        model="gen4_turbo",
        prompt_image=[{"uri": data_uri(), "position": "first"}],
        prompt_text=SMALL,
        ratio="1280:720",
        duration=2,
        content_moderation={"public_figure_threshold": "low"},
    )
    moderated, cancelled = await create(sdk, "[moderated]"), await create(sdk, "[cancelled]")
    assert [estimate(text), estimate(image)] == [24, 10]

    async def failing(task: Any) -> Any:
        with pytest.raises(TaskFailedError) as caught:
            await task.wait_for_task_output()
        return caught.value.task_details

    done, moved, failed, ended_upstream = await asyncio.gather(
        text.wait_for_task_output(),
        image.wait_for_task_output(),
        failing(moderated),
        failing(cancelled),
    )
    for task, credits_due in ((done, 24), (moved, 10)):
        assert isinstance(task, Succeeded)
        assert task.cost.credits == credits_due
        async with httpx.AsyncClient() as http:
            clip = await http.get(task.output[0])
        assert clip.content[4:8] == b"ftyp"
    assert isinstance(failed, Failed)
    assert (failed.failure_code, failed.cost.credits) == ("SAFETY.INPUT.TEXT", 24)
    assert isinstance(ended_upstream, Cancelled)
    assert ended_upstream.cost.credits == 0


async def test_it_understands_every_status(open_sdk: Open) -> None:
    sdk = await open_sdk(concurrency=1)
    running, waiting = await create(sdk, "[never]"), await create(sdk, "[fail]")
    throttled = await sdk.tasks.retrieve(waiting.id)
    assert isinstance(throttled, Throttled)
    assert throttled.estimated_cost.credits == 24
    await asyncio.sleep(0.1)
    task = await sdk.tasks.retrieve(running.id)
    assert isinstance(task, Running)
    assert 0 <= task.progress < 1
    assert datetime.now(UTC) - task.created_at < timedelta(seconds=20)


async def test_it_cancels(sdk: AsyncRunwayML) -> None:
    task = await create(sdk, "[never]")
    await sdk.tasks.delete(task.id)
    with pytest.raises(runwayml.NotFoundError, match="Could not find Task"):
        await sdk.tasks.retrieve(task.id)
    with pytest.raises(runwayml.NotFoundError):
        await sdk.tasks.delete(task.id)


@pytest.mark.parametrize(
    ("prompt", "error"),
    [
        ("[busy]", runwayml.RateLimitError),
        ("[daily]", runwayml.RateLimitError),
        ("[no-credits]", runwayml.BadRequestError),
        ("[create-error:503]", runwayml.InternalServerError),
        ("[drop]", runwayml.APIConnectionError),
        ("x" * 1001, runwayml.BadRequestError),
    ],
)
async def test_it_maps_refusals_to_its_errors(
    sdk: AsyncRunwayML, prompt: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await create(sdk, prompt)


async def test_it_hears_that_the_credits_have_run_out(open_sdk: Open) -> None:
    sdk = await open_sdk(credits=23)
    with pytest.raises(runwayml.BadRequestError, match="not have enough credits"):
        await create(sdk, "x")


async def test_it_hears_that_the_day_has_its_cap(open_sdk: Open) -> None:
    sdk = await open_sdk(daily_cap=0)
    with pytest.raises(runwayml.RateLimitError, match="daily task limit"):
        await create(sdk, "x")


async def test_it_is_asked_for_its_key_and_version(sdk: AsyncRunwayML) -> None:
    with pytest.raises(runwayml.AuthenticationError):
        await sdk.with_options(api_key="key_other").organization.retrieve()
    with pytest.raises(runwayml.BadRequestError, match="X-Runway-Version"):
        await sdk.organization.retrieve(extra_headers={"X-Runway-Version": "2023-01-01"})


async def test_it_is_told_of_retired_models_and_strange_fields(sdk: AsyncRunwayML) -> None:
    with pytest.raises(runwayml.BadRequestError) as caught:
        await sdk.image_to_video.create(
            model="gen3a_turbo",  # type: ignore[call-overload]
            prompt_image=data_uri(),
            ratio="1280:768",
        )
    assert "gen4_turbo" in str(caught.value.body)
    with pytest.raises(runwayml.BadRequestError) as caught:
        await sdk.image_to_video.create(
            model="gen4_turbo", prompt_image=data_uri(), ratio="1280:720", extra_body={"loop": True}
        )
    assert "unrecognized_keys" in str(caught.value.body)


async def test_resold_models(sdk: AsyncRunwayML) -> None:
    veo = await sdk.image_to_video.create(
        model="veo3.1",
        prompt_image=[{"uri": data_uri(), "position": "first"}, {"uri": data_uri(), "position": "last"}],
        prompt_text="[fail]",
        ratio="1280:720",
        duration=4,
        audio=False,
    )
    kling = await sdk.image_to_video.create(
        model="kling3.0_standard", prompt_image=data_uri(), prompt_text="[fail]", duration=3
    )
    seedance = await sdk.text_to_video.create(model="seedance2_5", prompt_text="[fail]", duration="auto")
    assert [estimate(task) for task in (veo, kling, seedance)] == [80, 60, 900]


async def test_it_reads_the_organization(sdk: AsyncRunwayML) -> None:
    await ended(sdk, (await create(sdk, "[fail][charge:20]")).id)
    organization = await sdk.organization.retrieve()
    assert organization.credit_balance == 9_980
    assert organization.tier.models["gen4.5"].max_concurrent_generations == 5
    assert organization.usage.models["gen4.5"].daily_generations == 1
    today = datetime.now(UTC).date()
    usage = await sdk.organization.retrieve_usage(start_date=today, before_date=today + timedelta(days=1))
    [result] = usage.results
    assert result.date == today
    [used] = result.used_credits
    assert (used.model, used.amount) == ("gen4.5", 20)


async def test_it_uploads_and_uses_what_it_uploaded(sdk: AsyncRunwayML) -> None:
    upload = await sdk.uploads.create_ephemeral(file=("still.png", png()))
    assert upload.uri.startswith("runway://")
    task = await sdk.image_to_video.create(
        model="gen4_turbo", prompt_image=upload.uri, prompt_text=SMALL, ratio="1280:720", duration=2
    )
    assert (await ended(sdk, task.id)).status == "SUCCEEDED"
    with pytest.raises(runwayml.APIStatusError, match="Upload failed"):
        await sdk.uploads.create_ephemeral(file=("small.png", b"x" * 511))
