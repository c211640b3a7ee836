"""What is drawn over a finished clip, as data: words, pictures, confetti."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, ClassVar, Final

from cutscene.errors import InputValidationError
from cutscene.specs import from_fields, one_of

__all__ = [
    "Animation",
    "LayerOverlay",
    "Overlay",
    "PictureOverlay",
    "Place",
    "Position",
    "TextOverlay",
    "Weather",
    "is_font_file",
    "overlay_from_json",
    "overlay_to_json",
]

MAX_TEXT: Final = 500
"""Characters."""
MAX_FONT: Final = 300
"""Characters of a font's name or path."""
MAX_OVERLAYS: Final = 12


class Position(StrEnum):
    """Where words stand."""

    TOP = "top"
    CENTER = "center"
    BOTTOM = "bottom"


class Animation(StrEnum):
    """How words come in."""

    NONE = "none"
    FADE_IN = "fade_in"
    SLIDE_IN = "slide_in"
    SCALE_IN = "scale_in"
    BOUNCE = "bounce"


class Place(StrEnum):
    """What a picture is, and so where it stands."""

    OVERLAY = "overlay"
    """Over the whole frame."""
    LOGO = "logo"
    MASCOT = "mascot"


class Weather(StrEnum):
    """What falls or drifts through the frame."""

    CONFETTI = "confetti"
    PARTICLES = "particles"


@dataclass(frozen=True, slots=True, kw_only=True)
class TextOverlay:
    """Words, wrapped inside the safe area."""

    kind: ClassVar[str] = "text"
    text: str
    font: str | None = None
    """Name of an installed font or path of a font file; None: the one that comes with us."""
    size: int | None = None
    """Height of a line in pixels at 720 lines, 12 to 200; None: as large as looks right."""
    color: str = "#ffffff"
    """CSS name, #rgb or #rrggbb."""
    position: Position = Position.CENTER
    animation: Animation = Animation.FADE_IN

    def __post_init__(self) -> None:
        _check_text(self.text)
        _check_font(self.font)
        _check_color(self.color)
        object.__setattr__(self, "position", one_of(Position, self.position, "position"))
        object.__setattr__(self, "animation", one_of(Animation, self.animation, "animation"))
        size = self.size
        if size is not None and (
            isinstance(size, bool) or not isinstance(size, int) or not 12 <= size <= 200
        ):
            raise InputValidationError(f"A font size of {size} is out of range: choose 12 to 200.")


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureOverlay:
    """A picture with its transparency."""

    kind: ClassVar[str] = "picture"
    image: str
    """Https address, data URI, key of the tenant's or local path; a key once the job is taken."""
    place: Place = Place.OVERLAY
    opacity: float = 1.0
    """0 to 1, times the picture's own."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "place", one_of(Place, self.place, "place"))
        _check_opacity(self.opacity)


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerOverlay:
    """Something drawn by us in motion."""

    kind: ClassVar[str] = "layer"
    weather: Weather = Weather.CONFETTI
    colors: tuple[str, ...] = ()
    """CSS names, #rgb or #rrggbb; none: festive ones."""
    opacity: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "weather", one_of(Weather, self.weather, "layer"))
        object.__setattr__(self, "colors", tuple(self.colors))
        for color in self.colors:
            _check_color(color)
        _check_opacity(self.opacity)


Overlay = TextOverlay | PictureOverlay | LayerOverlay

_KINDS: Final[Mapping[str, type[Overlay]]] = {
    kind.kind: kind for kind in (TextOverlay, PictureOverlay, LayerOverlay)
}


def is_font_file(font: str) -> bool:
    """Whether a font is given by its file, and not by the name of what is installed."""
    return "/" in font or font.lower().endswith((".ttf", ".otf", ".ttc"))


def overlay_to_json(overlay: Overlay) -> dict[str, Any]:
    return {"kind": overlay.kind, **asdict(overlay)}


def overlay_from_json(data: Any) -> Overlay:
    """The inverse; raises `InputValidationError`."""
    kind = _KINDS.get(data.get("kind", "")) if isinstance(data, Mapping) else None
    if kind is None:
        raise InputValidationError(f"An overlay is malformed: its kind must be one of {', '.join(_KINDS)}.")
    overlay: Overlay = from_fields(
        kind, {k: v for k, v in data.items() if k != "kind"}, f"{kind.kind} overlay"
    )
    return overlay


_HEX: Final = re.compile(r"#[0-9a-fA-F]{3}(?:[0-9a-fA-F]{3})?")
_NAME: Final = re.compile(r"[a-zA-Z]{3,30}")


def _check_color(color: Any) -> None:
    """Its form; whether a name is known is seen when it is drawn."""
    if not isinstance(color, str) or not (_HEX.fullmatch(color) or _NAME.fullmatch(color)):
        raise InputValidationError(f"Unknown color {color!r}: write #rrggbb or a CSS name.")


def _check_font(font: Any) -> None:
    """Its form; whether there is such a font is seen when it is drawn."""
    if font is not None and (
        not isinstance(font, str) or not 0 < len(font) <= MAX_FONT or not font.isprintable()
    ):
        raise InputValidationError("The font is malformed: give the name of a font or the path of its file.")


def _check_opacity(opacity: Any) -> None:
    if isinstance(opacity, bool) or not isinstance(opacity, (int, float)) or not 0 <= opacity <= 1:
        raise InputValidationError(f"An opacity of {opacity} is out of range: choose 0 to 1.")


def _check_text(text: Any) -> None:
    if not isinstance(text, str) or not text.strip():
        raise InputValidationError("The text to overlay is empty: leave it out, or say something.")
    if len(text) > MAX_TEXT:
        raise InputValidationError(
            f"The text to overlay has {len(text)} characters, at most {MAX_TEXT} are allowed: shorten it."
        )
