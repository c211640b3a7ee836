"""The local renderer behind the provider contract.

A task is a folder, so that it outlives the process: whoever polls a task that nobody
renders, renders it again, to the same bytes.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
import shutil
import threading
import time
from collections.abc import AsyncIterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import structlog

from cutscene.domain import MAX_DURATION, MAX_SEED, MIN_DURATION, Aspect, Credits, VideoRequest
from cutscene.errors import CutsceneError, InputValidationError, ProviderError, StorageError
from cutscene.media import picture
from cutscene.providers import (
    AccountState,
    Capabilities,
    Done,
    Failed,
    Model,
    NotSubmitted,
    Pending,
    Submitted,
    TaskState,
)
from cutscene.providers.choice import choose_model
from cutscene.providers.local.renderer import Moves, Shot, render
from cutscene.settings import Settings

__all__ = ["LocalProvider", "open_provider"]

_log = structlog.get_logger()

_EXPIRES: Final = 24 * 3600.0
"""Seconds that a task's folder is kept."""
_TASK_ID: Final = re.compile(r"local-[0-9a-f]{16}")
_AT_ONCE: Final = max(1, (os.cpu_count() or 2) // 2)
"""One clip keeps about two cores busy."""

_MODEL: Final = Model(
    id="scenery-1",
    text=True,
    image=True,
    loop=True,
    motion=True,
    durations=(MIN_DURATION, MAX_DURATION),
    any_duration=True,
    sizes={aspect: aspect.size for aspect in Aspect},
    credits_per_second=Credits(),
)


@dataclass(slots=True)
class _Rendering:
    """A task that a thread of this process is at work on, or will be."""

    stop: threading.Event = field(default_factory=threading.Event)
    progress: float | None = None
    """None until its turn has come."""
    future: Future[None] | None = None

    def advance(self, progress: float) -> None:
        self.progress = progress


class LocalProvider:
    """Renders in threads; tasks stand in folders below ``root``. Made by `open_provider`."""

    id = "local"

    def __init__(self, root: Path) -> None:
        self._root = root
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="render")
        self._renderings: dict[str, _Rendering] = {}
        self._capabilities = Capabilities(
            models=(_MODEL,),
            usd_per_credit="0",
            concurrency=_AT_ONCE,
            poll_interval=0.2,
            timeout=900.0,
            file_root=root,
        )

    def capabilities(self) -> Capabilities:
        return self._capabilities

    def check(self, request: VideoRequest) -> Model:
        return choose_model(self._capabilities, request, self.id)

    def estimate(self, request: VideoRequest) -> Credits:
        self.check(request)
        return Credits()

    async def prepare(self, request: VideoRequest) -> VideoRequest:
        return request

    async def submit(self, request: VideoRequest) -> Submitted:
        task_id = f"local-{secrets.token_hex(8)}"
        try:
            self.check(request)
            await asyncio.to_thread(self._write_task, task_id, request)
        except CutsceneError as error:
            raise NotSubmitted(error) from error
        except OSError as error:
            full = StorageError(f"The folder {self._root} cannot be written: {error.strerror}.")
            raise NotSubmitted(full) from error
        self._start(task_id)
        return Submitted(task_id, Credits())

    async def poll(self, task_id: str) -> TaskState:
        folder = self._folder(task_id)
        if not (folder / "task.json").exists():
            return Failed(ProviderError("The local provider has no such task any more."), Credits())
        if (folder / "failure.txt").exists():
            return Failed(ProviderError((folder / "failure.txt").read_text()), Credits())
        if (folder / "clip.mp4").exists():
            return Done(((folder / "clip.mp4").as_uri(),), Credits(), json.loads(_read(folder / "task.json")))
        rendering = self._renderings.get(task_id) or self._start(task_id)
        return Pending(rendering.progress, queued=rendering.progress is None)

    async def cancel(self, task_id: str) -> bool:
        folder = self._folder(task_id)
        if folder.exists() and not (folder / "clip.mp4").exists():
            (folder / "failure.txt").write_text("The task was cancelled.")
        if rendering := self._renderings.get(task_id):
            rendering.stop.set()
        return True

    async def account(self) -> AccountState:
        return AccountState()

    async def close(self) -> None:
        """Stop every rendering; it starts over when its task is polled again."""
        for rendering in self._renderings.values():
            rendering.stop.set()
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)

    def expire(self) -> None:
        """Remove the folders of old tasks. Blocking."""
        for folder in (*self._root.glob("local-*"), *self._root.glob("draft-*")):
            with suppress(FileNotFoundError):  # another process expires it too
                if time.time() - folder.stat().st_mtime > _EXPIRES:
                    shutil.rmtree(folder, ignore_errors=True)

    def _write_task(self, task_id: str, request: VideoRequest) -> None:
        """All of it or nothing: written aside, then renamed."""
        draft = self._root / f"draft-{task_id}"
        draft.mkdir(parents=True)
        if request.image is not None:
            (draft / "picture").write_bytes(picture.from_data_uri(request.image))
        seed = request.seed or secrets.randbelow(MAX_SEED) + 1
        task = {**request.to_json(), "image": None, "seed": seed}
        (draft / "task.json").write_text(json.dumps(task))
        draft.rename(self._folder(task_id))

    def _folder(self, task_id: str) -> Path:
        if not _TASK_ID.fullmatch(task_id):
            raise InputValidationError(f"{task_id[:80]!r} is not a task of the local provider.")
        return self._root / task_id

    def _start(self, task_id: str) -> _Rendering:
        rendering = self._renderings[task_id] = _Rendering()
        rendering.future = self._threads.submit(self._render, task_id, rendering)
        return rendering

    def _render(self, task_id: str, rendering: _Rendering) -> None:
        folder = self._folder(task_id)
        try:
            rendering.advance(0.0)
            render(
                _shot(folder),
                folder / "clip.mp4",
                on_progress=rendering.advance,
                stopped=rendering.stop.is_set,
            )
        except Exception as error:  # noqa: BLE001 -- whatever broke, the task must end
            _log.exception("render_failed", task=task_id)
            (folder / "failure.txt").write_text(f"The local renderer failed: {type(error).__name__}.")
        finally:
            self._renderings.pop(task_id, None)


def _shot(folder: Path) -> Shot:
    task: dict[str, Any] = json.loads(_read(folder / "task.json"))
    request = VideoRequest.from_json(task)
    width, height = _MODEL.sizes[request.aspect]
    still = folder / "picture"
    assert request.seed is not None
    return Shot(
        prompt=request.prompt,
        image=still.read_bytes() if still.exists() else None,
        width=width,
        height=height,
        frames=request.frames,
        seed=request.seed,
        loop=request.loop,
        moves=None if request.motion is None else Moves(**asdict(request.motion)),
    )


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@asynccontextmanager
async def open_provider(settings: Settings) -> AsyncIterator[LocalProvider]:
    """The entry point ``local``."""
    provider = LocalProvider(settings.local_tasks)
    await asyncio.to_thread(provider.expire)
    try:
        yield provider
    finally:
        await provider.close()
