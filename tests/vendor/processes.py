"""Commands of ours in real processes, for tests that kill them.

They are forked from a server that has imported what takes seconds, so that a test can
afford dozens of them.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

from cutscene.settings import Settings

VENDOR = Path(__file__).parent
PRELOADED = [
    "pytest",
    "alembic.command",
    "cutscene.cli",
    "cutscene.cli.watching",
    "cutscene.engine",
    "cutscene.providers.local",
    "cutscene.providers.runway",
    "scripted",
]


class Command:
    """One running command; much like `subprocess.Popen`."""

    def __init__(self, process: ForkServerProcess) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def kill(self) -> None:
        """With -9, and gone when this returns."""
        self._process.kill()
        self.wait(10)

    def terminate(self) -> None:
        self.send(signal.SIGTERM)

    def send(self, sent: signal.Signals) -> None:
        os.kill(self.pid, sent)

    def wait(self, seconds: float = 30) -> int:
        self._process.join(seconds)
        assert self._process.exitcode is not None, "it does not end"
        return self._process.exitcode


class Processes:
    """Commands of ours in processes of their own; those left over are killed in the end."""

    def __init__(self, settings: Settings, log: Path, **environment: str) -> None:
        self._log = log
        self.environment = {
            **os.environ,
            "CUTSCENE_HOME": str(settings.home),
            "CUTSCENE_DATABASE_URL": settings.database_url,
            "CUTSCENE_PROVIDER": settings.provider,
            "PYTHONPATH": os.pathsep.join([str(VENDOR), *filter(None, [os.environ.get("PYTHONPATH")])]),
            **environment,
        }
        self._started: list[Command] = []

    def start(self, *command: str, **environment: str) -> Command:
        started = _fork(command, {**self.environment, **environment}, Path.cwd(), self._log, self._log)
        self._started.append(started)
        return started

    def end(self) -> None:
        for command in self._started:
            if command.poll() is None:
                command.kill()
            command.wait(10)


def run(
    *command: str, environment: Mapping[str, str], folder: Path, seconds: float = 120
) -> subprocess.CompletedProcess[str]:
    """A command of ours from start to end, with what it printed."""
    with tempfile.TemporaryDirectory() as printed:
        out, err = Path(printed) / "out", Path(printed) / "err"
        code = _fork(command, environment, folder, out, err).wait(seconds)
        return subprocess.CompletedProcess(command, code, out.read_text(), err.read_text())


def _fork(
    command: Sequence[str], environment: Mapping[str, str], folder: Path, out: Path, err: Path
) -> Command:
    process = forks().Process(target=_run, args=(command, dict(environment), folder, out, err))
    process.start()
    return Command(process)


def forks() -> ForkServerContext:
    """Where processes come from."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


def _run(command: Sequence[str], environment: Mapping[str, str], folder: Path, out: Path, err: Path) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for stream, path in ((1, out), (2, err)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT), stream)
    sys.argv = ["cutscene", *command]
    if command[0] == "later-worker":
        from later_worker import main  # noqa: PLC0415 -- only in the child
    else:
        from cutscene.cli import main  # noqa: PLC0415 -- only in the child

    main()
