"""Rendered clips in a folder, by what is in them: equal ones are rendered once."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import secrets
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from cutscene.providers.local.renderer import Shot, render

__all__ = ["Footage"]

_log = logging.getLogger(__name__)

_AT_ONCE: Final = min(2, max(1, (os.cpu_count() or 2) // 2))
"""One clip keeps about two cores busy."""


class Footage:
    """``folder`` is shared with others if need be; without one, it has its own until `close`."""

    def __init__(self, folder: Path | None) -> None:
        self._own: tempfile.TemporaryDirectory[str] | None = None
        if folder is None:
            self._own = tempfile.TemporaryDirectory(prefix="footage-")
            folder = Path(self._own.name)
        self._folder = folder
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="footage")
        self._running: dict[str, asyncio.Future[Path | None]] = {}
        self._stop = threading.Event()

    def begin(self, shot: Shot) -> asyncio.Future[Path | None]:
        """The clip, when it is rendered; None when that went wrong. Many may wait for the same one."""
        name = _name(shot)
        if name not in self._running:
            rendering = asyncio.get_running_loop().run_in_executor(self._threads, self._clip, name, shot)
            rendering.add_done_callback(lambda _: self._running.pop(name, None))
            self._running[name] = rendering
        return self._running[name]

    async def close(self) -> None:
        self._stop.set()
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)
        if self._own is not None:
            await asyncio.to_thread(self._own.cleanup)

    def _clip(self, name: str, shot: Shot) -> Path | None:
        path = self._folder / name
        try:
            if path.exists():
                return path
            self._folder.mkdir(parents=True, exist_ok=True)
            # Under a name of its own: another process may be rendering the same clip.
            aside = self._folder / f"{secrets.token_hex(8)}-{name}"
            return aside.replace(path) if render(shot, aside, stopped=self._stop.is_set) else None
        except Exception:  # noqa: BLE001 -- whatever broke, the task must end
            _log.exception("The clip %s could not be rendered.", name)
            return None


def _name(shot: Shot) -> str:
    picture = hashlib.sha256(shot.image).hexdigest() if shot.image is not None else ""
    facts = (shot.prompt, picture, shot.width, shot.height, shot.frames, shot.seed, shot.loop)
    return f"{hashlib.sha256(repr(facts).encode()).hexdigest()[:32]}.mp4"
