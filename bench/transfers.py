"""Moving 100 MB from a web server to the disk and to S3, beside curl and a bare client: ``transfers.py``.

Ours is what the pipeline does: `fetch` into a file, hashed and bounded on its way, then `put_file` into
the store, hashed again, published whole, and safe from a loss of power. The web server sends from the
system's memory; the S3 server is the one of the tests. Figures of ours leave out the start of Python.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from servers import S3, file_server, s3_server
from sides import Meter, peak_mib, run_side, serve_side
from tables import medians, table

MEGABYTES: Final = 100
GIVEN: Final = "given.mp4"

Options = Mapping[str, Any]


async def ours(options: Options) -> Mapping[str, Any]:
    """Fetch, and put where a store is named; with a ``file`` given, put that alone."""
    from cutscene import storage  # noqa: PLC0415 -- a side imports what it uses
    from cutscene.fetch import fetch, open_session  # noqa: PLC0415

    file = Path(options.get("file") or Path(options["home"]) / "scratch.mp4")
    store = storage.open_store(options["store"]) if "store" in options else None
    async with open_session(allow_private=True) as session:
        meter, base, sha256 = Meter(), peak_mib(), None
        if "file" not in options:
            sha256 = (await fetch(options["link"], file, session=session)).sha256
        if store is not None:
            key = storage.segment_key("acme", "run", f"segment-{options['number']}")
            await storage.put_file(store, key, file, "video/mp4", sha256=sha256)
        figures = {"wall": meter.wall, "cpu": meter.cpu, "peak": peak_mib(), "over": peak_mib() - base}
    if store is not None:
        await store.close()
    return figures


async def streamed(options: Options) -> Mapping[str, Any]:
    """From one connection into another, of which nothing is kept, hashed or asked."""
    import aiohttp  # noqa: PLC0415
    from yarl import URL  # noqa: PLC0415

    meter, base = Meter(), peak_mib()
    async with aiohttp.ClientSession() as session, session.get(options["link"]) as source:

        async def body() -> AsyncIterator[bytes]:
            async for chunk in source.content.iter_any():
                yield chunk

        headers = {"Content-Length": str(source.content_length)}
        link = URL(options["upload"], encoded=True)
        async with session.put(link, data=body(), headers=headers, raise_for_status=True):
            pass
    return {"wall": meter.wall, "cpu": meter.cpu, "peak": peak_mib(), "over": peak_mib() - base}


SIDES: Final = {"ours": ours, "streamed": streamed}


def commands(*each: Sequence[str]) -> dict[str, float]:
    """What programs take, one after another, their starts included."""
    meter, cpu, peak = Meter(), 0.0, 0.0
    for command in each:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: S603 -- what is measured
        while True:
            peak = max(peak, _peak_of(process.pid))
            pid, status, used = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            time.sleep(0.005)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            sys.exit(f"{command[0]} failed: {process.returncode}.")
        cpu += used.ru_utime + used.ru_stime
    return {"wall": meter.wall, "cpu": cpu, "peak": peak, "over": peak}


def _peak_of(pid: int) -> float:
    """MiB, as far as it is seen."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a table."""

    name: str
    work: Callable[[Path, int], dict[str, float]]
    """Takes an empty folder, and the number of the round."""


def _side(side: str, **options: Any) -> Callable[[Path, int], dict[str, float]]:
    def work(home: Path, number: int) -> dict[str, float]:
        asked = {name: said(number) if callable(said) else said for name, said in options.items()}
        return run_side(__file__, side, home, number=number, **asked)

    return work


def to_disk(link: str, folder: Path) -> list[Row]:
    """The first is what the others are compared to."""
    rows = [
        Row("ours: fetch", _side("ours", link=link)),
        Row("ours: fetch and LocalStore", _side("ours", link=link, store=(folder / "store").as_uri())),
    ]
    if (curl := shutil.which("curl")) is None:
        return rows
    out = str(folder / "curl.mp4")
    get = (curl, "-sfo", out, link)
    return [
        Row("curl -o (the floor)", lambda _home, _number: commands(get)),
        Row(
            "curl -o, sha256sum, sync",
            lambda _home, _number: commands(get, ("sha256sum", out), ("sync", out)),
        ),
        *rows,
    ]


def to_s3(link: str, file: Path, server: S3, folder: Path) -> list[Row]:
    store = server.new_bucket()
    rows = [
        Row(
            "aiohttp, streamed from link to bucket",
            _side("streamed", link=link, upload=lambda number: server.upload(store, f"streamed-{number}")),
        ),
        Row("ours: S3Store, from a file", _side("ours", file=str(file), store=store)),
        Row(
            "ours: fetch and S3Store",
            _side("ours", link=link, store=server.new_bucket()),
        ),
    ]
    if (curl := shutil.which("curl")) is None:
        return rows
    out = str(folder / "curl.mp4")

    def put(number: int, name: str, given: str) -> tuple[str, ...]:
        return (curl, "-sfT", given, server.upload(store, f"{name}-{number}"))

    return [
        Row(
            "curl -T, from a file (the floor)",
            lambda _home, number: commands(put(number, "curl", str(file))),
        ),
        Row(
            "curl -o, sha256sum, curl -T",
            lambda _home, number: commands(
                (curl, "-sfo", out, link), ("sha256sum", out), put(number, "both", out)
            ),
        ),
        *rows,
    ]


def report(rounds: int = 5, megabytes: int = MEGABYTES, *, disk_alone: bool = False) -> str:
    """A table for either target; a sentence for what cannot be had."""
    parts = []
    with tempfile.TemporaryDirectory() as name, file_server(_given(Path(name), megabytes)) as link:
        folder, moved = Path(name), f"{megabytes} MB over HTTP"
        parts.append(_measured(f"{moved} to the disk", to_disk(link, folder), folder / "disk", rounds))
        if not disk_alone:
            parts.append(_to_s3(link, folder, moved, rounds))
    if shutil.which("curl") is None:
        parts.append("No curl on this machine: the first rows are what the others are compared to.")
    return "\n\n".join(parts)


def _given(folder: Path, megabytes: int) -> Path:
    file = folder / GIVEN
    file.write_bytes(os.urandom(10**6) * megabytes)
    return file


def _to_s3(link: str, folder: Path, moved: str, rounds: int) -> str:
    with s3_server() as server:
        if not isinstance(server, S3):
            return f"No S3 server on this machine: {server}"
        rows = to_s3(link, folder / GIVEN, server, folder)
        return _measured(f"{moved} to S3", rows, folder / "s3", rounds)


def _measured(head: str, rows: Sequence[Row], folder: Path, rounds: int) -> str:
    found: dict[str, list[dict[str, float]]] = {row.name: [] for row in rows}
    for number in range(rounds):
        for row in rows:
            found[row.name].append(row.work(folder / f"{number} {row.name}", number))
    summed = {name: medians(figures) for name, figures in found.items()}
    floor = summed[rows[0].name]
    lines = [
        [
            name,
            f"{figures['wall']:.2f}",
            f"{figures['wall'] / floor['wall']:.1f}x",
            f"{figures['cpu']:.2f}",
            f"{figures['cpu'] / floor['cpu']:.1f}x",
            f"{figures['peak']:.0f}",
            f"{figures['over']:.0f}",
        ]
        for name, figures in summed.items()
    ]
    return table(
        [head, "s", "to the floor", "CPU, s", "to the floor", "peak, MiB", "over its base, MiB"], lines
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--megabytes", type=int, default=MEGABYTES)
    parser.add_argument("--disk", action="store_true", help="without S3")
    asked = parser.parse_args()
    print(report(asked.rounds, asked.megabytes, disk_alone=asked.disk))


if __name__ == "__main__" and not serve_side(SIDES):
    main()
