from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cutscene.media.boxes import UnplayableVideo
from cutscene.media.frames import from_picture, planes, read_frames
from cutscene.media.join import Part, Timing, joined, last_frame
from cutscene.media.probe import probe
from cutscene.media.recipe import Piece, Recipe, shape_clip

WIDTH, HEIGHT = 160, 90


def stairs(first: int, count: int, *, brighter: int = 0) -> list[Any]:
    """Frames whose brightness says which they are: a step of four levels from each to the next."""
    levels = [np.clip(20 + 4 * index + brighter, 0, 255) for index in range(first, first + count)]
    return [np.full((HEIGHT, WIDTH, 3), level, np.uint8) for level in levels]


def shown(path: Path) -> list[int]:
    """Which steps a clip shows."""
    black = planes(from_picture(np.full((HEIGHT, WIDTH, 3), 20, np.uint8)))[0].mean()
    return [round((float(planes(frame)[0].mean()) - black) / 4 * 255 / 219) for frame in read_frames(path)]


def part(path: Path, *, repeats: bool = False) -> Part:
    return Part(path=path, facts=probe(path), repeats=repeats)


def test_what_repeats_is_shown_once(write_clip: Any, tmp_path: Path) -> None:
    pieces = [
        Piece(path=write_clip(stairs(0, 12), name="a.mp4")),
        Piece(path=write_clip(stairs(11, 12), name="b.mp4"), repeats=True),
        Piece(path=write_clip(stairs(22, 12), name="c.mp4"), repeats=True),
    ]
    facts = shape_clip(pieces, tmp_path / "joined.mp4", Recipe(width=WIDTH, height=HEIGHT, frames=34))
    assert facts.frames == 34
    assert shown(tmp_path / "joined.mp4") == list(range(34))


def test_parts_of_other_rates_and_sizes_are_joined_in_time(write_clip: Any, tmp_path: Path) -> None:
    wide = [np.repeat(np.repeat(frame, 2, 0), 2, 1) for frame in stairs(11, 12)]
    pieces = [
        Piece(path=write_clip(stairs(0, 12), name="a.mp4")),
        Piece(path=write_clip(wide, name="b.mp4", rate=12), repeats=True),
    ]
    shape_clip(pieces, tmp_path / "joined.mp4", Recipe(width=WIDTH, height=HEIGHT, frames=34))
    assert shown(tmp_path / "joined.mp4") == [*range(12), *(n for n in range(12, 23) for _ in (0, 1))]


def test_colours_are_matched_at_the_joint_and_let_go_of(write_clip: Any) -> None:
    """The second part came back twelve levels too bright."""
    texture = np.tile(np.linspace(40, 200, WIDTH).astype(np.uint8)[None, :, None], (HEIGHT, 1, 3))
    parts = [
        part(write_clip([texture] * 12, name="a.mp4")),
        part(write_clip([texture + 12] * 40, name="b.mp4"), repeats=True),
    ]
    frames = list(joined(parts, Timing(frames=51, step=1 / 24), WIDTH, HEIGHT))
    levels = [float(planes(frame)[0].mean()) for frame in frames]
    assert levels[12] == pytest.approx(levels[11], abs=1.0)
    assert levels[50] - levels[11] == pytest.approx(12 * 219 / 255, abs=1.0)
    assert max(np.diff(levels)) < 1.1  # one level at a time


def test_the_last_frame_is_the_very_last(write_clip: Any, tmp_path: Path) -> None:
    """Frames that the decoder holds back until it is flushed, and keyframes far apart."""
    path = write_clip(stairs(0, 50), preset="medium", **{"x264-params": "bframes=3:keyint=20"})
    assert float(planes(last_frame(path))[0].mean()) == pytest.approx(
        float(planes(list(read_frames(path))[-1])[0].mean())
    )
    (tmp_path / "short.mp4").write_bytes(write_clip(stairs(0, 1), name="one.mp4").read_bytes())
    assert shown(tmp_path / "short.mp4") == [0]
    assert last_frame(tmp_path / "short.mp4").shape == (HEIGHT * 3 // 2, WIDTH)


def test_far_too_little_footage_is_refused(write_clip: Any, tmp_path: Path) -> None:
    pieces = [Piece(path=write_clip(stairs(0, 12)))] * 2
    with pytest.raises(UnplayableVideo, match=r"lasts 1\.0 seconds, 4\.0 were asked for"):
        shape_clip(pieces, tmp_path / "x.mp4", Recipe(width=WIDTH, height=HEIGHT, frames=96))
