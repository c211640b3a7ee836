"""What the looks at one generation have seen, and what that says of its end. Pure; seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["Course", "Ending"]

_SLOW_ANSWER: Final = 2.0
"""Seconds."""
_LEAST_PROGRESS: Final = 0.01
_STEADY: Final = 0.25
"""How far a promise may move between half way and the end, part of it."""
_PATIENCE: Final = 3
"""Broken promises of one generation, after which its progress is believed no more."""


@dataclass(frozen=True, slots=True)
class Ending:
    """What was seen of the end of a generation, seconds from its beginning."""

    after: float
    """It was at work still."""
    by: float
    """It had ended."""
    promised: float | None = None
    """When it was to end, by the progress that it had at ``after``; None where that was no promise."""


@dataclass(slots=True)
class Course:
    """What the looks at one generation have seen, seconds of one clock."""

    began: float
    """Without the time that it was queued for."""
    seen: float | None
    """When it was last seen at work, or had not begun; None: nobody saw it."""
    promised: float | None = None
    """Seconds from its beginning to its end, by its progress."""
    broken: int = 0
    """Promises that were not kept."""
    is_queued: bool = False
    _promised_first: float | None = None
    """The same when its progress was a half for the first time."""
    _unsure: float = 0.0
    """How far off ``began`` may be."""

    def saw(self, at: float, progress: float | None, *, queued: bool) -> None:
        """A look that began then found that it has not ended. ``progress``: 0 to 1."""
        if queued:
            self.began, self.seen = at, None
        elif self.is_queued:  # it began between the two looks
            self._unsure = (at - self.began) / 2
            self.began += self._unsure
        self.is_queued = queued
        if not queued:
            self.seen = at
            self._promise(at, progress)

    def _promise(self, at: float, progress: float | None) -> None:
        self.broken += self.promised is not None and at - self.began > self.promised
        self.promised = None
        if progress is not None and progress >= _LEAST_PROGRESS:
            self.promised = (at - self.began) / progress
            if self._promised_first is None and progress >= 0.5:
                self._promised_first = self.promised

    @property
    def believed(self) -> float | None:
        """The promise, unless it was broken so often that the generation has stalled near its end."""
        return self.promised if self.broken < _PATIENCE else None

    def ending(self, by: float, interval: float) -> Ending | None:
        """What is known where it had ended ``by`` then; None where it is too little to learn from."""
        if self.seen is None or by - self.seen > 2 * interval + _SLOW_ANSWER:
            return None
        after = max(0.0, self.seen - self.began - self._unsure)
        return Ending(after, by - self.began + self._unsure, self._kept_promise())

    def _kept_promise(self) -> float | None:
        """What stands still, or jumps, foretells nothing, though at the last look it seemed about to end."""
        first, last = self._promised_first, self.promised
        if first is None or last is None or abs(last - first) > _STEADY * first:
            return None
        return last
