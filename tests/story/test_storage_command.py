"""``cutscene storage usage`` and what the doctor says of a store, on this machine and in S3."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from cutscene.storage import open_store, put_bytes
from processes import run
from s3_server import S3Server

KEPT = {
    "acme/spring/video/a.mp4": 3000,
    "acme/spring/video/a.jpg": 200,
    "acme/spring/source/b.png": 50,
    "acme/autumn/segment/c.mp4": 1000,
    "globex/default/video/d.mp4": 10,
    "acme-2/default/video/e.mp4": 7,
}
ACME = {
    "tenant": "acme",
    "objects": 4,
    "bytes": 4250,
    "by_kind": {
        "video": {"objects": 2, "bytes": 3200},
        "source": {"objects": 1, "bytes": 50},
        "segment": {"objects": 1, "bytes": 1000},
    },
}


@pytest.fixture(params=["files", "s3"])
def storage_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "files":
        return (tmp_path / "kept").as_uri()
    url: str = request.getfixturevalue("s3_url")
    return url


def ask(folder: Path, storage_url: str, *command: str, **environment: str) -> tuple[int, Any, str]:
    """Exit code, JSON (or text) and what was said."""
    ours = {"CUTSCENE_HOME": str(folder / "home"), "CUTSCENE_STORAGE_URL": storage_url, "COLUMNS": "160"}
    result = run(*command, environment={**os.environ, **ours, **environment}, folder=folder)
    answer = json.loads(result.stdout) if "--json" in command else result.stdout
    return result.returncode, answer, result.stderr


def test_what_is_kept_is_counted_by_tenant_and_kind(storage_url: str, tmp_path: Path) -> None:
    async def keep() -> None:
        store = open_store(storage_url)
        for key, size in KEPT.items():
            await put_bytes(store, key, b"x" * size, "video/mp4")
        await store.close()

    assert ask(tmp_path, storage_url, "storage", "usage", "--json")[:2] == (0, [])
    asyncio.run(keep())
    code, found, _ = ask(tmp_path, storage_url, "storage", "usage", "--json")
    assert (code, [contents["tenant"] for contents in found]) == (0, ["acme", "globex", "acme-2"])
    assert found[0] == ACME
    assert ask(tmp_path, storage_url, "storage", "usage", "--tenant", "acme", "--json")[1] == [ACME]
    _, table, _ = ask(tmp_path, storage_url, "storage", "usage")
    assert [line.split()[:4] for line in table.splitlines()][1] == ["acme", "4", "4.2", "kB"]
    code, _, said = ask(tmp_path, storage_url, "storage", "usage", "--tenant", "../x")
    assert code == 1
    assert "cannot name a tenant" in said


def test_the_doctor_tries_the_store(storage_url: str, tmp_path: Path) -> None:
    code, findings, _ = ask(tmp_path, storage_url, "doctor", "--json")
    [finding] = [finding for finding in findings if finding["what"] == "storage"]
    assert (code, finding["verdict"], finding["says"]) == (0, "ok", storage_url)
    assert ask(tmp_path, storage_url, "storage", "usage", "--json")[1] == []  # it leaves nothing


def test_the_doctor_says_what_is_wrong_with_a_bucket(
    s3: S3Server, bucket: str, s3_keys: None, tmp_path: Path
) -> None:
    def says(url: str, **environment: str) -> str:
        code, findings, said = ask(tmp_path, url, "doctor", "--json", **environment)
        [finding] = [finding for finding in findings if finding["what"] == "storage"]
        assert (code, finding["verdict"]) == (1, "error")
        assert "Traceback" not in said
        text: str = finding["says"]
        return text

    url = s3.url(bucket)
    assert "create it, or correct CUTSCENE_STORAGE_URL" in says(url.replace(bucket, "no-such-bucket"))
    assert "key or its secret is wrong" in says(url, AWS_SECRET_ACCESS_KEY="another")
    away = url.replace(s3.endpoint, "http://127.0.0.1:9")
    assert "cannot be reached" in says(away, CUTSCENE_STORAGE_PATIENCE="0")
