"""A provider from a third-party package, and the vendor behind it: a folder that outlives processes.

The vendor writes down every call in ``calls.log``, which is what tests count. Words in a
prompt say what goes wrong: ``[work:2]`` seconds until done, ``[slow-post:3]`` seconds before
the answer (the task is accepted at once), ``[reject:2]`` refusals that say "later",
``[refuse]`` for good, ``[closed]`` since the account is empty, ``[lose]`` accepted but the
answer is lost, ``[fail]`` the generation fails, ``[fail-at:2]`` only the second one of a
prompt does, ``[passing]`` for a reason that passes, ``[charge:7]`` credits, ``[silent]`` no
word about credits, ``[crash]`` a provider with a bug, ``[throttle]`` queued at the vendor for
ever, ``[vanish]`` the first one's footage is never there, and soon the task is not either.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cutscene.domain import Aspect, Credits, VideoRequest
from cutscene.errors import InputValidationError, ProviderError, QuotaExceededError, RateLimitError
from cutscene.media.encode import Encoder, to_yuv
from cutscene.media.picture import from_data_uri
from cutscene.providers import (
    AccountState,
    Capabilities,
    Done,
    Failed,
    Model,
    NotSubmitted,
    Pending,
    SubmissionUnknown,
    Submitted,
    TaskState,
)
from cutscene.providers.choice import choose_model
from cutscene.settings import Settings

PRICE = 5
"""Credits per second."""


class ScriptedProvider:
    id = "scripted"

    def __init__(self, root: Path, *, concurrency: int = 5, timeout: float = 30.0) -> None:
        self.root = root
        self._capabilities = Capabilities(
            models=(
                Model(
                    id="script-1",
                    text=True,
                    image=True,
                    durations=(1, 10),
                    any_duration=True,
                    sizes=dict.fromkeys(Aspect, (320, 180)),
                    credits_per_second=Credits.of(PRICE),
                ),
                Model(
                    id="script-short",
                    text=True,
                    image=True,
                    last_image=True,
                    durations=(1, 2),
                    sizes=dict.fromkeys(Aspect, (320, 180)),
                    credits_per_second=Credits.of(PRICE),
                ),
            ),
            usd_per_credit="0.01",
            concurrency=concurrency,
            poll_interval=0.1,
            timeout=timeout,
            file_root=root,
        )

    def capabilities(self) -> Capabilities:
        return self._capabilities

    def check(self, request: VideoRequest) -> Model:
        return choose_model(self._capabilities, request, self.id)

    def estimate(self, request: VideoRequest) -> Credits:
        return Credits(self.check(request).credits_per_second.milli * round(request.duration))

    async def prepare(self, request: VideoRequest) -> VideoRequest:
        return request

    async def submit(self, request: VideoRequest) -> Submitted:
        prompt = request.prompt
        self._write_down("post", prompt)
        if "[crash]" in prompt:
            raise KeyError("a bug")
        if "[refuse]" in prompt:
            raise NotSubmitted(InputValidationError("The scripted vendor refuses this prompt."))
        if "[closed]" in prompt:
            raise NotSubmitted(QuotaExceededError("The scripted account is empty."), closed_for=300)
        if "[daily]" in prompt:
            used_up = QuotaExceededError("The scripted day is used up.")
            raise NotSubmitted(used_up, retry_after=900.0, passes=True)
        if len(self.calls("post", prompt)) <= _number(prompt, "reject"):
            raise NotSubmitted(RateLimitError("Too fast."), retry_after=0.2)
        task_id = secrets.token_hex(6)
        task = {
            "prompt": prompt,
            "at": time.time(),
            "frames": request.frames,
            "estimate": _estimate(request),
            "number": len(self.calls("accepted", prompt)) + 1,
        }
        for name, picture in (("first", request.image), ("last", request.last_image)):
            if picture is not None:
                (self.root / f"{task_id}.{name}").write_bytes(from_data_uri(picture))
        (self.root / f"{task_id}.json").write_text(json.dumps(task))
        self._write_down("accepted", prompt)
        await asyncio.sleep(_number(prompt, "slow-post"))
        if "[lose]" in prompt:
            raise SubmissionUnknown("reset by peer")
        return Submitted(task_id, Credits.of(_estimate(request)))

    async def poll(self, task_id: str) -> TaskState:
        path = self.root / f"{task_id}.json"
        if not path.exists():
            return Failed(ProviderError("No such task."))
        task = json.loads(path.read_text())
        prompt = task["prompt"]
        charged = (
            None if "[silent]" in prompt else Credits.of(int(_number(prompt, "charge", task["estimate"])))
        )
        if "[throttle]" in prompt:
            return Pending(queued=True)
        age = time.time() - task["at"]
        work = _number(prompt, "work", 0.3)
        if age < work:
            return Pending(age / work)
        if "[fail]" in prompt or _number(prompt, "fail-at") == task["number"]:
            return Failed(
                ProviderError("The scripted vendor failed."),
                Credits.of(int(_number(prompt, "charge"))),
                retry_after=0.1 if "[passing]" in prompt else None,
            )
        if "[vanish]" in prompt and task["number"] == 1:
            path.unlink()
            return Done(((self.root / "nowhere.mp4").as_uri(),), charged)
        return Done((self._footage(task_id, task["frames"]).as_uri(),), charged, {"id": task_id})

    async def cancel(self, task_id: str) -> bool:
        path = self.root / f"{task_id}.json"
        if path.exists():
            self._write_down("cancel", json.loads(path.read_text())["prompt"])
            path.unlink()
        return True

    async def account(self) -> AccountState:
        return AccountState()

    def calls(self, kind: str, prompt: str | None = None) -> list[str]:
        """Prompts of the calls of that kind, in order."""
        log = self.root / "calls.log"
        lines = log.read_text().splitlines() if log.exists() else []
        found = [line.split(" ", 2)[2] for line in lines if line.split(" ", 2)[1] == kind]
        return [said for said in found if prompt in (None, said)]

    def _write_down(self, kind: str, prompt: str) -> None:
        with (self.root / "calls.log").open("a") as log:
            log.write(f"{time.time():.3f} {kind} {prompt}\n")

    def _footage(self, task_id: str, frames: int) -> Path:
        path = self.root / f"{task_id}.mp4"
        if not path.exists():
            draft = path.with_suffix(".draft")
            first, last = (self.picture(task_id, name) for name in ("first", "last"))
            with Encoder(draft, width=320, height=180) as encoder:
                for k in range(frames):
                    drawn = first if k == 0 else last if k == frames - 1 else None
                    encoder.write(to_yuv(_picture(k) if drawn is None else drawn))
            draft.rename(path)
        return path

    def picture(self, task_id: str, name: str) -> NDArray[np.uint8] | None:
        """The ``first`` or ``last`` one that a task was given, BGR, as its footage has it."""
        path = self.root / f"{task_id}.{name}"
        if not path.exists():
            return None
        given = np.asarray(Image.open(path).convert("RGB"), np.uint8)[..., ::-1]
        return np.asarray(cv2.resize(given, (320, 180), interpolation=cv2.INTER_AREA), np.uint8)

    def tasks(self) -> list[str]:
        """Ids, in the order they were accepted."""
        tasks = {path.stem: json.loads(path.read_text())["at"] for path in self.root.glob("*.json")}
        return sorted(tasks, key=lambda task_id: tasks[task_id])


def _picture(k: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Diagonal waves that travel."""
    y, x = np.mgrid[0:180, 0:320]
    wave = 127 + 90 * np.sin((x + y + 6 * k) / 18)
    return np.dstack([wave, wave * 0.6, 255 - wave]).astype(np.uint8)


def _estimate(request: VideoRequest) -> int:
    return PRICE * round(request.duration)


def _number(prompt: str, word: str, otherwise: float = 0.0) -> float:
    found = re.search(rf"\[{word}:([0-9.]+)\]", prompt)
    return float(found[1]) if found else otherwise


@asynccontextmanager
async def open_provider(settings: Settings) -> AsyncIterator[ScriptedProvider]:
    root = settings.local_tasks / "scripted"
    root.mkdir(parents=True, exist_ok=True)
    yield ScriptedProvider(
        root,
        concurrency=int(os.environ.get("SCRIPTED_CONCURRENCY", "5")),
        timeout=float(os.environ.get("SCRIPTED_TIMEOUT", "30")),
    )
