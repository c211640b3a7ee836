"""The clients that `waiting.py` compares, each in a process of its own: ``waiters.py --side NAME``.

A side imports what it uses, and nothing else, so that its memory is its own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sides import Meter, peak_mib, serve_side

if TYPE_CHECKING:
    from cutscene.poller import Poller
    from cutscene.settings import Settings
    from recorded import Recorded

__all__ = ["POLL"]

POLL: Final = 1.0
"""Seconds."""
_CONNECTIONS: Final = 8
_WATCH: Final = 0.05
_FEW: Final = 24
_KIND: Final = "gen4.5 2 s from words"
"""As the pipeline calls them."""

Options = Mapping[str, Any]
Figures = Mapping[str, Any]


class Watch:
    """What a client saw, and what it took to see it."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._created = 0
        self._creating = 0.0
        self._meter = Meter()
        self.polls = 0
        self.seen: dict[str, float] = {}

    def created(self) -> None:
        self._created += 1
        if self._created == self._count:
            self._creating = self._meter.cpu

    def done(self, task_id: str) -> None:
        self.seen[task_id] = time.time()

    def figures(self) -> dict[str, Any]:
        return {
            "cpu": self._meter.cpu,
            "creating": self._creating,
            "peak": peak_mib(),
            "polls": self.polls,
            "seen": self.seen,
            "looked": self.seen,
        }


async def bare(options: Options) -> Figures:
    """The least that waits: one session, few connections, a loop for each task."""
    import aiohttp  # noqa: PLC0415

    watch = Watch(options["count"])
    headers = {"Authorization": f"Bearer {options['key']}", "X-Runway-Version": "2024-11-06"}
    async with aiohttp.ClientSession(
        options["url"], headers=headers, connector=aiohttp.TCPConnector(limit=_CONNECTIONS)
    ) as session:

        async def generate(prompt: str) -> None:
            body = {"model": "gen4.5", "promptText": prompt, "ratio": "1280:720", "duration": 2}
            async with session.post("/v1/text_to_video", json=body) as answer:
                task_id = (await answer.json())["id"]
            watch.created()
            status = ""
            while status != "SUCCEEDED":
                await asyncio.sleep(POLL)
                async with session.get(f"/v1/tasks/{task_id}") as answer:
                    status = (await answer.json())["status"]
                watch.polls += 1
            watch.done(task_id)

        await asyncio.gather(*map(generate, _prompts(options)))
    return watch.figures()


async def sdk(options: Options) -> Figures:
    """Runway's own client; it has no setting for its pace, but a constant."""
    import httpx  # noqa: PLC0415
    from runwayml import AsyncRunwayML  # noqa: PLC0415
    from runwayml.lib import polling  # noqa: PLC0415

    if options["every"] is not None:
        polling.POLL_TIME, polling.POLL_JITTER = options["every"], 0
    watch = Watch(options["count"])

    async def count(request: httpx.Request) -> None:
        watch.polls += request.method == "GET"

    async with AsyncRunwayML(api_key=options["key"], base_url=options["url"], max_retries=0) as client:
        client._client.event_hooks = {"request": [count], "response": []}  # noqa: SLF001 -- counts alone

        async def generate(prompt: str) -> None:
            task = await client.text_to_video.create(
                model="gen4.5", prompt_text=prompt, ratio="1280:720", duration=2
            )
            watch.created()
            await task.wait_for_task_output()
            watch.done(task.id)

        await asyncio.gather(*map(generate, _prompts(options)))
    return watch.figures()


async def poller(options: Options) -> Figures:
    """Our provider and the shared poller, with its database, of which nobody asks for durability."""
    from recorded import RECORD  # noqa: PLC0415

    async with _open_poller(_settings(options), adaptive=options["adaptive"]) as (provider, shared):
        if options["adaptive"]:
            await _teach(provider, shared, options)
        watch, looks = Watch(options["count"]), RECORD.looks
        await _generate(provider, shared, _prompts(options), watch)
        watch.polls = RECORD.looks - looks
        return watch.figures()


@asynccontextmanager
async def _open_poller(settings: Settings, *, adaptive: bool) -> AsyncIterator[tuple[Recorded, Poller]]:
    from cutscene.database import open_database  # noqa: PLC0415
    from cutscene.poller import Poller  # noqa: PLC0415
    from recorded import open_recorded  # noqa: PLC0415

    database = open_database(settings.database)
    try:
        async with open_recorded(settings) as provider, Poller(database, adaptive=adaptive) as shared:
            yield provider, shared
    finally:
        await database.close()


async def _teach(provider: Recorded, shared: Poller, options: Options) -> None:
    """A few generations like those to come: how long these take is known wherever there were any before."""
    few = _prompts({**options, "tag": ""})[:_FEW]
    await _generate(provider, shared, few, Watch(len(few)))
    await asyncio.sleep(2 * shared.CANCEL_EVERY)  # that is how often it writes them down


async def _generate(provider: Recorded, shared: Poller, prompts: Sequence[str], watch: Watch) -> None:
    from cutscene.domain import VideoRequest  # noqa: PLC0415
    from cutscene.providers import Done  # noqa: PLC0415

    async def generate(prompt: str) -> None:
        submitted = await provider.submit(VideoRequest(prompt=prompt, duration=2.0))
        watch.created()
        task = submitted.task_id
        outcome = await shared.outcome(task, provider, task, age=0.0, kind=_KIND)
        assert isinstance(outcome, Done), outcome
        watch.done(task)

    await asyncio.gather(*map(generate, prompts))


async def whole(options: Options) -> Figures:
    """Studio and worker in one process; seen is what is settled in the database."""
    from cutscene.domain import VideoRequest  # noqa: PLC0415
    from cutscene.specs import Specs  # noqa: PLC0415
    from cutscene.studio import open_studio  # noqa: PLC0415
    from recorded import RECORD  # noqa: PLC0415

    settings = _settings(options)
    async with _open_poller(settings, adaptive=True) as (provider, shared):
        await _teach(provider, shared, options)
    RECORD.ended.clear()
    async with open_studio(settings, work="yes") as studio:
        watch, looks = Watch(options["count"]), RECORD.looks

        async def submit(number: int, prompt: str) -> None:
            request = VideoRequest(prompt=prompt, duration=2.0, specs=Specs(width=480, height=270))
            await studio.submit(f"tenant-{number}", request)
            watch.created()

        await asyncio.gather(*(submit(*numbered) for numbered in enumerate(_prompts(options))))
        watch.seen = await _ends(settings.database, options["count"])
        watch.polls = RECORD.looks - looks
        return {**watch.figures(), "looked": RECORD.ended}


async def _ends(database: str, count: int) -> dict[str, float]:
    """When each task's end was first found in the database, which is looked at every `_WATCH` seconds."""
    import sqlalchemy as sa  # noqa: PLC0415

    from cutscene.tables import segments  # noqa: PLC0415

    engine = sa.create_engine(database.replace("postgresql://", "postgresql+psycopg://"))
    query = sa.select(segments.c.task_id).where(segments.c.state.in_(("succeeded", "failed")))

    def read() -> list[str]:
        with engine.connect() as connection:
            return list(connection.execute(query).scalars())

    found: dict[str, float] = {}
    while len(found) < count:
        for task_id in await asyncio.to_thread(read):
            found.setdefault(task_id, time.time())
        await asyncio.sleep(_WATCH)
    engine.dispose()
    return found


def _settings(options: Options) -> Settings:
    from cutscene.settings import Settings  # noqa: PLC0415

    return Settings(
        home=Path(options["home"]),
        database_url=options.get("database", ""),
        provider="recorded",
        runway_api_key=options["key"],
        runway_api_base_url=options["url"],
        runway_api_flavor="tasks",
        runway_account_concurrency=options["count"],
        runway_poll_interval_ms=round(1000 * POLL),
    )


def _prompts(options: Options) -> list[str]:
    tag = options.get("tag", "")
    return [f"{prompt}{tag}" for prompt in options["prompts"]]


SIDES: Final = {"bare": bare, "sdk": sdk, "poller": poller, "whole": whole}

if __name__ == "__main__":
    serve_side(SIDES)
