"""Runway's models as data, as of 2026-11-22. Prices and limits drift: what the API says wins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from cutscene.domain import Aspect, Credits
from cutscene.providers import Model

__all__ = ["GENERATIONS", "RETIRED", "RETIRED_TASKS", "TASKS", "RunwayModel"]

LANDSCAPE, PORTRAIT, SQUARE = Aspect.LANDSCAPE, Aspect.PORTRAIT, Aspect.SQUARE
_NOTHING: Final = Credits()
Sizes = Mapping[Aspect, tuple[int, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunwayModel(Model):
    """What is particular to Runway beside what every provider says of a model."""

    max_prompt_units: int
    """UTF-16 code units, in which the API counts."""
    takes_seed: bool = True
    takes_audio: bool = False
    """Makes sound unless told not to, which costs more."""
    min_credits: Credits = _NOTHING
    """What the shortest generation costs all the same."""
    video_credits_per_second: Credits = _NOTHING
    """For each second of a video that is given."""
    edits_whole: bool = False
    """Chooses the length of a video that it changes, and takes the longest's price until it has."""


def _sizes(landscape: tuple[int, int], square: tuple[int, int] | None) -> Sizes:
    """Where there is no square, the landscape is generated and its centre cut out."""
    width, height = landscape
    return {LANDSCAPE: landscape, PORTRAIT: (height, width), SQUARE: square or landscape}


_HD: Final = _sizes((1280, 720), None)
_HD_SQUARE: Final = _sizes((1280, 720), (960, 960))
_FULL_HD_SQUARE: Final = _sizes((1920, 1080), (1440, 1440))
_GEN3: Final = _sizes((1280, 768), None)


def _seconds(shortest: int, longest: int) -> tuple[int, ...]:
    return tuple(range(shortest, longest + 1))


_GEN4_5: Final = RunwayModel(
    id="gen4.5",
    text=True,
    image=True,
    motion=True,
    durations=_seconds(2, 10),
    sizes=_HD,
    image_sizes=_HD_SQUARE,
    credits_per_second=Credits.of(12),
    max_prompt_chars=1000,
    max_prompt_units=1000,
)
_GEN4_TURBO: Final = RunwayModel(
    id="gen4_turbo",
    image=True,
    motion=True,
    durations=_seconds(2, 10),
    sizes=_HD_SQUARE,
    credits_per_second=Credits.of(5),
    max_prompt_chars=1000,
    max_prompt_units=1000,
)
_ALEPH2: Final = RunwayModel(
    id="aleph2",
    video=True,
    motion=True,
    durations=_seconds(2, 30),
    sizes=_sizes((1280, 720), (768, 768)),  # it follows the video, which we cut
    credits_per_second=Credits.of(28),
    min_credits=Credits.of(56),
    max_prompt_chars=1000,
    max_prompt_units=1000,
)
_VEO3_1_FAST: Final = RunwayModel(
    id="veo3.1_fast",
    text=True,
    image=True,
    last_image=True,
    motion=True,
    durations=(4, 6, 8),
    sizes=_HD,
    credits_per_second=Credits.of(10),
    max_prompt_chars=1000,
    max_prompt_units=1000,
    takes_audio=True,
)
_VEO3_1: Final = replace(_VEO3_1_FAST, id="veo3.1", credits_per_second=Credits.of(20))
_SEEDANCE2: Final = RunwayModel(
    id="seedance2",
    text=True,
    image=True,
    last_image=True,
    video=True,
    motion=True,
    durations=_seconds(4, 15),
    sizes=_HD_SQUARE,
    credits_per_second=Credits.of(36),
    max_prompt_chars=3500,
    max_prompt_units=3500,
    takes_audio=True,
)
_SEEDANCE2_5: Final = RunwayModel(
    id="seedance2_5",
    text=True,
    image=True,
    last_image=True,
    video=True,
    extends=True,
    edits_whole=True,
    motion=True,
    durations=_seconds(4, 30),
    sizes=_HD_SQUARE,
    credits_per_second=Credits.of(30),
    min_credits=Credits.of(80),
    video_credits_per_second=Credits.of(15),
    max_prompt_chars=15_000,
    max_prompt_units=15_000,
    takes_audio=True,
)
_KLING3_STANDARD: Final = RunwayModel(
    id="kling3.0_standard",
    text=True,
    image=True,
    last_image=True,
    motion=True,
    durations=_seconds(3, 15),
    sizes=_HD_SQUARE,
    credits_per_second=Credits.of(40),  # its price is not public: a bound above that of similar models
    max_prompt_chars=2500,
    max_prompt_units=2500,
    takes_seed=False,
    takes_audio=True,
)
_KLING3_PRO: Final = replace(_KLING3_STANDARD, id="kling3.0_pro", sizes=_FULL_HD_SQUARE)

TASKS: Final = (
    _GEN4_TURBO,
    _GEN4_5,
    _ALEPH2,
    _VEO3_1_FAST,
    _VEO3_1,
    _SEEDANCE2_5,
    _SEEDANCE2,
    _KLING3_STANDARD,
    _KLING3_PRO,
)
"""In order of preference, so for words gen4.5, and the cheapest for pictures, keyframes and clips."""

RETIRED_TASKS: Final = (
    RunwayModel(
        id="gen3a_turbo",
        image=True,
        last_image=True,
        motion=True,
        durations=(5, 10),
        sizes=_GEN3,
        credits_per_second=Credits.of(5),
        max_prompt_chars=512,
        max_prompt_units=512,
    ),
)
"""Gone from Runway's live host, and perhaps still spoken by others."""

RETIRED: Final = {
    "gen3a_turbo": "use gen4_turbo, at the same price, or veo3.1_fast for a first and a last picture",
    "gen3a": "use gen4.5 for words, gen4_turbo for pictures",
    "gen4_aleph": "use aleph2",
    "veo3": "use veo3.1",
}

GENERATIONS: Final = (
    RunwayModel(
        id="gen3a",
        text=True,
        image=True,
        motion=True,
        durations=(4,),
        sizes=_GEN3,
        credits_per_second=Credits.of(10),
        max_prompt_chars=500,
        max_prompt_units=1000,
    ),
)
