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
import itertools
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from scale_flight import measure_history, measure_in_flight
from scale_gate import measure_dispatch
from scale_ground import Ground
from scale_submit import measure_pages, measure_submit
from servers import postgres

PARTS = {
    "submit": measure_submit,
    "dispatch": measure_dispatch,
    "in-flight": measure_in_flight,
    "history": measure_history,
    "pages": measure_pages,
}


@contextmanager
def new_databases(folder: Path, *, sqlite: bool) -> Iterator[Callable[[], str]]:
    """Makes an empty database, and says its URL."""
    if sqlite:
        numbers = itertools.count()
        yield lambda: f"sqlite:///{folder / str(next(numbers))}.db"
        return
    with postgres() as server:
        yield server.new_database


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
            asyncio.run(PARTS[parts[0]](Ground(folder / "home", options.url, options.jobs, options.seconds)))
            return
        with new_databases(folder, sqlite=options.sqlite) as create:
            for part in parts:
                run_in_a_process(part, create(), options)


if __name__ == "__main__":
    main()
