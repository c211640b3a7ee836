"""The local camera obeys: directions, strengths, loops that come back, never a look past the backdrop."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from cutscene.domain import VideoRequest
from cutscene.media.seam import measure_seam
from cutscene.motion import Motion
from cutscene.providers.local.adapter import _shot
from cutscene.providers.local.renderer import Moves, Shot, render
from cutscene.providers.local.renderer.arrays import Plane
from cutscene.providers.local.renderer.stage import Stage

SIZE = (320, 192)
AXES = tuple(Moves.__dataclass_fields__)


def stage(moves: Moves, *, loop: bool = False, size: tuple[int, int] = SIZE, frames: int = 48) -> Stage:
    return Stage(
        Shot(
            prompt="an old castle by day",
            image=None,
            width=size[0],
            height=size[1],
            frames=frames,
            seed=3,
            loop=loop,
            moves=moves,
        )
    )


def similarity(**moves: float) -> NDArray[np.float64]:
    """How the picture moves over a whole shot, measured: right, down, growth, clockwise degrees."""
    shot = stage(Moves(**moves))
    first, last = (cv2.cvtColor(shot.frame(at), cv2.COLOR_BGR2GRAY) for at in (0, 47))
    corners = cv2.goodFeaturesToTrack(first, 200, 0.02, 6)
    found, status, _ = cv2.calcOpticalFlowPyrLK(
        first, last, corners, np.empty_like(corners), winSize=(31, 31), maxLevel=4
    )
    kept = status.ravel() == 1
    centre = np.array(SIZE) / 2
    before, after = corners[kept].reshape(-1, 2) - centre, found[kept].reshape(-1, 2) - centre
    matrix, _ = cv2.estimateAffinePartial2D(before, after)
    growth = np.hypot(matrix[0, 0], matrix[1, 0])
    return np.array(
        (matrix[0, 2], matrix[1, 2], np.log(growth), np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0])))
    )


@pytest.mark.parametrize(
    ("axis", "measure", "sign", "least"),
    [
        ("pan", 0, -1, 10),
        ("truck", 0, -1, 6),
        ("tilt", 1, 1, 6),
        ("pedestal", 1, 1, 4),
        ("zoom", 2, 1, 0.08),
        ("roll", 3, 1, 3),
    ],
)
def test_the_picture_moves_as_the_axis_says(axis: str, measure: int, sign: int, least: float) -> None:
    strong, weak, opposite = (similarity(**{axis: speed})[measure] * sign for speed in (6, 3, -6))
    assert strong > least
    assert strong / weak == pytest.approx(2, rel=0.25)
    assert opposite == pytest.approx(-strong, rel=0.3)


def shift_by_depth(**moves: float) -> float:
    """How much more the nearest things move sideways than the furthest, as part of the width."""
    camera = stage(Moves(**moves))._camera
    near, far = (
        camera.placed(180, 108, depth, 47)[0] - camera.placed(180, 108, depth, 0)[0] for depth in (1, 0)
    )
    return (near - far) / SIZE[0]


def test_carrying_the_camera_has_parallax_and_turning_it_has_little() -> None:
    assert abs(shift_by_depth(pan=6)) < 0.3 * abs(shift_by_depth(truck=6))
    assert shift_by_depth(parallax=6) < shift_by_depth(truck=6) < 0


def within(where: Plane, shot: Stage) -> bool:
    rows, columns = shot._picture.shape[:2]
    return bool(where.min() >= 0 and where[..., 0].max() <= columns - 1 and where[..., 1].max() <= rows - 1)


@pytest.mark.parametrize("loop", [False, True])
@pytest.mark.parametrize("size", [(320, 192), (108, 192), (128, 128)])
@pytest.mark.parametrize(
    "moves",
    [
        *({axis: 10.0} for axis in AXES),
        dict.fromkeys(AXES, 10.0),
        {axis: 10.0 if axis in ("zoom", "sway") else -10.0 for axis in AXES},
        {axis: 10.0 if axis == "sway" else -10.0 for axis in AXES},
    ],
)
def test_the_mirrored_edge_is_never_seen(
    moves: dict[str, float], size: tuple[int, int], *, loop: bool
) -> None:
    shot = stage(Moves(**moves), loop=loop, size=size, frames=24)
    assert all(within(shot._camera.map(at), shot) for at in range(24))


@pytest.mark.parametrize("axis", AXES)
def test_a_loop_comes_back_to_the_last_bit(axis: str) -> None:
    shot = stage(Moves(**{axis: 5.0}), loop=True)
    assert np.array_equal(shot.frame(0), shot.frame(48))
    assert shot._camera.pose(0) != shot._camera.pose(20)


@pytest.mark.parametrize("moves", [Moves(zoom=5), Moves(pan=8, roll=4)])
def test_the_seam_of_a_directed_loop_is_not_seen(moves: Moves, tmp_path: Path) -> None:
    shot = Shot(prompt="castle", image=None, width=640, height=384, frames=96, seed=3, loop=True, moves=moves)
    render(shot, tmp_path / "clip.mp4")
    assert measure_seam(tmp_path / "clip.mp4").score >= 85


def test_the_adapter_hands_the_motion_on(tmp_path: Path) -> None:
    request = VideoRequest(prompt="castle", seed=3, motion=Motion(zoom=3, sway=1))
    (tmp_path / "task.json").write_text(json.dumps(request.to_json()))
    assert _shot(tmp_path).moves == Moves(zoom=3, sway=1)
    (tmp_path / "task.json").write_text(json.dumps(replace(request, motion=None).to_json()))
    assert _shot(tmp_path).moves is None


def test_a_camera_told_to_stand_still_stands_still() -> None:
    camera = stage(Moves())._camera
    assert camera.pose(0) == camera.pose(30)
