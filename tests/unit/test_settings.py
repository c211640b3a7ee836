from __future__ import annotations

from pathlib import Path

import pytest

from cutscene.errors import InputValidationError
from cutscene.settings import Settings


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("RUNWAY_MAX_CONCURRENT", "0", "RUNWAY_MAX_CONCURRENT: input should be greater than or equal to 1"),
        ("RUNWAY_MAX_CONCURRENT", "many", "RUNWAY_MAX_CONCURRENT: input should be a valid integer"),
        ("CUTSCENE_UNKNOWN_SUBMIT", "hope", "CUTSCENE_UNKNOWN_SUBMIT: input should be 'hold' or 'resubmit'"),
        ("CUTSCENE_DATABASE_URL", "mysql://x/y", "CUTSCENE_DATABASE_URL: only sqlite:/// and postgresql://"),
        ("CUTSCENE_DATABASE_URL", "sqlite://", "CUTSCENE_DATABASE_URL: a database in memory"),
        ("CUTSCENE_DATABASE_URL", "nonsense", "CUTSCENE_DATABASE_URL: it is not a database URL"),
        ("CUTSCENE_SUBMIT_TIMEOUT", "-1", "CUTSCENE_SUBMIT_TIMEOUT: input should be greater"),
    ],
)
def test_a_wrong_value_is_named(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, sentence: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(InputValidationError) as refused:
        Settings.load()
    assert str(refused.value).startswith(sentence)


def test_a_refusal_does_not_repeat_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUTSCENE_DATABASE_URL", "mysql://me:hush@db/x")
    with pytest.raises(InputValidationError) as refused:
        Settings.load()
    assert "hush" not in str(refused.value)


def test_the_defaults_stand_in_the_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CUTSCENE_HOME", str(tmp_path / "home"))
    settings = Settings.load()
    assert settings.database == f"sqlite:///{tmp_path}/home/cutscene.db"
    assert settings.storage == f"file://{tmp_path}/home/store"
    assert settings.provider == "local"


def test_the_env_file_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("RUNWAY_MAX_CONCURRENT=3\nUNRELATED=1\n")
    assert Settings.load().max_concurrent == 3
