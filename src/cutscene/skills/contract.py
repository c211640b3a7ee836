"""What every skill takes and answers besides its own input and output."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from cutscene.domain import Job, check_tenant
from cutscene.errors import CutsceneError, InputValidationError, from_code

if TYPE_CHECKING:
    from cutscene.studio import Studio

__all__ = [
    "Artifact",
    "Debug",
    "Output",
    "ProviderCall",
    "SkillContext",
    "SkillResult",
    "SteppedIn",
    "Timings",
]

ErrorCode = Literal[
    "INPUT_VALIDATION_ERROR",
    "QUOTA_EXCEEDED_ERROR",
    "RATE_LIMIT_ERROR",
    "PROVIDER_AUTH_ERROR",
    "PROVIDER_ERROR",
    "TIMEOUT_ERROR",
    "STORAGE_ERROR",
    "CANCELLED",
    "NOT_FOUND",
    "CONFLICT",
]

_STEP: Final = re.compile(r"[A-Za-z0-9_.:-]{0,63}")
_MAX_EXECUTION_ID: Final = 200
"""Characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SkillContext:
    """Who calls, what for, and how the studio is reached."""

    tenant_id: str
    run_id: str = "default"
    """A campaign build; the tenant's folder that the clip belongs to."""
    step_name: str = ""
    """Of the workflow that calls."""
    execution_id: str | None = None
    """With the same one, the same input is the same job, and another input `CONFLICT`.

    It counts for one skill in one step of one run.
    """
    studio: Studio | None = None
    """Open; None: the call opens one from the environment, for as long as it lasts."""
    on_progress: Callable[[Job], object] | None = None
    """Told of the job whenever something about it has changed."""
    local_files: bool = False
    """Whether pictures and fonts may be paths of this machine: only for people at its keyboard."""

    def check(self) -> None:
        """Raises `InputValidationError`."""
        for name in ("tenant_id", "run_id", "step_name", "execution_id"):
            value = getattr(self, name)
            if not isinstance(value, str) and (name != "execution_id" or value is not None):
                raise InputValidationError(f"The {name} of the context is malformed: give a string.")
        check_tenant(self.tenant_id)
        check_tenant(self.run_id, "run")
        if not _STEP.fullmatch(self.step_name):
            raise InputValidationError(
                f"{self.step_name[:80]!r} cannot name a step: "
                "use at most 63 letters, digits, '_', '.', ':' or '-'."
            )
        given = self.execution_id
        if given is not None and not (0 < len(given) <= _MAX_EXECUTION_ID and given.isprintable()):
            raise InputValidationError(
                f"The execution id is malformed: use 1 to {_MAX_EXECUTION_ID} printable characters."
            )


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_serialization_defaults_required=True)


class Artifact(_Answer):
    """Something that is in the store now."""

    artifact_type: str = Field(
        description="video/intro-loop, video/outcome-win, video/outcome-lose, image/poster"
    )
    uri: str
    content_hash: str = Field(description="sha256 of the file, in hexadecimal digits")
    metadata: Mapping[str, Any] = Field(default_factory=dict)


class Timings(_Answer):
    """Milliseconds; null where a stage was not reached, or a crash has hidden when it began or ended."""

    total: int | None = Field(default=None, description="prepare, and the job from its submission to its end")
    prepare: int | None = Field(default=None, description="checking the input and taking pictures in")
    queued: int | None = Field(default=None, description="until the first paid call")
    generation: int | None = Field(
        default=None, description="from the first paid call to the end of the last generation"
    )
    fetch: int | None = Field(default=None, description="fetching the last footage into the store")
    finish: int | None = Field(default=None, description="joining, looping, shaping, drawing, encoding")
    store: int | None = Field(default=None, description="writing the clip to the store and recording it")


class ProviderCall(_Answer):
    """One call that was, or may have been, paid for."""

    provider: str
    model: str
    task_id: str | None = Field(description="null where the provider's answer was lost")
    duration_ms: int | None = Field(description="of the generation; known of a clip's last one")
    credits_used: float | None = Field(description="null until it is settled")
    cost_usd: float | None


class SteppedIn(_Answer):
    """Why another provider made the clip than the one that was to."""

    instead_of: str
    error_code: ErrorCode
    error: str


class Debug(_Answer):
    """For those who operate the platform."""

    timings_ms: Timings = Timings()
    provider_calls: tuple[ProviderCall, ...] = ()
    attempts: int = Field(default=0, description="at the part of the clip that took most; 1 is the rule")
    job_id: str | None = None
    fallback: SteppedIn | None = None


class Output(_Answer):
    """What all skills say of a clip, measured on the stored file."""

    video_uri: str
    duration_sec: float
    width: int
    height: int
    fps: float
    format: str
    codec: str
    file_size_bytes: int
    credits_used: float
    poster_uri: str
    video_url: str = Field(description="the same as video_uri")
    duration_ms: int


OutputT = TypeVar("OutputT", bound=Output)


class SkillResult(_Answer, Generic[OutputT]):
    """What a skill answers, always: it never raises."""

    ok: bool
    data: OutputT | None = None
    error: str | None = Field(default=None, description="one sentence that may be shown to a user")
    error_code: ErrorCode | None = None
    artifacts: tuple[Artifact, ...] = ()
    debug: Debug = Debug()

    @classmethod
    def failed(cls, error: CutsceneError, debug: Debug) -> SkillResult[OutputT]:
        code = from_code(error.code, "").code  # another package's error may have one of its own
        return cls.model_validate({"ok": False, "error": str(error), "error_code": code, "debug": debug})
