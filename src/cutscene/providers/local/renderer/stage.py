"""A shot with everything in place: draws any of its frames, in any order, from several threads."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

import cv2
import numpy as np

from cutscene.providers.local.renderer.arrays import Picture, Plane, Rng
from cutscene.providers.local.renderer.camera import MARGIN, Camera, look
from cutscene.providers.local.renderer.canvas import Backdrop, Glint
from cutscene.providers.local.renderer.confetti import Confetti
from cutscene.providers.local.renderer.grade import GRADES, graded, vignette
from cutscene.providers.local.renderer.light import AIR, Light
from cutscene.providers.local.renderer.palette import PALETTES, PaletteName, bgr
from cutscene.providers.local.renderer.particles import Particles, Sprite, Swarm, sprites, stamp
from cutscene.providers.local.renderer.path import Moves
from cutscene.providers.local.renderer.scenes import paint
from cutscene.providers.local.renderer.still import backdrop_of
from cutscene.providers.local.renderer.timeline import Timeline
from cutscene.providers.local.renderer.weather import Rain
from cutscene.providers.local.renderer.words import Brief, Mood, SceneName, read


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """What to draw."""

    prompt: str
    image: bytes | None
    """PNG, JPEG or WebP, already known to be safe; None: a place that the prompt names."""
    width: int
    height: int
    """Pixels, even."""
    frames: int
    """At 24 a second."""
    seed: int
    loop: bool
    """Whether the last frame flows into the first."""
    moves: Moves | None = None
    """None: the camera goes where the mood or chance takes it."""


DUST: Final = Swarm(count=70, smallest=1.0, largest=3.6, rise=0.018, drift=0.01)
EMBERS: Final = Swarm(
    count=130, smallest=1.0, largest=3.8, rise=0.075, sway=0.03, life=3.4, twinkle=0.8, strength=1
)
SNOW: Final = Swarm(
    count=190,
    smallest=1.6,
    largest=5.6,
    rise=-0.060,
    drift=0.02,
    sway=0.022,
    life=5,
    twinkle=9,
    strength=0.75,
)
FIREFLIES: Final = Swarm(
    count=60, smallest=1.6, largest=4.2, rise=0.010, sway=0.05, life=5, twinkle=1.6, strength=0.95
)
SPARKS: Final = Swarm(
    count=100, smallest=1.2, largest=4.4, rise=0.060, sway=0.03, life=3.2, twinkle=0.9, strength=0.95
)
DRIZZLE: Final = Swarm(count=40, smallest=0.9, largest=2.2, rise=-0.05, life=3.5, strength=0.4)
BOKEH: Final = Swarm(
    count=14, smallest=12, largest=30, rise=0.006, sway=0.03, life=6, twinkle=3, strength=0.16, soft=True
)

_BY_PALETTE: Final[Mapping[PaletteName, tuple[Swarm, str]]] = {
    PaletteName.FIRE: (EMBERS, "#ff9a3c"),
    PaletteName.ICE: (SNOW, "#eef6ff"),
}
_BY_SCENE: Final[Mapping[SceneName, tuple[Swarm, str]]] = {
    SceneName.VOLCANO: (EMBERS, "#ff9a3c"),
    SceneName.ICE: (SNOW, "#eef6ff"),
    SceneName.FOREST: (FIREFLIES, "#eaff9a"),
}


class Stage:
    """The frames of a shot. Everything random is drawn here, once; frames only read it."""

    def __init__(self, shot: Shot) -> None:
        words, rng = _rng(shot, "words"), _rng(shot, f"{shot.width}x{shot.height}")
        self._size = (shot.width, shot.height)
        timeline = Timeline(shot.frames, shot.loop)
        self._timeline = timeline
        brief = read(shot.prompt, words)
        backdrop = _backdrop(shot, brief, rng)
        grade = GRADES[brief.mood]
        opens = shot.image is not None and not shot.loop
        self._given = _four_channels(backdrop.picture) if opens else None
        self._picture = _four_channels(graded(backdrop.picture, grade))
        self._vignette = vignette(shot.width, shot.height, grade.vignette, rng)
        self._camera = Camera(
            backdrop,
            *self._size,
            timeline=timeline,
            mood=brief.mood,
            rng=rng,
            moves=shot.moves,
            opens=opens,
        )
        self._layer_size = (shot.width // 2, shot.height // 2)
        source = _source(backdrop, brief, *self._size)
        self._light = Light(
            *self._size,
            source,
            backdrop.accent,
            AIR[brief.mood],
            aurora=backdrop.aurora,
            timeline=timeline,
            rng=rng,
        )
        self._swarms = [
            Particles(swarm, colour, *self._layer_size, timeline=timeline, rng=rng)
            for swarm, colour in _swarms(brief, backdrop, still=shot.image is not None)
        ]
        self._flickers = [_Flicker.of(glint, backdrop, rng) for glint in backdrop.glints]
        consoling = brief.mood is Mood.CONSOLATION
        self._rain = Rain(*self._layer_size, timeline=timeline, rng=rng) if consoling else None
        celebrating = brief.mood is Mood.CELEBRATION
        self._confetti = Confetti(*self._size, timeline=timeline, rng=rng) if celebrating else None

    def frame(self, number: int) -> Picture:
        """Frame ``number`` as BGR (height, width, 3); in a loop it comes again after the shot's length.

        An ordinary shot of a given picture begins with that very picture: it may be the last frame of
        another shot.
        """
        where = self._camera.map(number)
        share = 1.0 if self._given is None else self._timeline.opened(number)
        picture = self._lit(look(self._picture, where), number)
        if self._given is not None and share < 1:
            cv2.addWeighted(look(self._given, where), 1 - share, picture, share, 0, dst=picture)
        return picture

    def _lit(self, picture: Picture, number: int) -> Picture:
        cv2.multiply(picture, self._vignette, dst=picture, scale=1 / 255)
        light = cv2.resize(self._layer(number), self._size, interpolation=cv2.INTER_LINEAR)
        # A screen, not a sum: highlights never clip.
        cv2.multiply(cv2.bitwise_not(picture), light, dst=light, scale=1 / 255)
        cv2.add(picture, light, dst=picture)
        if self._confetti is not None:
            self._confetti.draw(picture, number)
        return picture

    def _layer(self, number: int) -> Picture:
        """Everything that shines, at half the size."""
        layer = np.asarray(
            cv2.resize(self._light.draw(number), self._layer_size, interpolation=cv2.INTER_LINEAR), np.uint8
        )
        self._flicker(layer, number)
        if self._rain is not None:
            self._rain.draw(layer, number)
        for swarm in self._swarms:
            swarm.draw(layer, number)
        return layer

    def _flicker(self, layer: Picture, number: int) -> None:
        for light in self._flickers:
            wave = math.sin(math.tau * (self._timeline.turn(number, light.period) + light.phase))
            if wave > -0.3:
                x, y = self._camera.placed(light.x, light.y, light.depth, number)
                stamp(layer, light.levels[int((wave + 0.3) / 1.3 * (len(light.levels) - 1))], x / 2, y / 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Flicker:
    """A glint in time; where it is in the backdrop, pixels and depth."""

    x: float
    y: float
    depth: float
    levels: list[Sprite]
    """From faint to bright."""
    phase: float
    period: float

    @classmethod
    def of(cls, glint: Glint, backdrop: Backdrop, rng: Rng) -> Self:
        (rows, columns), (height, width) = backdrop.depth.shape, backdrop.picture.shape[:2]
        row = min(max(int(glint.y / height * rows), 0), rows - 1)
        column = min(max(int(glint.x / width * columns), 0), columns - 1)
        colour, radius = np.array(glint.colour, np.float32), max(0.7, glint.radius / 2)
        return cls(
            x=glint.x,
            y=glint.y,
            depth=float(backdrop.depth[row, column]),
            levels=sprites(radius, colour, 4),
            phase=float(rng.random()),
            period=0.9 + 1.8 * float(rng.random()),
        )


def _four_channels(picture: Picture) -> Picture:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2BGRA), np.uint8)


def _rng(shot: Shot, purpose: str) -> Rng:
    """The same for the same words, seed and purpose, in every process."""
    identity = f"{shot.seed}|{shot.prompt}|{purpose}".encode()
    return np.random.default_rng(int.from_bytes(hashlib.sha256(identity).digest()[:16], "big"))


def _backdrop(shot: Shot, brief: Brief, rng: Rng) -> Backdrop:
    width, height = (round(side * (1 + MARGIN) / 8) * 8 for side in (shot.width, shot.height))
    if shot.image is None:
        return paint(brief, width, height, rng)
    unit = math.gcd(shot.width, shot.height)
    if not shot.loop and unit >= 8:  # it is seen whole at first: in the frame's ratio, to the pixel
        times = math.ceil(unit * (1 + MARGIN))
        width, height = shot.width // unit * times, shot.height // unit * times
    return backdrop_of(shot.image, width, height, bgr(PALETTES[brief.palette].accent))


def _source(backdrop: Backdrop, brief: Brief, width: int, height: int) -> tuple[float, float]:
    """Where in the frame the light comes from: a celebration has it behind its middle."""
    if brief.mood is Mood.CELEBRATION:
        return width * 0.5, height * 0.42
    rows, columns = backdrop.picture.shape[:2]
    x, y = backdrop.light
    return (x / columns - 0.5) * (1 + MARGIN) * width + width / 2, (y / rows - 0.5) * (
        1 + MARGIN
    ) * height + height / 2


def _swarms(brief: Brief, backdrop: Backdrop, *, still: bool) -> list[tuple[Swarm, Plane]]:
    usual = _BY_PALETTE.get(brief.palette)
    if usual is None and not still:
        usual = _BY_SCENE.get(brief.scene)
    swarm, colour = (DUST, backdrop.accent) if usual is None else (usual[0], bgr(usual[1]))
    match brief.mood:
        case Mood.INTRO:
            return [(swarm, colour), (BOKEH, backdrop.accent)]
        case Mood.CELEBRATION:
            return [(SPARKS, bgr("#ffd978")), (BOKEH, bgr("#ffbe5a"))]
        case Mood.CONSOLATION:
            return [(DRIZZLE, bgr("#b4bec8"))] if usual is None else [(swarm, colour * 0.7)]
