"""The compose file and the image speak of settings, commands and files that there are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from cutscene.cli import app
from cutscene.settings import Settings
from cutscene.storage.s3_address import S3Address

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


@pytest.fixture
def compose() -> Any:
    text = (DEPLOY / "compose.yaml").read_text()
    return yaml.safe_load(re.sub(r"\$\{\w+:(?:\?[^}]*|-([^}]*))\}", r"\1", text))


@pytest.mark.parametrize("service", ["worker", "cutscene"])
def test_the_settings_are_ours(
    compose: Any, service: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environment = compose["services"][service]["environment"]
    ours = {name: value for name, value in environment.items() if not name.startswith("AWS_")}
    for name, value in ours.items():
        monkeypatch.setenv(name, value or "")
    settings = Settings.load(home=tmp_path)
    assert settings.database == ours["CUTSCENE_DATABASE_URL"]
    assert settings.storage == ours["CUTSCENE_STORAGE_URL"]
    assert set(ours) == {"CUTSCENE_DATABASE_URL", "CUTSCENE_STORAGE_URL", "RUNWAY_API_KEY"}


def test_workers_and_callers_find_the_bucket(compose: Any) -> None:
    address = S3Address.parse(compose["x-cutscene"]["environment"]["CUTSCENE_STORAGE_URL"], {})
    server = compose["services"]["s3"]
    assert f"-bucket={address.bucket}" in server["command"].split()
    assert (address.base.host, address.base.port) == ("s3", 8333)
    assert server["ports"] == [f"127.0.0.1:{address.public.port}:8333"]


def test_a_worker_has_time_to_stop(compose: Any) -> None:
    grace = compose["services"]["worker"]["stop_grace_period"]
    assert float(grace.removesuffix("s")) > Settings.model_fields["stop_timeout"].default + 10


def test_the_image_runs_a_command_of_ours(compose: Any) -> None:
    image = (DEPLOY / "Dockerfile").read_text()
    assert compose["services"]["worker"]["command"] in get_command(app).commands  # type: ignore[attr-defined]
    for copied in re.findall(r"^COPY (?!--from)(.+) \S+$", image, re.MULTILINE):
        assert all((ROOT / name).exists() for name in copied.split())
