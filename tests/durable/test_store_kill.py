from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cutscene.storage import put_bytes, read_bytes
from cutscene.storage.local import LocalStore

pytestmark = pytest.mark.anyio

KEY = "acme/run-1/video/clip.mp4"

WRITER = """
import asyncio, sys
from pathlib import Path
from cutscene.storage import Verified
from cutscene.storage.local import LocalStore

async def endless():
    for count in range(1_000_000):
        if count == 256:
            print("in the middle", flush=True)
        yield bytes(1 << 16)
        await asyncio.sleep(0.0005)

async def main(root, nameless, key):
    store = LocalStore(Path(root), nameless=nameless == "nameless")
    await store.put(key, Verified(endless()), size=None, content_type="video/mp4")

asyncio.run(main(*sys.argv[1:]))
"""


@contextmanager
def writer_in_the_middle(root: Path, drafts: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", WRITER, str(root), drafts, KEY]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "in the middle\n"
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("drafts", ["nameless", "named"])
async def test_a_killed_writer_leaves_nothing_visible(tmp_path: Path, drafts: str) -> None:
    root = tmp_path / "store"
    with writer_in_the_middle(root, drafts) as process:
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait(10) == -signal.SIGKILL

    leftovers = [path for path in root.rglob("*") if path.is_file()]
    assert [path.name[:5] for path in leftovers] == ([] if drafts == "nameless" else [".tmp-"])
    for leftover in leftovers:
        os.utime(leftover, (0, 0))

    store = LocalStore(root, nameless=drafts == "nameless")
    assert await store.stat(KEY) is None
    assert not any(path.is_file() for path in root.rglob("*"))
    await put_bytes(store, KEY, b"whole", "video/mp4")
    assert await read_bytes(store, KEY) == b"whole"
    await store.close()
