"""An emulator in a thread of its own, so that tests may block, and settings that point at it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from cutscene.emulator import Behaviour, Emulator
from cutscene.settings import Settings

T = TypeVar("T")

__all__ = [
    "Emulated",
    "overlap",
    "runway_environment",
    "runway_settings",
    "videos_environment",
    "videos_settings",
]


class Emulated:
    """``with Emulated(Behaviour(...)) as vendor``."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="emulator")

    def __enter__(self) -> Self:
        self._thread.start()
        self._emulator = Emulator(self._behaviour)
        self._run(self._emulator.__aenter__())
        self.url, self.key = self._emulator.url, self._emulator.key
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run(self._emulator.__aexit__(kind, error, trace))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def state(self) -> dict[str, Any]:
        return self._call(self._emulator.state)

    def tasks(self, prompt: str = "") -> list[dict[str, Any]]:
        """Of the prompts that begin so."""
        return [task for task in self.state()["tasks"] if task["prompt"].startswith(prompt)]

    def hang_up(self) -> None:
        self._run(self._emulator.hang_up())

    def listen(self) -> None:
        self._run(self._emulator.listen())

    def _call(self, work: Callable[[], T]) -> T:
        async def call() -> T:
            return work()

        return self._run(call())

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)


def overlap(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two tasks were at work at the same time."""
    return bool(one["created_at"] < other["ended_at"] and other["created_at"] < one["ended_at"])


def runway_settings(vendor: Emulated, home: Path, *, flavor: str = "tasks", **changed: Any) -> Settings:
    """Quick looks, and a deadline that no test reaches by chance."""
    return Settings(
        **{
            "home": home,
            "provider": "runway",
            "runway_api_key": vendor.key,
            "runway_api_base_url": vendor.url,
            "runway_api_flavor": flavor,
            "runway_poll_interval_ms": 100,
            "runway_timeout_ms": 30_000,
            **changed,
        }
    )


def runway_environment(settings: Settings) -> dict[str, str]:
    """The same for processes of their own."""
    assert settings.runway_api_key is not None
    return {
        "RUNWAY_API_KEY": settings.runway_api_key.get_secret_value(),
        "RUNWAY_API_BASE_URL": settings.runway_api_base_url,
        "RUNWAY_API_FLAVOR": settings.runway_api_flavor,
        "RUNWAY_POLL_INTERVAL_MS": str(settings.runway_poll_interval_ms),
        "RUNWAY_TIMEOUT_MS": str(settings.runway_timeout_ms),
        "RUNWAY_ACCOUNT_CONCURRENCY": str(settings.runway_account_concurrency or ""),
    }


def videos_settings(vendor: Emulated, home: Path, **changed: Any) -> Settings:
    """Of a server of one's own, with small pictures."""
    return Settings(
        **{
            "home": home,
            "provider": "openai-videos",
            "openai_videos_base_url": vendor.url,
            "openai_videos_api_key": vendor.key,
            "openai_videos_model": ("engine-1",),
            "openai_videos_usd_per_second": 0,
            "openai_videos_sizes": ((320, 192), (192, 320), (192, 192)),
            "openai_videos_poll_interval_ms": 100,
            "openai_videos_timeout_ms": 30_000,
            **changed,
        }
    )


def videos_environment(settings: Settings) -> dict[str, str]:
    """The same for processes of their own."""
    assert settings.openai_videos_api_key is not None
    return {
        "OPENAI_VIDEOS_API_KEY": settings.openai_videos_api_key.get_secret_value(),
        "OPENAI_VIDEOS_BASE_URL": settings.openai_videos_base_url,
        "OPENAI_VIDEOS_MODEL": ",".join(settings.openai_videos_model),
        "OPENAI_VIDEOS_USD_PER_SECOND": str(settings.openai_videos_usd_per_second),
        "OPENAI_VIDEOS_SIZES": ",".join(
            f"{width}x{height}" for width, height in settings.openai_videos_sizes
        ),
        "OPENAI_VIDEOS_POLL_INTERVAL_MS": str(settings.openai_videos_poll_interval_ms),
        "OPENAI_VIDEOS_TIMEOUT_MS": str(settings.openai_videos_timeout_ms),
    }
