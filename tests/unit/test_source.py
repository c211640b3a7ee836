from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from cutscene.domain import VideoRequest
from cutscene.errors import InputValidationError
from cutscene.media.boxes import Limits
from cutscene.media.probe import probe
from cutscene.media.source import take_clip, take_picture, with_data_uris
from cutscene.media.workbench import Workbench

pytestmark = pytest.mark.anyio

REQUEST = VideoRequest(prompt="x", duration=1.0)


@pytest.fixture
async def workbench() -> AsyncIterator[Workbench]:
    async with Workbench() as opened:
        yield opened


async def test_a_clip_is_taken_from_a_relative_path_and_leaves_no_file(
    workbench: Workbench, pan: Any, write_clip: Any, tmp_path: Path
) -> None:
    os.chdir(write_clip(pan(30, 2)).parent)
    data, seconds = await take_clip(workbench, "clip.mp4", REQUEST, tmp_path / "scratch")
    assert (seconds, list((tmp_path / "scratch").iterdir())) == (1.0, [])
    Path("taken.mp4").write_bytes(data)
    facts = probe(Path("taken.mp4"))
    assert (facts.width, facts.height, facts.frames) == (1280, 720, 24)


async def test_a_clip_that_is_too_much_is_the_callers_mistake(
    pan: Any, write_clip: Any, tmp_path: Path
) -> None:
    path = str(write_clip(pan(30, 2)))
    for limits in (Limits(work_seconds=0.05), Limits(max_memory=64 * 2**20), Limits(max_pixels=100)):
        async with Workbench(limits) as workbench:
            with pytest.raises(InputValidationError, match=r"^The clip cannot be used\. "):
                await take_clip(workbench, path, REQUEST, tmp_path / "scratch")
    assert list((tmp_path / "scratch").iterdir()) == []


async def test_pictures_are_bounded_by_the_same_limits(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    Image.effect_noise((1500, 1000), 30).save(path)
    for limits, word in (
        (Limits(max_picture_pixels=1_000_000), "more than 1 million pixels"),
        (Limits(decode_seconds=0.01), "cannot be used"),
        (Limits(max_memory=30 * 2**20), "cannot be used"),
    ):
        async with Workbench(limits) as workbench:
            with pytest.raises(InputValidationError, match=word):
                await take_picture(workbench, str(path), REQUEST)


async def test_sources_become_data_uris(workbench: Workbench, tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    Image.new("RGB", (320, 180), "teal").save(path)
    request = VideoRequest(prompt="x", image=str(path), last_image=str(path))
    taken = await with_data_uris(workbench, request)
    assert taken.image == taken.last_image
    assert str(taken.image).startswith("data:image/png;base64,")
