"""Clouds by obstore: what they say when they do not do it, and what is stored beside a body."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import obstore
import pytest
from aiohttp import web
from obstore.store import AzureStore, MemoryStore

from cutscene.errors import NotFoundError, StorageError
from cutscene.storage import clip_key, put_bytes, read_bytes
from cutscene.storage.clouds import PART, CloudStore

pytestmark = pytest.mark.anyio

KEY = clip_key("acme", "run-1", "0" * 64)


class Cloud:
    """Answers as Azure does, the same to everything, or by kind of request."""

    def __init__(self) -> None:
        self.blob = self.listing = 404
        self.put = 201
        self.sent: list[str] = []

    async def answer(self, request: web.Request) -> web.Response:
        await request.read()
        is_listing = request.query.get("comp") == "list"
        self.sent.append(f"{request.method} {request.query.get('comp', 'blob')}")
        status = self.listing if is_listing else self.blob
        if request.method == "PUT":
            await asyncio.sleep(0.1)
            status = self.put
        body = "<EnumerationResults><Blobs/><NextMarker/></EnumerationResults>" if is_listing else "hidden"
        return web.Response(status=status, text=body, headers={"ETag": '"1"'})


@pytest.fixture
async def cloud() -> AsyncIterator[tuple[Cloud, CloudStore]]:
    said = Cloud()
    app = web.Application(client_max_size=2**26)
    app.router.add_route("*", "/{any:.*}", said.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    azure = AzureStore(
        "clips",
        account_name="acme",
        account_key="c2VjcmV0",
        endpoint=f"http://127.0.0.1:{runner.addresses[0][1]}",
        client_options={"allow_http": True},
        retry_config={"max_retries": 0},
    )
    yield said, CloudStore(azure, "az://clips")
    await runner.cleanup()


async def test_only_a_key_that_is_missing_counts_as_missing(cloud: tuple[Cloud, CloudStore]) -> None:
    """What is paid for would count as lost with a container that is not there."""
    said, store = cloud
    said.listing = 200
    with pytest.raises(NotFoundError, match=KEY):
        await read_bytes(store, KEY)
    assert await store.stat(KEY) is None
    said.listing = 404
    for look in (store.stat, partial(read_bytes, store)):
        with pytest.raises(StorageError, match="az://clips") as caught:
            await look(KEY)
        assert not isinstance(caught.value, NotFoundError)


async def test_a_container_that_is_not_there_is_said_without_its_address(
    cloud: tuple[Cloud, CloudStore],
) -> None:
    said, store = cloud
    said.put = 404
    with pytest.raises(StorageError, match="az://clips is not there: correct") as caught:
        await put_bytes(store, KEY, b"x", "a/b")
    assert "127.0.0.1" not in f"{caught.value} {caught.value.detail}"
    with pytest.raises(StorageError, match=r"az://clips.*: check its name"):
        await anext(store.listing())
    with pytest.raises(StorageError, match=r"az://clips.*: check its name"):
        await store.delete(KEY)


async def test_what_is_removed_as_soon_as_it_is_stored_is_said(cloud: tuple[Cloud, CloudStore]) -> None:
    _, store = cloud
    with pytest.raises(StorageError, match="was removed from az://clips"):
        await put_bytes(store, KEY, b"x", "a/b")


@pytest.mark.parametrize(("status", "sentence"), [(403, "refuses the keys"), (500, "cannot be reached, or")])
async def test_refusals_are_told_without_what_the_cloud_says(
    cloud: tuple[Cloud, CloudStore], status: int, sentence: str
) -> None:
    said, store = cloud
    said.blob = said.listing = status
    for work in (read_bytes(store, KEY), put_bytes(store, KEY, b"x", "a/b"), store.delete(KEY)):
        with pytest.raises(StorageError, match=sentence) as caught:
            await work
        assert "hidden" not in f"{caught.value} {caught.value.detail}"
        assert "127.0.0.1" not in f"{caught.value} {caught.value.detail}"


async def test_an_upload_that_has_begun_is_seen_through(cloud: tuple[Cloud, CloudStore]) -> None:
    """Broken off it would leave parts behind that nobody sees."""
    said, store = cloud
    putting = asyncio.create_task(put_bytes(store, KEY, b"x" * (PART + 1), "video/mp4"))
    async with asyncio.timeout(20):
        while "PUT block" not in said.sent and not putting.done():
            await asyncio.sleep(0.01)
    putting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await putting
    assert said.sent.count("PUT block") == 2
    assert "PUT blocklist" in said.sent


async def test_type_and_caching_are_stored_with_a_body() -> None:
    memory = MemoryStore()
    store = CloudStore(memory, "gs://clips")
    await put_bytes(store, KEY, b"x" * (PART + 1), "video/mp4")
    found = obstore.get(memory, KEY).attributes
    assert found["Content-Type"] == "video/mp4"
    assert found["Cache-Control"] == "private, max-age=31536000, immutable"
