"""Camera moves as words, for models whose APIs have no field for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from cutscene.domain import VideoRequest
from cutscene.motion import Motion

__all__ = ["camera_words", "prompt_with_camera"]

_MOST: Final = 2
"""Moves in one shot: models follow one well, two passably, and mix up three."""
_MOVES: Final = {
    "pan": ("pans left", "pans right"),
    "tilt": ("tilts down", "tilts up"),
    "zoom": ("pulls back", "pushes in"),
    "roll": ("rolls counterclockwise", "rolls clockwise"),
    "truck": ("trucks left", "trucks right"),
    "pedestal": ("sinks", "rises"),
    "parallax": ("arcs left", "arcs right"),
    "breathing": ("eases out and back in", "eases in and back out"),
    "sway": ("sways", "sways"),
}
_COME_BACK: Final = frozenset({"breathing", "sway"})
"""Moves that end where they began."""
_STILL: Final = "Static locked camera."
_PACES: Final = ((4.0, "slowly"), (8.0, "steadily"))


def prompt_with_camera(request: VideoRequest, fits: Callable[[str], bool]) -> str:
    """A prompt as it is sent: the camera's words come after the caller's, which are never cut."""
    words = camera_words(request.motion, loop=request.loop)
    whole = " ".join(part for part in (request.prompt, words) if part)
    if request.motion is None and not fits(whole):
        return request.prompt  # nobody asked for a camera: no reason to refuse the prompt
    return whole


def camera_words(motion: Motion | None, *, loop: bool = False) -> str:
    """The strongest moves in one positively worded sentence; "" where the model chooses.

    In a loop every camera comes back, or stays where it is if none was asked for.
    """
    if motion is None:
        return _STILL if loop else ""
    moves = sorted(motion.moves(), key=lambda move: -abs(move[1]))[:_MOST]
    if not moves:
        return _STILL
    sentence = f"The camera {' and '.join(_move(axis, speed) for axis, speed in moves)}"
    leaves = any(axis not in _COME_BACK for axis, _ in moves)
    return f"{sentence}{', then returns to where it began' if loop and leaves else ''}."


def _move(axis: str, speed: float) -> str:
    return f"{_pace(abs(speed))} {_MOVES[axis][speed > 0]}"


def _pace(speed: float) -> str:
    return next((word for bound, word in _PACES if speed < bound), "rapidly")
