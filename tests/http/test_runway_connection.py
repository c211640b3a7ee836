"""What is known when a call goes wrong, over real sockets: refused, lost, or nothing at all. It is money."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from cutscene.domain import VideoRequest
from cutscene.errors import ProviderAuthError, ProviderError
from cutscene.providers import AccountState, Done, Gone, NotSubmitted, Pending, Providers, SubmissionUnknown
from cutscene.providers.generate_video import generate_video
from cutscene.providers.runway import RunwayProvider
from cutscene.settings import Settings

pytestmark = pytest.mark.anyio

KEY = "sk-secret-0123456789"
Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Gateway:
    """Answers as a test wants, and counts."""

    def __init__(self, answer: Handler) -> None:
        self.calls: list[str] = []
        self.headers: list[dict[str, str]] = []
        self._answer = answer

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        self.calls.append(f"{request.method} {request.path}")
        self.headers.append(dict(request.headers))
        return await self._answer(request)


@asynccontextmanager
async def runway(gateway: Gateway, tmp_path: Path, **changed: Any) -> AsyncIterator[RunwayProvider]:
    server = web.Server(gateway)
    runner = web.ServerRunner(server)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    settings = Settings(
        **{"home": tmp_path, "runway_api_key": KEY, "runway_api_base_url": address, **changed}
    )
    try:
        async with Providers(settings) as providers:
            provider = await providers.get("video", "runway")
            assert isinstance(provider, RunwayProvider)
            yield provider
    finally:
        await runner.cleanup()


def status(code: int, body: Any = None, **headers: str) -> Handler:
    async def answer(_request: web.BaseRequest) -> web.StreamResponse:
        text = body if isinstance(body, str) else json.dumps(body)
        return web.Response(status=code, text=text, headers=headers, content_type="application/json")

    answer.__name__ = f"{code} {body}"  # what pytest calls the case
    return answer


async def cut(request: web.BaseRequest) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def cut_in_the_body(request: web.BaseRequest) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "100"})
    await response.prepare(request)
    await response.write(b'{"id": "task-1"')
    return await cut(request)


@pytest.mark.parametrize(
    "answer",
    [
        cut,
        cut_in_the_body,
        status(408),
        status(500),
        status(502, "<html>"),
        status(503, {"message": "Service Unavailable"}),
        status(504),
        status(303, None, Location="/elsewhere"),
        status(302, None, Location="/elsewhere"),
        status(200, "no JSON"),
        status(200, {}),
        status(201, {"id": None}),
        status(204),
    ],
)
async def test_perhaps_accepted(tmp_path: Path, answer: Handler) -> None:
    gateway = Gateway(answer)
    async with runway(gateway, tmp_path) as provider:
        with pytest.raises(SubmissionUnknown):
            await provider.submit(VideoRequest(prompt="x"))
    assert gateway.calls == ["POST /v1/generations"]  # never a second time


@pytest.mark.parametrize(
    ("answer", "code", "again"),
    [
        (status(400, {"error": "Validation of body failed"}), "INPUT_VALIDATION_ERROR", False),
        (status(401, {"error": f"Incorrect API key provided: {KEY}"}), "PROVIDER_AUTH_ERROR", False),
        (status(402), "QUOTA_EXCEEDED_ERROR", False),
        (status(404, {"error": "no such route"}), "PROVIDER_ERROR", True),
        (status(307, None, Location="/elsewhere"), "PROVIDER_ERROR", True),
        (status(413), "INPUT_VALIDATION_ERROR", False),
        (status(429, {"message": "Too Many Requests"}), "RATE_LIMIT_ERROR", True),
    ],
)
async def test_surely_not_accepted(tmp_path: Path, answer: Handler, code: str, again: bool) -> None:
    gateway = Gateway(answer)
    async with runway(gateway, tmp_path) as provider:
        with pytest.raises(NotSubmitted) as refused:
            await provider.submit(VideoRequest(prompt="x"))
    assert refused.value.error.code == code
    assert (refused.value.retry_after is not None) == again
    assert KEY not in f"{refused.value.error} {refused.value.error.detail}"
    assert len(gateway.calls) == 1


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:9",  # nobody listens
        "https://127.0.0.1:1",
        "http://no-such-host.invalid",
    ],
)
async def test_no_connection_means_that_nothing_was_sent(tmp_path: Path, address: str) -> None:
    async with runway(Gateway(status(200)), tmp_path, runway_api_base_url=address) as provider:
        with pytest.raises(NotSubmitted) as refused:
            await provider.submit(VideoRequest(prompt="x"))
        assert refused.value.retry_after is not None
        with pytest.raises(ProviderError):
            await provider.account()


async def test_https_to_a_server_without_it_is_no_connection(tmp_path: Path) -> None:
    gateway = Gateway(status(200))
    async with runway(gateway, tmp_path) as plain:
        address = plain._connection._base_url.replace("http:", "https:")
        async with runway(gateway, tmp_path, runway_api_base_url=address) as provider:
            with pytest.raises(NotSubmitted):
                await provider.submit(VideoRequest(prompt="x"))
    assert gateway.calls == []


async def test_an_answer_with_an_id_is_an_acceptance(tmp_path: Path) -> None:
    gateway = Gateway(status(200, {"id": 17, "status": "PENDING"}))
    async with runway(gateway, tmp_path) as provider:
        assert (await provider.submit(VideoRequest(prompt="x"))).task_id == "17"
    assert gateway.headers[0]["Authorization"] == f"Bearer {KEY}"
    assert gateway.headers[0]["Content-Type"] == "application/json"


@pytest.mark.parametrize("answer", [cut, status(500), status(404, "<html>"), status(200, "[]"), status(302)])
async def test_a_look_that_fails_says_nothing_of_the_task(tmp_path: Path, answer: Handler) -> None:
    async with runway(Gateway(answer), tmp_path) as provider:
        with pytest.raises(ProviderError):
            await provider.poll("task-1")


async def test_looks(tmp_path: Path) -> None:
    answers = [
        (404, {"error": "Could not find Task"}),
        (200, {"status": "RUNNING", "progress": 0.5}),
        (200, {"status": "SUCCEEDED", "output": [{"url": "https://x/y"}], "credits_used": 40}),
    ]

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        code, body = answers.pop(0)
        return await status(code, body)(request)

    gateway = Gateway(answer)
    async with runway(gateway, tmp_path) as provider:
        assert await provider.poll("t") == Gone()
        assert await provider.poll("t") == Pending(0.5)
        assert isinstance(await provider.poll("t"), Done)
    assert all("Content-Type" not in headers for headers in gateway.headers)  # there is no content


@pytest.mark.parametrize(("code", "stopped"), [(204, True), (200, True), (405, False), (404, False)])
async def test_cancelling_is_only_believed_when_it_is_said(tmp_path: Path, code: int, stopped: bool) -> None:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        if request.method == "DELETE":
            return web.Response(status=code)
        return await status(200, {"status": "RUNNING"})(request)

    async with runway(Gateway(answer), tmp_path) as provider:
        assert await provider.cancel("t") == stopped


async def test_a_key_that_is_refused_while_looking(tmp_path: Path) -> None:
    async with runway(Gateway(status(401, {"error": "no"})), tmp_path) as provider:
        with pytest.raises(ProviderAuthError):
            await provider.poll("t")


async def test_the_thin_face_does_not_look_on_for_ever(tmp_path: Path) -> None:
    gateway = Gateway(status(503))
    async with runway(gateway, tmp_path) as provider:
        with pytest.raises(ProviderError) as lost:
            await generate_video(provider, {"prompt": "x"})
    assert lost.value.detail == "SUBMISSION_UNKNOWN"
    assert len(gateway.calls) == 1
    await asyncio.sleep(0)


async def test_a_short_key_changes_no_task_id(tmp_path: Path) -> None:
    gateway = Gateway(status(200, {"id": "x-gen-1"}))
    async with runway(gateway, tmp_path, runway_api_key="x") as provider:
        assert (await provider.submit(VideoRequest(prompt="x"))).task_id == "x-gen-1"


async def test_the_thin_face_looks_once_more_before_it_stops(tmp_path: Path) -> None:
    """What is done by its deadline was paid for, and is not deleted."""
    looks = 0

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        nonlocal looks
        if request.method == "POST":
            return await status(200, {"id": "t"})(request)
        looks += 1
        if looks == 1:
            return await status(200, {"status": "RUNNING"})(request)
        return await status(200, {"status": "SUCCEEDED", "output": ["https://x/y"]})(request)

    gateway = Gateway(answer)
    pace = {"runway_poll_interval_ms": 600, "runway_timeout_ms": 500}
    async with runway(gateway, tmp_path, **pace) as provider:
        assert (await generate_video(provider, {"prompt": "x"}))["uri"] == "https://x/y"
    assert not any(call.startswith("DELETE") for call in gateway.calls)


async def test_a_setting_for_the_account_is_no_word_of_the_account(tmp_path: Path) -> None:
    gateway = Gateway(status(404, {"error": "no such generation"}))
    async with runway(gateway, tmp_path, runway_account_concurrency=7) as provider:
        assert await provider.account() == AccountState()
        assert provider.capabilities().concurrency == 7
