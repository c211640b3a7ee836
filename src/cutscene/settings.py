"""The environment, read once, checked, and passed in."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from cutscene.errors import InputValidationError
from cutscene.specs import MAX_PIXELS

__all__ = ["Settings"]


def _default_home() -> Path:
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data) / "cutscene"


class Settings(BaseSettings):
    """What can be set, with its default. `Settings.load` explains what is wrong in one sentence."""

    model_config = SettingsConfigDict(
        env_prefix="CUTSCENE_",
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        populate_by_name=True,
    )

    home: Path = Field(default_factory=_default_home)
    """Folder of everything that is kept on this machine."""
    database_url: str = ""
    """SQLite in ``home`` unless set; ``postgresql://user@host/name`` for many workers."""
    storage_url: str = ""
    """Where clips stay for good; ``file://`` below ``home`` unless set."""
    runway_api_key: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("RUNWAY_API_KEY", "RUNWAYML_API_SECRET")
    )
    provider: str = Field(default_factory=lambda known: "runway" if known.get("runway_api_key") else "local")
    """Who makes a clip when a request names nobody: runway if it has a key, else local."""
    fallback_provider: str = ""
    """Who makes a clip where that one does not, and nothing is paid yet; empty: nobody."""
    unknown_submit: Literal["hold", "resubmit"] = "hold"
    """After a lost answer to a paid call: stop and ask, or pay again."""
    submit_timeout: float = Field(default=60.0, ge=1, le=600)
    """Seconds that a provider has to answer a submission, before its answer counts as lost."""
    allow_private_urls: bool = False
    """Let downloads reach addresses that are not public (tests, a provider in the house)."""
    media_max_bytes: int = Field(default=256 * 2**20, ge=2**20, le=2**33)
    """Of a video, delivered or handed over; the following ones, too, are what is accepted at most."""
    media_max_pixels: int = Field(default=MAX_PIXELS, ge=2**16, le=2**26)
    """Width times height of a video."""
    media_max_picture_pixels: int = Field(default=50_000_000, ge=2**16, le=80_000_000)
    """Width times height of a picture."""
    media_max_seconds: float = Field(default=120.0, ge=1, le=600)
    """How long a video may be."""
    media_max_frames: int = Field(default=7200, ge=24, le=36_000)
    media_decode_seconds: float = Field(default=60.0, ge=1, le=3600)
    """After which the reading of a video or a picture is stopped."""
    media_work_seconds: float = Field(default=600.0, ge=5, le=86_400)
    """After which the making of a clip is stopped."""
    media_memory_mb: int = Field(default=1400, ge=256, le=2**16)
    """MiB that a process has for either; two work at once."""
    max_concurrent: int = Field(default=1, ge=1, le=1000, validation_alias="RUNWAY_MAX_CONCURRENT")
    """Generations that one tenant may have under way at once."""

    runway_api_base_url: str = Field(
        default="https://api.dev.runwayml.com", validation_alias="RUNWAY_API_BASE_URL"
    )
    runway_api_flavor: Literal["auto", "tasks", "generations"] = Field(
        default="auto", validation_alias="RUNWAY_API_FLAVOR"
    )
    """Which protocol is spoken there; auto: tasks with Runway's own hosts, else generations."""
    runway_account_concurrency: int | None = Field(
        default=None, ge=1, le=10_000, validation_alias="RUNWAY_ACCOUNT_CONCURRENCY"
    )
    """Generations of all tenants that may be under way at once; None: what the account says."""
    runway_poll_interval_ms: int = Field(
        default=10_000, ge=50, le=600_000, validation_alias="RUNWAY_POLL_INTERVAL_MS"
    )
    runway_timeout_ms: int = Field(
        default=300_000, ge=500, le=86_400_000, validation_alias="RUNWAY_TIMEOUT_MS"
    )
    """After which a generation is stopped, and a submission that was refused all the time given up."""
    runway_text_model: str = Field(default="", max_length=63, validation_alias="RUNWAY_TEXT_MODEL")
    """What makes clips from words; empty: the provider's choice."""
    runway_image_model: str = Field(default="", max_length=63, validation_alias="RUNWAY_IMAGE_MODEL")
    """What animates pictures."""
    runway_max_prompt_chars: int = Field(
        default=500, ge=1, le=15_000, validation_alias="RUNWAY_MAX_PROMPT_CHARS"
    )
    """Characters of a prompt, where the model does not allow fewer."""

    @field_validator("runway_api_key", mode="after")
    @classmethod
    def _key(cls, key: SecretStr | None) -> SecretStr | None:
        value = key.get_secret_value().strip() if key else ""
        if not (value.isascii() and value.isprintable()) or " " in value:
            raise ValueError("it holds characters that no key has")
        return SecretStr(value) if value else None

    @field_validator("runway_api_base_url", mode="after")
    @classmethod
    def _base_url(cls, url: str) -> str:
        try:
            parsed = urlsplit(url.strip())
            valid = parsed.scheme in ("http", "https") and parsed.hostname and parsed.port != 0
            (parsed.hostname or "").encode("idna")  # as the name service is asked
        except ValueError:
            valid = False
        if not valid or parsed.query or parsed.fragment or parsed.username is not None:
            raise ValueError("it is not an address like https://api.dev.runwayml.com")
        return url.strip().rstrip("/").removesuffix("/v1")

    @field_validator("home", mode="after")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        return home.expanduser().absolute()

    @field_validator("database_url", mode="after")
    @classmethod
    def _database(cls, url: str) -> str:
        if not url:
            return url
        from sqlalchemy.engine import make_url  # noqa: PLC0415 -- slow, and rarely needed
        from sqlalchemy.exc import ArgumentError  # noqa: PLC0415

        try:
            parsed = make_url(url)
        except ArgumentError:
            raise ValueError("it is not a database URL, as postgresql://user@host/name is") from None
        if parsed.get_backend_name() not in ("sqlite", "postgresql"):
            raise ValueError("only sqlite:/// and postgresql:// databases are supported")
        if parsed.get_backend_name() == "sqlite" and parsed.database in (None, "", ":memory:"):
            raise ValueError("a database in memory would lose every job: name a file")
        return url

    @property
    def database(self) -> str:
        """The database URL with its default filled in."""
        return self.database_url or f"sqlite:///{self.home / 'cutscene.db'}"

    @property
    def storage(self) -> str:
        """The storage URL with its default filled in."""
        return self.storage_url or (self.home / "store").as_uri()

    @property
    def scratch(self) -> Path:
        """Footage on its way from a provider to the store."""
        return self.home / "scratch"

    @property
    def local_tasks(self) -> Path:
        """Where the local provider keeps its tasks."""
        return self.home / "local"

    @classmethod
    def load(cls, **overrides: Any) -> Settings:
        """From the environment and ``.env``; raises `InputValidationError` naming the variable."""
        try:
            return cls(**overrides)
        except ValidationError as error:
            first = error.errors()[0]
            raise InputValidationError(f"{_variable(first['loc'])}: {_reason(first)}.") from None


_PREFIX: Final = "CUTSCENE_"


def _variable(location: tuple[int | str, ...]) -> str:
    name = str(location[0]) if location else "settings"
    if name == "max_concurrent":
        return "RUNWAY_MAX_CONCURRENT"
    return name.upper() if name.isupper() or name.startswith("runway_") else _PREFIX + name.upper()


def _reason(error: Any) -> str:
    reason = str(error["msg"]).removeprefix("Value error, ")
    return reason[:1].lower() + reason[1:]
