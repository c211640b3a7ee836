"""How a request becomes paid generations: one as a rule, several where it is longer than a model makes.

Each segment after the first starts from the true last frame of what stands before it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from itertools import combinations_with_replacement
from typing import Any, Final, Self

from sqlalchemy import Row

from cutscene.domain import MAX_DURATION, MIN_DURATION, VideoRequest
from cutscene.errors import InputValidationError
from cutscene.providers import Model
from cutscene.specs import FPS, LoopStyle, Specs

__all__ = [
    "LATER",
    "Plan",
    "PlannedSegment",
    "Start",
    "closes_by_keyframes",
    "plan_of",
    "plan_segments",
    "segment_request",
]

LOOP_SPARE: Final = 1.0
"""Seconds more than asked for: room in which to find the cut that loops best."""
LATER: Final = "a frame that is not there yet"
"""Stands for a picture where only its being there matters."""


class Start(StrEnum):
    """What a segment begins with."""

    REQUEST = "request"
    """Whatever the request has: words, a picture, a clip."""
    CLIP = "clip"
    """The last frame of the clip that is extended."""
    FOOTAGE = "footage"
    """The last frame of the segment before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedSegment:
    """One paid generation of a job."""

    seconds: float
    start: Start = Start.REQUEST

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(seconds=data["seconds"], start=Start(data["start"]))


Plan = Sequence[PlannedSegment]


def plan_segments(request: VideoRequest, model: Model) -> Plan:
    """The generations of a job, in order: lengths that add up with the least waste.

    A joint costs one frame, which is not worth a second more. Raises `InputValidationError` where a
    clip to extend is as long as that already.
    """
    wanted = request.duration
    if request.extend and request.video_seconds is not None:
        wanted -= request.video_seconds
        if wanted < 1 / FPS:
            raise InputValidationError(
                f"The clip lasts {request.video_seconds:.1f} seconds already: ask for more than that."
            )
    if _wants_spare(request, model) and model.longest >= wanted + LOOP_SPARE:
        wanted += LOOP_SPARE
    first = Start.CLIP if request.extend and not model.extends else Start.REQUEST
    return tuple(
        PlannedSegment(
            seconds=min(MAX_DURATION, max(MIN_DURATION, seconds)),
            start=Start.FOOTAGE if position else first,
        )
        for position, seconds in enumerate(_lengths(wanted, model))
    )


def plan_of(job: Row[Any]) -> Plan:
    """Of a job's row; jobs of the first releases have one segment."""
    if job.plan is None:
        return (PlannedSegment(seconds=VideoRequest.from_json(job.request).duration),)
    return tuple(PlannedSegment.from_json(segment) for segment in job.plan)


def closes_by_keyframes(request: VideoRequest, model: Model) -> bool:
    """Whether a loop ends with the very picture that it began with."""
    by_hand = request.last_image is not None and request.last_image == request.image
    return request.loop and (by_hand or _takes_keyframes(request, model))


def segment_request(
    request: VideoRequest, model: Model, plan: Plan, position: int, *, image: str | None = None
) -> VideoRequest:
    """What the provider is asked for at one position.

    ``image`` is what it starts from unless that is `Start.REQUEST`. What is done to the footage
    afterwards is none of the provider's business.
    """
    asked = replace(
        request,
        model=model.id,
        duration=plan[position].seconds,
        # A model that makes loops would make one of each part; others choose their words by it.
        loop=request.loop and (len(plan) == 1 or not model.loop),
        loop_style=LoopStyle(),
        specs=Specs(),
        overlays=(),
        fingerprint=None,
    )
    is_last = position == len(plan) - 1
    ending = request.image if _takes_keyframes(request, model) else request.last_image
    if plan[position].start is not Start.REQUEST:
        asked = replace(asked, image=image, video=None, video_seconds=None, extend=False)
    if asked.image is None:
        return asked
    return replace(asked, last_image=ending if is_last else None)


def _takes_keyframes(request: VideoRequest, model: Model) -> bool:
    has_one_picture = request.image is not None and request.last_image is None
    return request.loop and model.last_image and not model.loop and has_one_picture


def _wants_spare(request: VideoRequest, model: Model) -> bool:
    return (
        request.loop and not model.loop and request.video is None and not closes_by_keyframes(request, model)
    )


def _lengths(wanted: float, model: Model) -> tuple[float, ...]:
    count = math.ceil(round(wanted / model.longest, 6))
    if count <= 1:
        return (wanted,)
    if model.any_duration:
        return (wanted / count,) * count
    fitting = (
        lengths
        for few in (count, count + 1)
        for lengths in combinations_with_replacement(model.durations, few)
        if sum(lengths) >= wanted - 1e-6
    )
    best = min(fitting, key=lambda lengths: (sum(lengths), len(lengths), lengths[-1] - lengths[0]))
    return tuple(reversed(best))
