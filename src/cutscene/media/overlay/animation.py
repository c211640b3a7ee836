"""How words come in: a pose for every moment, and then they stand still."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from cutscene.overlays import Animation

__all__ = ["STANDING", "Pose", "pose"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pose:
    """How words differ from how they will stand."""

    scale: float = 1.0
    """About their own centre."""
    away: float = 0.0
    """Towards the nearer edge, pixels at 720 lines."""
    opacity: float = 1.0


STANDING: Final = Pose()


def pose(animation: Animation, seconds: float, longest: float = math.inf) -> Pose:
    """``seconds`` after the first frame; ``longest`` bounds how many of them the animation may take."""
    if animation is Animation.NONE:
        return STANDING
    motion, lasting = _MOTIONS[animation]
    done = seconds / min(lasting, longest)
    return motion(done) if done < 1 else STANDING


def _fade_in(done: float) -> Pose:
    return Pose(opacity=done * done * (3 - 2 * done))


def _slide_in(done: float) -> Pose:
    return Pose(away=170 * (1 - done) ** 4, opacity=_soon(done, 0.6))


def _scale_in(done: float) -> Pose:
    return Pose(scale=1 - 0.4 * (1 - done) ** 3, opacity=_soon(done, 0.6))


def _bounce(done: float) -> Pose:
    """A spring that is let go: it overshoots by a tenth, once visibly, once hardly."""
    swing = math.exp(-3.6 * done) * (1 - done) * math.cos(math.tau * 1.75 * done)
    return Pose(scale=1 - 0.62 * swing, opacity=_soon(done, 0.2))


def _soon(done: float, by: float) -> float:
    """Opacity that is whole well before the motion ends."""
    return min(1.0, done / by)


_MOTIONS: Final[Mapping[Animation, tuple[Callable[[float], Pose], float]]] = {
    Animation.FADE_IN: (_fade_in, 0.7),
    Animation.SLIDE_IN: (_slide_in, 0.8),
    Animation.SCALE_IN: (_scale_in, 0.6),
    Animation.BOUNCE: (_bounce, 0.9),
}
