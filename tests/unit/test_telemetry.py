from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from cutscene.errors import StorageError
from cutscene.telemetry import log_to_file


@pytest.fixture(autouse=True)
def _unconfigure() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def test_no_secret_reaches_the_log(tmp_path: Path) -> None:
    with log_to_file(tmp_path / "home" / "x.log"):
        log = structlog.get_logger()
        try:
            raise ValueError("GET https://cdn.example/clip.mp4?_jwt=hush1 with Authorization: Bearer hush2")
        except ValueError:
            log.exception(
                "broke", link="https://cdn.example/a.mp4?X-Amz-Signature=hush3&x=1", key="key_hush4"
            )
    text = (tmp_path / "home" / "x.log").read_text()
    assert "hush" not in text
    event = json.loads(text)
    assert event["link"] == "https://cdn.example/a.mp4..."
    assert "ValueError" in event["exception"]


def test_a_home_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    with pytest.raises(StorageError, match="CUTSCENE_HOME"):
        log_to_file(tmp_path / "home" / "x.log")
