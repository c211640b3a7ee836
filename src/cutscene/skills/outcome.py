"""``generate_outcome_video_win`` and ``generate_outcome_video_lose``: celebration and consolation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from cutscene.domain import Clip, Job, VideoRequest
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
from cutscene.skills.contract import Output, SkillResult
from cutscene.skills.forms import Color, Form, Prompt, SkillInput
from cutscene.skills.measured import measured
from cutscene.skills.prompts import outcome_prompt
from cutscene.skills.skill import Skill

__all__ = [
    "LoseInput",
    "OutcomeInput",
    "OutcomeOutput",
    "WinInput",
    "generate_outcome_video_lose",
    "generate_outcome_video_win",
]

Mood = Literal["energetic", "calm", "exciting", "celebratory", "sympathetic", "encouraging"]


class Theme(Form):
    """Colours, mood and style."""

    primary_color: Color | None = None
    secondary_color: Color | None = None
    accent_color: Color | None = None
    mood: Mood | None = Field(default=None, description="default: celebratory to win, encouraging to lose")
    style: Literal["modern", "classic", "playful", "corporate", "casual"] = "playful"

    @property
    def colors(self) -> tuple[str, ...]:
        return tuple(filter(None, (self.primary_color, self.secondary_color, self.accent_color)))


class Asset(Form):
    """A picture, or something that we draw."""

    type: Literal["background", "overlay", "logo", "mascot", "confetti", "particle_effect"]
    uri: str | None = Field(
        default=None,
        min_length=1,
        description="https URL, data URI, or key of ours; confetti and particle_effect are drawn without one",
    )
    description: str | None = Field(
        default=None, min_length=1, max_length=300, description="of a background, it is told to the model"
    )
    opacity: float | None = Field(default=None, ge=0, le=1, description="default 1, times the picture's own")

    @model_validator(mode="after")
    def _makes_sense(self) -> Asset:
        if self.uri is None and self.type not in _DRAWN:
            raise ValueError(f"A {self.type} needs a picture: give its uri.")
        if self.opacity is not None and self.type == "background":
            raise ValueError("A background is what the clip begins with and has no opacity: leave it out.")
        return self

    def overlay(self, colors: tuple[str, ...]) -> Overlay:
        """Of anything but a background."""
        opacity = 1.0 if self.opacity is None else self.opacity
        if self.uri is None:
            return LayerOverlay(weather=_DRAWN[self.type], colors=colors, opacity=opacity)
        return PictureOverlay(image=self.uri, place=_PLACES.get(self.type, Place.OVERLAY), opacity=opacity)


_DRAWN = {"confetti": Weather.CONFETTI, "particle_effect": Weather.PARTICLES}
_PLACES = {"logo": Place.LOGO, "mascot": Place.MASCOT}
_ORDER = ("overlay", "mascot", "logo", "particle_effect", "confetti")
"""What is drawn first is covered by the rest; words come last."""


class TextOverlayForm(Form):
    """Words, drawn by us."""

    text: str | None = Field(
        default=None, max_length=500, description="default: win_text or lose_text; none if empty"
    )
    font_family: str | None = Field(
        default=None, min_length=1, max_length=300, description="an installed font; default: Inter Display"
    )
    font_size: int | None = Field(
        default=None, ge=12, le=200, description="pixels at 720 lines; default: as large as looks right"
    )
    color: Color = "#ffffff"
    position: Literal["top", "center", "bottom"] = "center"
    animation: Literal["fade_in", "slide_in", "scale_in", "bounce"] | None = Field(
        default=None, description="default: bounce to win, fade_in to lose"
    )


class OutcomeInput(SkillInput):
    """What both outcomes take."""

    won: ClassVar[bool]
    usual_text: ClassVar[str]
    usual_mood: ClassVar[Mood]
    usual_animation: ClassVar[Animation]
    text_field: ClassVar[str]

    theme: Theme = Theme()
    assets: list[Asset] = Field(default=[], max_length=12)
    text_overlay: TextOverlayForm = TextOverlayForm()
    prompt: Prompt | None = Field(default=None, description="sent as it is; default: built from the theme")

    @model_validator(mode="after")
    def _makes_sense(self) -> OutcomeInput:
        if len(self._backgrounds()) > 1:
            raise ValueError("There can be one background only: leave the others out.")
        short, long = self._short_text(), self.text_overlay.text
        if None not in {short, long} and short != long:
            raise ValueError(
                f"{self.text_field} and text_overlay.text say different things: give one of them."
            )
        if "\x00" in self.text:
            raise ValueError("The text to overlay holds characters that are not text (NUL).")
        return self

    @property
    def text(self) -> str:
        """What will stand over the clip; empty for nothing."""
        given = (self.text_overlay.text, self._short_text(), self.usual_text)
        text = next(text for text in given if text is not None)
        return text if text.strip() else ""

    def request(self) -> VideoRequest:
        background = next(iter(self._backgrounds()), None)
        return VideoRequest(
            prompt=self.prompt or self._built_prompt(background),
            image=background.uri if background else None,
            overlays=tuple(self._overlays()),
            seed=self.seed,
            model=self.model,
            **self.specs.fields(),
        )

    def sources(self) -> Iterator[tuple[str, str]]:
        for number, asset in enumerate(self.assets):
            if asset.uri is not None:
                yield f"assets[{number}].uri", asset.uri

    def fonts(self) -> Iterator[tuple[str, str]]:
        if self.text_overlay.font_family is not None:
            yield "text_overlay.font_family", self.text_overlay.font_family

    def _short_text(self) -> str | None:
        text: str | None = getattr(self, self.text_field)
        return text

    def _backgrounds(self) -> list[Asset]:
        return [asset for asset in self.assets if asset.type == "background"]

    def _built_prompt(self, background: Asset | None) -> str:
        return outcome_prompt(
            won=self.won,
            mood=self.theme.mood or self.usual_mood,
            style=self.theme.style,
            colors=self.theme.colors,
            on_picture=background is not None,
            setting=background.description if background else None,
            room_at=_ROOM[self.text_overlay.position] if self.text else None,
        )

    def _overlays(self) -> Iterator[Overlay]:
        for kind in _ORDER:
            for asset in self.assets:
                if asset.type == kind:
                    yield asset.overlay(self.theme.colors)
        if self.text:
            style = self.text_overlay
            yield TextOverlay(
                text=self.text,
                font=style.font_family,
                size=style.font_size,
                color=style.color,
                position=Position(style.position),
                animation=Animation(style.animation or self.usual_animation),
            )


_ROOM = {"top": "top", "center": "centre", "bottom": "bottom"}


class WinInput(OutcomeInput):
    """Celebrate a win."""

    won = True
    usual_text = "Congratulations! You Win!"
    usual_mood = "celebratory"
    usual_animation = Animation.BOUNCE
    text_field = "win_text"

    win_text: str | None = Field(
        default=None, max_length=500, description=f"short for text_overlay.text; default {usual_text!r}"
    )


class LoseInput(OutcomeInput):
    """Console and encourage."""

    won = False
    usual_text = "Better luck next time!"
    usual_mood = "encouraging"
    usual_animation = Animation.FADE_IN
    text_field = "lose_text"

    lose_text: str | None = Field(
        default=None, max_length=500, description=f"short for text_overlay.text; default {usual_text!r}"
    )


class OutcomeParams(Form):
    """What it was generated from."""

    prompt: str = Field(description="as it was sent")
    outcome_text: str = Field(description="what stands over the clip; empty for nothing")
    seed: int | None
    model: str
    provider: str


class OutcomeOutput(Output):
    outcome_type: Literal["win", "lose"]
    generation_params: OutcomeParams


def _describe(given: OutcomeInput, job: Job, clip: Clip, prompt: str) -> OutcomeOutput:
    return OutcomeOutput(
        **measured(job, clip),
        outcome_type="win" if given.won else "lose",
        generation_params=OutcomeParams(
            prompt=prompt,
            outcome_text=given.text,
            seed=job.request.seed,
            model=job.model,
            provider=job.provider,
        ),
    )


generate_outcome_video_win = Skill(
    name="generate_outcome_video_win",
    summary="Celebrate a win.",
    artifact_type="video/outcome-win",
    input=WinInput,
    result=SkillResult[OutcomeOutput],
    describe=_describe,
)
generate_outcome_video_lose = Skill(
    name="generate_outcome_video_lose",
    summary="Console somebody who has lost, and encourage.",
    artifact_type="video/outcome-lose",
    input=LoseInput,
    result=SkillResult[OutcomeOutput],
    describe=_describe,
)
