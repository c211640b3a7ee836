"""How an emulator behaves where no prompt says otherwise."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

__all__ = ["RATES", "Behaviour"]

RATES: Final = ("fail", "moderated", "busy", "drop", "drop-after-accept", "error", "truncate", "expire")
"""The faults that may happen by chance; their plain tags say what each does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """Raises `ValueError` for what cannot be."""

    host: str = "127.0.0.1"
    port: int = 0
    """0: any free one."""
    key: str = field(default="key_" + "c0ffee42" * 16, repr=False)
    """The only one that is accepted."""
    credits: int = 10_000
    """The balance to begin with."""
    concurrency: int = 5
    """Generations at work at once, per model; further ones are throttled."""
    daily_cap: int = 1_000
    """Generations accepted in any 24 hours, per model."""
    seconds: float = 2.0
    """That a generation takes, if its clip is rendered by then."""
    link_life: float = 24 * 3600.0
    """Seconds until a link to a clip expires."""
    footage: Path | None = None
    """Folder that keeps rendered clips, for several emulators if need be; None: removed at the end."""
    rates: Mapping[str, float] = field(default_factory=dict)
    """Probability, 0 to 1, that a creation meets a fault; by the names in `RATES`."""
    seed: int = 0
    """Of the chance in ``rates``: the same creations in the same order meet the same faults."""

    def __post_init__(self) -> None:
        for name, rate in self.rates.items():
            if name not in RATES:
                raise ValueError(f"There is no fault {name!r} that happens by chance: {', '.join(RATES)}.")
            if not 0 <= rate <= 1:
                raise ValueError(
                    f"The rate of {name!r} is a probability: give a number from 0 to 1. "
                    f"Faults that happen by chance: {', '.join(RATES)}."
                )
        if min(self.credits, self.daily_cap) < 0 or self.concurrency < 1:
            raise ValueError("Credits and the daily cap are at least 0, and the concurrency is at least 1.")
        if not (0 <= self.seconds < math.inf and self.link_life > 0):
            raise ValueError(
                "A generation takes 0 seconds or more, and a link lives for more than 0 seconds."
            )
