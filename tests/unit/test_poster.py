from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from cutscene.media.boxes import UnplayableVideo
from cutscene.media.poster import draw_poster


def opened(data: bytes) -> Image.Image:
    return Image.open(BytesIO(data))


def test_a_poster_has_the_size_and_the_colours_of_its_clip(write_clip: Any) -> None:
    halves = np.full((96, 160, 3), (30, 60, 200), np.uint8)
    halves[:, 80:] = (200, 40, 20)
    poster = opened(draw_poster(write_clip([halves] * 3)))
    assert (poster.format, poster.mode, poster.size) == ("JPEG", "RGB", (160, 96))
    assert np.asarray(poster)[48, 20].tolist() == pytest.approx([200, 60, 30], abs=6)
    assert np.asarray(poster)[48, 140].tolist() == pytest.approx([20, 40, 200], abs=6)


def test_black_white_and_blurred_frames_lose(pan: Any, write_clip: Any) -> None:
    sharp = pan(1, 0)[0]
    sharp[:, :40] = (0, 0, 255)
    shots = [
        np.zeros_like(sharp),
        cv2.GaussianBlur(sharp, (0, 0), 9),
        sharp // 8,
        sharp,
        np.full_like(sharp, 255),
        sharp // 4 + 190,
    ]
    poster = np.asarray(opened(draw_poster(write_clip([shot for shot in shots for _ in range(12)]))))
    assert np.abs(poster[:, :, ::-1].astype(int) - sharp).mean() < 8


def test_neither_noise_nor_mere_contrast_wins(write_clip: Any) -> None:
    blocks = np.random.default_rng(1).integers(0, 2, (9, 16, 1), np.uint8)
    view = np.kron(blocks, np.full((10, 10, 3), 120, np.uint8)) + np.uint8(60)
    noise = np.random.default_rng(1).integers(98, 158, view.shape, np.uint8)
    ramp = np.broadcast_to(np.linspace(0, 255, 160, dtype=np.uint8)[None, :, None], view.shape)
    for rival in (noise, np.ascontiguousarray(ramp)):
        poster = np.asarray(opened(draw_poster(write_clip([rival] * 12 + [view], crf="4"))))
        assert np.abs(poster[:, :, ::-1].astype(int) - view).mean() < 8


@pytest.mark.parametrize(("size", "expected"), [((320, 180), (160, 90)), ((180, 320), (90, 160))])
def test_the_longer_side_is_bounded(
    pan: Any, write_clip: Any, size: tuple[int, int], expected: tuple[int, int]
) -> None:
    clip = write_clip(pan(2, 1, width=size[0], height=size[1]))
    assert opened(draw_poster(clip, max_side=160)).size == expected
    assert opened(draw_poster(clip, max_side=640)).size == size


def test_no_clip_no_poster(tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    with pytest.raises(UnplayableVideo):
        draw_poster(broken)
