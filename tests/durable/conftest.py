"""Studios on both kinds of database, in this process and in children."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cutscene.settings import Settings
from processes import Processes
from scripted import ScriptedProvider


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    return Settings(home=tmp_path / "home", database_url=database_url, provider="scripted")


@pytest.fixture
def vendor(settings: Settings) -> ScriptedProvider:
    """What the scripted vendor saw, whichever process spoke to it."""
    root = settings.local_tasks / "scripted"
    root.mkdir(parents=True, exist_ok=True)
    return ScriptedProvider(root)


@pytest.fixture
def processes(settings: Settings, tmp_path: Path) -> Iterator[Processes]:
    started = Processes(settings, tmp_path / "processes.log")
    yield started
    started.end()
    if (tmp_path / "processes.log").exists():
        sys.stdout.write((tmp_path / "processes.log").read_text())
