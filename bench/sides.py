"""The sides of a comparison, each in a process of its own that measures itself."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, Final

__all__ = ["Meter", "Side", "peak_mib", "run_side", "serve_side"]

Side = Callable[[Mapping[str, Any]], Coroutine[Any, Any, Mapping[str, Any]]]
"""Takes options and returns figures, both of which are JSON."""

_LONGEST: Final = 300.0
"""Seconds."""


class Meter:
    """Seconds since it was made: of the clock, and of this process's processor time."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), _processor_time()

    @property
    def wall(self) -> float:
        return time.perf_counter() - self._wall

    @property
    def cpu(self) -> float:
        return _processor_time() - self._cpu


def _processor_time() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def peak_mib() -> float:
    """The most memory that this process had at once; `getrusage` would count its parent's in."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def run_side(script: str, side: str, home: Path, **options: Any) -> dict[str, Any]:
    """The figures of one side; ``home`` is an empty folder to work in."""
    home.mkdir(parents=True)
    ours = ("RUNWAY", "CUTSCENE_", "OPENAI_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    asked = subprocess.run(  # noqa: S603 -- ourselves
        [sys.executable, script, "--side", side],
        input=json.dumps({**options, "home": str(home)}),
        capture_output=True,
        text=True,
        cwd=home,
        env=environment,
        timeout=_LONGEST,
        check=False,
    )
    if asked.returncode:
        sys.exit(f"{Path(script).name}, side {side}, broke:\n{asked.stderr[-4000:]}")
    figures: dict[str, Any] = json.loads(asked.stdout.splitlines()[-1])
    return figures


def serve_side(sides: Mapping[str, Side]) -> bool:
    """Whether this process is a side; then it has done its work when this returns."""
    if "--side" not in sys.argv:
        return False
    side = sides[sys.argv[sys.argv.index("--side") + 1]]
    figures = asyncio.run(side(json.load(sys.stdin)))
    print(json.dumps(figures))
    return True
