"""The benches against others, as Markdown with the machine and its load: ``run.py [PART...] [--rounds N]``.

Parts are waiting, overhead, transfer and dispatch, which are all run unless some are named, and media,
which needs an ffmpeg (see `ffmpeg.py`). Servers are started and stopped.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import dispatch
import overhead
import transfers
import waiting
from servers import Postgres, postgres
from tables import machine

PARTS: Final[Mapping[str, tuple[str, Callable[[Postgres, int], str], int]]] = {
    "waiting": ("Waiting for generations", waiting.report, 3),
    "overhead": ("From submit to stored, besides the generation", overhead.report, 2),
    "transfer": ("Moving files", lambda _server, rounds: transfers.report(rounds), 3),
    "dispatch": ("Dispatch", dispatch.report, 1),
    "media": ("Media work beside the ffmpeg command line", lambda _server, rounds: media(rounds), 7),
}
"""What each is called, how it is run, and its usual rounds."""
USUAL: Final = [name for name in PARTS if name != "media"]


def media(rounds: int) -> str:
    script = Path(__file__).with_name("ffmpeg.py")
    asked = subprocess.run(  # noqa: S603 -- ours
        [sys.executable, str(script), str(rounds)], capture_output=True, text=True, check=False
    )
    if asked.returncode:
        return asked.stderr.strip().splitlines()[-1]
    return f"```\n{asked.stdout.strip()}\n```"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--rounds", type=int, help="in place of each part's usual number")
    asked = parser.parse_args()
    if unknown := [name for name in asked.parts if name not in PARTS]:
        parser.error(f"there is no part {unknown[0]}: {', '.join(PARTS)}")
    began = time.monotonic()
    print(machine(), flush=True)
    with postgres() as server:
        for name in asked.parts or USUAL:
            title, report, rounds = PARTS[name]
            print(f"\n### {title}\n\n{report(server, asked.rounds or rounds)}", flush=True)
    load = " ".join(f"{figure:.2f}" for figure in os.getloadavg())
    print(f"\n{time.monotonic() - began:.0f} s, load in the end {load}.")


if __name__ == "__main__":
    main()
