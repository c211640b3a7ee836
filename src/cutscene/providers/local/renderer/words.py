"""What the words of a prompt ask for: a mood, a place, an hour. Whole words only: a window is not a win."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeVar

from cutscene.providers.local.renderer.arrays import Rng
from cutscene.providers.local.renderer.palette import PaletteName

Choice = TypeVar("Choice", bound=StrEnum)


class Mood(StrEnum):
    INTRO = "intro"
    CELEBRATION = "celebration"
    CONSOLATION = "consolation"


class SceneName(StrEnum):
    CASTLE = "castle"
    CITY = "city"
    SPACE = "space"
    VOLCANO = "volcano"
    ICE = "ice"
    SEA = "sea"
    DESERT = "desert"
    VILLAGE = "village"
    FOREST = "forest"
    MOUNTAINS = "mountains"


# An asterisk stands for any ending.
_MOODS: Final[Mapping[Mood, str]] = {
    Mood.CONSOLATION: (
        "lose loses losing loser* lost loss defeat* consol* condolence* sympath* encourag* "
        "comfort* sorry better_luck try_again next_time game_over fail* sad sadness sorrow* "
        "grief melanchol* gloomy cheer_up"
    ),
    Mood.CELEBRATION: (
        "win wins winning winner* won victor* celebrat* congratul* confetti champion* "
        "triumph* jackpot trophy trophies applause cheer* hooray hurray well_done level_up "
        "firework* festiv* reward*"
    ),
}

# Ties go to the one that stands first: the more particular place.
_SCENES: Final[Mapping[SceneName, str]] = {
    SceneName.CASTLE: "castle* fortress* citadel* palace* kingdom* stronghold* tower* knight* throne siege",
    SceneName.CITY: (
        "city cities cyber* neon skyline* skyscraper* downtown street* metropolis urban hologram* synthwave"
    ),
    SceneName.SPACE: (
        "space spaceship* spacecraft galaxy galaxies cosmic cosmos nebula* planet* asteroid* "
        "orbit* starship* alien* astronaut* universe interstellar"
    ),
    SceneName.VOLCANO: (
        "volcan* lava magma fire fiery burning inferno hell ember* dragon* demon* flame* molten eruption*"
    ),
    SceneName.ICE: (
        "ice icy snow* frost* frozen winter* arctic glacier* iceberg* aurora* tundra polar blizzard*"
    ),
    SceneName.SEA: (
        "sea seas ocean* ship ships sail* pirate* island* beach* coast* harbor* harbour* wave waves water"
    ),
    SceneName.DESERT: "desert* dune* sand sandy pyramid* oasis sahara canyon* pharaoh* camel*",
    SceneName.VILLAGE: (
        "village* meadow* farm* cottage* field* countryside pasture* hill hills hamlet* garden*"
    ),
    SceneName.FOREST: (
        "forest* jungle* wood woods woodland* tree trees elf elves swamp* grove* rainforest* druid*"
    ),
    SceneName.MOUNTAINS: "mountain* peak peaks valley* alpine alps summit* cliff* ridge* highland* lake*",
}

_PALETTES: Final[Mapping[PaletteName, str]] = {
    PaletteName.NEON: "neon cyber* synthwave hologram* futuristic",
    PaletteName.FIRE: (
        "fire fiery lava magma inferno burning hell ember* demon* volcan* flame* molten dragonfire"
    ),
    PaletteName.ICE: "ice icy snow* frost* frozen winter* arctic glacier* blizzard*",
    PaletteName.STORM: "storm* thunder* lightning rain* cloudy overcast grey gray",
    PaletteName.NIGHT: "night* moon moonlit moonlight midnight dark darkness shadow* haunted ghost* starry",
    PaletteName.SUNSET: "sunset* dusk twilight evening golden gold",
    PaletteName.DAWN: "dawn sunrise* morning daybreak pastel",
    PaletteName.DAY: "day daylight sunny noon midday bright summer",
}

_USUAL: Final[Mapping[SceneName, tuple[PaletteName, ...]]] = {
    SceneName.CASTLE: (PaletteName.SUNSET, PaletteName.DAWN, PaletteName.NIGHT),
    SceneName.CITY: (PaletteName.NEON,),
    SceneName.SPACE: (PaletteName.COSMOS,),
    SceneName.VOLCANO: (PaletteName.FIRE,),
    SceneName.ICE: (PaletteName.ICE,),
    SceneName.SEA: (PaletteName.LAGOON, PaletteName.SUNSET),
    SceneName.DESERT: (PaletteName.SAND,),
    SceneName.VILLAGE: (PaletteName.DAY, PaletteName.DAWN),
    SceneName.FOREST: (PaletteName.VERDANT,),
    SceneName.MOUNTAINS: (PaletteName.DAWN, PaletteName.SUNSET, PaletteName.DAY),
}

_ANYWHERE: Final = (SceneName.MOUNTAINS, SceneName.SEA, SceneName.DESERT, SceneName.FOREST)
"""Places for prompts that name none."""


@dataclass(frozen=True, slots=True)
class Brief:
    """What to draw."""

    mood: Mood
    scene: SceneName
    palette: PaletteName
    dragon: bool


def read(prompt: str, rng: Rng) -> Brief:
    """Choose by the words; ``rng`` decides what they leave open."""
    scene = _most_named(_SCENES, prompt) or _ANYWHERE[int(rng.integers(len(_ANYWHERE)))]
    usual = _USUAL[scene]
    palette = usual[int(rng.integers(len(usual)))]
    return Brief(
        mood=_most_named(_MOODS, prompt) or Mood.INTRO,
        scene=scene,
        palette=_most_named(_PALETTES, prompt) or palette,
        dragon=bool(_pattern("dragon* wyvern*").search(prompt)),
    )


def _most_named(table: Mapping[Choice, str], prompt: str) -> Choice | None:
    counts = {choice: len(_pattern(words).findall(prompt)) for choice, words in table.items()}
    best = max(counts, key=lambda choice: counts[choice])
    return best if counts[best] else None


def _pattern(words: str) -> re.Pattern[str]:
    alternatives = "|".join(word.replace("_", r"\s+").replace("*", r"\w*") for word in words.split())
    return re.compile(rf"\b(?:{alternatives})\b", re.IGNORECASE)
