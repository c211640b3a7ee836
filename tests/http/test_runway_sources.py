"""Pictures and clips on their way to Runway: cut, widened, shrunk or uploaded, and what comes of them."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image

import cutscene
from cutscene.domain import Aspect, Clip, VideoRequest
from cutscene.emulator import Behaviour
from cutscene.errors import InputValidationError
from cutscene.media.encode import Encoder, to_yuv
from cutscene.media.frames import read_frames
from cutscene.studio import Studio
from emulated import Emulated, runway_settings

pytestmark = pytest.mark.anyio

LIMIT = 5_000_000
"""Characters of a data URI."""


@pytest.fixture
def vendor(footage_folder: Path) -> Iterator[Emulated]:
    with Emulated(Behaviour(seconds=0.1, footage=footage_folder)) as emulated:
        yield emulated


@pytest.fixture
def face(tmp_path: Path) -> Path:
    """Four coloured quarters, so that whatever is cut off is missed."""
    quarters = np.zeros((600, 600, 3), np.uint8)
    quarters[:300, :300], quarters[:300, 300:] = (220, 40, 40), (40, 200, 60)
    quarters[300:, :300], quarters[300:, 300:] = (40, 60, 220), (230, 220, 60)
    path = tmp_path / "face.png"
    Image.fromarray(quarters).save(path)
    return path


def clip_file(path: Path, frames: int, *, noise: bool = False) -> Path:
    random = np.random.default_rng(1)
    with Encoder(path, width=1280, height=720, crf=10 if noise else 18) as encoder:
        for k in range(frames):
            picture = np.full((720, 1280, 3), k, np.uint8)
            if noise:
                picture = random.integers(0, 256, (180, 320, 3), np.uint8).repeat(4, 0).repeat(4, 1)
            encoder.write(to_yuv(picture))
    return path


async def make(studio: Studio, request: VideoRequest) -> Clip:
    job = await studio.submit("acme", request)
    return await studio.wait("acme", job.id, timeout=60)


@pytest.mark.parametrize("flavor", ["tasks", "generations"])
async def test_all_of_a_square_picture_is_in_a_square_clip(
    vendor: Emulated, face: Path, tmp_path: Path, flavor: str
) -> None:
    """Over generations there is no square: the landscape around it is made, and cut off again."""
    async with cutscene.open(runway_settings(vendor, tmp_path, flavor=flavor)) as studio:
        clip = await make(
            studio, VideoRequest(prompt="still", image=str(face), aspect=Aspect.SQUARE, duration=2.0)
        )
    assert (clip.width, clip.height) == (768, 768)
    with av.open(clip.video_url.removeprefix("file://")) as container:
        first = next(container.decode(video=0)).to_ndarray(format="rgb24")
    corners = [first[y, x].astype(int) for y in (200, 560) for x in (200, 560)]
    strongest = [int(np.argmax(corner)) for corner in corners[:3]]
    assert strongest == [0, 1, 2]  # red, green, blue: each where it was
    assert corners[3][0] > 120
    assert corners[3][1] > 120  # yellow


@pytest.mark.parametrize("noise", [False, True])
async def test_a_clip_is_changed(vendor: Emulated, tmp_path: Path, noise: bool) -> None:
    source = clip_file(tmp_path / "source.mp4", 72, noise=noise)
    async with cutscene.open(runway_settings(vendor, tmp_path)) as studio:
        request = VideoRequest(prompt="as a drawing", video=str(source), duration=2.0)
        clip = await make(studio, request)
        [stored] = (tmp_path / "store").rglob("source/*.mp4")
    assert (clip.frames, clip.width, clip.height) == (48, 1280, 720)
    [task] = vendor.tasks()
    assert (task["endpoint"], task["model"], task["charged"]) == ("video_to_video", "aleph2", 56)
    assert (stored.stat().st_size * 4 / 3 > LIMIT) == noise  # then it was uploaded


@pytest.mark.parametrize(
    ("model", "made", "charged"),
    [(None, "gen4_turbo", 10), ("seedance2_5", "seedance2_5", 150)],  # two seconds given, four made
)
async def test_a_clip_goes_on(
    vendor: Emulated, tmp_path: Path, model: str | None, made: str, charged: int
) -> None:
    """From its last frame, or natively where a model that does it is asked for."""
    source = clip_file(tmp_path / "source.mp4", 48)
    async with cutscene.open(runway_settings(vendor, tmp_path)) as studio:
        job = await studio.extend("acme", str(source), to=4.0, prompt="and then", model=model)
        clip = await studio.wait("acme", job.id, timeout=60)
    assert clip.frames == (95 if model is None else 96)  # to one frame
    [task] = vendor.tasks()
    assert (task["model"], task["charged"]) == (made, charged)


@pytest.mark.parametrize(
    ("flavor", "seconds", "aspect", "bought"),
    [
        ("generations", 6.0, Aspect.SQUARE, [40, 40]),
    ],
)
async def test_what_is_longer_than_a_model_makes(
    vendor: Emulated, tmp_path: Path, flavor: str, seconds: float, aspect: Aspect, bought: list[int]
) -> None:
    """The emulator begins with the very picture it is given, as models do: the joint is an ordinary step."""
    settings = runway_settings(vendor, tmp_path, flavor=flavor)
    async with cutscene.open(settings) as studio:
        clip = await make(studio, VideoRequest(prompt="a castle", duration=seconds, aspect=aspect))
    assert 0 <= round(seconds * 24) - clip.frames <= 1
    assert sorted(task["charged"] for task in vendor.tasks()) == bought
    frames = list(read_frames(Path(clip.video_url.removeprefix("file://"))))
    changes = [float(cv2.absdiff(*pair).mean()) for pair in pairwise(frames)]
    assert max(changes) < 2.5 * float(np.percentile(changes, 90)) + 0.5


async def test_a_first_and_a_last_picture(vendor: Emulated, face: Path, tmp_path: Path) -> None:
    async with cutscene.open(runway_settings(vendor, tmp_path)) as studio:
        request = VideoRequest(prompt="turn", image=str(face), last_image=str(face), duration=4.0)
        assert (await make(studio, request)).frames == 96
    assert [task["model"] for task in vendor.tasks()] == ["veo3.1_fast"]


async def test_a_picture_is_never_refused_for_its_size_alone(vendor: Emulated, tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (1000, 1780, 3), np.uint8)
    buffer = BytesIO()
    Image.fromarray(noise).save(buffer, "PNG")
    assert len(buffer.getvalue()) > LIMIT
    (tmp_path / "large.png").write_bytes(buffer.getvalue())
    async with cutscene.open(runway_settings(vendor, tmp_path)) as studio:
        await make(studio, VideoRequest(prompt="x", image=str(tmp_path / "large.png"), duration=2.0))
    assert vendor.state()["refused"] == []


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"no video", "The clip cannot be used."),
        (None, "There is no file"),
        (b"", "The clip cannot be used."),
    ],
)
async def test_a_wrong_clip_is_refused_at_once(
    vendor: Emulated, tmp_path: Path, content: bytes | None, sentence: str
) -> None:
    path = tmp_path / "source.mp4"
    if content is not None:
        path.write_bytes(content)
    async with cutscene.open(runway_settings(vendor, tmp_path), work="no") as studio:
        with pytest.raises(InputValidationError, match=sentence):
            await studio.submit("acme", VideoRequest(prompt="x", video=str(path)))
        assert await studio.list("acme") == []
