"""How long a store that is away is waited for."""

from __future__ import annotations

import asyncio
import time

import pytest

from cutscene.storage.patience import AwayError, Patience

pytestmark = pytest.mark.anyio


async def test_it_counts_from_the_first_failure_on() -> None:
    patience = Patience(0.7)
    await asyncio.sleep(0.8)  # something that went well for long
    began = time.monotonic()
    waits = [await waited(patience) for _ in range(8)]
    assert waits[0]
    assert not waits[-1]
    assert time.monotonic() - began < 5


async def waited(patience: Patience) -> bool:
    try:
        await patience.wait(AwayError("away"))
    except AwayError:
        return False
    return True


async def test_a_store_that_asks_for_time_gets_it() -> None:
    busy = AwayError("busy")
    busy.retry_after = 0.4
    began = time.monotonic()
    await Patience(5).wait(busy)
    assert time.monotonic() - began >= 0.39
    with pytest.raises(AwayError, match="busy"):
        await Patience(0.3).wait(busy)  # too long to be waited for
    with pytest.raises(AwayError):
        await Patience(0).wait(AwayError("away"))
