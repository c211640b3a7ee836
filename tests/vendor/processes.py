"""Commands of ours in real processes, for tests that kill them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from cutscene.settings import Settings

VENDOR = Path(__file__).parent


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
