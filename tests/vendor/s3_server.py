"""The S3 server that all processes of a test run share."""

from __future__ import annotations

import fcntl
import json
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from dataclasses import dataclass
from pathlib import Path

from aws_request_signer import AwsRequestSigner

SCRIPT = Path(__file__).parents[2] / "scripts" / "s3-server"
START_SECONDS = 150
"""On a fresh machine its environment is made first."""


class NoServerError(Exception):
    """It cannot be had here."""


@dataclass(frozen=True)
class S3Server:
    endpoint: str
    region: str
    access_key: str
    secret: str

    @property
    def environment(self) -> dict[str, str]:
        return {"AWS_ACCESS_KEY_ID": self.access_key, "AWS_SECRET_ACCESS_KEY": self.secret}

    def url(self, bucket: str, *, endpoint: str | None = None) -> str:
        """A ``CUTSCENE_STORAGE_URL`` of a place that nothing is in; ``endpoint``: the way there."""
        prefix = uuid.uuid4().hex[:12]
        return f"s3://{bucket}/{prefix}/kept?endpoint={endpoint or self.endpoint}&region={self.region}"

    def new_bucket(self) -> str:
        """Its name."""
        name = f"t-{uuid.uuid4().hex[:16]}"
        for _ in range(5):  # a busy machine
            status, _, answer = self.ask("PUT", name)
            if status == 200:
                break
        assert status == 200, answer
        return name

    def ask(self, method: str, path: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of a signed request."""
        signer = AwsRequestSigner(self.region, self.access_key, self.secret, "s3")
        url = f"{self.endpoint}/{path}"
        empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        headers = signer.sign_with_headers(method, url, content_hash=empty)
        request = urllib.request.Request(url, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.status, dict(response.headers), response.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, dict(error.headers), error.read()


def shared_server(folder: Path, *, while_alive: int) -> S3Server:
    """Start it, unless another process of the run has; it ends with the process of that id."""
    facts = folder / "s3-server.json"
    with (folder / "s3-server.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not facts.exists():
            facts.write_text(_start(folder, while_alive))
        return S3Server(**json.loads(facts.read_text()))


def _start(folder: Path, while_alive: int) -> str:
    """What it prints when it is up. It is nobody's child here: the run ends it, not one of its processes."""
    command = [str(SCRIPT), "--folder", str(folder / "s3-server"), "--while-alive", str(while_alive)]
    out, log = folder / "s3-server.out", folder / "s3-server.log"
    with out.open("w") as printed, log.open("w") as told:
        process = subprocess.Popen(command, stdout=printed, stderr=told, start_new_session=True)
    try:
        for _ in range(START_SECONDS * 10):
            if out.read_text().endswith("\n"):
                process.returncode = 0  # it goes on without us
                return out.read_text()
            if process.poll() is not None:
                raise NoServerError(log.read_text()[-500:])
            time.sleep(0.1)
    finally:
        if process.returncode is None:
            process.terminate()
    raise NoServerError("it does not come up")
