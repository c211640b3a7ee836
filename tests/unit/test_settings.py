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
        ("CUTSCENE_POLLING", "often", "CUTSCENE_POLLING: input should be 'adaptive' or 'fixed'"),
        ("CUTSCENE_UNKNOWN_SUBMIT", "hope", "CUTSCENE_UNKNOWN_SUBMIT: input should be 'hold' or 'resubmit'"),
        ("CUTSCENE_DATABASE_URL", "mysql://x/y", "CUTSCENE_DATABASE_URL: only sqlite:/// and postgresql://"),
        ("CUTSCENE_DATABASE_URL", "sqlite://", "CUTSCENE_DATABASE_URL: a database in memory"),
        ("CUTSCENE_DATABASE_URL", "nonsense", "CUTSCENE_DATABASE_URL: it is not a database URL"),
        ("CUTSCENE_SUBMIT_TIMEOUT", "-1", "CUTSCENE_SUBMIT_TIMEOUT: input should be greater"),
        ("RUNWAY_API_KEY", "key with spaces", "RUNWAY_API_KEY: it holds characters that no key has"),
        ("RUNWAYML_API_SECRET", "sch\u00fcssel", "RUNWAY_API_KEY: it holds characters"),
        ("RUNWAY_API_BASE_URL", "api.dev.runwayml.com", "RUNWAY_API_BASE_URL: it is not an address like"),
        ("RUNWAY_API_BASE_URL", "https://me:hush@x", "RUNWAY_API_BASE_URL: it is not an address like"),
        ("RUNWAY_API_BASE_URL", "https://x?a=b", "RUNWAY_API_BASE_URL: it is not an address like"),
        ("RUNWAY_API_BASE_URL", "http://a..b", "RUNWAY_API_BASE_URL: it is not an address like"),
        ("RUNWAY_API_BASE_URL", f"http://{'x' * 70}.y", "RUNWAY_API_BASE_URL: it is not an address like"),
        ("RUNWAY_API_FLAVOR", "vanilla", "RUNWAY_API_FLAVOR: input should be 'auto', 'tasks' or"),
        ("RUNWAY_POLL_INTERVAL_MS", "1", "RUNWAY_POLL_INTERVAL_MS: input should be greater"),
        ("RUNWAY_TIMEOUT_MS", "soon", "RUNWAY_TIMEOUT_MS: input should be a valid integer"),
        ("RUNWAY_ACCOUNT_CONCURRENCY", "0", "RUNWAY_ACCOUNT_CONCURRENCY: input should be greater"),
        ("CUTSCENE_MEDIA_MAX_BYTES", "0", "CUTSCENE_MEDIA_MAX_BYTES: input should be greater"),
        ("CUTSCENE_MEDIA_MAX_PIXELS", "1e9", "CUTSCENE_MEDIA_MAX_PIXELS: input should be"),
        (
            "CUTSCENE_MEDIA_MAX_PICTURE_PIXELS",
            "90000000",
            "CUTSCENE_MEDIA_MAX_PICTURE_PIXELS: input should be",
        ),
        ("CUTSCENE_MEDIA_MAX_SECONDS", "3600", "CUTSCENE_MEDIA_MAX_SECONDS: input should be less"),
        ("CUTSCENE_MEDIA_MAX_FRAMES", "0", "CUTSCENE_MEDIA_MAX_FRAMES: input should be greater"),
        ("CUTSCENE_MEDIA_DECODE_SECONDS", "nan", "CUTSCENE_MEDIA_DECODE_SECONDS: input should be"),
        ("CUTSCENE_MEDIA_WORK_SECONDS", "inf", "CUTSCENE_MEDIA_WORK_SECONDS: input should be"),
        ("CUTSCENE_MEDIA_MEMORY_MB", "64", "CUTSCENE_MEDIA_MEMORY_MB: input should be greater"),
        ("RUNWAY_MAX_PROMPT_CHARS", "0", "RUNWAY_MAX_PROMPT_CHARS: input should be greater"),
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


@pytest.mark.parametrize("variable", ["RUNWAY_API_KEY", "RUNWAYML_API_SECRET"])
def test_a_key_makes_runway_the_default(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, " key_secret\n")
    settings = Settings.load()
    assert settings.provider == "runway"
    assert settings.runway_api_key is not None
    assert settings.runway_api_key.get_secret_value() == "key_secret"
    assert "key_secret" not in f"{settings} {settings!r} {settings.model_dump_json()}"
    monkeypatch.setenv("CUTSCENE_PROVIDER", "local")
    assert Settings.load().provider == "local"


def test_an_empty_key_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNWAY_API_KEY", "")
    assert Settings.load().provider == "local"


def test_an_address_may_end_as_the_vendor_writes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNWAY_API_BASE_URL", "https://gateway.example/runway/v1/")
    assert Settings.load().runway_api_base_url == "https://gateway.example/runway"
