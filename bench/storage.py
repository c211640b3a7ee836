"""Transfers into S3 and onto the disk against curl, the bare client and dd, and the memory they take.

    python bench/storage.py [ROUNDS]

A real S3 server (`scripts/s3-server`) and a web server run beside it on this machine, so that
all share its cores: the ratios say more than the figures. Each transfer runs in a process of its
own; the sides take turns, and the median of ROUNDS (5) is printed. *memory* is what a process needs
at its peak above what it had before, MiB.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing, contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Final

import aiohttp
from aiohttp import web
from aws_request_signer import UNSIGNED_PAYLOAD, AwsRequestSigner

from cutscene.storage import Store, Verified, open_store, put_file
from cutscene.storage.s3_address import S3Address
from cutscene.storage.s3_connection import Connection
from cutscene.storage.s3_credentials import Credentials, find_keys

MB: Final = 10**6
ROOT: Final = Path(__file__).parents[1]


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory(dir=ROOT / "bench") as name, servers(Path(name)) as (s3, web_url):
        folder = Path(name)
        for size in (8, 100, 500):
            draw_file(folder / f"{size}", size * MB)
        print(f"load before: {os.getloadavg()[0]:.1f}\n")
        compare("100 MB from a file into S3", rounds, into_s3(folder / "100", s3))
        compare("100 MB from the web into S3", rounds, from_web(folder, web_url, s3))
        compare("100 MB onto the disk", rounds, onto_disk(folder))
        print(f"{'memory, MiB':44}{'peak':>8}{'seconds':>10}{'CPU s':>8}")
        for title, work in memory_cases(folder, web_url, s3).items():
            found = child(*work)
            print(f"{title:44}{found['memory']:8.1f}{found['seconds']:10.1f}{found['cpu']:8.1f}")


def compare(title: str, rounds: int, sides: dict[str, Sequence[str]]) -> None:
    """The first side is the one that the others are measured by."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, command in sides.items():
            began = time.perf_counter()
            if command[0] == "child":
                seconds[name].append(child(*command[1:])["seconds"])
            else:
                subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 -- ours
                seconds[name].append(time.perf_counter() - began)
    first = median(next(iter(seconds.values())))
    print(f"{title:44}{'MB/s':>8}{'ratio':>10}")
    for name, took in seconds.items():
        print(f"  {name:42}{100 / median(took):8.0f}{median(took) / first:10.2f}")
    print()


def into_s3(file: Path, s3: str) -> dict[str, Sequence[str]]:
    return {
        "curl -T": curl(s3, str(file)),
        "bare client (nothing verified)": ("child", "bare", s3, str(file)),
        "ours": ("child", "file", s3, str(file), "1"),
    }


def from_web(folder: Path, web_url: str, s3: str) -> dict[str, Sequence[str]]:
    """Curl cannot stream from one to the other: S3 wants to know the length."""
    get = f"curl -s -o {folder}/got {web_url}/100"
    put = " ".join(f"'{word}'" for word in curl(s3, f"{folder}/got"))
    return {
        "curl, then curl -T": ("sh", "-c", f"{get} && {put}"),
        "ours": ("child", "web", s3, f"{web_url}/100", "1"),
    }


def onto_disk(folder: Path) -> dict[str, Sequence[str]]:
    source, target = f"if={folder / '100'}", f"of={folder / 'copy'}"
    return {
        "dd conv=fsync": ("dd", "status=none", "bs=1M", "conv=fsync", source, target),
        "ours": ("child", "file", (folder / "store").as_uri(), str(folder / "100"), "1"),
    }


def memory_cases(folder: Path, web_url: str, s3: str) -> dict[str, Sequence[str]]:
    return {
        "500 MB from a file into S3": ("file", s3, str(folder / "500"), "1"),
        "500 MB from the web into S3": ("web", s3, f"{web_url}/500", "1"),
        "500 MB out of S3": ("read", s3, str(folder / "500"), "1"),
        "200 x 8 MB from files into S3": ("file", s3, str(folder / "8"), "200"),
        "200 x 8 MB from the web into S3": ("web", s3, f"{web_url}/8", "200"),
    }


def curl(s3: str, file: str) -> list[str]:
    """With a signed link: its own signing takes no keys with a colon."""
    address = S3Address.parse(s3, {})
    keys = (os.environ[f"AWS_{name}"] for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"))
    signer = AwsRequestSigner(address.region, *keys, "s3")
    target = f"{address.base}/{address.prefix}by-curl"
    link = signer.presign_url("PUT", target, content_hash=UNSIGNED_PAYLOAD, expires=86_400)
    return ["curl", "-s", "-f", "-T", file, link]


def draw_file(path: Path, size: int) -> None:
    block = os.urandom(MB)
    with path.open("wb") as file:
        for number in range(size // MB):
            file.write(number.to_bytes(8, "big") + block[8:])


@contextmanager
def servers(folder: Path) -> Iterator[tuple[str, str]]:
    """A store URL, and the address of a web server that serves the folder."""
    s3 = subprocess.Popen(  # noqa: S603 -- ours
        [ROOT / "scripts" / "s3-server", "--folder", folder / "s3"], stdout=subprocess.PIPE, text=True
    )
    files = subprocess.Popen(  # noqa: S603 -- ours
        [sys.executable, __file__, "serve", folder], stdout=subprocess.PIPE, text=True
    )
    try:
        assert s3.stdout is not None
        assert files.stdout is not None
        facts = json.loads(s3.stdout.readline())
        os.environ["AWS_ACCESS_KEY_ID"] = facts["access_key"]
        os.environ["AWS_SECRET_ACCESS_KEY"] = facts["secret"]
        url = f"s3://bench/kept?endpoint={facts['endpoint']}&region={facts['region']}"
        asyncio.run(make_bucket(url))
        yield url, files.stdout.readline().strip()
    finally:
        for process in (s3, files):
            process.terminate()
            process.wait()


async def make_bucket(url: str) -> None:
    connection = connect(url)
    client = await connection._client()  # noqa: SLF001 -- a store makes no buckets
    async with client.request("PUT", "", data=b"") as answer:
        answer.raise_for_status()
    await connection.close()


def connect(url: str) -> Connection:
    address = S3Address.parse(url, {})
    return Connection(address, Credentials(address.region, partial(find_keys, os.environ)))


def child(*work: str) -> dict[str, float]:
    """What one process measured of itself."""
    printed = subprocess.run(  # noqa: S603 -- ours
        [sys.executable, __file__, "child", *work], check=True, stdout=subprocess.PIPE, text=True
    )
    found: dict[str, float] = json.loads(printed.stdout)
    return found


async def measure(kind: str, store_url: str, source: str, count: int) -> None:
    """In the child: after something small, so that all that is needed is loaded."""
    store = open_store(store_url)
    warm = b"x" * 1000
    await store.put(f"bench/warm/{os.urandom(4).hex()}", Verified(once(warm)), size=1000, content_type="a/b")
    sha256 = "" if kind == "web" else (await asyncio.to_thread(digest, source))
    base, began, cpu = reset_peak(), time.perf_counter(), time.process_time()
    await asyncio.gather(*(transfer(kind, store, store_url, source, sha256) for _ in range(count)))
    took, cpu = time.perf_counter() - began, time.process_time() - cpu
    print(json.dumps({"seconds": took, "cpu": cpu, "memory": memory("VmHWM") - base}))
    await store.close()


def digest(file: str) -> str:
    """Known beforehand, as of all that the pipeline stores."""
    with Path(file).open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


async def transfer(kind: str, store: Store, store_url: str, source: str, sha256: str) -> None:
    key = f"bench/run/{os.urandom(8).hex()}"
    match kind:
        case "file":
            await put_file(store, key, Path(source), "video/mp4", sha256=sha256)
        case "web":
            await from_web_into(store, key, source)
        case "read":
            await put_file(store, key, Path(source), "video/mp4")
            reset_peak()
            async with aclosing(store.read(key)) as chunks:
                async for _ in chunks:
                    pass
        case _:
            await bare(store_url, key, Path(source))


async def from_web_into(store: Store, key: str, source: str) -> None:
    async with aiohttp.ClientSession() as session, session.get(source) as answer:
        size = int(answer.headers["Content-Length"])
        body = Verified(answer.content.iter_any(), size=size)
        await store.put(key, body, size=size, content_type="video/mp4")


async def bare(url: str, key: str, file: Path) -> None:
    """The client as its own README has it."""
    connection = connect(url)
    client = await connection._client()  # noqa: SLF001 -- what is below our store
    answer: Any = await client.put_file(key, file)
    assert answer.status == 200
    answer.release()
    await connection.close()


async def once(data: bytes) -> AsyncGenerator[bytes, None]:
    yield data


def reset_peak() -> float:
    """Forget the peak so far; returns what is in use now, MiB."""
    Path("/proc/self/clear_refs").write_text("5")
    return memory("VmRSS")


def memory(what: str) -> float:
    found = re.search(rf"{what}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


async def serve(folder: str) -> None:
    app = web.Application()
    app.router.add_static("/", folder)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve", folder]:
            asyncio.run(serve(folder))
        case ["child", kind, store_url, source, *count]:
            asyncio.run(measure(kind, store_url, source, int((count or ["1"])[0])))
        case _:
            main()
