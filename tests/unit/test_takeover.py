"""Who judges whom: only a worker that counts as alive itself."""

from __future__ import annotations

from typing import Any

import pytest

from cutscene.database import Database
from cutscene.executors import RollCall
from cutscene.takeover import Takeover

pytestmark = pytest.mark.anyio


async def test_who_counts_as_dead_itself_takes_nothing_over() -> None:
    """Its heartbeats were as late as those of the others."""
    taken: list[Any] = []
    database: Database = object()  # type: ignore[assignment]  # nothing is to be asked of it
    takeover = Takeover(database, "me", lambda *run: taken.append(run))
    await takeover.sweep(RollCall(living={}, dead={"me": 3, "peer": 3}))
    assert taken == []
