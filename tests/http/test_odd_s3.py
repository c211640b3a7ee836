"""S3 as other servers speak it, or as it fails: one that answers as it is told."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from aiohttp import web

from cutscene.checkup import Verdict, check_up
from cutscene.errors import NotFoundError, StorageError
from cutscene.settings import Settings
from cutscene.storage import Verified, clip_key, put_bytes, read_bytes
from cutscene.storage.patience import AwayError
from cutscene.storage.s3 import S3Store
from cutscene.storage.s3_address import S3Address
from cutscene.storage.s3_connection import Connection
from cutscene.storage.s3_credentials import Credentials, Keys

pytestmark = pytest.mark.anyio

SCRIPT = Path(__file__).parents[2] / "scripts" / "s3-server"
KEY = clip_key("acme", "run-1", "0" * 64)

Answer = Callable[[web.Request], Awaitable[web.Response]]


def refusal(status: int, code: str) -> web.Response:
    return web.Response(status=status, text=f"<Error><Code>{code}</Code></Error>")


def part(status: str, headers: str, body: bytes) -> bytes:
    return f"HTTP/1.1 {status}\r\n{headers}Connection: close\r\n\r\n".encode() + body


async def keys() -> Keys:
    return Keys("a-key", "a-secret")


@asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[str]:
    """The endpoint of a server that answers so."""
    app = web.Application()
    app.router.add_route("*", "/{any:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@asynccontextmanager
async def saying(*answers: bytes) -> AsyncIterator[str]:
    """The endpoint of a server that says these, one for each connection; the last again and again."""
    left = list(answers)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(left.pop(0) if len(left) > 1 else left[0])
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()


@asynccontextmanager
async def store_at(
    endpoint: str, find: Callable[[], Awaitable[Keys]] = keys, *, patience: float = 2.0
) -> AsyncGenerator[S3Store, None]:
    address = S3Address.parse(f"s3://clips?endpoint={endpoint}", {})
    store = S3Store(address, Credentials(address.region, find), patience=patience)
    yield store
    await store.close()


@pytest.mark.parametrize("code", ["NoSuchBucket", ""])
async def test_nothing_is_there_only_where_the_store_says_so_of_the_key(code: str) -> None:
    """Answers to HEAD say no more than 404; footage that counts as vanished is paid for again."""

    async def answer(_: web.Request) -> web.Response:
        return refusal(404, code)

    async with serving(answer) as endpoint, store_at(endpoint) as store:
        with pytest.raises(StorageError, match=r"no such bucket|answers 404"):
            await store.stat(KEY)
        code = "NoSuchKey"
        assert await store.stat(KEY) is None


async def test_all_who_used_keys_that_ended_go_on_with_the_new_ones() -> None:
    found = [Keys("old", "s")]

    async def find() -> Keys:
        await asyncio.sleep(0.01)
        return found.pop() if found else Keys("new", "s")

    async def answer(request: web.Request) -> web.Response:
        await asyncio.sleep(0.05)
        if "Credential=old/" in request.headers["Authorization"]:
            return refusal(400, "ExpiredToken")
        return web.Response(body=b"data")

    async with serving(answer) as endpoint, store_at(endpoint, find) as store:
        assert await asyncio.gather(*(read_bytes(store, KEY) for _ in range(6))) == [b"data"] * 6


async def test_uploads_at_once_to_a_store_without_conditions_all_arrive() -> None:
    async def answer(request: web.Request) -> web.Response:
        await request.read()
        if request.method == "HEAD":
            return web.Response(status=404)
        await asyncio.sleep(0.05)
        return refusal(501, "NotImplemented") if "If-None-Match" in request.headers else web.Response()

    async with serving(answer) as endpoint, store_at(endpoint) as store:
        puts = (put_bytes(store, f"acme/r/video/{n}.mp4", b"xyz", "a/b") for n in range(4))
        assert [stored.size for stored in await asyncio.gather(*puts)] == [3] * 4


async def test_a_size_that_is_not_said_is_no_size() -> None:
    async with (
        saying(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n") as endpoint,
        store_at(endpoint) as store,
    ):
        with pytest.raises(StorageError, match="does not say how large"):
            await store.stat(KEY)
        with pytest.raises(StorageError, match="does not say how large"):
            await put_bytes(store, KEY, b"x", "a/b")


FIRST = part("200 OK", 'ETag: "a"\r\nContent-Length: 8\r\n', b"AAA")
OTHERS = {
    "another object": ("206 Partial Content", '"b"', "bytes 3-7/8", "Something else"),
    "another place": ("206 Partial Content", '"a"', "bytes 0-4/8", "cannot go on"),
    "from the beginning": ("200 OK", '"a"', "", "cannot go on"),
    "a condition that fails": ("412 Precondition Failed", "", "", "Something else"),
}


@pytest.mark.parametrize("other", OTHERS)
async def test_bytes_of_two_objects_never_become_one(other: str) -> None:
    status, etag, place, sentence = OTHERS[other]
    headers = f"ETag: {etag}\r\nContent-Range: {place}\r\nContent-Length: 5\r\n"
    second = part(status, headers, b"BBBBB")
    began = time.monotonic()
    async with saying(FIRST, second) as endpoint, store_at(endpoint, patience=30) as store:
        with pytest.raises(StorageError, match=sentence) as caught:
            await read_bytes(store, KEY)
    assert not isinstance(caught.value, NotFoundError)
    assert time.monotonic() - began < 5  # at once, and not when patience ends


@pytest.mark.parametrize("code", ["BadDigest", "XAmzContentSHA256Mismatch"])
async def test_a_body_that_arrived_damaged_is_sent_again(code: str) -> None:
    bodies = []

    async def answer(request: web.Request) -> web.Response:
        if request.method == "HEAD":
            return web.Response(status=404)
        bodies.append(await request.read())
        return refusal(400, code) if len(bodies) == 1 else web.Response()

    async with serving(answer) as endpoint, store_at(endpoint) as store:
        await put_bytes(store, KEY, b"xyz", "a/b")
        assert bodies == [b"xyz", b"xyz"]
        bodies.clear()
    async with serving(answer) as endpoint, store_at(endpoint, patience=0) as store:
        with pytest.raises(StorageError, match=r"arrived damaged .*try again") as caught:
            await put_bytes(store, KEY, b"xyz", "a/b")
        assert caught.value.retryable


async def test_a_host_that_cannot_be_reached_is_not_one_that_knows_no_expect() -> None:
    """Bodies that are read once would be lost with the first refusal from then on."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(3)]
        for other in waiting:  # no more than these are let in
            other.setblocking(False)
            other.connect_ex(full.getsockname())
        address = S3Address.parse(f"s3://clips?endpoint=http://127.0.0.1:{full.getsockname()[1]}", {})
        connection = Connection(address, Credentials(address.region, keys), connect=0.3)

        async def body() -> AsyncGenerator[bytes, None]:
            yield b"x"

        with pytest.raises(AwayError, match="does not answer in time"):
            await connection.put(KEY, Verified(body()), 1, None, {})
        assert connection._expects
        await connection.close()
        for other in waiting:
            other.close()


async def test_the_doctor_removes_what_it_wrote_where_it_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = set()

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        match request.method:
            case "HEAD":
                return web.Response(status=200 if request.path in kept else 404)
            case "PUT":
                kept.add(request.path)
            case "DELETE":
                kept.discard(request.path)
                return web.Response(status=204)
            case _:
                return refusal(403, "AccessDenied")
        return web.Response()

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a-key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret")
    async with serving(answer) as endpoint:
        settings = Settings(home=tmp_path, storage_url=f"s3://clips?endpoint={endpoint}")
        [found] = [finding async for finding in check_up(settings) if finding.what == "storage"]
    assert (found.verdict, kept) == (Verdict.ERROR, set())
    assert "may not do this" in found.says


@pytest.mark.usefixtures("s3")  # its environment is made
def test_the_server_for_tests_empties_no_folder_of_others(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "letter").write_text("dear")
    command = [str(SCRIPT), "--folder", "mine"]  # as seen from where it is called
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{mine} holds something else" in done.stderr
    assert (mine / "letter").read_text() == "dear"
