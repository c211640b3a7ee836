"""Small clips and pictures, drawn and encoded on the spot."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from cutscene import jobs, transitions
from cutscene.database import Database, open_database
from cutscene.domain import Credits, VideoRequest
from cutscene.ledger import Account

Frame = NDArray[np.uint8]


class Texture(Protocol):
    def __call__(self, width: int, height: int, seed: int = 1) -> Frame:
        """Soft colourful blobs that tile horizontally."""


class WriteClip(Protocol):
    def __call__(
        self,
        pictures: Sequence[Frame],
        *,
        name: str = "clip.mp4",
        rate: int | Fraction = 24,
        times: Sequence[int] | None = None,
        audio: bool = False,
        movflags: str = "+faststart",
        codec: str = "libx264",
        tagged: bool = True,
        **options: str,
    ) -> Path:
        """An MP4 of BGR pictures; ``times`` are in ticks of 1/240 second."""


@pytest.fixture
async def waiting_job(tmp_path: Path) -> AsyncIterator[Database]:
    """A database with one job, ``j``, that waits for the scripted provider with a hold of 20 credits."""
    opened = open_database(f"sqlite:///{tmp_path}/x.db")
    account = Account(tenant="a", job_id="j", provider="scripted", model="m", usd_per_credit="0")
    job = jobs.NewJob(
        id="j",
        tenant="a",
        run="r",
        idempotency_key=None,
        request=VideoRequest(prompt="x"),
        provider="scripted",
        model="m",
        priority=0,
    )
    await opened.write(transitions.submit, job, [Credits.of(20)], account, 1)
    yield opened
    await opened.close()


@pytest.fixture
def texture() -> Texture:
    def draw(width: int, height: int, seed: int = 1) -> Frame:
        noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
        soft = cv2.GaussianBlur(np.hstack([noise] * 3), (0, 0), 5)[:, width : 2 * width].astype(np.float32)
        low, high = soft.min(), soft.max()
        return np.asarray((soft - low) / (high - low) * 255, np.uint8)

    return draw


@pytest.fixture
def pan(texture: Texture) -> Any:
    """``pan(count, step, width=..., height=...)``: BGR frames of a camera that travels sideways."""

    def frames(count: int, step: int, *, width: int = 160, height: int = 90) -> list[Frame]:
        view = texture(width, height)
        return [np.roll(view, -step * index, axis=1) for index in range(count)]

    return frames


@pytest.fixture
def write_clip(tmp_path: Path) -> WriteClip:
    def write(
        pictures: Sequence[Frame],
        *,
        name: str = "clip.mp4",
        rate: int | Fraction = 24,
        times: Sequence[int] | None = None,
        audio: bool = False,
        movflags: str = "+faststart",
        codec: str = "libx264",
        tagged: bool = True,
        **options: str,
    ) -> Path:
        path = tmp_path / name
        flags = {"movflags": movflags} if movflags else {}
        with av.open(str(path), "w", format="mp4", options=flags) as output:
            stream: Any = output.add_stream(codec, rate=rate, options={"preset": "ultrafast"} | options)
            stream.height, stream.width = pictures[0].shape[:2]
            stream.pix_fmt = "yuv420p"
            context = stream.codec_context
            if times:
                context.time_base = Fraction(1, 240)
            if tagged:
                context.color_range = context.colorspace = context.color_primaries = context.color_trc = 1
            sound: Any = output.add_stream("aac", rate=44100, layout="mono") if audio else None
            for index, picture in enumerate(pictures):
                frame = _yuv(picture)
                frame.pts = times[index] if times else index
                frame.time_base = Fraction(1, 240) if times else 1 / Fraction(rate)
                output.mux(stream.encode(frame))
            output.mux(stream.encode(None))
            if sound:
                _write_silence(output, sound, len(pictures) / float(rate))
        return path

    return write


def _yuv(picture: Frame) -> av.VideoFrame:
    return av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), "bgr24").reformat(
        format="yuv420p", dst_colorspace="ITU709", src_color_range="JPEG", dst_color_range="MPEG"
    )


def _write_silence(output: Any, sound: Any, seconds: float) -> None:
    for index in range(int(seconds * 44100 / 1024)):
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate, frame.pts = 44100, index * 1024
        output.mux(sound.encode(frame))
    output.mux(sound.encode(None))
