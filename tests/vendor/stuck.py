"""Work that does not end by itself, for tests that end it."""

from __future__ import annotations

import os
import re
import time
from contextlib import suppress
from pathlib import Path


def stay(mark: Path, then: int = 40) -> None:
    """Write down the ids of this process and of those above it, and get stuck in native code."""
    keeper = os.getppid()
    server = int(Path(f"/proc/{keeper}/stat").read_text().rpartition(")")[2].split()[1])
    draft = mark.with_suffix(".draft")
    draft.write_text(f"{os.getpid()} {keeper} {server}")
    draft.rename(mark)
    re.match("(a+)+$", "a" * then + "b")


def nap(seconds: float) -> tuple[float, float]:
    """When it began and when it ended."""
    start = time.monotonic()
    time.sleep(seconds)
    return start, time.monotonic()


def open_files() -> list[str]:
    """What the open descriptors of this process are."""
    found = []
    for name in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # the listing's own
            found.append(str(name.readlink()))
    return found
