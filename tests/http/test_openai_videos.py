"""A server of `/v1/videos` that misbehaves, over real sockets: what is paid, and who is told the key."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from PIL import Image

from cutscene.domain import Credits, VideoRequest
from cutscene.errors import CutsceneError, InputValidationError, ProviderAuthError, ProviderError
from cutscene.fetch import FetchError, FetchLimits, LinkExpired, fetch, open_session
from cutscene.media.picture import to_data_uri
from cutscene.providers import Done, Gone, NotSubmitted, Provider, Providers, SubmissionUnknown
from cutscene.providers.connection import open_connection
from cutscene.providers.openai_videos import OpenAIVideosProvider
from cutscene.providers.openai_videos.refusals import VideosRefusals
from cutscene.settings import Settings
from installed import installed_providers

pytestmark = pytest.mark.anyio

KEY = "sk-secret-0123456789"
REQUEST = VideoRequest(prompt="x", duration=1.0)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
QUICK = FetchLimits(stall=0.5, backoff=0.01, resumes=1, total=10.0)


@dataclass
class Server:
    """Answers as a test wants, and keeps what it was asked."""

    answer: Handler
    url: str = ""
    calls: list[str] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    """What each call said of itself."""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.calls.append(f"{request.method} {request.path}")
        self.keys.append(request.headers.get("Authorization"))
        return await self.answer(request)


@asynccontextmanager
async def serving(answer: Handler) -> AsyncIterator[Server]:
    server = Server(answer)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()


@asynccontextmanager
async def opened(home: Path, url: str, **changed: Any) -> AsyncIterator[Provider]:
    settings = Settings(
        **{
            "home": home,
            "openai_videos_base_url": url,
            "openai_videos_api_key": KEY,
            "openai_videos_usd_per_second": 0,
            **changed,
        }
    )
    async with Providers(settings, installed_providers()) as providers:
        yield await providers.get("video", "openai-videos")


@asynccontextmanager
async def opened_when(is_private: bool | None, url: str) -> AsyncIterator[Provider]:
    """A server without key or price, opened when the name service said so of it; None: when it was away."""
    settings = Settings(openai_videos_base_url=url, openai_videos_model=("wan",))
    async with open_connection(url, {}, "", VideosRefusals()) as connection:
        yield OpenAIVideosProvider(settings, connection, key="", is_private=is_private)


def status(code: int, body: Any = None, **headers: str) -> Handler:
    async def answer(_request: web.Request) -> web.StreamResponse:
        if isinstance(body, str):
            return web.Response(status=code, text=body, headers=headers)
        return web.json_response(body, status=code, headers=headers)

    answer.__name__ = f"{code} {body}"  # what pytest calls the case
    return answer


async def cut(request: web.Request) -> web.StreamResponse:
    await request.read()
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


def refusal(message: str, code: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}}


@pytest.mark.parametrize(
    "answer",
    [
        cut,
        status(408),
        status(500, refusal("The server had an error.", "server_error")),
        status(502, "<html>"),
        status(503, {"detail": "the model is loading"}),
        status(302, None, Location="/elsewhere"),
        status(200, "no JSON"),
        status(200, {}),
        status(201, {"id": None, "status": "queued"}),
        status(202),
    ],
)
async def test_perhaps_accepted(tmp_path: Path, answer: Handler) -> None:
    async with serving(answer) as server, opened(tmp_path, server.url) as provider:
        with pytest.raises(SubmissionUnknown):
            await provider.submit(REQUEST)
    assert server.calls == ["POST /v1/videos"]  # never a second time


@pytest.mark.parametrize(
    ("answer", "code", "again"),
    [
        (status(400, refusal("Bad size.", "invalid_value")), "INPUT_VALIDATION_ERROR", False),
        (status(401, refusal(f"Incorrect API key provided: {KEY}.")), "PROVIDER_AUTH_ERROR", False),
        (status(402), "QUOTA_EXCEEDED_ERROR", False),
        (status(404, {"detail": "Not Found"}), "PROVIDER_ERROR", True),
        (status(307, None, Location="/elsewhere"), "PROVIDER_ERROR", True),
        (status(429, refusal("Slow down.", "rate_limit_exceeded")), "RATE_LIMIT_ERROR", True),
        (status(429, refusal("Top up.", "insufficient_quota")), "QUOTA_EXCEEDED_ERROR", False),
    ],
)
async def test_surely_not_accepted(tmp_path: Path, answer: Handler, code: str, again: bool) -> None:
    async with serving(answer) as server, opened(tmp_path, server.url) as provider:
        with pytest.raises(NotSubmitted) as refused:
            await provider.submit(REQUEST)
    assert refused.value.error.code == code
    assert (refused.value.retry_after is not None) == again
    assert KEY not in f"{refused.value.error} {refused.value.error.detail}"
    assert len(server.calls) == 1


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "http://no-such-host.invalid"])
async def test_no_connection_means_that_nothing_was_sent(tmp_path: Path, url: str) -> None:
    async with opened(tmp_path, url) as provider:
        with pytest.raises(NotSubmitted) as refused:
            await provider.submit(REQUEST)
        assert refused.value.retry_after is not None
        assert "OPENAI_VIDEOS_BASE_URL" in str(refused.value.error)
        with pytest.raises(ProviderError):
            await provider.account()


async def test_a_slow_answer_counts_as_lost(tmp_path: Path) -> None:
    async def slow(_request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(5)
        return web.Response()

    async with serving(slow) as server, opened(tmp_path, server.url) as provider:
        with pytest.raises(TimeoutError):  # which the submission takes as lost
            async with asyncio.timeout(0.3):
                await provider.submit(REQUEST)
    assert server.calls == ["POST /v1/videos"]


async def test_without_a_key_nothing_is_said_of_one(tmp_path: Path) -> None:
    async with (
        serving(status(200, {"id": "video_1"})) as server,
        opened(tmp_path, server.url, openai_videos_api_key=None) as provider,
    ):
        assert (await provider.submit(REQUEST)).task_id == "video_1"
    assert server.keys == [None]


async def test_a_name_service_that_is_back_is_asked_before_anything_is_sent() -> None:
    answer = status(200, {"id": "video_1"})
    async with serving(answer) as server, opened_when(None, server.url) as provider:
        assert provider.estimate(REQUEST) == Credits()
        assert not provider.capabilities().private_links
        assert (await provider.submit(REQUEST)).task_id == "video_1"
        assert provider.capabilities().private_links
    assert server.calls == ["POST /v1/videos"]


@pytest.mark.parametrize("is_private", [None, True])
async def test_what_was_held_as_free_is_sent_to_nobody_who_may_want_money(is_private: bool | None) -> None:
    async with opened_when(is_private, "http://8.8.8.8") as provider:
        assert provider.estimate(REQUEST) == Credits()
        with pytest.raises(NotSubmitted, match="set OPENAI_VIDEOS_USD_PER_SECOND") as refused:
            await provider.submit(REQUEST)
        assert refused.value.retry_after is None
        with pytest.raises(InputValidationError):
            provider.check(REQUEST)  # what comes later finds out at once


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (status(200, {"id": "v", "object": "video.deleted", "deleted": True}), True),
        (status(204), True),
        (status(200, {"id": "v", "deleted": False}), False),
        (status(405, {"detail": "Method Not Allowed"}), False),
        (status(501), False),
        (status(409, refusal("It is at work.")), False),
        (status(404, refusal("No such video.")), True),
    ],
)
async def test_servers_that_know_no_deletion_do_not_stop(
    tmp_path: Path, answer: Handler, expected: bool
) -> None:
    async with serving(answer) as server, opened(tmp_path, server.url) as provider:
        assert await provider.cancel("v") is expected
    assert server.calls[0] == "DELETE /v1/videos/v"


async def test_a_deletion_that_failed_is_told(tmp_path: Path) -> None:
    async with serving(status(500)) as server, opened(tmp_path, server.url) as provider:
        with pytest.raises(ProviderError):
            await provider.cancel("v")


@pytest.mark.parametrize("answer", [status(404, "nginx"), status(500), status(200, "x"), status(403)])
async def test_a_look_that_failed_says_nothing_of_the_video(tmp_path: Path, answer: Handler) -> None:
    async with serving(answer) as server, opened(tmp_path, server.url) as provider:
        with pytest.raises(ProviderError):
            await provider.poll("v")


async def test_no_such_video_is_gone_and_names_stay_in_their_place(tmp_path: Path) -> None:
    async with (
        serving(status(404, refusal("No such video."))) as server,
        opened(tmp_path, server.url) as provider,
    ):
        assert await provider.poll("../models?x=1") == Gone()
    assert server.calls == ["GET /v1/videos/../models?x=1"]  # one part of the path, decoded again


async def test_a_refused_key_is_found_out_at_no_cost(tmp_path: Path) -> None:
    answer = status(401, refusal(f"Incorrect API key provided: {KEY}."))
    async with serving(answer) as server, opened(tmp_path, server.url) as provider:
        with pytest.raises(ProviderAuthError, match="OPENAI_VIDEOS_API_KEY"):
            await provider.account()
    assert server.calls == ["GET /v1/videos"]


@pytest.mark.parametrize(
    ("answer", "fits"),
    [
        (status(200, {"data": []}), True),
        (status(405, {"detail": "Method Not Allowed"}), True),
        (status(405), True),
        (status(404, refusal("Videos cannot be listed.")), True),
        (status(404, {"detail": "No video yet."}), True),
        (status(404, {"detail": "Not Found"}), False),
        (status(404, "nginx"), False),
        (status(502, "nginx"), False),
    ],
)
async def test_a_wrong_address_is_found_out(tmp_path: Path, answer: Handler, fits: bool) -> None:
    async with serving(answer) as server, opened(tmp_path, server.url) as provider:
        if fits:
            await provider.account()
            return
        with pytest.raises(CutsceneError):
            await provider.account()


async def finished(provider: Provider) -> Done:
    state = await provider.poll("v")
    assert isinstance(state, Done)
    return state


async def load(done: Done, target: Path) -> bytes:
    async with open_session(allow_private=True) as session:
        await fetch(done.urls[0], target, session=session, limits=QUICK, headers=done.headers)
    return target.read_bytes()


async def test_content_is_asked_for_with_the_key_and_resumed_with_it(tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        if not request.path.endswith("/content"):
            return web.json_response({"id": "v", "status": "completed"})
        if request.headers.get("Authorization") != f"Bearer {KEY}":
            return web.json_response(refusal("No key."), status=401)
        if "Range" in request.headers:
            part = {"Content-Range": "bytes 4-7/8", "ETag": '"1"'}
            return web.Response(status=206, body=b"5678", headers=part)
        response = web.StreamResponse(headers={"Content-Length": "8", "ETag": '"1"'})
        await response.prepare(request)
        await response.write(b"1234")
        await asyncio.sleep(0.05)
        assert request.transport is not None
        request.transport.close()
        return response

    async with serving(answer) as server, opened(tmp_path, server.url) as provider:
        assert await load(await finished(provider), tmp_path / "clip.mp4") == b"12345678"
    assert server.calls == ["GET /v1/videos/v", *["GET /v1/videos/v/content"] * 2]
    assert server.keys == [f"Bearer {KEY}"] * 3


async def test_a_bucket_behind_a_redirect_is_not_told_the_key(tmp_path: Path) -> None:
    """Another port is another origin."""
    async with serving(status(200, "footage", **{"Content-Type": "video/mp4"})) as bucket:

        async def answer(request: web.Request) -> web.StreamResponse:
            if request.path == "/v1/videos/v/content":
                raise web.HTTPFound("/v1/videos/v/here")
            if request.path == "/v1/videos/v/here":
                raise web.HTTPFound(f"{bucket.url}/clip.mp4?Signature=1")
            return web.json_response({"id": "v", "status": "completed"})

        async with serving(answer) as server, opened(tmp_path, server.url) as provider:
            assert await load(await finished(provider), tmp_path / "clip.mp4") == b"footage"
    assert server.keys == [f"Bearer {KEY}"] * 3
    assert bucket.calls == ["GET /clip.mp4"]
    assert bucket.keys == [None]


@pytest.mark.parametrize(("code", "error"), [(401, LinkExpired), (404, LinkExpired), (400, FetchError)])
async def test_why_content_cannot_be_had_is_said_without_the_key(
    tmp_path: Path, code: int, error: type[Exception]
) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path.endswith("/content"):
            return web.json_response(refusal(f"Incorrect API key provided: {KEY}."), status=code)
        return web.json_response({"id": "v", "status": "completed"})

    async with serving(answer) as server, opened(tmp_path, server.url) as provider:
        done = await finished(provider)
        with pytest.raises(error) as refused:
            await load(done, tmp_path / "clip.mp4")
    assert KEY not in str(refused.value)
    assert KEY not in repr(done)


async def test_a_forms_picture_arrives_as_a_file(tmp_path: Path) -> None:
    seen: dict[str, Any] = {}

    async def answer(request: web.Request) -> web.StreamResponse:
        for name, value in (await request.post()).items():
            if isinstance(value, web.FileField):
                seen[name] = (value.filename, value.content_type, Image.open(value.file).size)
            else:
                seen[name] = value
        return web.json_response({"id": "video_1", "status": "queued"})

    still = BytesIO()
    Image.new("RGB", (640, 360), "teal").save(still, "PNG")
    image = to_data_uri(still.getvalue(), "image/png")
    async with (
        serving(answer) as server,
        opened(tmp_path, server.url, openai_videos_model=("wan",)) as provider,
    ):
        request = VideoRequest(prompt="sea \u00e9", image=image, duration=1.5, seed=5)
        await provider.submit(await provider.prepare(request))
    assert seen.pop("input_reference") == ("picture.png", "image/png", (1280, 720))
    assert seen == {
        "prompt": "sea \u00e9",
        "seconds": "2",
        "size": "1280x720",
        "model": "wan",
        "seed": "5",
    }


async def test_a_key_in_the_clear_is_warned_of(tmp_path: Path) -> None:
    async with opened(tmp_path, "http://192.0.2.1:8000") as provider:
        assert provider.capabilities().warnings == ()  # an address of the house
    async with opened(tmp_path, "http://8.8.8.8:8000") as provider:
        assert "unencrypted" in provider.capabilities().warnings[0]
