"""The environment, read once, checked, and passed in."""

from __future__ import annotations

import os
import re
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

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
    """Where clips stay for good: ``file://``, below ``home`` unless set, ``s3://``, ``gs://`` or ``az://``."""
    storage_patience: float = Field(default=30.0, ge=0, le=3600)
    """Seconds that a store on the network may be away before what needs it fails."""
    link_ttl: int = Field(default=3600, ge=1, le=604_800)
    """Seconds that links to clips live, where the store signs them; they are made when a job is read."""
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
    polling: Literal["adaptive", "fixed"] = "adaptive"
    """When to look at a generation: when its end is likely, or always after the interval."""
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

    openai_videos_base_url: str = Field(default="", validation_alias="OPENAI_VIDEOS_BASE_URL")
    """A server that speaks ``/v1/videos``; empty: there is none."""
    openai_videos_api_key: SecretStr | None = Field(default=None, validation_alias="OPENAI_VIDEOS_API_KEY")
    """None: the server asks for none."""
    openai_videos_model: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), validation_alias="OPENAI_VIDEOS_MODEL"
    )
    """Names, the default first; empty: whatever the server serves, which is not named then."""
    openai_videos_seconds: Annotated[tuple[int, ...], NoDecode] = Field(
        default=(), validation_alias="OPENAI_VIDEOS_SECONDS"
    )
    """Lengths that can be asked for, rising; empty: what is known of the model."""
    openai_videos_sizes: Annotated[tuple[tuple[int, int], ...], NoDecode] = Field(
        default=(), validation_alias="OPENAI_VIDEOS_SIZES"
    )
    """Widths and heights that can be asked for, pixels; empty: what is known of the model."""
    openai_videos_usd_per_second: Decimal | None = Field(
        default=None,
        ge=0,
        le=1000,
        max_digits=8,
        decimal_places=5,
        validation_alias="OPENAI_VIDEOS_USD_PER_SECOND",
    )
    """What a second of video costs, where the server does not say; None: what is known of the model."""
    openai_videos_body: Literal["multipart", "json"] = Field(
        default="multipart", validation_alias="OPENAI_VIDEOS_BODY"
    )
    """How a creation is sent."""
    openai_videos_concurrency: int = Field(
        default=1, ge=1, le=10_000, validation_alias="OPENAI_VIDEOS_CONCURRENCY"
    )
    """Generations of all tenants that may be under way at once."""
    openai_videos_poll_interval_ms: int = Field(
        default=5_000, ge=50, le=600_000, validation_alias="OPENAI_VIDEOS_POLL_INTERVAL_MS"
    )
    openai_videos_timeout_ms: int = Field(
        default=900_000, ge=500, le=86_400_000, validation_alias="OPENAI_VIDEOS_TIMEOUT_MS"
    )
    """After which a generation is stopped, and a submission that was refused all the time given up."""

    @field_validator("openai_videos_model", mode="before")
    @classmethod
    def _names(cls, value: Any) -> Any:
        names = _listed(value)
        if any(
            not isinstance(name, str) or not 0 < len(name) <= 63 or not name.isprintable() for name in names
        ):
            raise ValueError("a model's name has 1 to 63 characters")
        return names

    @field_validator("openai_videos_seconds", mode="before")
    @classmethod
    def _seconds(cls, value: Any) -> Any:
        if isinstance(value, str) and (span := re.fullmatch(r"\s*(\d{1,3})\s*-\s*(\d{1,3})\s*", value)):
            seconds = list(range(int(span[1]), int(span[2]) + 1))
        else:
            seconds = sorted({_whole(length) for length in _listed(value)})
        if value and not (seconds and seconds[0] >= 1 and seconds[-1] <= 120):
            raise ValueError("give seconds from 1 to 120, such as 4,8,12 or 1-10")
        return seconds

    @field_validator("openai_videos_sizes", mode="before")
    @classmethod
    def _sizes(cls, value: Any) -> Any:
        sizes = [
            tuple(map(_whole, size.split("x"))) if isinstance(size, str) else size for size in _listed(value)
        ]
        if not all(
            isinstance(size, (tuple, list)) and len(size) == 2 and all(map(_is_side, size)) for size in sizes
        ):
            raise ValueError("give even pixels from 128 to 4096, such as 1280x720,720x1280")
        return sizes

    @field_validator("runway_api_key", "openai_videos_api_key", mode="after")
    @classmethod
    def _key(cls, key: SecretStr | None) -> SecretStr | None:
        value = key.get_secret_value().strip() if key else ""
        if not (value.isascii() and value.isprintable()) or " " in value:
            raise ValueError("it holds characters that no key has")
        return SecretStr(value) if value else None

    @field_validator("runway_api_base_url", "openai_videos_base_url", mode="after")
    @classmethod
    def _base_url(cls, url: str, which: ValidationInfo) -> str:
        if not url.strip() and which.field_name == "openai_videos_base_url":
            return ""
        try:
            parsed = urlsplit(url.strip())
            valid = parsed.scheme in ("http", "https") and parsed.hostname and parsed.port != 0
            (parsed.hostname or "").encode("idna")  # as the name service is asked
        except ValueError:
            valid = False
        if not valid or parsed.query or parsed.fragment or parsed.username is not None:
            example = (
                "api.dev.runwayml.com" if which.field_name == "runway_api_base_url" else "videos.example"
            )
            raise ValueError(f"it is not an address like https://{example}")
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
    is_vendors = name.startswith(("runway_", "openai_videos_"))
    return name.upper() if name.isupper() or is_vendors else _PREFIX + name.upper()


def _listed(value: Any) -> list[Any]:
    """Of a list, or of a text with commas."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",")] if value.strip() else []
    if not isinstance(value, (tuple, list)):
        raise ValueError("give a list")  # noqa: TRY004 -- the kind that pydantic tells
    return list(value)


def _whole(value: Any) -> int:
    """-1 for what is no whole number."""
    written = str(value).strip()
    return int(written) if written.isascii() and written.isdecimal() and len(written) < 6 else -1


def _is_size(size: Any) -> bool:
    return isinstance(size, (tuple, list)) and len(size) == 2 and all(map(_is_side, size))


def _is_side(side: Any) -> bool:
    return isinstance(side, int) and 128 <= side <= 4096 and side % 2 == 0


def _reason(error: Any) -> str:
    reason = str(error["msg"]).removeprefix("Value error, ")
    return reason[:1].lower() + reason[1:]
