"""S3 as it is when all is well, and when it is not: a real server, also behind a front that fails."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from cutscene.errors import InputValidationError, NotFoundError, StorageError
from cutscene.storage import DamagedError, Store, Verified, clip_key, open_store, put_bytes, read_bytes
from cutscene.storage.s3 import S3Store
from cutscene.storage.s3_address import S3Address
from cutscene.storage.s3_connection import Connection, RefusalError
from cutscene.storage.s3_credentials import Credentials, find_keys
from front import Front
from s3_server import S3Server

pytestmark = pytest.mark.anyio

VENDOR = Path(__file__).parents[1] / "vendor"
DATA = os.urandom(2_000_003)
KEY = clip_key("acme", "run-1", hashlib.sha256(DATA).hexdigest())
GO_ON = b"HTTP/1.1 100 Continue\r\n\r\n"


def answer(status: str, code: str = "", more: str = "") -> tuple[bytes, ...]:
    body = f"<Error><Code>{code}</Code>{more}<SecretKey>hidden</SecretKey></Error>" if code else ""
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return (f"{head}{body}".encode(),)


@asynccontextmanager
async def opened(url: str, *, patience: float = 5.0) -> AsyncGenerator[Store, None]:
    store = open_store(url, patience=patience)
    try:
        yield store
    finally:
        await store.close()


@pytest.fixture
def front(s3: S3Server) -> Iterator[Front]:
    with Front(s3.endpoint) as front:
        yield front


@pytest.fixture
def front_url(s3: S3Server, bucket: str, s3_keys: None, front: Front) -> str:
    return s3.url(bucket, endpoint=front.url)


def once(data: bytes = DATA, **promised: object) -> Verified:
    """A body that cannot be read again."""

    async def chunks() -> AsyncGenerator[bytes, None]:
        for start in range(0, len(data), 100_000):
            yield data[start : start + 100_000]

    return Verified(chunks(), **promised)  # type: ignore[arg-type]


async def get(link: str) -> tuple[int, dict[str, str], bytes]:
    def ask() -> tuple[int, dict[str, str], bytes]:
        try:
            with urllib.request.urlopen(link, timeout=20) as response:
                return response.status, dict(response.headers), response.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, dict(error.headers), error.read()

    return await asyncio.to_thread(ask)


async def test_a_link_reads_the_clip_until_it_ends(s3_url: str) -> None:
    async with opened(s3_url) as store:
        await put_bytes(store, KEY, DATA, "video/mp4")
        short = await store.url(KEY, expires_in=timedelta(seconds=1))
        status, headers, body = await get(await store.url(KEY))
        assert (status, body) == (200, DATA)
        assert headers["Content-Type"] == "video/mp4"
        assert headers["Cache-Control"] == "private, max-age=31536000, immutable"
        forged = short.replace("X-Amz-Expires=1&", "X-Amz-Expires=3600&")
        assert (await get(forged))[0] == 403
        await asyncio.sleep(2.1)  # it counts whole seconds
        status, _, body = await get(short)
        assert (status, b"expired" in body) == (403, True)


async def test_links_may_lead_another_way(s3_url: str, front: Front) -> None:
    async with opened(f"{s3_url}&public={front.url}") as store:
        await put_bytes(store, KEY, DATA, "video/mp4")
        assert front.connections == 0
        link = await store.url(KEY)
        assert link.startswith(front.url)
        assert (await get(link))[2] == DATA


@pytest.mark.parametrize("seconds", [-1, 0, 0.5, 604_801])
async def test_links_live_for_a_second_to_a_week(s3_url: str, seconds: float) -> None:
    async with opened(s3_url) as store:
        with pytest.raises(InputValidationError, match="7 days"):
            await store.url(KEY, expires_in=timedelta(seconds=seconds))
        assert "X-Amz-Expires=604800" in await store.url(KEY, expires_in=timedelta(days=7))


async def test_footage_may_change_so_nobody_keeps_it(s3_url: str) -> None:
    async with opened(s3_url) as store:
        await put_bytes(store, "acme/run-1/segment/seg_1.mp4", DATA, "video/mp4")
        _, headers, _ = await get(await store.url("acme/run-1/segment/seg_1.mp4"))
        assert headers["Cache-Control"] == "private, no-cache"


async def test_sixteen_that_create_a_key_at_once_leave_one_of_them_whole(s3_url: str) -> None:
    """The server looks whether it is there when a body begins, and takes those that began together."""
    address = S3Address.parse(s3_url, os.environ)
    connection = Connection(address, Credentials(address.region, partial(find_keys, os.environ)))
    digest, headers = hashlib.sha256(DATA).hexdigest(), {"If-None-Match": "*"}

    async def create() -> int:
        try:
            await connection.put(address.prefix + KEY, once(), len(DATA), digest, headers)
        except RefusalError as error:
            return error.refusal.status
        return 200

    outcomes = await asyncio.gather(*(create() for _ in range(16)))
    assert 200 in outcomes
    assert set(outcomes) <= {200, 412}
    assert await asyncio.gather(*(create() for _ in range(16))) == [412] * 16
    await connection.close()
    async with opened(s3_url) as store:
        stored = await asyncio.gather(
            *(store.put(KEY, once(), size=len(DATA), content_type="a/b") for _ in range(16))
        )
        assert {found.size for found in stored} == {len(DATA)}
        assert await read_bytes(store, KEY) == DATA


async def test_who_is_slower_with_the_same_takes_what_is_there(front_url: str, front: Front) -> None:
    """Somebody publishes the key between the look and the sending."""
    async with opened(front_url) as store:
        await put_bytes(store, KEY, DATA, "video/mp4")
        front.answers = [answer("404 Not Found")]  # the look
        body = once()
        assert (await store.put(KEY, body, size=len(DATA), content_type="video/mp4")).size == len(DATA)
        assert await read_bytes(store, KEY) == DATA


async def test_what_is_damaged_on_the_way_is_refused_by_the_server(s3_url: str) -> None:
    """The promise is signed: what arrives otherwise is never there."""
    address = S3Address.parse(s3_url, os.environ)
    connection = Connection(address, Credentials(address.region, partial(find_keys, os.environ)))
    with pytest.raises(RefusalError) as caught:
        await connection.put(address.prefix + KEY, once(), len(DATA), "0" * 64, {})
    await connection.close()
    assert caught.value.refusal.status == 400
    async with opened(s3_url) as store:
        assert await store.stat(KEY) is None


async def test_an_etag_that_differs_removes_what_arrived(front_url: str, front: Front) -> None:
    etag = b'HTTP/1.1 200 OK\r\nETag: "%s"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n' % (b"0" * 32)
    gone = answer("204 No Content")
    async with opened(front_url) as store:
        front.answers = [answer("404 Not Found"), (GO_ON, etag), gone]
        with pytest.raises(DamagedError, match="arrived damaged"):
            await store.put(KEY, once(b"x" * 100), size=100, content_type="video/mp4")
    assert front.answers == []


async def test_a_short_outage_is_ridden_out(front_url: str, front: Front) -> None:
    async with opened(front_url) as store:
        front.answers = [answer("503 Slow Down", "SlowDown"), answer("500 Oh"), answer("429 Too Many")]
        await put_bytes(store, KEY, DATA, "video/mp4")
        front.close()
        reading = asyncio.create_task(read_bytes(store, KEY))
        await asyncio.sleep(0.3)
        front.open()
        assert await reading == DATA


async def test_a_body_is_sent_again_if_it_can_be_read_again(front_url: str, front: Front) -> None:
    async with opened(front_url) as store:
        missing, busy = answer("404 Not Found"), answer("503 Slow Down", "SlowDown")
        front.answers = [missing, (GO_ON, *busy)]
        await put_bytes(store, KEY, DATA, "video/mp4")
        assert await read_bytes(store, KEY) == DATA
    async with opened(front_url) as store:
        front.answers = [missing, busy]  # refused before any of it was sent
        await store.put("acme/once", once(), size=len(DATA), content_type="video/mp4")
    async with opened(front_url) as store:
        front.answers = [missing, (GO_ON, *busy)]
        with pytest.raises(StorageError, match=r"busy or failing|cannot be reached"):
            await store.put("acme/twice", once(), size=len(DATA), content_type="video/mp4")
        assert await store.stat("acme/twice") is None


async def test_reading_goes_on_where_it_broke_off(front_url: str, front: Front) -> None:
    async with opened(front_url) as store:
        await put_bytes(store, KEY, DATA, "video/mp4")
    async with opened(front_url) as store:
        front.cut_after = [300_000, 700_000, 50]
        assert await read_bytes(store, KEY) == DATA
        before = front.connections
        async with aclosing(store.read(KEY)) as chunks:
            assert await anext(chunks)
        assert front.connections <= before + 1


async def test_patience_ends(front_url: str, front: Front) -> None:
    front.close()
    loop = asyncio.get_running_loop()
    started = loop.time()
    async with opened(front_url, patience=0.5) as store:
        with pytest.raises(StorageError, match="cannot be reached") as caught:
            await put_bytes(store, KEY, DATA, "video/mp4")
    assert loop.time() - started < 3
    assert caught.value.retryable


REFUSALS = [
    ("403 Forbidden", "AccessDenied", "", "may not do this"),
    ("403 Forbidden", "RequestTimeTooSkewed", "", "clock of this machine"),
    ("403 Forbidden", "InvalidAccessKeyId", "<AWSAccessKeyId>hidden</AWSAccessKeyId>", "key or its secret"),
    ("301 Moved", "PermanentRedirect", "<Region>eu-west-9</Region>", "region=eu-west-9"),
    ("404 Not Found", "NoSuchBucket", "", "create it"),
    ("404 Not Found", "", "", "answers 404"),
    ("507 Full", "", "", "no space left"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "code", "more", "advice"), REFUSALS, ids=[r[1] or r[0] for r in REFUSALS])
async def test_refusals_say_what_to_do(
    front_url: str, front: Front, status: str, code: str, more: str, advice: str,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    caplog.set_level(logging.DEBUG)
    async with opened(front_url) as store:
        front.answers = [answer(status, code, more)]
        with pytest.raises(StorageError, match=advice) as caught:
            await read_bytes(store, KEY)
    assert not isinstance(caught.value, NotFoundError)  # what is paid for would count as lost
    told = f"{caught.value} {caught.value.detail} {caplog.text}"
    assert "hidden" not in told
    assert "testing" not in told
    assert "Signature=" not in told


@pytest.mark.parametrize("wrong", ["secret", "region", "bucket"])
async def test_what_is_set_wrongly_is_said(
    s3: S3Server, bucket: str, s3_keys: None, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    url = s3.url(bucket)
    match wrong:
        case "secret":
            monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
            advice = "key or its secret is wrong"
        case "region":
            url = url.replace("us-east-1", "eu-west-1")
            advice = "region=us-east-1"
        case _:
            url = url.replace(bucket, "no-such-bucket")
            advice = "no such bucket"
    async with opened(url) as store:
        with pytest.raises(StorageError, match=advice):
            await put_bytes(store, KEY, DATA, "video/mp4")
        with pytest.raises(StorageError, match=advice):
            await store.stat(KEY)


async def test_a_store_without_conditions_is_used_without(front_url: str, front: Front) -> None:
    async with opened(front_url) as store:
        front.answers = [answer("404 Not Found"), answer("501 Not Implemented", "NotImplemented")]
        await put_bytes(store, KEY, DATA, "video/mp4")
        assert isinstance(store, S3Store)
        assert not store._guards
        assert await read_bytes(store, KEY) == DATA


async def test_a_large_file_takes_little_memory(s3_url: str) -> None:
    """Measured by the process itself; 500 MB and 200 files at once are `bench/storage.py`."""
    command = [sys.executable, str(VENDOR / "transfer.py"), s3_url]
    child = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    printed, _ = await child.communicate()
    found = json.loads(printed)
    assert found["size"] == 100_000_000
    assert found["in"] < 32
    assert found["out"] < 32
