"""``generate_intro_video_loop``: a still becomes a loop."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field, model_validator

from cutscene.domain import Clip, Job, VideoRequest
from cutscene.errors import InputValidationError
from cutscene.motion import Motion
from cutscene.skills.contract import Output, SkillResult
from cutscene.skills.forms import Form, Prompt, SkillInput
from cutscene.skills.measured import kept_source, measured
from cutscene.skills.prompts import intro_prompt
from cutscene.skills.skill import Skill
from cutscene.specs import Easing, LoopStyle

__all__ = ["IntroInput", "IntroOutput", "generate_intro_video_loop"]

_USUAL_INTENSITY = 0.3


class MotionParams(Form):
    """How the camera moves."""

    motion_type: Literal["pan", "zoom", "rotate", "parallax", "subtle_movement", "breathing"]
    direction: Literal["left", "right", "up", "down", "in", "out", "clockwise", "counterclockwise"] | None = (
        Field(default=None, description="one that fits the type; default: its first")
    )
    intensity: float = Field(default=_USUAL_INTENSITY, ge=0.1, le=1.0, description="how far")
    speed: float = Field(default=1.0, ge=0.5, le=10.0)

    @model_validator(mode="after")
    def _makes_sense(self) -> MotionParams:
        try:
            self.motion()
        except InputValidationError as error:
            raise ValueError(str(error)) from None
        return self

    def motion(self) -> Motion:
        return Motion.from_words(self.motion_type, self.direction, self.intensity, self.speed)


class LoopConfig(Form):
    """How the end leads into the beginning."""

    seamless: bool = True
    crossfade_duration: float | None = Field(
        default=None, ge=0.1, le=1.0, description="seconds at most; default: as long as looks best"
    )
    easing: Literal["linear", "ease_in", "ease_out", "ease_in_out"] = "ease_in_out"

    @model_validator(mode="after")
    def _makes_sense(self) -> LoopConfig:
        useless = sorted(self.model_fields_set & {"crossfade_duration", "easing"})
        if not self.seamless and useless:
            raise ValueError(
                f"loop_config.{useless[0]} is for seamless loops: leave it out, or ask for seamless."
            )
        return self

    def style(self) -> LoopStyle:
        return LoopStyle(longest_blend=self.crossfade_duration, easing=Easing(self.easing))


class IntroInput(SkillInput):
    """Animate a still into an intro loop."""

    image_uri: str = Field(min_length=1, description="an https URL, a data URI, or a key of ours")
    motion_params: MotionParams | None = Field(
        default=None, description="default: the camera is left to the model, and stands still in a loop"
    )
    loop_config: LoopConfig = LoopConfig()
    motion_prompt: Prompt | None = Field(
        default=None, description="sent as it is; default: built from the motion"
    )

    def request(self) -> VideoRequest:
        moves, loop = self.motion_params, self.loop_config
        prompt = self.motion_prompt or intro_prompt(
            moves.motion_type if moves else None,
            moves.intensity if moves else _USUAL_INTENSITY,
            seamless=loop.seamless,
        )
        return VideoRequest(
            prompt=prompt,
            image=self.image_uri,
            motion=moves.motion() if moves else None,
            loop=loop.seamless,
            loop_style=loop.style(),
            seed=self.seed,
            model=self.model,
            **self.specs.fields(),
        )

    def sources(self) -> Iterator[tuple[str, str]]:
        yield "image_uri", self.image_uri


class IntroParams(Form):
    """What it was generated from."""

    source_image_uri: str = Field(
        description="as it came; of data and files, the key that they are kept under"
    )
    motion_type: str | None
    motion_prompt: str = Field(description="as it was sent, the camera's words included")
    seed: int | None
    model: str
    provider: str


class IntroOutput(Output):
    is_loopable: bool = Field(description="whether loop_seam is 85 or more")
    loop_seam: float = Field(description="0 to 100, how well the last frame flows into the first")
    generation_params: IntroParams


def _describe(given: IntroInput, job: Job, clip: Clip, prompt: str) -> IntroOutput:
    return IntroOutput(
        **measured(job, clip),
        is_loopable=clip.is_loopable,
        loop_seam=clip.loop_seam,
        generation_params=IntroParams(
            source_image_uri=kept_source(given.image_uri, job.request.image),
            motion_type=given.motion_params.motion_type if given.motion_params else None,
            motion_prompt=prompt,
            seed=job.request.seed,
            model=job.model,
            provider=job.provider,
        ),
    )


generate_intro_video_loop = Skill(
    name="generate_intro_video_loop",
    summary="Animate a still into a seamless intro loop.",
    artifact_type="video/intro-loop",
    input=IntroInput,
    result=SkillResult[IntroOutput],
    describe=_describe,
)
