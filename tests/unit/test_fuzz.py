"""A few hundred broken files, always the same ones; `bench/fuzz.py` has thousands."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FUZZ = Path(__file__).parents[2] / "bench" / "fuzz.py"


def test_the_door_holds() -> None:
    command = [sys.executable, str(FUZZ), "--count", "120", "--pictures", "40", "--seed", "7"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    lines = [line for line in result.stdout.splitlines() if "peak" in line]
    assert all("refused" in line and "accepted" in line for line in (lines[0], lines[2])), lines
