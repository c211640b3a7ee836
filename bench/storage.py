"""What memory transfers into S3 take, MiB above what the process had before: ``storage.py``.

A real S3 server (`scripts/s3-server`) and a web server run beside it. Each case runs in a process of its own,
after something small, so that all that is needed is loaded. How fast they are is `transfers.py`'s.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import sys
import tempfile
from collections.abc import AsyncGenerator, Mapping
from contextlib import ExitStack, aclosing
from pathlib import Path
from typing import Any, Final

import aiohttp

from cutscene.storage import Store, Verified, open_store, put_file
from servers import S3, file_server, s3_server
from sides import Meter, run_side, serve_side
from tables import table

MB: Final = 10**6
CASES: Final = {
    "500 MB from a file into S3": ("file", 500, 1),
    "500 MB from the web into S3": ("web", 500, 1),
    "500 MB into S3 and out again; peak of reading": ("read", 500, 1),
    "200 x 8 MB from files into S3": ("file", 8, 200),
    "200 x 8 MB from the web into S3": ("web", 8, 200),
}
"""Each: from where, MB, how many at once."""


async def measure(options: Mapping[str, Any]) -> Mapping[str, Any]:
    kind, count, source = options["kind"], options["count"], options["source"]
    store = open_store(options["store"])
    await store.put(new_key("warm"), Verified(once(b"x" * 1000)), size=1000, content_type="a/b")
    sha256 = "" if kind == "web" else await asyncio.to_thread(digest, source)
    base, meter = reset_peak(), Meter()
    await asyncio.gather(*(transfer(kind, store, source, sha256) for _ in range(count)))
    figures = {"seconds": meter.wall, "cpu": meter.cpu, "memory": memory("VmHWM") - base}
    await store.close()
    return figures


def digest(file: str) -> str:
    """Known beforehand, as of all that the pipeline stores."""
    with Path(file).open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


async def transfer(kind: str, store: Store, source: str, sha256: str) -> None:
    key = new_key("run")
    match kind:
        case "file":
            await put_file(store, key, Path(source), "video/mp4", sha256=sha256)
        case "web":
            await from_web_into(store, key, source)
        case _:
            await put_file(store, key, Path(source), "video/mp4", sha256=sha256)
            reset_peak()
            async with aclosing(store.read(key)) as chunks:
                async for _ in chunks:
                    pass


async def from_web_into(store: Store, key: str, source: str) -> None:
    async with aiohttp.ClientSession() as session, session.get(source) as answer:
        size = int(answer.headers["Content-Length"])
        body = Verified(answer.content.iter_any(), size=size)
        await store.put(key, body, size=size, content_type="video/mp4")


async def once(data: bytes) -> AsyncGenerator[bytes, None]:
    yield data


def new_key(folder: str) -> str:
    return f"bench/{folder}/{os.urandom(8).hex()}"


def reset_peak() -> float:
    """Forget the peak so far; returns what is in use now, MiB."""
    Path("/proc/self/clear_refs").write_text("5")
    return memory("VmRSS")


def memory(what: str) -> float:
    found = re.search(rf"{what}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


def draw_file(path: Path, size: int) -> Path:
    block = os.urandom(MB)
    with path.open("wb") as file:
        for number in range(size):
            file.write(number.to_bytes(8, "big") + block[8:])
    return path


def report(server: S3) -> str:
    lines = []
    with tempfile.TemporaryDirectory() as name, ExitStack() as served:
        folder, store = Path(name), server.new_bucket()
        files = {size: draw_file(folder / f"{size}.mp4", size) for _, size, _ in CASES.values()}
        links = {size: served.enter_context(file_server(file)) for size, file in files.items()}
        for title, (kind, size, count) in CASES.items():
            source = links[size] if kind == "web" else str(files[size])
            asked = {"kind": kind, "count": count, "source": source, "store": store}
            found = run_side(__file__, "ours", folder / title, **asked)
            lines.append([title, *(f"{found[figure]:.1f}" for figure in ("memory", "seconds", "cpu"))])
    return table(["memory above the base", "peak, MiB", "s", "CPU, s"], lines)


def main() -> None:
    print(f"load before: {os.getloadavg()[0]:.1f}\n")
    with s3_server() as server:
        if not isinstance(server, S3):
            sys.exit(f"No S3 server on this machine: {server}")
        print(report(server))


if __name__ == "__main__" and not serve_side({"ours": measure}):
    main()
