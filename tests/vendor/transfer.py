"""A process that moves 100 MB into a store and out again, and tells what memory that took.

python transfer.py STORAGE_URL
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

from cutscene.storage import Verified, open_store

CHUNK, CHUNKS = 250_000, 400


async def transfer(url: str) -> dict[str, float]:
    """MiB above what was in use when all was loaded, at the peak of either way."""
    store = open_store(url)
    await store.put("acme/run-1/segment/small", Verified(chunks(1)), size=CHUNK, content_type="a/b")
    found = {}
    before = reset_peak()
    await store.put(
        "acme/run-1/segment/large", Verified(chunks(CHUNKS)), size=CHUNK * CHUNKS, content_type="a/b"
    )
    found["in"] = memory("VmHWM") - before
    before, size = reset_peak(), 0
    async with aclosing(store.read("acme/run-1/segment/large")) as read:
        async for chunk in read:
            size += len(chunk)
    found["out"] = memory("VmHWM") - before
    found["size"] = size
    await store.close()
    return found


async def chunks(count: int) -> AsyncGenerator[bytes, None]:
    block = os.urandom(CHUNK - 8)
    for number in range(count):
        yield number.to_bytes(8, "big") + block


def reset_peak() -> float:
    Path("/proc/self/clear_refs").write_text("5")
    return memory("VmRSS")


def memory(what: str) -> float:
    found = re.search(rf"{what}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


if __name__ == "__main__":
    print(json.dumps(asyncio.run(transfer(sys.argv[1]))))
