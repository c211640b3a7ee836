"""The path of a camera that somebody directs: there and back in a loop, from end to end in other shots."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from cutscene.providers.local.renderer.timeline import Timeline

_MOST: Final = 10.0
"""The strongest move of an axis."""
# At the strongest, from end to end: parts of the frame's width or height, a zoom's logarithm, degrees.
_TURN: Final = 0.16
_CARRY: Final = 0.10
_CARRY_NEAR: Final = 0.06
_PARALLAX: Final = 0.09
_ZOOM: Final = 0.36
_ROLL: Final = 12.0
_BREATH: Final = 0.06
_SWAY: Final = 0.012
_TURN_NEAR: Final = 0.08
"""How much of a turn in place the nearest things move on top of it."""
_DOLLY: Final = 0.5
"""How much more than the middle distance the nearest things grow as the camera comes closer."""
_PERIOD: Final = 5.0
_BREATH_PERIOD: Final = 4.0
"""Seconds there and back."""
_PHASE: Final = 0.15
"""A loop starts where the camera is neither at its fastest nor at rest: an ordinary step."""
_MOST_NEAR: Final = 0.09
"""Beyond that upright things visibly bend: depth is a soft field, not cut-out layers."""
_SLACK: Final = 1.01
_DEPTH: Final = 0.55
"""The furthest that a depth is from the middle distance."""
_RIPPLE: Final = 0.002
"""How far waves reach, as part of the longer side."""


@dataclass(frozen=True, slots=True)
class Pose:
    """Where the camera is: shifts in pixels, zoom as a factor, roll in radians."""

    x: float
    y: float
    zoom: float
    roll: float
    near_x: float
    near_y: float
    """How much further than the middle distance the nearest things move, pixels."""
    dolly: float
    """How much more the nearest things grow than the middle distance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moves:
    """How strongly the camera moves, each from -10 to 10; right, up, in and clockwise are positive."""

    pan: float = 0.0
    tilt: float = 0.0
    zoom: float = 0.0
    roll: float = 0.0
    truck: float = 0.0
    pedestal: float = 0.0
    parallax: float = 0.0
    breathing: float = 0.0
    sway: float = 0.0


class Path:
    """The poses of ``moves``, as close as they can be without a look beyond the backdrop."""

    def __init__(
        self, moves: Moves, timeline: Timeline, size: tuple[int, int], backdrop: tuple[int, int]
    ) -> None:
        """``size`` of the frame and of the ``backdrop``: width and height, pixels."""
        self._moves, self._timeline, self._size = moves, timeline, size
        self._closeness = 1.0
        step = max(1, timeline.frames // 120)
        frames = {*range(0, timeline.frames, step), timeline.frames - 1}
        self._closeness = max(1.0, _SLACK * max(self._wanted(self.pose(at), backdrop) for at in frames))

    def pose(self, frame: int) -> Pose:
        moves, (width, height) = self._moves, self._size
        share = self._share(frame) / _MOST
        breath = self._timeline.swing(frame, _BREATH_PERIOD, _PHASE) * moves.breathing / _MOST
        swing = moves.sway / _MOST * _SWAY
        across = self._timeline.swing(frame, _PERIOD, _PHASE) * swing
        upward = self._timeline.swing(frame, _PERIOD / 2, _PHASE + 0.1) * swing
        closer = _ZOOM * moves.zoom * share + _BREATH / 2 * breath
        turn_x, turn_y = _TURN * moves.pan * share, _TURN * moves.tilt * share
        slide = _slide(moves) * share
        return Pose(
            x=(turn_x + _CARRY * moves.truck * share + across) * width,
            y=(upward - turn_y - _CARRY * moves.pedestal * share) * height,
            zoom=self._closeness * math.exp(closer),
            roll=-math.radians(_ROLL) * moves.roll * share + across * 0.3,
            near_x=(_TURN_NEAR * turn_x + slide + across) * width,
            near_y=(upward - _TURN_NEAR * turn_y - _CARRY_NEAR * moves.pedestal * share) * height,
            dolly=_DOLLY * closer,
        )

    def _share(self, frame: int) -> float:
        """Position on the way, -0.5 to 0.5; in a shot eased at the start and still moving at the end."""
        if self._timeline.loop:
            return 0.5 * self._timeline.swing(frame, _PERIOD, _PHASE)
        done = frame / max(1, self._timeline.frames - 1)
        return done * done * (1.6 - 0.6 * done) - 0.5

    def _wanted(self, pose: Pose, backdrop: tuple[int, int]) -> float:
        """How much closer ``pose`` has to be for its frame to lie within the backdrop."""
        width, height = self._size
        cosine, sine = abs(math.cos(pose.roll)), abs(math.sin(pose.roll))
        growth = (1 + _DEPTH * abs(pose.dolly)) / pose.zoom
        ripple = _RIPPLE * max(width, height)
        needs = (
            (width * cosine + height * sine, backdrop[0], abs(pose.x) + _DEPTH * abs(pose.near_x)),
            (height * cosine + width * sine, backdrop[1], abs(pose.y) + _DEPTH * abs(pose.near_y) + ripple),
        )
        return max(growth * side / 2 / (there / 2 - 1 - shift) for side, there, shift in needs)


def _slide(moves: Moves) -> float:
    slide = _CARRY_NEAR * moves.truck + _PARALLAX * moves.parallax
    return max(-_MOST_NEAR * _MOST, min(_MOST_NEAR * _MOST, slide))
