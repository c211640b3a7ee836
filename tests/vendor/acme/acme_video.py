"""A provider as somebody else would write it: a package of its own that knows the public contract alone.

Every clip is a colour that the prompt chooses, made before the answer.
"""

from __future__ import annotations

import colorsys
import hashlib
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import av
import numpy as np

from cutscene.domain import Aspect, Credits, VideoRequest
from cutscene.errors import InputValidationError
from cutscene.providers import (
    AccountState,
    Capabilities,
    Done,
    Gone,
    Model,
    NotSubmitted,
    Submitted,
    TaskState,
)
from cutscene.providers.choice import choose_model
from cutscene.settings import Settings

SIZE = (320, 180)


class AcmeProvider:
    id = "acme"

    def __init__(self, root: Path) -> None:
        self._root = root
        model = Model(
            id="paint-1",
            text=True,
            image=True,
            motion=True,
            durations=(2, 5),
            sizes=dict.fromkeys(Aspect, SIZE),
            credits_per_second=Credits.of(3),
        )
        self._capabilities = Capabilities(
            models=(model,),
            usd_per_credit="0.02",
            concurrency=2,
            poll_interval=0.1,
            timeout=30.0,
            file_root=root,
        )

    def capabilities(self) -> Capabilities:
        return self._capabilities

    def check(self, request: VideoRequest) -> Model:
        return choose_model(self._capabilities, request, self.id)

    def estimate(self, request: VideoRequest) -> Credits:
        model = self.check(request)
        return Credits(model.credits_per_second.milli * int(model.length(request.duration)))

    async def prepare(self, request: VideoRequest) -> VideoRequest:
        return request

    async def submit(self, request: VideoRequest) -> Submitted:
        try:
            estimate = self.estimate(request)
        except InputValidationError as error:
            raise NotSubmitted(error) from error
        task_id = f"{secrets.token_hex(6)}-{estimate.milli}"
        seconds = self.check(request).length(request.duration)
        _paint(self._root / f"{task_id}.mp4", request.prompt, int(24 * seconds))
        return Submitted(task_id, estimate)

    async def poll(self, task_id: str) -> TaskState:
        clip = self._root / f"{task_id}.mp4"
        if not clip.exists():
            return Gone()
        return Done((clip.as_uri(),), Credits(int(task_id.partition("-")[2])))

    async def cancel(self, task_id: str) -> bool:
        (self._root / f"{task_id}.mp4").unlink(missing_ok=True)
        return True

    async def account(self) -> AccountState:
        return AccountState()


def _paint(path: Path, prompt: str, frames: int) -> None:
    hue = hashlib.sha256(prompt.encode()).digest()[0] / 255
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=24)
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        for k in range(frames):
            colour = colorsys.hsv_to_rgb(hue, 0.6, 0.3 + 0.5 * k / frames)
            pixels = np.full((SIZE[1], SIZE[0], 3), [int(255 * part) for part in colour], np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())


@asynccontextmanager
async def open_provider(settings: Settings) -> AsyncIterator[AcmeProvider]:
    root = settings.home / "acme"
    root.mkdir(parents=True, exist_ok=True)
    yield AcmeProvider(root)
