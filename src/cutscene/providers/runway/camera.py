"""Camera moves as words: Runway's API has no field for them, and its validators refuse invented ones."""

from __future__ import annotations

from typing import Final

from cutscene.motion import Motion

__all__ = ["camera_words"]

_MOST: Final = 2
"""Moves in one shot: models follow one well, two passably, and mix up three."""
_MOVES: Final = {
    "pan": ("pans left", "pans right"),
    "tilt": ("tilts down", "tilts up"),
    "zoom": ("pulls back", "pushes in"),
    "roll": ("rolls counterclockwise", "rolls clockwise"),
    "truck": ("trucks left", "trucks right"),
    "pedestal": ("sinks", "rises"),
}
_PACES: Final = ((4.0, "slowly"), (8.0, "steadily"))


def camera_words(motion: Motion | None) -> str:
    """The strongest moves in one positively worded sentence; "" where the model chooses."""
    if motion is None:
        return ""
    moves = sorted(motion.moves(), key=lambda move: -abs(move[1]))[:_MOST]
    if not moves:
        return "Static locked camera."
    return f"The camera {' and '.join(_move(axis, speed) for axis, speed in moves)}."


def _move(axis: str, speed: float) -> str:
    return f"{_pace(abs(speed))} {_MOVES[axis][speed > 0]}"


def _pace(speed: float) -> str:
    return next((word for bound, word in _PACES if speed < bound), "rapidly")
