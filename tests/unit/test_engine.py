"""The engine's own loops."""

from __future__ import annotations

import asyncio

import pytest

from cutscene.engine import woken

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("turns", range(5))
async def test_a_stop_that_comes_with_a_freed_slot_ends_the_gate(turns: int) -> None:
    awake = asyncio.Event()

    async def gate() -> None:
        while True:
            awake.clear()
            await woken(awake, 60)

    watching = asyncio.create_task(gate())
    await asyncio.sleep(0.01)
    awake.set()
    for _ in range(turns):
        await asyncio.sleep(0)
    watching.cancel()
    await asyncio.wait([watching], timeout=5)
    assert watching.cancelled()


async def test_it_is_woken_or_goes_on_after_a_while() -> None:
    awake = asyncio.Event()
    await woken(awake, 0.01)
    awake.set()
    async with asyncio.timeout(10):
        await woken(awake, 60)
