"""Downloads from a real server on loopback that misbehaves on demand."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import os
import traceback
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from cutscene.errors import StorageError
from cutscene.fetch import Fetched, FetchError, FetchLimits, LinkExpired, fetch, open_session

pytestmark = pytest.mark.anyio

DATA = os.urandom(3_000_001)
DIGEST = hashlib.sha256(DATA).hexdigest()
OTHER = os.urandom(1_000_001)
HALF = len(DATA) // 2
SIGNED = "Signature=a%2Fb%2Bc%3D&Key-Pair-Id=K+2~x&Policy=secret"
QUICK = FetchLimits(stall=0.3, backoff=0.01, resumes=3, total=10.0)

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Origin:
    """Answers each request with the next of ``answers``, and the last of them from then on."""

    base: str
    session: aiohttp.ClientSession
    target: Path
    answers: list[Answer] = field(default_factory=list)
    requests: list[web.Request] = field(default_factory=list)

    @property
    def starts(self) -> list[int]:
        """Where each request asked to begin. A client may lose bytes that came just before a cut."""
        return [asked_start(request) for request in self.requests]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        return await self.answers[min(len(self.requests), len(self.answers)) - 1](request)

    async def fetch(self, limits: FetchLimits = QUICK) -> Fetched:
        fetched = await fetch(
            f"{self.base}/clip.mp4?{SIGNED}", self.target, session=self.session, limits=limits
        )
        content = self.target.read_bytes()
        assert (fetched.size, fetched.sha256) == (len(content), hashlib.sha256(content).hexdigest())
        return fetched

    async def refuse(self, limits: FetchLimits = QUICK, kind: type[Exception] = FetchError) -> str:
        """The sentence of the refusal, after what holds for every one."""
        with pytest.raises(kind) as caught:
            await self.fetch(limits)
        assert caught.type is kind
        assert not self.target.exists()
        assert "secret" not in "".join(traceback.format_exception(caught.value))
        return str(caught.value)


@pytest.fixture
async def origin(tmp_path: Path) -> AsyncGenerator[Origin, None]:
    async with open_session(allow_private=True) as session:
        served = Origin("", session, tmp_path / "footage.mp4")
        app = web.Application()
        app.router.add_get("/{path:.*}", served.handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0]
        served.base = f"http://{host}:{port}"
        yield served
        await runner.cleanup()


def whole(data: bytes = DATA, *, etag: str | None = '"v1"', **headers: str) -> Answer:
    async def answer(request: web.Request) -> web.Response:
        tags = {"ETag": etag} if etag else {}
        return web.Response(body=data, headers={"Content-Type": "video/mp4", **tags, **named(headers)})

    return answer


def cut(at: int = HALF, *, etag: str | None = '"v1"', status: int = 200, **headers: str) -> Answer:
    """Promises all that is left, and breaks off at ``at``; with status 206 from where it was asked to."""

    async def answer(request: web.Request) -> web.StreamResponse:
        tags = {"ETag": etag} if etag else {}
        start = asked_start(request) if status == 206 else 0
        if status == 206:
            tags["Content-Range"] = f"bytes {start}-{len(DATA) - 1}/{len(DATA)}"
        response = web.StreamResponse(
            status=status, headers={"Content-Type": "video/mp4", **tags, **named(headers)}
        )
        response.content_length = len(DATA) - start
        await response.prepare(request)
        await response.write(DATA[start:at])
        assert request.transport is not None
        request.transport.close()
        return response

    return answer


def part(
    *,
    content_range: str | None = None,
    total: str = str(len(DATA)),
    etag: str | None = '"v1"',
    shift: int = 0,
) -> Answer:
    """The range that was asked for; ``content_range``, ``total`` and ``shift`` lie about it."""

    async def answer(request: web.Request) -> web.Response:
        start = asked_start(request) + shift
        told = content_range or f"bytes {start}-{len(DATA) - 1}/{total}"
        tags = {"ETag": etag} if etag else {}
        return web.Response(
            status=206,
            body=DATA[start:],
            headers={"Content-Type": "video/mp4", "Content-Range": told, **tags},
        )

    return answer


def status(code: int, **headers: str) -> Answer:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=code, text="<html>no</html>", headers=named(headers))

    return answer


def asked_start(request: web.Request) -> int:
    """Where the part that is asked for begins."""
    return int(request.headers.get("Range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))


def named(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


async def stall(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "video/mp4", "ETag": '"v1"'})
    response.content_length = len(DATA)
    await response.prepare(request)
    await response.write(DATA[:HALF])
    await asyncio.sleep(30)
    return response


async def silence(request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(30)
    raise AssertionError


async def drip(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "video/mp4"})
    response.content_length = len(DATA)
    await response.prepare(request)
    for _ in range(100):
        await response.write(b"x")
        await asyncio.sleep(0.1)
    return response


async def chunked(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "video/mp4", "ETag": '"v1"'})
    response.enable_chunked_encoding()
    await response.prepare(request)
    await response.write(DATA)
    return response


async def chunked_and_cut(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "video/mp4", "ETag": '"v1"'})
    response.enable_chunked_encoding()
    await response.prepare(request)
    await response.write(DATA[:HALF])
    assert request.transport is not None
    request.transport.close()
    return response


@pytest.mark.parametrize(
    "content_type", ["video/mp4", "application/octet-stream", "binary/octet-stream", "image/png"]
)
async def test_a_file_is_fetched_whole(origin: Origin, content_type: str) -> None:
    origin.answers = [whole(Content_Type=content_type)]
    origin.target.write_bytes(b"from before" * 1_000_000)
    fetched = await origin.fetch()
    assert (fetched.size, fetched.sha256, fetched.resumed) == (len(DATA), DIGEST, 0)
    assert origin.target.read_bytes() == DATA
    assert origin.requests[0].headers["Accept-Encoding"] == "identity"
    assert origin.requests[0].raw_path == f"/clip.mp4?{SIGNED}"


async def test_a_cut_body_goes_on_where_it_broke_off(origin: Origin) -> None:
    origin.answers = [cut(1_000_000), cut(2_000_000, status=206), part()]
    fetched = await origin.fetch()
    assert (fetched.size, fetched.sha256, fetched.resumed) == (len(DATA), DIGEST, 2)
    assert origin.target.read_bytes() == DATA
    first, second, third = origin.starts
    assert first == 0 < second <= 1_000_000 < third <= 2_000_000
    assert origin.requests[1].headers["If-Range"] == '"v1"'


async def test_a_date_names_the_version_where_there_is_no_strong_tag(origin: Origin) -> None:
    date = "Wed, 21 Oct 2026 07:28:00 GMT"
    origin.answers = [cut(etag='W/"v1"', Last_Modified=date), part(etag=None)]
    fetched = await origin.fetch()
    assert (fetched.sha256, fetched.resumed) == (DIGEST, 1)
    assert origin.requests[1].headers["If-Range"] == date


async def test_an_unversioned_file_starts_over(origin: Origin) -> None:
    origin.answers = [cut(etag=None), whole(etag=None)]
    fetched = await origin.fetch()
    assert (fetched.size, fetched.sha256, fetched.resumed) == (len(DATA), DIGEST, 1)
    assert origin.starts == [0, 0]


@pytest.mark.parametrize("content", [DATA, OTHER], ids=["no ranges", "changed"])
async def test_a_whole_answer_to_a_resume_starts_over(origin: Origin, content: bytes) -> None:
    origin.answers = [cut(2_500_000), whole(content, etag='"v2"')]
    fetched = await origin.fetch()
    assert origin.target.read_bytes() == content
    assert (fetched.size, fetched.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert origin.starts[0] == 0 < origin.starts[1] <= 2_500_000


@pytest.mark.parametrize(
    "then",
    [
        part(shift=-1),
        part(shift=1),
        part(content_range="bytes 0-1/2"),
        part(total=str(len(DATA) + 1)),
        part(total="*"),
        part(content_range="nonsense"),
        part(etag='"v2"'),
    ],
    ids=["too early", "too late", "other file", "longer file", "unknown length", "nonsense", "other version"],
)
async def test_a_wrong_part_is_refused(origin: Origin, then: Answer) -> None:
    origin.answers = [cut(), then]
    assert "part" in (sentence := await origin.refuse()) or "changed" in sentence
    assert len(origin.requests) == 2


async def test_a_part_that_is_shorter_than_asked_for_is_taken_and_continued(origin: Origin) -> None:
    async def short(request: web.Request) -> web.Response:
        start = asked_start(request)
        told = f"bytes {start}-{start + 999}/{len(DATA)}"
        headers = {"Content-Type": "video/mp4", "Content-Range": told, "ETag": '"v1"'}
        return web.Response(status=206, body=DATA[start : start + 1000], headers=headers)

    origin.answers = [cut(), short, part()]
    fetched = await origin.fetch()
    assert (fetched.sha256, fetched.resumed) == (DIGEST, 2)
    assert origin.starts[2] == origin.starts[1] + 1000


async def test_a_part_that_nobody_asked_for_is_refused(origin: Origin) -> None:
    origin.answers = [cut(len(DATA), status=206)]
    assert "another part" in await origin.refuse()


async def test_a_body_that_always_breaks_off_is_given_up(origin: Origin) -> None:
    origin.answers = [cut(HALF, etag=None)]
    sentence = await origin.refuse()
    assert "127.0.0.1 failed 4 times" in sentence
    assert len(origin.requests) == 4


async def test_a_busy_server_is_asked_again(origin: Origin) -> None:
    origin.answers = [status(503), cut(), status(429), part()]
    fetched = await origin.fetch()
    assert (fetched.sha256, fetched.resumed) == (DIGEST, 3)


async def test_a_server_that_stays_busy_is_given_up(origin: Origin) -> None:
    origin.answers = [status(503)]
    assert "503" in await origin.refuse()
    assert len(origin.requests) == 4


async def test_a_body_of_unknown_length_may_come_in_chunks(origin: Origin) -> None:
    origin.answers = [chunked]
    assert (await origin.fetch()).sha256 == DIGEST
    origin.answers = [chunked_and_cut, part()]
    origin.requests.clear()
    assert (await origin.fetch()).sha256 == DIGEST
    assert origin.starts[0] == 0 < origin.starts[1] <= HALF


@pytest.mark.parametrize("code", [401, 403, 404, 410])
async def test_an_expired_link_is_told_apart(origin: Origin, code: int) -> None:
    origin.answers = [status(code)]
    assert str(code) in await origin.refuse(kind=LinkExpired)
    assert len(origin.requests) == 1


async def test_a_link_may_expire_on_the_way(origin: Origin) -> None:
    origin.answers = [cut(), status(403)]
    await origin.refuse(kind=LinkExpired)


@pytest.mark.parametrize("code", [204, 300, 304, 400, 405, 416, 501])
async def test_other_answers_are_refused_at_once(origin: Origin, code: int) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=code)

    origin.answers = [answer]
    assert str(code) in await origin.refuse()
    assert len(origin.requests) == 1


@pytest.mark.parametrize(
    "content_type",
    ["text/html; charset=utf-8", "text/plain", "TEXT/HTML", "application/json", "application/problem+json",
     "application/xml", "application/xhtml+xml", "image/svg+xml"],
)  # fmt: skip
async def test_a_page_in_place_of_the_file_is_refused(origin: Origin, content_type: str) -> None:
    origin.answers = [whole(Content_Type=content_type)]
    assert "in place of the file" in await origin.refuse()


async def test_a_compressed_body_is_refused(origin: Origin) -> None:
    origin.answers = [whole(gzip.compress(DATA), Content_Encoding="gzip")]
    assert "compressed" in await origin.refuse()


async def test_an_empty_file_is_refused(origin: Origin) -> None:
    origin.answers = [whole(b"")]
    assert "empty" in await origin.refuse()


@pytest.mark.parametrize("answer", [whole(), chunked, cut(2_900_000)], ids=["told", "untold", "cut"])
async def test_a_file_that_is_too_large_is_refused(origin: Origin, answer: Answer) -> None:
    origin.answers = [answer]
    limits = FetchLimits(max_bytes=len(DATA) - 1, backoff=0.01)
    assert "larger than" in await origin.refuse(limits)
    assert len(origin.requests) == 1
    origin.answers = [whole()]
    limits = FetchLimits(max_bytes=len(DATA))
    assert (await origin.fetch(limits)).size == len(DATA)


async def test_a_stalled_body_goes_on_over_a_new_connection(origin: Origin) -> None:
    origin.answers = [stall, part()]
    fetched = await origin.fetch()
    assert (fetched.sha256, fetched.resumed) == (DIGEST, 1)


async def test_a_silent_server_is_given_up(origin: Origin) -> None:
    origin.answers = [silence]
    limits = FetchLimits(stall=0.1, backoff=0.01, resumes=1)
    assert "no answer in time" in await origin.refuse(limits)
    assert len(origin.requests) == 2


async def test_a_body_that_drips_is_given_up(origin: Origin) -> None:
    origin.answers = [drip]
    limits = FetchLimits(stall=0.3, total=0.5)
    assert "longer than 0.5 seconds" in await origin.refuse(limits)


async def test_a_cancelled_fetch_leaves_no_file(origin: Origin) -> None:
    origin.answers = [stall]
    task = asyncio.create_task(origin.fetch())
    while not origin.target.exists() or not origin.target.stat().st_size:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not origin.target.exists()


async def test_a_server_that_is_not_there_is_told(origin: Origin) -> None:
    origin.base = "http://127.0.0.1:1"
    assert "127.0.0.1 failed 4 times" in await origin.refuse()


async def test_a_body_without_any_end_is_refused(origin: Origin) -> None:
    async def old(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.0 200 OK\r\nContent-Type: video/mp4\r\n\r\n" + DATA[:1000])
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(old, "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()
        origin.base = f"http://{host}:{port}"
        assert "where the file ends" in await origin.refuse()


async def test_a_target_that_cannot_be_written_is_told(origin: Origin) -> None:
    origin.target = origin.target.parent / "missing" / "footage.mp4"
    assert "cannot be written to CUTSCENE_HOME: no such file" in await origin.refuse(kind=StorageError)
    assert origin.requests == []
