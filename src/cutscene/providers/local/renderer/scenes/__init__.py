"""Places that can be drawn from words alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from cutscene.providers.local.renderer.arrays import Rng
from cutscene.providers.local.renderer.canvas import Backdrop, Canvas
from cutscene.providers.local.renderer.palette import PALETTES
from cutscene.providers.local.renderer.scenes.castle import paint_castle
from cutscene.providers.local.renderer.scenes.city import paint_city
from cutscene.providers.local.renderer.scenes.desert import paint_desert
from cutscene.providers.local.renderer.scenes.dragon import fly_dragon
from cutscene.providers.local.renderer.scenes.forest import paint_forest
from cutscene.providers.local.renderer.scenes.ice import paint_ice
from cutscene.providers.local.renderer.scenes.mountains import paint_mountains
from cutscene.providers.local.renderer.scenes.sea import paint_sea
from cutscene.providers.local.renderer.scenes.space import paint_space
from cutscene.providers.local.renderer.scenes.village import paint_village
from cutscene.providers.local.renderer.scenes.volcano import paint_volcano
from cutscene.providers.local.renderer.words import Brief, SceneName

PAINTERS: Final[Mapping[SceneName, Callable[[Canvas], None]]] = {
    SceneName.CASTLE: paint_castle,
    SceneName.CITY: paint_city,
    SceneName.SPACE: paint_space,
    SceneName.VOLCANO: paint_volcano,
    SceneName.ICE: paint_ice,
    SceneName.SEA: paint_sea,
    SceneName.DESERT: paint_desert,
    SceneName.VILLAGE: paint_village,
    SceneName.FOREST: paint_forest,
    SceneName.MOUNTAINS: paint_mountains,
}


def paint(brief: Brief, width: int, height: int, rng: Rng) -> Backdrop:
    """The place that ``brief`` names, ``width`` x ``height`` pixels."""
    canvas = Canvas(width, height, PALETTES[brief.palette], rng)
    PAINTERS[brief.scene](canvas)
    if brief.dragon:
        fly_dragon(canvas)
    return canvas.finished()
