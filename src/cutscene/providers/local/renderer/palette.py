"""Palettes: the colours of a place at an hour."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from cutscene.providers.local.renderer.arrays import Plane


class PaletteName(StrEnum):
    SUNSET = "sunset"
    DAWN = "dawn"
    DAY = "day"
    NIGHT = "night"
    STORM = "storm"
    FIRE = "fire"
    ICE = "ice"
    VERDANT = "verdant"
    LAGOON = "lagoon"
    SAND = "sand"
    NEON = "neon"
    COSMOS = "cosmos"


class Body(StrEnum):
    """What hangs in the sky."""

    SUN = "sun"
    MOON = "moon"
    VEILED = "veiled"
    """Light without a disc."""


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours as #rrggbb, from the zenith down to what is near."""

    zenith: str
    sky: str
    horizon: str
    light: str
    far: str
    mid: str
    near: str
    accent: str
    """Of sparks, dust and rays."""
    body: Body = Body.SUN
    altitude: float = 0.2
    """Of the light above the horizon, as a part of the sky's height."""
    stars: float = 0
    """0 none, 1 a clear night."""


PALETTES: Final[dict[PaletteName, Palette]] = {
    PaletteName.SUNSET: Palette(
        "#2a2c63", "#96507f", "#ffb26b", "#ffe6b4", "#b8707c", "#6a3a60", "#1c1230", "#ffc480", stars=0.15
    ),
    PaletteName.DAWN: Palette(
        "#5c83c2", "#eeb6b4", "#ffe7c4", "#fff7e2", "#aaa5c8", "#6a6f9e", "#262b4a", "#ffe9c9", altitude=0.3
    ),
    PaletteName.DAY: Palette(
        "#2f7fd0", "#84c0ea", "#e9f4ec", "#fffbe8", "#8db3c9", "#568a68", "#1d3d2b", "#fff4cc", altitude=0.62
    ),
    PaletteName.NIGHT: Palette(
        "#0a1236", "#1f3670", "#5b7db4", "#e9f1ff", "#3d568f", "#233764", "#0b1330", "#c4d8ff",
        body=Body.MOON, altitude=0.6, stars=1,
    ),
    PaletteName.STORM: Palette(
        "#3c4654", "#6b7885", "#bdc1bb", "#f6ecd6", "#808c95", "#505c66", "#1f262e", "#ffe4b8",
        body=Body.VEILED, altitude=0.35,
    ),
    PaletteName.FIRE: Palette(
        "#1c0b14", "#701f1f", "#ee6a2e", "#ffd592", "#74302a", "#421a1b", "#140709", "#ff9d48",
        body=Body.VEILED, altitude=0.15, stars=0.1,
    ),
    PaletteName.ICE: Palette(
        "#14386a", "#5597c4", "#e0f3f7", "#ffffff", "#a0cadf", "#5f94b7", "#18334f", "#e8f9ff",
        altitude=0.35, stars=0.35,
    ),
    PaletteName.VERDANT: Palette(
        "#1d4c48", "#6da67e", "#e8f3ba", "#fdffdc", "#86b48c", "#417553", "#0d2219", "#e6f6a6",
        body=Body.VEILED, altitude=0.6,
    ),
    PaletteName.LAGOON: Palette(
        "#1c61ab", "#68b8d8", "#fdefce", "#fff7da", "#6ea4b9", "#30718f", "#0d2c44", "#d8f7ff", altitude=0.26
    ),
    PaletteName.SAND: Palette(
        "#5a6cab", "#e8ab8c", "#ffe2ab", "#fff4d4", "#dba473", "#b36e48", "#47241e", "#ffe5b2", altitude=0.28
    ),
    PaletteName.NEON: Palette(
        "#0b0628", "#40156e", "#e53fa0", "#ffb0e4", "#52258a", "#291457", "#0a0520", "#4af1ff",
        altitude=0.24, stars=0.5,
    ),
    PaletteName.COSMOS: Palette(
        "#04040f", "#15113a", "#43307f", "#d4c6ff", "#2d2262", "#17123e", "#060512", "#bdacff",
        body=Body.VEILED, altitude=0.5, stars=1,
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Paints:
    """A palette ready to paint with: BGR (3,) float32, 0-255."""

    zenith: Plane
    sky: Plane
    horizon: Plane
    light: Plane
    far: Plane
    mid: Plane
    near: Plane
    accent: Plane


def bgr(code: str) -> Plane:
    """``#rrggbb`` as (3,) BGR."""
    return np.array([int(code[at : at + 2], 16) for at in (5, 3, 1)], np.float32)


def mixed(palette: Palette) -> Paints:
    return Paints(
        zenith=bgr(palette.zenith),
        sky=bgr(palette.sky),
        horizon=bgr(palette.horizon),
        light=bgr(palette.light),
        far=bgr(palette.far),
        mid=bgr(palette.mid),
        near=bgr(palette.near),
        accent=bgr(palette.accent),
    )
