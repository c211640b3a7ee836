"""What a generation costs in credits, as of November 2026."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

__all__ = ["LONGEST", "price"]

_PER_SECOND: Final[Mapping[str, Mapping[int, int]]] = {
    "gen4.5": {720: 12},
    "gen4_turbo": {720: 5},
    "aleph2": {720: 28},
    "veo3.1": {720: 40, 1080: 40},
    "veo3.1_fast": {720: 15, 1080: 15},
    "seedance2": {480: 36, 720: 36, 1080: 40, 2160: 150},
    "seedance2_5": {480: 20, 720: 30, 1080: 68},
    "kling3.0_standard": {720: 20},  # no price of Kling's is published
    "kling3.0_pro": {1080: 28},
}
"""By model and resolution."""
_SILENT: Final = {"veo3.1": 20, "veo3.1_fast": 10}
"""Where sound is asked not to be there."""
_INPUT_SECOND: Final[Mapping[str, Mapping[int, int]]] = {"seedance2_5": {480: 10, 720: 15, 1080: 34}}
_LEAST: Final = {"aleph2": 56, "seedance2_5": 80}
LONGEST: Final = {"seedance2": 15, "seedance2_5": 30}
"""Seconds that ``duration: "auto"`` is charged for at first."""


def price(
    model: str, resolution: int, seconds: float, body: Mapping[str, Any], *, input_seconds: float = 0.0
) -> int:
    """Credits for so many seconds; broken seconds of an input video are free."""
    rate = _PER_SECOND[model][resolution]
    if body.get("audio") is False:
        rate = _SILENT.get(model, rate)
    rate += _surcharge(body.get("outputFormat", "mp4"))
    input_rate = _INPUT_SECOND.get(model, {}).get(resolution, 0)
    credits_due = rate * math.floor(seconds) + input_rate * math.floor(input_seconds)
    return max(credits_due, _LEAST.get(model, 0))


def _surcharge(output_format: str) -> int:
    """Per second; all sizes there are lie below the four megapixels above which it doubles."""
    if output_format in ("mp4", "mov"):
        return 0
    return 5 if output_format in ("prores", "png_sequence") else 20
