"""What every store promises, whatever it keeps its objects in."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
import tracemalloc
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

import obstore.store
import pytest
from obstore.store import MemoryStore

from cutscene.errors import InputValidationError, NotFoundError, StorageError
from cutscene.storage import (
    DamagedError,
    Store,
    Stored,
    Verified,
    clip_key,
    copy_to,
    open_store,
    put_bytes,
    put_file,
    read_bytes,
)
from cutscene.storage.clouds import CloudStore
from cutscene.storage.files import can_be_nameless
from cutscene.storage.local import LocalStore

pytestmark = pytest.mark.anyio

DATA = os.urandom(3_000_001)
DIGEST = hashlib.sha256(DATA).hexdigest()
KEY = clip_key("acme", "run-1", DIGEST)
CHUNK = 100_000


@dataclass(frozen=True)
class Opened:
    store: Store
    root: Path | None
    """Where files are, if it keeps them here."""

    async def visible(self) -> list[str]:
        """Everything that is there, half-made files too."""
        if self.root is None:
            return sorted([found.key async for found in self.store.listing()])
        return sorted(str(path.relative_to(self.root)) for path in self.root.rglob("*") if path.is_file())


@pytest.fixture(
    params=["local, nameless drafts", "local, named drafts", "s3", "cloud, memory", "cloud, files"]
)
async def opened(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Opened, None]:
    root: Path | None = tmp_path / "made" / "store"
    assert root is not None
    store: Store
    match request.param:
        case "s3":
            store, root = open_store(request.getfixturevalue("s3_url")), None
        case "cloud, memory":
            store, root = CloudStore(MemoryStore(), "mem://store"), None
        case "cloud, files":
            store = CloudStore(obstore.store.LocalStore(root, mkdir=True), "mem://store")
        case drafts:
            nameless = drafts == "local, nameless drafts"
            if nameless and not can_be_nameless(tmp_path):
                pytest.skip("this file system has no nameless files")
            store = LocalStore(root, nameless=nameless)
    yield Opened(store, root)
    await store.close()


@pytest.fixture
def store(opened: Opened) -> Store:
    return opened.store


async def pieces(data: bytes, size: int = CHUNK) -> AsyncGenerator[bytes, None]:
    for start in range(0, len(data), size):
        await asyncio.sleep(0)
        yield data[start : start + size]


async def put(store: Store, key: str, data: bytes, *, size: int | None = None) -> None:
    await store.put(key, Verified(pieces(data)), size=size, content_type="video/mp4")


@pytest.mark.parametrize("size", [None, len(DATA)], ids=["unknown size", "known size"])
async def test_what_is_put_can_be_read(store: Store, size: int | None) -> None:
    body = Verified(pieces(DATA), size=len(DATA), sha256=DIGEST)
    stored = await store.put(KEY, body, size=size, content_type="video/mp4")
    assert (stored.key, stored.size, stored.sha256) == (KEY, len(DATA), DIGEST)
    found = await store.stat(KEY)
    assert found is not None
    assert (found.key, found.size) == (KEY, len(DATA))
    assert await read_bytes(store, KEY) == DATA


async def test_a_single_byte_can_be_kept(store: Store) -> None:
    await put_bytes(store, KEY, b"x", "video/mp4")
    assert await read_bytes(store, KEY) == b"x"


async def test_what_is_not_there_is_not_found(store: Store) -> None:
    await put(store, KEY, DATA)
    below = [] if isinstance(store, CloudStore) else [f"{KEY}/below"]  # its folder for tests fails there
    for key in ("acme/run-1/video/other.mp4", "acme/run-1/video", "acme", *below):
        assert await store.stat(key) is None
        with pytest.raises(NotFoundError, match=key):
            await read_bytes(store, key)
        await store.delete(key)
    assert await read_bytes(store, KEY) == DATA


async def test_deleting_is_final_and_repeatable(opened: Opened) -> None:
    await put(opened.store, KEY, DATA)
    await opened.store.delete(KEY)
    await opened.store.delete(KEY)
    assert await opened.store.stat(KEY) is None
    assert await opened.visible() == []


async def test_a_reader_keeps_what_it_began_while_the_key_is_deleted(store: Store) -> None:
    await put(store, KEY, DATA)
    async with aclosing(store.read(KEY)) as chunks:
        first = await anext(chunks)
        await store.delete(KEY)
        rest = [chunk async for chunk in chunks]
    assert b"".join([first, *rest]) == DATA


@pytest.mark.parametrize("size", [len(DATA) - 1, len(DATA) + 1])
@pytest.mark.parametrize("told", ["body", "put"])
async def test_a_wrong_size_publishes_nothing(opened: Opened, size: int, told: str) -> None:
    body = Verified(pieces(DATA), size=size if told == "body" else None)
    with pytest.raises(DamagedError):
        await opened.store.put(KEY, body, size=size if told == "put" else None, content_type="video/mp4")
    assert await opened.visible() == []


async def test_a_wrong_digest_publishes_nothing(opened: Opened) -> None:
    body = Verified(pieces(DATA), size=len(DATA), sha256="0" * 64)
    with pytest.raises(DamagedError):
        await opened.store.put(KEY, body, size=len(DATA), content_type="video/mp4")
    assert await opened.visible() == []


async def test_an_empty_body_publishes_nothing(opened: Opened) -> None:
    with pytest.raises(DamagedError):
        await put_bytes(opened.store, KEY, b"", "video/mp4")
    assert await opened.visible() == []


async def test_a_failing_source_publishes_nothing_and_is_passed_on(opened: Opened) -> None:
    async def failing() -> AsyncGenerator[bytes, None]:
        async for chunk in pieces(DATA):
            yield chunk
        raise ConnectionResetError("the source is gone")

    with pytest.raises(ConnectionResetError, match="the source is gone"):
        await opened.store.put(KEY, Verified(failing()), size=None, content_type="video/mp4")
    assert await opened.visible() == []


@pytest.mark.parametrize("after", [0, 1, 10, 30])
async def test_a_cancelled_put_publishes_nothing(opened: Opened, after: int) -> None:
    waiting = asyncio.Event()

    async def stuck() -> AsyncGenerator[bytes, None]:
        for _ in range(after):
            yield DATA[:CHUNK]
        waiting.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(opened.store.put(KEY, Verified(stuck()), size=None, content_type="video/mp4"))
    await waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await opened.visible() == []


async def test_a_put_cancelled_at_any_moment_leaves_all_or_nothing(opened: Opened) -> None:
    started = time.perf_counter()
    await put(opened.store, "acme/run-1/video/whole.mp4", DATA)
    duration = time.perf_counter() - started
    outcomes = []
    for step in range(25):
        key = f"acme/run-1/video/{step}.mp4"
        task = asyncio.create_task(put(opened.store, key, DATA))
        await asyncio.wait([task], timeout=duration * step / 15)
        task.cancel()
        await asyncio.wait([task])
        found = await opened.store.stat(key)
        assert found is None or found.size == len(DATA)
        outcomes.append(found is not None)
    assert not outcomes[0]
    assert not [name for name in await opened.visible() if ".tmp-" in name]
    if opened.root is not None:  # a server may publish what it had got whole when nobody waited any more
        assert len(await opened.visible()) == 1 + sum(outcomes)
    assert {found.size async for found in opened.store.listing()} == {len(DATA)}


async def test_the_same_content_is_stored_once(opened: Opened) -> None:
    await put(opened.store, KEY, DATA)
    untouched = Verified(pieces(DATA))
    again = await opened.store.put(KEY, untouched, size=len(DATA), content_type="video/mp4")
    assert (again.key, again.size) == (KEY, len(DATA))
    assert untouched.size == 0
    await put(opened.store, KEY, DATA)
    assert await read_bytes(opened.store, KEY) == DATA
    assert await opened.visible() == [KEY]


async def test_another_size_replaces_what_is_there(opened: Opened) -> None:
    await put(opened.store, KEY, DATA[:10])
    await put(opened.store, KEY, DATA, size=len(DATA))
    assert await read_bytes(opened.store, KEY) == DATA
    assert await opened.visible() == [KEY]


async def test_a_failed_put_leaves_what_was_there(opened: Opened) -> None:
    await put(opened.store, KEY, DATA[:10])
    with pytest.raises(DamagedError):
        await put(opened.store, KEY, DATA, size=len(DATA) + 1)
    assert await read_bytes(opened.store, KEY) == DATA[:10]
    assert await opened.visible() == [KEY]


async def test_racing_puts_of_one_key_all_succeed(opened: Opened) -> None:
    await asyncio.gather(*(put(opened.store, KEY, DATA) for _ in range(16)))
    assert await read_bytes(opened.store, KEY) == DATA
    assert await opened.visible() == [KEY]


async def test_racing_puts_of_different_content_leave_one_of_them_whole(opened: Opened) -> None:
    bodies = [bytes([n]) * (500_000 + n) for n in range(16)]
    await asyncio.gather(*(put(opened.store, KEY, body) for body in bodies))
    assert await read_bytes(opened.store, KEY) in bodies
    assert await opened.visible() == [KEY]


async def test_a_large_body_streams_through_little_memory(store: Store) -> None:
    chunk, count = os.urandom(1 << 16), 1024

    async def large() -> AsyncGenerator[bytes, None]:
        for _ in range(count):
            yield bytes(chunk[:-1]) + b"."

    tracemalloc.start()
    try:
        await store.put(KEY, Verified(large()), size=count * len(chunk), content_type="video/mp4")
        size = 0
        async with aclosing(store.read(KEY)) as chunks:
            async for piece in chunks:
                size += len(piece)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size == 64 << 20
    held = size if isinstance(store, CloudStore) and isinstance(store._store, MemoryStore) else 0
    assert peak < (8 << 20) + held


async def test_all_that_is_kept_is_listed_with_its_size(store: Store) -> None:
    keys = {"acme/run-1/video/a.mp4": 1, "acme/run-2/source/b.png": 2, "acme-2/run-1/video/c.mp4": 3}
    for key, size in keys.items():
        await put_bytes(store, key, b"x" * size, "video/mp4")
    listed = [found async for found in store.listing()]
    assert sorted(listed, key=lambda found: found.size) == [Stored(key, keys[key], None) for key in keys]
    assert {found.key async for found in store.listing("acme")} == {*list(keys)[:2]}
    assert [found async for found in store.listing("acme/run-1/video/a.mp4")] == []
    assert [found async for found in store.listing("nobody")] == []
    with pytest.raises(InputValidationError, match="storage key"):
        await anext(store.listing("../.."))


async def test_a_name_for_good_ends_in_the_key(store: Store) -> None:
    assert store.uri(KEY).endswith(f"/{KEY}")
    assert "://" in store.uri(KEY)


BAD_KEYS = [
    "", "/", "/etc/passwd", "a//b", "a/", "..", "a/../b", "../a", "./a", "a/.", "a/.hidden", ".tmp-1", "-a",
    "a\x00b", "a\nb", "a\n", "a b", "a\\..\\b", "ä", "a/%2e%2e/b", "~", "a:b", "x" * 201, "x/" * 256 + "x",
]  # fmt: skip


@pytest.mark.parametrize("key", BAD_KEYS, ids=[repr(key)[:20] for key in BAD_KEYS])
async def test_bad_keys_are_refused_everywhere(opened: Opened, key: str, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputValidationError, match="storage key"):
        await put(opened.store, key, DATA)
    with pytest.raises(InputValidationError):
        await read_bytes(opened.store, key)
    with pytest.raises(InputValidationError):
        await opened.store.stat(key)
    with pytest.raises(InputValidationError):
        await opened.store.url(key)
    with pytest.raises(InputValidationError):
        opened.store.uri(key)
    with pytest.raises(InputValidationError):
        await opened.store.delete(key)
    assert sorted(tmp_path.rglob("*")) == before


async def test_a_file_is_stored_and_comes_back(store: Store, tmp_path: Path) -> None:
    source, copy = tmp_path / "clip.mp4", tmp_path / "copy.mp4"
    source.write_bytes(DATA)
    stored = await put_file(store, KEY, source, "video/mp4", sha256=DIGEST)
    assert (stored.size, stored.sha256) == (len(DATA), DIGEST)
    copy.write_bytes(b"from before")
    assert await copy_to(store, KEY, copy) == copy
    assert copy.read_bytes() == DATA
    umask = os.umask(0o022)
    os.umask(umask)
    assert copy.stat().st_mode & 0o777 == 0o666 & ~umask


async def test_a_file_that_is_not_what_was_measured_is_refused(opened: Opened, tmp_path: Path) -> None:
    source = tmp_path / "clip.mp4"
    source.write_bytes(DATA[::-1])
    with pytest.raises(DamagedError):
        await put_file(opened.store, KEY, source, "video/mp4", sha256=DIGEST)
    with pytest.raises(StorageError, match=r"missing\.mp4 cannot be used"):
        await put_file(opened.store, KEY, tmp_path / "missing.mp4", "video/mp4")
    assert await opened.visible() == []


async def test_an_output_path_that_cannot_be_written_is_left_alone(store: Store, tmp_path: Path) -> None:
    await put(store, KEY, DATA)
    blocker = tmp_path / "blocker"
    blocker.write_bytes(b"mine")
    with pytest.raises(StorageError, match="a folder or a device"):
        await copy_to(store, KEY, tmp_path)
    with pytest.raises(StorageError, match="a folder or a device"):
        await copy_to(store, KEY, Path("/dev/null"))
    with pytest.raises(StorageError, match="a folder is needed"):
        await copy_to(store, KEY, blocker / "clip.mp4")
    with pytest.raises(StorageError, match="does not exist"):
        await copy_to(store, KEY, tmp_path / "missing" / "clip.mp4")
    with pytest.raises(NotFoundError):
        await copy_to(store, "acme/nothing.mp4", blocker)
    assert blocker.read_bytes() == b"mine"
    assert not list(tmp_path.glob(".tmp-*"))
