"""Studios on both kinds of database, in this process and in children."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cutscene.domain import VideoRequest
from cutscene.settings import Settings
from scripted import ScriptedProvider

VENDOR = Path(__file__).parents[1] / "vendor"


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    return Settings(home=tmp_path / "home", database_url=database_url, provider="scripted")


@pytest.fixture
def vendor(settings: Settings) -> ScriptedProvider:
    """What the scripted vendor saw, whichever process spoke to it."""
    root = settings.local_tasks / "scripted"
    root.mkdir(parents=True, exist_ok=True)
    return ScriptedProvider(root)


def ask(prompt: str, duration: float = 1.0) -> VideoRequest:
    return VideoRequest(prompt=prompt, duration=duration)


class Processes:
    """Commands of ours in processes of their own; those left over are killed in the end."""

    def __init__(self, settings: Settings, log: Path) -> None:
        self._log = log
        self.environment = {
            **os.environ,
            "CUTSCENE_HOME": str(settings.home),
            "CUTSCENE_DATABASE_URL": settings.database_url,
            "CUTSCENE_PROVIDER": settings.provider,
            "PYTHONPATH": str(VENDOR),
        }
        self._started: list[subprocess.Popen[bytes]] = []

    def start(self, *command: str, **environment: str) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "cutscene", *command],
                env={**self.environment, **environment},
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )
        self._started.append(process)
        return process

    def end(self) -> None:
        for process in self._started:
            if process.poll() is None:
                process.kill()
            process.wait(10)


@pytest.fixture
def processes(settings: Settings, tmp_path: Path) -> Iterator[Processes]:
    started = Processes(settings, tmp_path / "processes.log")
    yield started
    started.end()
    print((tmp_path / "processes.log").read_text() if (tmp_path / "processes.log").exists() else "")
