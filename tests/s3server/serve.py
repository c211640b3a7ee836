"""OpenStack Swift with its S3 face on this machine alone: a real S3 server for tests and benchmarks.

Runs in the environment of `requirements.lock`; `scripts/s3-server` makes that and starts this. Prints one
line of JSON when the server is there: endpoint, region, access key and secret.
"""

from __future__ import annotations

import argparse
import ctypes
import getpass
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType

from swift.common.ring import RingBuilder

KINDS = ("account", "container", "object")
REGION, ACCESS_KEY, SECRET = "us-east-1", "test:tester", "testing"
START_SECONDS = 60.0
FILTERS = (
    "catch_errors", "gatekeeper", "healthcheck", "cache", "listing_formats", "bulk", "s3api", "tempauth",
    "slo", "dlo", "versioned_writes", "symlink",
)  # fmt: skip
OPTIONS = {
    "cache": ("use = egg:swift#memcache",),
    "tempauth": (f"user_{ACCESS_KEY.replace(':', '_')} = {SECRET} .admin",),
    "s3api": (f"location = {REGION}",),
    "versioned_writes": ("allow_object_versioning = true",),
}
COMMON = """[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
user = {user}
swift_dir = {folder}
devices = {folder}/devices
mount_check = false
recon_cache_path = {folder}
workers = 0
log_level = WARNING
client_timeout = 60
# Whoever tests is busy: a node that is slow is no node that is gone.
node_timeout = 60
conn_timeout = 10
"""
SWIFT_CONF = """# Of s3-server, which may remove this folder.
[swift-hash]
swift_hash_path_prefix = a
swift_hash_path_suffix = b
[storage-policy:0]
name = only
default = yes
"""


def main() -> None:
    """Serve until told to stop, or until the process that is watched has ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="new or empty; removed in the end")
    parser.add_argument("--port", type=int, default=0, help="0: any")
    parser.add_argument("--while-alive", type=int, default=0, metavar="PID", help="stop when that one ends")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, _stop)
    folder = asked.folder.absolute()
    _check_may_be_emptied(folder)
    _prepare(folder)
    port = asked.port or _free_port()
    ports = [port, *_write_rings(folder)]
    _write_proxy(folder, port)
    processes: list[subprocess.Popen[bytes]] = []
    try:
        processes.extend(_start(folder, kind) for kind in (*KINDS, "proxy"))
        _wait_until_up(ports, processes, folder)
        print(json.dumps(_facts(port)), flush=True)
        while _lives(asked.while_alive) and all(process.poll() is None for process in processes):
            time.sleep(0.3)
    except KeyboardInterrupt:
        pass
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _facts(port: int) -> dict[str, str]:
    return {
        "endpoint": f"http://127.0.0.1:{port}",
        "region": REGION,
        "access_key": ACCESS_KEY,
        "secret": SECRET,
    }


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _lives(pid: int) -> bool:
    return not pid or Path(f"/proc/{pid}").exists()


def _check_may_be_emptied(folder: Path) -> None:
    """Only what is nobody's, or was left by a server of before that was killed."""
    conf = folder / "swift.conf"
    is_new = not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))
    if not is_new and not (conf.is_file() and conf.read_bytes() == SWIFT_CONF.encode()):
        sys.exit(f"s3-server: {folder} holds something else, which would be removed: choose another --folder")


def _prepare(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "swift.conf").write_text(SWIFT_CONF)
    (folder / "devices" / "disk").mkdir(parents=True)
    try:
        os.setxattr(folder, "user.probe", b"1")
    except OSError:
        shutil.rmtree(folder)
        sys.exit(
            f"s3-server: the file system of {folder} has no extended attributes: choose another --folder"
        )


def _write_rings(folder: Path) -> list[int]:
    """One device for everything; returns where its servers listen."""
    ports = [_free_port() for _ in KINDS]
    for kind, port in zip(KINDS, ports, strict=True):
        ring = RingBuilder(part_power=4, replicas=1, min_part_hours=1)
        ring.add_dev(
            {
                "id": 0,
                "region": 1,
                "zone": 1,
                "weight": 1.0,
                "ip": "127.0.0.1",
                "port": port,
                "device": "disk",
            }
        )
        ring.rebalance()
        ring.get_ring().save(str(folder / f"{kind}.ring.gz"))
        app = f"[pipeline:main]\npipeline = {kind}-server\n[app:{kind}-server]\nuse = egg:swift#{kind}\n"
        (folder / f"{kind}.conf").write_text(_common(folder, port) + app)
    return ports


def _write_proxy(folder: Path, port: int) -> None:
    parts = [
        _common(folder, port),
        f"[pipeline:main]\npipeline = {' '.join(FILTERS)} proxy-server\n",
        "[app:proxy-server]\nuse = egg:swift#proxy\naccount_autocreate = true\n",
    ]
    for name in FILTERS:
        options = OPTIONS.get(name, ())
        uses = () if any(option.startswith("use = ") for option in options) else (f"use = egg:swift#{name}",)
        parts.append("\n".join((f"[filter:{name}]", *uses, *options, "")))
    (folder / "proxy.conf").write_text("".join(parts))


def _common(folder: Path, port: int) -> str:
    return COMMON.format(port=port, folder=folder, user=getpass.getuser())


def _start(folder: Path, kind: str) -> subprocess.Popen[bytes]:
    command: Sequence[str] = (
        str(Path(sys.executable).with_name(f"swift-{kind}-server")),
        str(folder / f"{kind}.conf"),
    )
    with (folder / f"{kind}.log").open("wb") as log:
        return subprocess.Popen(
            command,
            stdout=log,
            stderr=subprocess.STDOUT,
            preexec_fn=_end_with_parent,  # noqa: PLW1509 -- there are no threads here
        )


def _end_with_parent() -> None:
    """Not even a kill of this process leaves a server behind."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def _wait_until_up(ports: Sequence[int], processes: Sequence[subprocess.Popen[bytes]], folder: Path) -> None:
    ends = time.monotonic() + START_SECONDS
    while time.monotonic() < ends and all(process.poll() is None for process in processes):
        with suppress(OSError):
            for port in ports:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        time.sleep(0.1)
    logs = "\n".join((folder / f"{kind}.log").read_text()[-2000:] for kind in (*KINDS, "proxy"))
    sys.exit(f"s3-server: it does not come up:\n{logs}")


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


if __name__ == "__main__":
    main()
