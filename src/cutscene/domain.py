"""The words of the system as frozen values: request, job, segment, clip, credits.

Nothing here does I/O. The glossary is `docs/glossary.md`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, Self

from cutscene.errors import InputValidationError
from cutscene.motion import Motion
from cutscene.overlays import MAX_OVERLAYS, Overlay, overlay_from_json, overlay_to_json
from cutscene.specs import Container, LoopStyle, Specs

__all__ = [
    "Aspect",
    "Clip",
    "Credits",
    "Fallback",
    "Job",
    "JobState",
    "SegmentState",
    "Stage",
    "VideoRequest",
    "check_tenant",
]

MAX_PROMPT_CHARS: Final = 15_000
"""What no model exceeds; how much of it one takes is the model's to say."""
MIN_DURATION: Final = 1.0
MAX_DURATION: Final = 30.0
"""Seconds, as the skills' contracts have it."""
MAX_SEED: Final = 2**31 - 1


class Aspect(StrEnum):
    """Width to height of a clip."""

    LANDSCAPE = "16:9"
    PORTRAIT = "9:16"
    SQUARE = "1:1"

    @property
    def size(self) -> tuple[int, int]:
        """Finished width and height, pixels."""
        return _SIZES[self]

    @classmethod
    def nearest(cls, width: int, height: int) -> Aspect:
        """The one that a picture of that size loses least by."""
        return min(cls, key=lambda aspect: abs(math.log(width / height) - math.log(aspect.ratio)))

    @property
    def ratio(self) -> float:
        width, height = self.size
        return width / height


_SIZES: Final = {
    Aspect.LANDSCAPE: (1280, 720),
    Aspect.PORTRAIT: (720, 1280),
    Aspect.SQUARE: (768, 768),
}


@dataclass(frozen=True, slots=True, order=True)
class Credits:
    """An amount in a provider's currency, exact to a thousandth of a credit."""

    milli: int = 0

    @classmethod
    def of(cls, amount: int | str | Decimal) -> Self:
        """From whole or decimal credits; floats are refused, they round."""
        if isinstance(amount, float):
            raise TypeError("credits are never floats: pass an int, a str or a Decimal")
        milli = Decimal(amount) * 1000
        if milli != milli.to_integral_value():
            raise ValueError(f"{amount} credits is finer than a thousandth")
        return cls(int(milli))

    @property
    def amount(self) -> Decimal:
        return Decimal(self.milli) / 1000

    def __add__(self, other: Credits) -> Credits:
        return Credits(self.milli + other.milli)

    def __sub__(self, other: Credits) -> Credits:
        return Credits(self.milli - other.milli)

    def __str__(self) -> str:
        return f"{self.amount.normalize():f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoRequest:
    """What a tenant asks for, in words that every provider shares.

    ``image``, ``last_image`` and ``video`` say where pictures and clips come from: a local path, a
    data URI or a key of the tenant's; pictures also an https address. When a provider sees the
    request they always are data URIs.
    """

    prompt: str
    image: str | None = None
    """The picture to begin with."""
    last_image: str | None = None
    """The picture to end with; only beside ``image``."""
    video: str | None = None
    """The clip to change; it takes the place of pictures."""
    video_seconds: float | None = None
    """How long that clip is; measured when it is taken in."""
    extend: bool = False
    """Go on where ``video`` ends instead of changing it."""
    motion: Motion | None = None
    """None: the camera is left to the model."""
    aspect: Aspect = Aspect.LANDSCAPE
    duration: float = 4.0
    """Seconds, delivered to one frame."""
    loop: bool = False
    """The last frame flows into the first."""
    loop_style: LoopStyle = LoopStyle()
    specs: Specs = Specs()
    overlays: tuple[Overlay, ...] = ()
    """Drawn in this order."""
    seed: int | None = None
    model: str | None = None
    """None: the provider's default."""
    fingerprint: str | None = field(default=None, compare=False, repr=False)
    """Of what was handed over under an idempotency key, before sources were taken in."""

    def __post_init__(self) -> None:
        _check_prompt(self.prompt)
        _check_duration(self.duration)
        _check_seed(self.seed)
        _check_sources(self)
        object.__setattr__(self, "aspect", _aspect(self.aspect))
        object.__setattr__(self, "overlays", tuple(self.overlays))
        if len(self.overlays) > MAX_OVERLAYS:
            raise InputValidationError(f"At most {MAX_OVERLAYS} overlays are drawn over a clip.")

    @property
    def frames(self) -> int:
        """Length in frames at the finished rate."""
        return round(self.duration * self.specs.fps)

    @property
    def size(self) -> tuple[int, int]:
        """Finished width and height, pixels."""
        if self.specs.width is None or self.specs.height is None:
            return self.aspect.size
        return self.specs.width, self.specs.height

    def to_json(self) -> dict[str, Any]:
        return {
            **asdict(self),
            "aspect": self.aspect.value,
            "overlays": [overlay_to_json(overlay) for overlay in self.overlays],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `to_json`; unknown keys are refused by name."""
        unknown = sorted(set(data) - {known.name for known in fields(cls)})
        if unknown:
            raise InputValidationError(f"Unknown in a request: {', '.join(unknown)}.")
        read = {name: _PARTS[name](data[name]) for name in _PARTS if data.get(name) is not None}
        return cls(**{**data, **read})


def _overlays(data: Any) -> tuple[Overlay, ...]:
    if not isinstance(data, Sequence) or isinstance(data, str):
        raise InputValidationError("The overlays are malformed: give a list of them.")
    return tuple(overlay_from_json(overlay) for overlay in data)


_PARTS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "motion": Motion.from_json,
    "loop_style": LoopStyle.from_json,
    "specs": Specs.from_json,
    "overlays": _overlays,
}


def _check_prompt(prompt: str) -> None:
    if not isinstance(prompt, str) or not prompt.strip():
        raise InputValidationError("The prompt is empty: say in words what the clip should show.")
    if len(prompt) > MAX_PROMPT_CHARS:
        raise InputValidationError(
            f"The prompt has {len(prompt)} characters, at most {MAX_PROMPT_CHARS} are allowed: shorten it."
        )
    if "\x00" in prompt or any("\ud800" <= char <= "\udfff" for char in prompt):
        raise InputValidationError("The prompt holds characters that are not text (NUL or a lone surrogate).")


def _check_duration(duration: float) -> None:
    if (
        isinstance(duration, bool)
        or not isinstance(duration, (int, float))
        or not MIN_DURATION <= duration <= MAX_DURATION
    ):
        raise InputValidationError(
            f"A duration of {duration} s is out of range: "
            f"choose {MIN_DURATION:g} to {MAX_DURATION:g} seconds."
        )


def _check_seed(seed: int | None) -> None:
    if seed is None:
        return
    if isinstance(seed, bool) or not isinstance(seed, int) or not 1 <= seed <= MAX_SEED:
        raise InputValidationError(
            f"The seed {seed} is out of range: choose a whole number from 1 to {MAX_SEED}."
        )


def _check_sources(request: VideoRequest) -> None:
    if request.last_image is not None and request.image is None:
        raise InputValidationError("A last picture needs a first one: give both.")
    if request.video is not None and request.image is not None:
        raise InputValidationError("A clip and a picture cannot both be the start: give one of them.")
    if request.extend and request.video is None:
        raise InputValidationError("There is nothing to extend: give the clip that goes on.")


def _aspect(value: str) -> Aspect:
    try:
        return Aspect(value)
    except ValueError:
        known = ", ".join(Aspect)
        raise InputValidationError(f"Unknown aspect {value!r}: choose one of {known}.") from None


_TENANT = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


def check_tenant(name: str, what: str = "tenant") -> str:
    """A name that may stand in a storage key; raises `InputValidationError`."""
    if not _TENANT.fullmatch(name):
        raise InputValidationError(
            f"{name[:80]!r} cannot name a {what}: use 1 to 63 lower-case letters, digits, '-' or '_', "
            "starting with a letter or digit."
        )
    return name


class JobState(StrEnum):
    """Where a job stands. The last three are final, until somebody retries."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        return self in (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


class Stage(StrEnum):
    """What a job is busy with, for people who watch."""

    QUEUED = "queued"
    GENERATING = "generating"
    FINISHING = "finishing"
    STORING = "storing"


class SegmentState(StrEnum):
    """Where a paid generation stands. The fence is the step to POSTING."""

    PLANNED = "planned"
    POSTING = "posting"
    RUNNING = "running"
    UNKNOWN = "unknown"
    """Posted, and the answer was lost: perhaps paid."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        return self in {SegmentState.SUCCEEDED, SegmentState.FAILED, SegmentState.CANCELLED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """A finished, verified, stored video. Every figure was measured on the stored file."""

    key: str
    video_url: str
    """Where whoever reads the job gets it, made then; what is recorded is a name that stays true."""
    poster_key: str
    poster_url: str
    """The same of the poster."""
    width: int
    height: int
    """Pixels."""
    fps: float
    codec: str
    frames: int
    duration_ms: int
    bytes: int
    sha256: str
    loop_seam: float
    """0-100, how well the last frame flows into the first."""
    is_loopable: bool
    format: str = Container.MP4
    loop: dict[str, Any] | None = None
    """How it was made to loop, where that was asked for: method, parameters, score."""
    poster_sha256: str = ""
    """Empty for clips of earlier versions."""
    reached: Mapping[str, float] = field(default_factory=dict)
    """Seconds after its last paid call at which the footage was ``generated`` and ``fetched``, and the
    clip ``made``; what a crash has hidden is left out."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fallback:
    """Why another provider makes a job than the one that was to."""

    instead_of: str
    error_code: str
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One request and what became of it."""

    id: str
    tenant: str
    run: str
    request: VideoRequest
    provider: str
    model: str
    fallback: Fallback | None
    """Where `provider` stepped in for another."""
    skill: str | None
    """What submitted it, where that was one of the skills."""
    state: JobState
    stage: Stage
    progress: float
    """0-1, of the generation."""
    priority: int
    cancel_requested: bool
    credits_used: Credits | None
    """None until the job is settled."""
    clip: Clip | None
    parts: int
    """Generations that it takes."""
    partial: tuple[str, ...]
    """Keys of footage that is paid for and kept, in order, while there is no clip."""
    error_code: str | None
    error: str | None
    detail: str | None
    created_at: datetime
    finished_at: datetime | None
