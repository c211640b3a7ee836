"""What the local store does beyond the contract of all stores."""

from __future__ import annotations

import asyncio
import os
import resource
from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path

import pytest

from cutscene.errors import StorageError
from cutscene.storage import Verified, open_store, put_bytes
from cutscene.storage.local import LocalStore

pytestmark = pytest.mark.anyio

DATA = os.urandom(3_000_001)
KEY = "acme/run-1/video/clip.mp4"


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


@pytest.fixture(params=[True, False], ids=["nameless drafts", "named drafts"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[LocalStore, None]:
    if request.param:
        needs_nameless_files(tmp_path)
    store = LocalStore(tmp_path / "store", nameless=request.param)
    yield store
    await store.close()


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def needs_nameless_files(folder: Path) -> None:
    try:
        os.close(os.open(folder, os.O_TMPFILE | os.O_WRONLY))
    except OSError:
        pytest.skip("this file system has no nameless files")


async def test_nameless_drafts_are_used_where_the_file_system_has_them(tmp_path: Path) -> None:
    needs_nameless_files(tmp_path)
    store = LocalStore(tmp_path)
    assert store._nameless
    assert list(tmp_path.iterdir()) == []
    await store.close()


async def test_the_url_names_the_file(store: LocalStore, tmp_path: Path) -> None:
    await put_bytes(store, KEY, DATA, "video/mp4")
    expected = (tmp_path / "store" / KEY).as_uri()
    assert await store.url(KEY) == await store.url(KEY, expires_in=timedelta(hours=1)) == expected


async def test_the_same_content_stays_the_same_file(store: LocalStore, tmp_path: Path) -> None:
    async def unread() -> AsyncGenerator[bytes, None]:
        yield DATA

    await put_bytes(store, KEY, DATA, "video/mp4")
    before = (tmp_path / "store" / KEY).stat()
    for size in (len(DATA), None):
        await store.put(KEY, Verified(unread()), size=size, content_type="video/mp4")
    after = (tmp_path / "store" / KEY).stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


async def test_cancelled_puts_leave_no_open_files(store: LocalStore) -> None:
    async def stuck() -> AsyncGenerator[bytes, None]:
        yield DATA
        await asyncio.Event().wait()

    before = open_files()
    for pause in range(20):
        task = asyncio.create_task(store.put(KEY, Verified(stuck()), size=None, content_type="video/mp4"))
        await asyncio.sleep(pause / 2000)
        task.cancel()
        await asyncio.wait([task])
    assert open_files() == before


async def test_cancelling_twice_still_waits_for_the_thread(store: LocalStore, tmp_path: Path) -> None:
    async def stuck() -> AsyncGenerator[bytes, None]:
        yield DATA
        await asyncio.Event().wait()

    task = asyncio.create_task(store.put(KEY, Verified(stuck()), size=None, content_type="video/mp4"))
    while not task.done():
        task.cancel()
        await asyncio.sleep(0)
    assert task.cancelled()
    assert files(tmp_path / "store") == []


async def test_a_file_where_a_folder_should_be_is_told(store: LocalStore, tmp_path: Path) -> None:
    (tmp_path / "store" / "acme").write_bytes(b"in the way")
    with pytest.raises(StorageError, match=r"CUTSCENE_STORAGE_URL.*move it away") as caught:
        await put_bytes(store, KEY, DATA, "video/mp4")
    assert str(tmp_path) not in str(caught.value)
    assert files(tmp_path / "store") == ["acme"]


async def test_a_write_that_fails_on_the_way_is_told_and_leaves_nothing(
    store: LocalStore, tmp_path: Path
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))
    try:
        with pytest.raises(StorageError, match="raise the limit"):
            await put_bytes(store, KEY, DATA, "video/mp4")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert files(tmp_path / "store") == []
    await put_bytes(store, KEY, DATA, "video/mp4")


def test_a_root_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for root in (tmp_path / "file", tmp_path / "file" / "store"):
        with pytest.raises(StorageError, match="CUTSCENE_STORAGE_URL"):
            open_store(root.as_uri())


async def test_a_store_is_opened_by_its_url(tmp_path: Path) -> None:
    store = open_store((tmp_path / "with space").as_uri())
    await put_bytes(store, KEY, DATA, "video/mp4")
    await store.close()
    assert (tmp_path / "with space" / KEY).read_bytes() == DATA


async def test_old_leftovers_are_swept_and_young_ones_kept(tmp_path: Path) -> None:
    old, young, other = (tmp_path / name for name in (".tmp-old", ".tmp-young", ".other"))
    for path in (old, young, other):
        path.write_bytes(b"x")
    for path in (old, other):
        os.utime(path, (0, 0))
    store = open_store(tmp_path.as_uri())
    await store.close()
    assert sorted(tmp_path.iterdir()) == [other, young]
