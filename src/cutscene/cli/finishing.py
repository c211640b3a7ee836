"""Options for what becomes of the footage: shape, loop, what is drawn over it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from cutscene.domain import Aspect
from cutscene.errors import InputValidationError
from cutscene.overlays import (
    Animation,
    LayerOverlay,
    Overlay,
    PictureOverlay,
    Place,
    Position,
    TextOverlay,
    Weather,
)
from cutscene.specs import Codec, Container, Easing, LoopStyle, Specs

__all__ = [
    "AsAspect",
    "AsAudio",
    "AsBitrate",
    "AsCodec",
    "AsFormat",
    "AsFps",
    "AsSize",
    "given_specs",
    "loop_style",
    "overlays",
    "shape",
]

_SHAPE, _LOOP, _DRAWN = "The file", "The loop", "Drawn over the clip"

AsAspect = Annotated[str | None, typer.Option(help="16:9, 9:16 or 1:1.", rich_help_panel=_SHAPE)]
AsSize = Annotated[str | None, typer.Option(help="Pixels, as 1920x1080.", rich_help_panel=_SHAPE)]
AsFps = Annotated[int | None, typer.Option(help="Frames per second, 15 to 60.", rich_help_panel=_SHAPE)]
AsFormat = Annotated[Container | None, typer.Option("--format", rich_help_panel=_SHAPE)]
AsCodec = Annotated[Codec | None, typer.Option(rich_help_panel=_SHAPE)]
AsBitrate = Annotated[
    int | None, typer.Option(help="kbit/s; else what the quality needs.", rich_help_panel=_SHAPE)
]
AsAudio = Annotated[bool, typer.Option("--audio", help="Keep the model's sound.", rich_help_panel=_SHAPE)]

AsCrossfade = Annotated[
    float | None, typer.Option(help="Seconds, 0.1 to 1, at the most.", rich_help_panel=_LOOP)
]
AsEasing = Annotated[Easing, typer.Option(rich_help_panel=_LOOP)]
AsPingPong = Annotated[
    bool, typer.Option("--ping-pong", help="Forward, then backward.", rich_help_panel=_LOOP)
]

AsText = Annotated[str | None, typer.Option(help="Words, sharp and wrapped.", rich_help_panel=_DRAWN)]
AsPosition = Annotated[Position, typer.Option(rich_help_panel=_DRAWN)]
AsAnimation = Annotated[Animation, typer.Option(help="How words come in.", rich_help_panel=_DRAWN)]
AsTextSize = Annotated[int | None, typer.Option(help="12 to 200, at 720 lines.", rich_help_panel=_DRAWN)]
AsTextColor = Annotated[str, typer.Option(help="#rrggbb or a CSS name.", rich_help_panel=_DRAWN)]
AsFont = Annotated[
    str | None, typer.Option(help="Installed font's name, or a font file.", rich_help_panel=_DRAWN)
]
AsPicture = Annotated[
    str | None, typer.Option(help="A picture: a file or an https address.", rich_help_panel=_DRAWN)
]
AsConfetti = Annotated[bool, typer.Option("--confetti", rich_help_panel=_DRAWN)]
AsParticles = Annotated[bool, typer.Option("--particles", rich_help_panel=_DRAWN)]


def shape(aspect: str | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """The aspect and specs of a request, of fields as `given_specs` has them; others keep their defaults."""
    if "width" in given:
        aspect = aspect or Aspect.nearest(given["width"], given["height"])
    specs = Specs(**given)
    return {"specs": specs} if aspect is None else {"specs": specs, "aspect": aspect}


def given_specs(
    size: str | None,
    fps: int | None,
    container: Container | None,
    codec: Codec | None,
    bitrate: int | None,
    *,
    audio: bool,
) -> dict[str, Any]:
    """The fields of `Specs` that somebody has named."""
    width, height = (None, None) if size is None else _size(size)
    named: dict[str, Any] = {
        "width": width,
        "height": height,
        "fps": fps,
        "container": container,
        "codec": codec,
        "bitrate_kbps": bitrate,
        "audio": audio or None,
    }
    return {name: value for name, value in named.items() if value is not None}


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,5})\s*[xX*]\s*(\d{1,5})", text.strip())
    if match is None:
        raise InputValidationError(f"The size {text!r} is malformed: write it as 1920x1080.")
    return int(match[1]), int(match[2])


def loop_style(crossfade: float | None, easing: Easing, *, ping_pong: bool, loop: bool) -> LoopStyle:
    style = LoopStyle(longest_blend=crossfade, easing=easing, ping_pong=ping_pong)
    if style != LoopStyle() and not loop:
        raise InputValidationError("--crossfade, --easing and --ping-pong shape a loop: add --loop.")
    return style


def overlays(
    *,
    overlay: str | None,
    mascot: str | None,
    logo: str | None,
    confetti: bool,
    particles: bool,
    text: str | None,
    **style: Any,
) -> tuple[Overlay, ...]:
    """In the order they are drawn: pictures lowest, words on top. ``style`` is of the words."""

    def drawn() -> Iterator[Overlay]:
        for place, image in ((Place.OVERLAY, overlay), (Place.MASCOT, mascot), (Place.LOGO, logo)):
            if image is not None:
                yield PictureOverlay(image=image, place=place)
        for weather, wanted in ((Weather.PARTICLES, particles), (Weather.CONFETTI, confetti)):
            if wanted:
                yield LayerOverlay(weather=weather)
        if text is not None:
            yield TextOverlay(text=text, **style)

    return tuple(drawn())
