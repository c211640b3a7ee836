"""How the camera moves, in one vocabulary for every provider."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final, Self

from cutscene.errors import InputValidationError

__all__ = ["Motion"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Motion:
    """How the camera moves: each axis from -10 to 10, 0 being still.

    Pan and tilt turn it in place (right and up are positive), roll turns the picture clockwise,
    truck and pedestal carry the camera (right, up), zoom brings it closer. Three manners are more
    than an axis: parallax slides near things past far ones (right), breathing goes in and comes
    back, sway (0 to 10) is a hand's.
    """

    pan: float = 0.0
    tilt: float = 0.0
    zoom: float = 0.0
    roll: float = 0.0
    truck: float = 0.0
    pedestal: float = 0.0
    parallax: float = 0.0
    breathing: float = 0.0
    sway: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            _check_speed(field.name, getattr(self, field.name))

    def moves(self) -> Iterator[tuple[str, float]]:
        """Axes that move, with their speeds."""
        for axis, speed in asdict(self).items():
            if speed:
                yield axis, speed

    @classmethod
    def parse(cls, text: str) -> Self:
        """From ``zoom:3,pan:-2``; raises `InputValidationError`."""
        speeds: dict[str, float] = {}
        for part in text.split(","):
            axis, _, speed = part.strip().partition(":")
            try:
                speeds[axis] = float(speed)
            except ValueError:
                raise InputValidationError(
                    f"The motion {part.strip()!r} is malformed: write an axis and a speed, as zoom:3,pan:-2."
                ) from None
        return cls.from_json(speeds)

    @classmethod
    def from_words(
        cls, motion_type: str, direction: str | None = None, intensity: float = 0.3, speed: float = 1.0
    ) -> Self:
        """From the skills' words; raises `InputValidationError`.

        ``intensity`` (0.1-1.0) says how far, ``speed`` (0.5-10.0) hurries it by its square root:
        the axis is 10 * intensity * sqrt(speed), at most 10. Without a direction: the type's first.
        """
        axis, sign = _axis(motion_type, direction)
        _check_range("intensity", intensity, 0.1, 1.0)
        _check_range("speed", speed, 0.5, 10.0)
        strength = min(10.0, 10 * intensity * math.sqrt(speed))
        return cls(**{axis: sign * round(strength, 2)})

    @classmethod
    def from_json(cls, speeds: Any) -> Self:
        if not isinstance(speeds, Mapping):
            raise InputValidationError("The motion is malformed: give axes and their speeds.")
        axes = [field.name for field in fields(cls)]
        if unknown := sorted(set(speeds) - set(axes)):
            raise InputValidationError(
                f"Unknown camera motion {', '.join(unknown)}: choose from {', '.join(axes)}."
            )
        return cls(**speeds)


_WORDS: Final[Mapping[str, Mapping[str | None, tuple[str, int]]]] = {
    "pan": {"right": ("pan", 1), "left": ("pan", -1), "up": ("tilt", 1), "down": ("tilt", -1)},
    "zoom": {"in": ("zoom", 1), "out": ("zoom", -1)},
    "rotate": {"clockwise": ("roll", 1), "counterclockwise": ("roll", -1)},
    "parallax": {"right": ("parallax", 1), "left": ("parallax", -1)},
    "subtle_movement": {None: ("sway", 1)},
    "breathing": {"in": ("breathing", 1), "out": ("breathing", -1)},
}
"""Types, their directions (the first is the default), and the axis and sign that each becomes."""


def _axis(motion_type: str, direction: str | None) -> tuple[str, int]:
    directions = _WORDS.get(motion_type)
    if directions is None:
        raise InputValidationError(f"Unknown motion type {motion_type!r}: choose one of {', '.join(_WORDS)}.")
    if direction is None:
        return next(iter(directions.values()))
    if direction not in directions:
        fitting = ", ".join(filter(None, directions))
        advice = f"choose one of {fitting}" if fitting else "leave it out"
        raise InputValidationError(f"A {motion_type} has no direction {direction!r}: {advice}.")
    return directions[direction]


def _check_speed(axis: str, speed: Any) -> None:
    _check_range(axis, speed, 0 if axis == "sway" else -10, 10)


def _check_range(name: str, value: Any, low: float, high: float) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise InputValidationError(f"A {name} of {value} is out of range: choose {low} to {high}.")
