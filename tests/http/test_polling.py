"""Looks at a vendor over real HTTP: what one run has learned, the next one knows."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from cutscene.database import open_database
from cutscene.domain import VideoRequest
from cutscene.emulator import Behaviour
from cutscene.poller import Poller
from cutscene.providers import Done
from cutscene.providers.runway import open_provider
from cutscene.settings import Settings
from emulated import Emulated, runway_settings

pytestmark = pytest.mark.anyio

INTERVAL = 0.7
TAKES = 0.85
"""Seconds of a generation: not long after a look."""
PROMPT = "a harbour [size:480x270]"
AT_ONCE = 8


class Quick(Poller):
    CANCEL_EVERY = 0.1


@pytest.fixture
def vendor(footage_folder: Path) -> Iterator[Emulated]:
    with Emulated(Behaviour(seconds=TAKES, concurrency=AT_ONCE, footage=footage_folder)) as emulated:
        yield emulated


async def run(settings: Settings, *, adaptive: bool) -> list[float]:
    """Seconds until the end of each generation was seen, fewest first; the database has what was learned."""
    loop, database = asyncio.get_running_loop(), open_database(settings.database)

    async def generate() -> float:
        submitted = await provider.submit(VideoRequest(prompt=PROMPT, duration=2.0))
        accepted = loop.time()
        state = await poller.outcome("j", provider, submitted.task_id, age=0, kind="gen4.5 2 s from words")
        assert isinstance(state, Done)
        return loop.time() - accepted

    async with open_provider(settings) as provider, Quick(database, adaptive=adaptive) as poller:
        await asyncio.sleep(0.1)
        took = await asyncio.gather(*(generate() for _ in range(AT_ONCE)))
        await asyncio.sleep(3 * poller.CANCEL_EVERY)  # until it is written
    await database.close()
    return sorted(took)


async def test_a_taught_run_sees_the_end_sooner_than_a_fixed_one_with_no_more_looks(
    vendor: Emulated, tmp_path: Path
) -> None:
    settings = runway_settings(vendor, tmp_path / "home", runway_poll_interval_ms=round(1000 * INTERVAL))
    async with open_provider(settings) as provider:  # the clip is rendered once, for all
        await provider.submit(VideoRequest(prompt=PROMPT, duration=2.0))
        while not vendor.tasks()[0]["ended_at"]:
            await asyncio.sleep(0.05)
    fixed = await run(settings, adaptive=False)
    await run(settings, adaptive=True)
    taught = await run(settings, adaptive=True)
    assert fixed[AT_ONCE // 2] > TAKES + 0.3  # at the second look
    assert taught[AT_ONCE // 2] < fixed[AT_ONCE // 2] - 0.2
    looks = [task["looks"] for task in sorted(vendor.tasks(), key=lambda task: task["created_at"])][1:]
    assert sum(looks[2 * AT_ONCE :]) <= sum(looks[:AT_ONCE]) + 2
