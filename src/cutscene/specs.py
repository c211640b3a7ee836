"""What a finished file is to be: size, rate, codec, and how a loop is closed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar, cast

from cutscene.errors import InputValidationError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["Codec", "Container", "Easing", "LoopStyle", "Specs", "from_fields", "one_of"]

T = TypeVar("T")

FPS: Final = 24
"""Frames per second of every finished clip unless another rate is asked for."""
MIN_SIDE: Final = 128
MAX_SIDE: Final = 4096
"""Pixels."""
MAX_PIXELS: Final = 4096 * 2304


class Codec(StrEnum):
    H264 = "h264"
    H265 = "h265"
    VP9 = "vp9"


class Container(StrEnum):
    MP4 = "mp4"
    WEBM = "webm"

    @property
    def media_type(self) -> str:
        return f"video/{self.value}"

    @property
    def codecs(self) -> tuple[Codec, ...]:
        """What it may hold; the first unless another is asked for."""
        return tuple(Codec) if self is Container.MP4 else (Codec.VP9,)


class Easing(StrEnum):
    """How the weight of a blend grows."""

    LINEAR = "linear"
    EASE_IN = "ease_in"
    EASE_OUT = "ease_out"
    EASE_IN_OUT = "ease_in_out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Specs:
    """The finished file. Without a size, the one of the request's aspect."""

    width: int | None = None
    height: int | None = None
    """Pixels, even; both or neither."""
    fps: int = FPS
    container: Container = Container.MP4
    codec: Codec | None = None
    """None: the container's first."""
    bitrate_kbps: int | None = None
    """None: whatever the quality needs."""
    audio: bool = False
    """Keep the sound that came with the footage."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "container", one_of(Container, self.container, "format"))
        if self.codec is not None:
            object.__setattr__(self, "codec", one_of(Codec, self.codec, "codec"))
        _check_size(self.width, self.height)
        _check_whole("fps", self.fps, 15, 60)
        if self.bitrate_kbps is not None:
            _check_whole("bitrate in kbit/s", self.bitrate_kbps, 500, 50_000)
        if self.coded not in self.container.codecs:
            fitting = ", ".join(self.container.codecs)
            raise InputValidationError(f"{self.container} holds no {self.codec}: choose {fitting}.")

    @property
    def coded(self) -> Codec:
        return self.codec or self.container.codecs[0]

    @classmethod
    def from_json(cls, data: Any) -> Self:
        return from_fields(cls, data, "specs")

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopStyle:
    """How the end of a loop is led into its beginning, where the footage does not do it by itself."""

    longest_blend: float | None = None
    """Seconds, 0.1 to 1; None: as long as looks best."""
    easing: Easing = Easing.EASE_IN_OUT
    ping_pong: bool = False
    """Forward, then backward on the same way, with soft turns."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "easing", one_of(Easing, self.easing, "easing"))
        longest = self.longest_blend
        if longest is not None and (not _is_number(longest) or not 0.1 <= longest <= 1.0):
            raise InputValidationError(f"A crossfade of {longest} s is out of range: choose 0.1 to 1 second.")

    @classmethod
    def from_json(cls, data: Any) -> Self:
        return from_fields(cls, data, "loop style")

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def from_fields(kind: type[T], data: Any, name: str) -> T:
    """A dataclass from JSON; unknown keys are refused by name."""
    if not isinstance(data, Mapping):
        raise InputValidationError(f"The {name} is malformed: give names and values.")
    known = [field.name for field in fields(cast("type[DataclassInstance]", kind))]
    if unknown := sorted(str(key) for key in set(data) - set(known)):
        raise InputValidationError(f"Unknown in {name}: {', '.join(unknown)}. Known are {', '.join(known)}.")
    try:
        return kind(**data)
    except TypeError:
        raise InputValidationError(f"The {name} is incomplete or malformed.") from None


def one_of(kind: type[StrEnum], value: Any, name: str) -> StrEnum:
    try:
        return kind(value)
    except ValueError:
        raise InputValidationError(f"Unknown {name} {value!r}: choose one of {', '.join(kind)}.") from None


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _check_whole(name: str, value: Any, least: int, most: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise InputValidationError(
            f"The {name} of {value} is out of range: choose a whole number from {least} to {most}."
        )


def _check_size(width: Any, height: Any) -> None:
    if width is None and height is None:
        return
    if width is None or height is None:
        raise InputValidationError("A size needs both width and height.")
    for name, side in (("width", width), ("height", height)):
        _check_whole(name, side, MIN_SIDE, MAX_SIDE)
        if side % 2:
            raise InputValidationError(f"The {name} of {side} is odd: choose {side - 1} or {side + 1}.")
    if width * height > MAX_PIXELS:
        raise InputValidationError(f"{width}x{height} pixels are more than are made: choose a smaller size.")
