"""How the camera moves, in one vocabulary for every provider."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from cutscene.errors import InputValidationError

__all__ = ["Motion"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Motion:
    """How the camera moves: each axis from -10 to 10, 0 being still.

    Pan and tilt turn it in place (right and up are positive), roll turns it clockwise, truck and
    pedestal carry it (right, up), zoom brings it closer.
    """

    pan: float = 0.0
    tilt: float = 0.0
    zoom: float = 0.0
    roll: float = 0.0
    truck: float = 0.0
    pedestal: float = 0.0

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
    def from_json(cls, speeds: Any) -> Self:
        if not isinstance(speeds, Mapping):
            raise InputValidationError("The motion is malformed: give axes and their speeds.")
        axes = [field.name for field in fields(cls)]
        if unknown := sorted(set(speeds) - set(axes)):
            raise InputValidationError(
                f"Unknown camera motion {', '.join(unknown)}: choose from {', '.join(axes)}."
            )
        return cls(**speeds)


def _check_speed(axis: str, speed: Any) -> None:
    if isinstance(speed, bool) or not isinstance(speed, (int, float)) or not -10 <= speed <= 10:
        raise InputValidationError(f"A {axis} of {speed} is out of range: choose -10 to 10.")
