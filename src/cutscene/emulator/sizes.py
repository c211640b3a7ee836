"""The pixel sizes of each model, and the one a request leads to."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

__all__ = ["RATIOS", "Size", "evened", "nearest", "parsed", "resized", "tier"]

Size = tuple[int, int]
"""Width and height in pixels."""

_GEN4: Final = ("1280:720", "720:1280", "1104:832", "832:1104", "960:960", "1584:672")
_AT_720: Final = ("1470:630", "1280:720", "1112:834", "960:960", "834:1112", "720:1280")
_AT_1080: Final = ("2206:946", "1920:1080", "1664:1248", "1440:1440", "1248:1664", "1080:1920")
_SEEDANCE2: Final[Mapping[int, tuple[str, ...]]] = {
    480: ("992:432", "864:496", "752:560", "640:640", "560:752", "496:864"),
    720: _AT_720,
    1080: _AT_1080,
    2160: ("3840:1646", "3840:2160", "3840:2880", "3840:3840", "2880:3840", "2160:3840"),
}
_SEEDANCE25: Final[Mapping[int, tuple[str, ...]]] = {
    480: ("992:432", "854:480", "752:560", "640:640", "560:752", "480:854"),
    720: _AT_720,
    1080: _AT_1080,
}
_TIERS: Final[Mapping[str, Mapping[int, tuple[str, ...]]]] = {
    "gen4.5": {720: _GEN4},
    "gen4_turbo": {720: _GEN4},
    "kling3.0_pro": {1080: ("1920:1080", "1080:1920", "1440:1440")},
    "kling3.0_standard": {720: ("1280:720", "720:1280", "960:960")},
    "seedance2": _SEEDANCE2,
    "seedance2_5": _SEEDANCE25,
    "veo3.1": {720: ("1280:720", "720:1280"), 1080: ("1080:1920", "1920:1080")},
    "veo3.1_fast": {720: ("1280:720", "720:1280"), 1080: ("1080:1920", "1920:1080")},
}
"""By model and resolution; in the same order of shapes at each of Seedance's resolutions."""

RATIOS: Final[Mapping[str, tuple[str, ...]]] = {
    model: tuple(ratio for ratios in tiers.values() for ratio in ratios) for model, tiers in _TIERS.items()
}


def parsed(ratio: str) -> Size:
    width, height = ratio.split(":")
    return int(width), int(height)


def tier(model: str, size: Size) -> int:
    """The resolution that a size counts as: 480, 720, 1080 or 2160."""
    ratio = f"{size[0]}:{size[1]}"
    return next((tier for tier, ratios in _TIERS.get(model, {}).items() if ratio in ratios), 720)


def nearest(model: str, size: Size) -> Size:
    """The model's size that comes closest in shape to ``size``, at its usual resolution."""
    tiers = _TIERS[model]
    sizes = [parsed(ratio) for ratio in tiers.get(720) or next(iter(tiers.values()))]
    shape = math.log(size[0] / size[1])
    return min(sizes, key=lambda other: abs(math.log(other[0] / other[1]) - shape))


def resized(model: str, size: Size, resolution: int) -> Size:
    """The same shape at another resolution of the model."""
    tiers = _TIERS[model]
    place = tiers[tier(model, size)].index(f"{size[0]}:{size[1]}")
    return parsed(tiers[resolution][place])


def evened(size: Size) -> Size:
    """Video has even sides."""
    return max(size[0] // 2 * 2, 2), max(size[1] // 2 * 2, 2)
