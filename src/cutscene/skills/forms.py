"""What the inputs of skills are made of, and one sentence for whatever is wrong with one."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from cutscene.domain import MAX_DURATION, MAX_SEED, MIN_DURATION, Aspect, VideoRequest
from cutscene.errors import InputValidationError
from cutscene.overlays import is_font_file
from cutscene.skills.colors import check_color
from cutscene.specs import Codec, Container, Specs

__all__ = ["MAX_PROMPT", "Color", "Form", "Prompt", "SkillInput", "SpecsForm", "check_sources", "validated"]

MAX_PROMPT: Final = 500
"""Characters, whatever a model takes."""

Color = Annotated[str, AfterValidator(check_color), Field(description="#rgb, #rrggbb or a CSS name")]
Prompt = Annotated[str, Field(min_length=1, max_length=MAX_PROMPT)]
_Side = Annotated[int, Field(ge=480, le=4096, multiple_of=2)]


class Form(BaseModel):
    """Nothing is guessed: no unknown keys, no numbers in strings."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class SpecsForm(Form):
    """The finished file."""

    duration_sec: float = Field(default=4.0, ge=MIN_DURATION, le=MAX_DURATION)
    fps: int = Field(default=24, ge=15, le=60)
    aspect_ratio: Literal["16:9", "9:16", "1:1"] | None = Field(
        default=None, description="default: the nearest to width and height, else 16:9"
    )
    width: _Side | None = Field(default=None, description="pixels; both or neither, default by aspect_ratio")
    height: _Side | None = None
    format: Literal["mp4", "webm"] = "mp4"
    codec: Literal["h264", "h265", "vp9"] | None = Field(
        default=None, description="default: h264 in mp4, vp9 in webm, which holds no other"
    )
    bitrate_kbps: int | None = Field(
        default=None, ge=500, le=50_000, description="default: whatever the quality needs"
    )

    @model_validator(mode="after")
    def _fits_together(self) -> SpecsForm:
        try:
            self.specs()
        except InputValidationError as error:
            raise ValueError(str(error)) from None
        if self.width and self.height and self.aspect_ratio not in {None, self.aspect}:
            raise ValueError(
                f"{self.width}x{self.height} is not {self.aspect_ratio}: leave out the one or the other."
            )
        return self

    @property
    def aspect(self) -> Aspect:
        if self.width and self.height:
            return Aspect.nearest(self.width, self.height)
        return Aspect(self.aspect_ratio or Aspect.LANDSCAPE)

    def specs(self) -> Specs:
        return Specs(
            width=self.width,
            height=self.height,
            fps=self.fps,
            container=Container(self.format),
            codec=None if self.codec is None else Codec(self.codec),
            bitrate_kbps=self.bitrate_kbps,
        )

    def fields(self) -> dict[str, Any]:
        """Those of a `VideoRequest` that they decide."""
        return {"duration": self.duration_sec, "aspect": self.aspect, "specs": self.specs()}


class SkillInput(Form):
    """What all skills take."""

    specs: SpecsForm = SpecsForm()
    seed: int | None = Field(default=None, ge=1, le=MAX_SEED)
    provider: str | None = Field(default=None, description="default: the configured one")
    model: str | None = Field(default=None, description="default: the provider's")

    @abstractmethod
    def request(self) -> VideoRequest:
        """Raises `InputValidationError`."""

    @abstractmethod
    def sources(self) -> Iterator[tuple[str, str]]:
        """Names and values of the fields that say where a picture comes from."""

    def fonts(self) -> Iterator[tuple[str, str]]:
        """The same of fonts."""
        yield from ()


InputT = TypeVar("InputT", bound=SkillInput)


def validated(form: type[InputT], given: InputT | Mapping[str, Any]) -> InputT:
    """Raises `InputValidationError` with one sentence."""
    if isinstance(given, form):
        return given
    if not isinstance(given, Mapping):
        raise InputValidationError("The input is malformed: give a JSON object.")
    try:
        return form.model_validate(dict(given))
    except ValidationError as error:
        raise InputValidationError(_sentence(error)) from None


def check_sources(given: SkillInput) -> None:
    """Paths of this machine are refused by the field's name: who calls over a network would read our files.

    Raises `InputValidationError`.
    """
    from cutscene.origins import LocalFile, origin_of  # noqa: PLC0415 -- takes a while

    for name, source in given.sources():
        if isinstance(origin_of(source), LocalFile):
            raise InputValidationError(
                f"{name} is not usable here: give an https URL, a data URI or a key of ours."
            )
    for name, font in given.fonts():
        if is_font_file(font):
            raise InputValidationError(f"{name} may not be a file here: give the name of an installed font.")


def _sentence(error: ValidationError) -> str:
    """Unknown keys by name, else the first thing that is wrong."""
    found = error.errors(include_url=False)
    unknown = [_where(one["loc"]) for one in found if one["type"] == "extra_forbidden"]
    if unknown:
        return f"Unknown in the input: {', '.join(unknown[:5])}."
    first = found[0]
    context = first.get("ctx", {})
    if first["type"] == "value_error":
        return str(context["error"])
    given = first["input"]
    has = len(given) if isinstance(given, str) else 0
    rule = _RULES.get(first["type"], "is malformed: {message}.")
    message = first["msg"][:1].lower() + first["msg"][1:]
    return f"{_where(first['loc'])} {rule.format(given=_short(given), has=has, message=message, **context)}"


_RULES: Final = {
    "missing": "is missing: give it.",
    "model_type": "is malformed: give a JSON object.",
    "greater_than_equal": "of {given} is out of range: at least {ge} is allowed.",
    "less_than_equal": "of {given} is out of range: at most {le} is allowed.",
    "literal_error": "of {given} is not known: choose {expected}.",
    "multiple_of": "of {given} is odd: choose an even number.",
    "string_too_long": "has {has} characters, at most {max_length} are allowed: shorten it.",
    "string_too_short": "is empty: leave it out, or say something.",
    "string_unicode": "holds characters that are not text (a lone surrogate).",
    "too_long": "has {actual_length} entries, at most {max_length} are allowed.",
}
"""What is said of a field, by pydantic's kind of error."""


def _where(location: tuple[int | str, ...]) -> str:
    parts = (f"[{part}]" if isinstance(part, int) else f".{_printable(part)}" for part in location)
    return "".join(parts).removeprefix(".") or "The input"


def _short(value: object) -> str:
    if isinstance(value, int) and abs(value) > 10**40:
        return "a number that large"  # Python refuses to write some of them
    try:
        return repr(_printable(value)) if isinstance(value, str) else f"{value!r:.40}"
    except ValueError:  # such a number, in a list
        return "something that large"


def _printable(text: str) -> str:
    shown = "".join(char if char.isprintable() else "?" for char in text[:60])
    return shown if len(text) <= 60 else f"{shown}..."
