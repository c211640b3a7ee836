"""A picture painted from far to near, together with its depth."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from cutscene.providers.local.renderer.arrays import Picture, Plane, Rng, blurred, mix, resized
from cutscene.providers.local.renderer.palette import Paints, Palette, mixed

DEPTH_SCALE = 4
"""The depth map is this many times smaller than the picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Glint:
    """A small light that flickers: a window, a star, a spark on the water."""

    x: float
    y: float
    """Pixels of the backdrop."""
    radius: float
    colour: tuple[float, float, float]
    """BGR, 0-255."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backdrop:
    """What stands behind everything that moves."""

    picture: Picture
    """(height, width, 3) BGR, larger than the frame by the camera's margin."""
    depth: Plane
    """0 far to 1 near, any size."""
    light: tuple[float, float]
    """Where the light comes from, pixels of the picture."""
    accent: Plane
    """(3,) BGR of dust and rays."""
    glints: tuple[Glint, ...] = ()
    ripple: Plane | None = None
    """How much the surface sways, 0 to 1, any size: water, hot air."""
    aurora: bool = False


class Canvas:
    """Painted on by a scene; all lengths are pixels unless they are said to be units.

    ``unit`` is the side of a square of the same area: what is measured in it keeps
    its shape and its weight in every aspect.
    """

    def __init__(self, width: int, height: int, palette: Palette, rng: Rng) -> None:
        self.width, self.height = width, height
        self.unit = math.sqrt(width * height)
        self.palette, self.paints = palette, mixed(palette)
        self.rng = rng
        self.picture: Plane = np.zeros((height, width, 3), np.float32)
        self.depth = np.zeros((height // DEPTH_SCALE, width // DEPTH_SCALE), np.float32)
        self.light = (width * 0.5, height * 0.4)
        self.glints: list[Glint] = []
        self.ripple: Plane | None = None
        self.aurora = False

    def mask(self) -> Picture:
        return np.zeros((self.height, self.width), np.uint8)

    def lay(self, mask: Picture, colour: Plane, near: float) -> None:
        """Paint ``colour``, (3,) or a field of any size, where ``mask`` is set, at depth ``near``."""
        rows = np.flatnonzero(mask.any(axis=1))
        if not len(rows):
            return
        top, bottom = int(rows[0]), int(rows[-1]) + 1
        share = mask[top:bottom].astype(np.float32) / 255
        self.picture[top:bottom] = blend(self.picture[top:bottom], self._field(colour)[top:bottom], share)
        small = resized(
            mask.astype(np.float32) / 255, self.depth.shape[1], self.depth.shape[0], cv2.INTER_AREA
        )
        self.depth += (near - self.depth) * small

    def tint(self, share: Plane, colour: Plane) -> None:
        """Mix ``colour`` in by ``share`` (a plane of any size), leaving depth alone: haze, clouds."""
        whole = resized(share.astype(np.float32, copy=False), self.width, self.height)
        self.picture = blend(self.picture, self._field(colour), whole)

    def shine(self, light: Plane) -> None:
        """Add ``light`` (height', width', 3) of any size, as a screen: it never burns out."""
        whole = np.clip(self._field(light), 0, 255)
        self.picture = whole + self.picture * (1 - whole / 255)

    def bloom(self, lights: Picture, radius: float, gain: float) -> None:
        """Show drawn ``lights`` (height, width, 3) and let them glow ``radius`` pixels around."""
        small = resized(lights.astype(np.float32), self.width // 4, self.height // 4, cv2.INTER_AREA)
        halo = blurred(small, max(radius / 4, 0.8)) * gain
        self.shine(lights.astype(np.float32))
        self.shine(halo)

    def glint(self, x: float, y: float, radius: float, colour: Plane) -> None:
        blue, green, red = (float(value) for value in colour)
        self.glints.append(Glint(x=x, y=y, radius=radius, colour=(blue, green, red)))

    def finished(self) -> Backdrop:
        # Half a level of noise: gradients end in eight bits without steps.
        grain = self.rng.random((self.height, self.width, 1), np.float32) - 0.5
        picture = np.clip(self.picture + grain + 0.5, 0, 255).astype(np.uint8)
        return Backdrop(
            picture=picture,
            depth=blurred(self.depth, self.width / DEPTH_SCALE / 90),
            light=self.light,
            accent=self.paints.accent,
            glints=tuple(self.glints),
            ripple=self.ripple,
            aurora=self.aurora,
        )

    def _field(self, colour: Plane) -> Plane:
        if colour.ndim == 1:
            return np.broadcast_to(colour, (self.height, self.width, 3))
        if colour.shape[:2] == (self.height, self.width):
            return colour
        return resized(colour.astype(np.float32, copy=False), self.width, self.height)


def blend(under: Plane, over: Plane, share: Plane) -> Plane:
    """``over`` by ``share`` (height, width), else ``under``; both (height, width, 3)."""
    over = np.ascontiguousarray(over)
    mixed_planes = cv2.blendLinear(np.ascontiguousarray(under), over, 1 - share, share)
    return np.asarray(mixed_planes, np.float32)


def aerial(paints: Paints, nearness: float) -> Plane:
    """The tone of things by distance: 0 far and pale, 1 near and dark."""
    if nearness < 0.5:
        return mix(paints.far, paints.mid, nearness * 2)
    return mix(paints.mid, paints.near, nearness * 2 - 1)
