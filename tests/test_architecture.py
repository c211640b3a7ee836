"""The shape of the code is a test."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TRACKED = subprocess.run(
    ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
    cwd=ROOT,
    capture_output=True,
    text=True,
    check=True,
).stdout.splitlines()


@pytest.mark.parametrize(
    "tool",
    [
        ["ruff", "check"],
        ["ruff", "format", "--check"],
        ["mypy"],
        ["importlinter"],
    ],
    ids=" ".join,
)
def test_the_house_is_in_order(tool: list[str]) -> None:
    command = [sys.executable, "-m", *tool]
    if tool == ["importlinter"]:
        command = [str(Path(sys.executable).with_name("lint-imports"))]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_nothing_is_left_undone() -> None:
    marks = re.compile(r"\b(TODO|FIXME|XXX)\b|NotImplementedError")
    python = [path for path in TRACKED if path.endswith(".py") and path != "tests/test_architecture.py"]
    assert [path for path in python if marks.search((ROOT / path).read_text())] == []


def test_no_line_names_where_packages_come_from() -> None:
    """Lock files and all: a host or a path of one machine is of no use to others."""
    hosts = re.compile(r"pypi\.org|pythonhosted|registry\.npmjs|/opt/pypi|/root/|/home/\w+/")
    readable = [path for path in TRACKED if Path(path).suffix not in {".jpg", ".png", ".webp"}]
    found = [path for path in readable if hosts.search((ROOT / path).read_text(errors="replace"))]
    assert [path for path in found if path != "tests/test_architecture.py"] == []


def test_help_is_quick() -> None:
    """What takes seconds to import is imported by the commands that need it."""
    heavy = ("dbos", "av", "cv2", "alembic", "aiohttp")
    code = f"import sys, cutscene.cli; print([name for name in {heavy} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_public_names_can_be_imported() -> None:
    code = "import cutscene; [getattr(cutscene, name) for name in cutscene.__all__]"
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
