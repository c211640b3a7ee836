"""The cheap ones of the benches still run, on next to nothing: their figures are nobody's business here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).parents[2] / "bench"


def run(script: str, *options: str) -> str:
    command = [sys.executable, str(BENCH / script), *options]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_what_is_moved_is_measured() -> None:
    lines = run("transfers.py", "--disk", "--megabytes", "1", "--rounds", "1").splitlines()
    (stored,) = [line.split("|") for line in lines if "fetch and LocalStore" in line]
    assert all(float(stored[column]) > 0 for column in (2, 4, 6)), stored


def test_all_parts_can_be_had_by_one_command() -> None:
    assert "waiting, overhead, transfer, dispatch" in run("run.py", "--help")


def test_looks_are_counted_for_all_ways_to_look() -> None:
    *rows, _learning, _reduced = run("polling.py", "4").splitlines()[1:]
    assert len(rows) == 60
    assert all("nan" not in row for row in rows)
