"""Looks when they are due, few at once."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from cutscene.lookers import Lookers

pytestmark = pytest.mark.anyio


class Quick(Lookers[str]):
    TICK = 0.005
    BEHIND = 0.15


async def stop(running: asyncio.Task[None]) -> None:
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


async def test_each_is_looked_at_in_the_order_in_which_it_is_due() -> None:
    looked: list[tuple[str, float]] = []
    loop = asyncio.get_running_loop()

    async def look(name: str) -> None:
        looked.append((name, loop.time()))

    lookers, now = Quick(look), loop.time()
    running = asyncio.create_task(lookers.run())
    for name, wait in {"third": 0.12, "first": 0.0, "second": 0.06}.items():
        lookers.at(now + wait, "here", name)
    await asyncio.sleep(0.3)
    await stop(running)
    assert [name for name, _ in looked] == ["first", "second", "third"]
    assert all(when - now >= wait for (_, when), wait in zip(looked, (0.0, 0.06, 0.12), strict=True))


async def test_few_look_at_once_and_more_where_they_fall_behind() -> None:
    most, at_once = 0, 0

    async def look(_name: str) -> None:
        nonlocal most, at_once
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0.05)
        at_once -= 1

    lookers, now = Quick(look), asyncio.get_running_loop().time()
    for number in range(Quick.FEW * 2):
        lookers.at(now, "here", str(number))
    running = asyncio.create_task(lookers.run())
    await asyncio.sleep(0.12)
    assert most == Quick.FEW
    for number in range(Quick.FEW * 30):
        lookers.at(now, "here", str(number))
    await asyncio.sleep(0.5)
    assert Quick.FEW < most <= Quick.MANY
    await stop(running)


async def test_a_place_that_hangs_holds_up_no_other() -> None:
    answered = asyncio.Event()

    async def look(name: str) -> None:
        if name == "hangs":
            await asyncio.sleep(60)
        answered.set()

    lookers, now = Quick(look), asyncio.get_running_loop().time()
    running = asyncio.create_task(lookers.run())
    for _ in range(200):
        lookers.at(now, "there", "hangs")
    lookers.at(now, "here", "answers")
    await asyncio.wait_for(answered.wait(), 2)
    await stop(running)
