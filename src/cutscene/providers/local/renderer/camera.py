"""The camera: a path that comes back in loops, and moves on in ordinary shots; near things move more."""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass
from enum import Enum, auto
from typing import Final, cast

import cv2
import numpy as np

from cutscene.providers.local.renderer.arrays import Picture, Plane, Rng, coordinates, resized
from cutscene.providers.local.renderer.canvas import Backdrop
from cutscene.providers.local.renderer.path import Moves, Path, Pose
from cutscene.providers.local.renderer.timeline import Timeline
from cutscene.providers.local.renderer.words import Mood

MARGIN: Final = 0.12
"""How much larger than the frame a backdrop is."""
_GRID: Final = 16
"""Pixels between the points at which a move is worked out; between them it is interpolated."""
_MIDDLE: Final = 0.45
"""The depth that moves just as the camera does."""
_PERIOD: Final = 5.0
"""Seconds of one sway."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sway:
    """Amplitudes of a looping camera, as parts of the frame's longer side; angles in degrees."""

    zoom: float = 0.030
    dolly: float = 0.020
    truck: float = 0.010
    pedestal: float = 0.006
    roll: float = 0.0
    parallax: float = 0.016


SWAYS: Final = {
    Mood.INTRO: Sway(),
    Mood.CELEBRATION: Sway(zoom=0.036, dolly=0.028, truck=0.008, pedestal=0.008),
    Mood.CONSOLATION: Sway(dolly=0.012, truck=0.006, pedestal=0.007, roll=0.3, parallax=0.011),
}


class Travel(Enum):
    """Where the camera goes in an ordinary shot."""

    PUSH_IN = auto()
    PULL_OUT = auto()
    TRUCK_LEFT = auto()
    TRUCK_RIGHT = auto()


class Camera:
    """Looks at a backdrop through a frame of ``width`` x ``height`` pixels."""

    def __init__(
        self,
        backdrop: Backdrop,
        width: int,
        height: int,
        *,
        timeline: Timeline,
        mood: Mood,
        rng: Rng,
        moves: Moves | None = None,
        opens: bool = False,
    ) -> None:
        """Without ``moves`` it goes where the mood or chance takes it.

        ``opens``: it first shows all of the backdrop, exactly, and goes its way from there.
        """
        self._timeline, self._sway = timeline, SWAYS[mood]
        self._travel = list(Travel)[int(rng.integers(len(Travel)))]
        # A loop starts where the camera is neither at its fastest nor at rest: an ordinary step.
        self._phase = 0.5 * float(rng.integers(2)) + 0.14 + 0.04 * float(rng.random())
        self._size = (width, height)
        rows, columns = backdrop.picture.shape[:2]
        self._path = None if moves is None else Path(moves, timeline, self._size, (columns, rows))
        self._whole = _whole(max(width / columns, height / rows)) if opens else None
        self._centre = ((columns - 1) / 2, (rows - 1) / 2)
        x, y = coordinates(width // _GRID + 3, height // _GRID + 3)
        # The grid starts one step outside of the frame, so that interpolation never meets its edge.
        self._x = (x - 0.5) * _GRID - width / 2 + 0 * y
        self._y = (y - 0.5) * _GRID - height / 2 + 0 * x
        self._depth = self._sampled(backdrop.depth, columns, rows) - _MIDDLE
        self._ripple = None if backdrop.ripple is None else self._sampled(backdrop.ripple, columns, rows)

    def _sampled(self, plane: Plane, columns: int, rows: int) -> Plane:
        """A plane of the backdrop at the grid's points."""
        height, width = plane.shape
        map_x = ((self._x + self._centre[0]) * width / columns).astype(np.float32)
        map_y = ((self._y + self._centre[1]) * height / rows).astype(np.float32)
        return np.asarray(
            cv2.remap(plane, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32
        )

    def pose(self, frame: int) -> Pose:
        pose, share = self._usual(frame), self._timeline.opened(frame)
        return pose if self._whole is None or share == 1 else _between(self._whole, pose, share)

    def _usual(self, frame: int) -> Pose:
        if self._path is not None:
            return self._path.pose(frame)
        return self._swaying(frame) if self._timeline.loop else self._travelling(frame)

    def _swaying(self, frame: int) -> Pose:
        sway, longer = self._sway, max(self._size)
        across = self._timeline.swing(frame, _PERIOD, self._phase)
        along = self._timeline.swing(frame, _PERIOD, self._phase + 0.25)
        upward = self._timeline.swing(frame, _PERIOD / 2, self._phase + 0.1)
        return Pose(
            x=across * sway.truck * longer,
            y=upward * sway.pedestal * longer * 0.5,
            zoom=1.0 + sway.zoom * 0.5 + sway.zoom * 0.5 * along,
            roll=math.radians(sway.roll) * across,
            near_x=across * sway.parallax * longer,
            near_y=along * sway.parallax * longer * 0.4,
            dolly=sway.dolly * along,
        )

    def _travelling(self, frame: int) -> Pose:
        """Eased at the start, still on its way at the end: a film's shot, not a loop."""
        share = frame / max(1, self._timeline.frames - 1)
        moved = share * share * (1.6 - 0.6 * share)
        longer, drift = max(self._size), self._timeline.swing(frame, _PERIOD, self._phase)
        side, zoom = 0.0, 1.03
        match self._travel:
            case Travel.PUSH_IN:
                zoom += 0.11 * moved
            case Travel.PULL_OUT:
                zoom += 0.11 * (1 - moved)
            case Travel.TRUCK_LEFT:
                side = 0.5 - moved
            case Travel.TRUCK_RIGHT:
                side = moved - 0.5
        return Pose(
            x=side * 0.06 * longer,
            y=drift * 0.002 * longer,
            zoom=zoom + (0.02 * moved if side else 0),
            roll=0,
            near_x=(side * 0.04 + drift * 0.003) * longer,
            near_y=(moved - 0.5) * 0.01 * longer,
            dolly=(zoom - 1.08) * 0.8,
        )

    def map(self, frame: int) -> Plane:
        """(height, width, 2): which backdrop pixel each frame pixel shows."""
        pose = self.pose(frame)
        cosine, sine = math.cos(pose.roll) / pose.zoom, math.sin(pose.roll) / pose.zoom
        growth = 1 - self._depth * pose.dolly
        grid = np.empty((*self._x.shape, 2), np.float32)
        grid[..., 0] = (
            (self._x * cosine - self._y * sine) * growth
            + self._centre[0]
            + pose.x
            + self._depth * pose.near_x
        )
        grid[..., 1] = (
            (self._x * sine + self._y * cosine) * growth
            + self._centre[1]
            + pose.y
            + self._depth * pose.near_y
        )
        if self._ripple is not None:
            grid[..., 1] += self._ripple * self._waves(frame)
        rows, columns = self._x.shape
        dense = resized(grid, columns * _GRID, rows * _GRID)
        width, height = self._size
        return dense[_GRID : _GRID + height, _GRID : _GRID + width]

    def _waves(self, frame: int) -> Plane:
        """Two trains of waves that cross, pixels."""
        longer = max(self._size)
        first = math.tau * self._timeline.turn(frame, 1.6)
        second = math.tau * self._timeline.turn(frame, 2.3)
        train = np.sin(self._x * 0.021 + self._y * 0.055 - first) + 0.8 * np.sin(
            self._x * -0.034 + self._y * 0.071 - second
        )
        return (train * longer * 0.0011).astype(np.float32)

    def placed(self, x: float, y: float, depth: float, frame: int) -> tuple[float, float]:
        """Where in the frame a point of the backdrop at ``depth`` (0-1) is seen, pixels."""
        pose, away = self.pose(frame), depth - _MIDDLE
        growth = pose.zoom / (1 - away * pose.dolly)
        across = (x - self._centre[0] - pose.x - away * pose.near_x) * growth
        down = (y - self._centre[1] - pose.y - away * pose.near_y) * growth
        cosine, sine = math.cos(pose.roll), math.sin(pose.roll)
        width, height = self._size
        return across * cosine + down * sine + width / 2, down * cosine - across * sine + height / 2


def _whole(zoom: float) -> Pose:
    return Pose(x=0, y=0, zoom=zoom, roll=0, near_x=0, near_y=0, dolly=0)


def _between(first: Pose, second: Pose, share: float) -> Pose:
    return Pose(*(a + (b - a) * share for a, b in zip(astuple(first), astuple(second), strict=True)))


def look(backdrop: Picture, where: Plane) -> Picture:
    """The frame that a four-channel ``backdrop`` shows at ``where``; three channels would be slower."""
    # None: an empty second map, as the stubs would have it, makes OpenCV loop for ever.
    no_map = cast("cv2.typing.MatLike", None)
    seen = cv2.remap(backdrop, where, no_map, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(cv2.cvtColor(seen, cv2.COLOR_BGRA2BGR), np.uint8)
