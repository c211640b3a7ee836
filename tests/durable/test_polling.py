"""What a job's generation took is known to later ones of its kind."""

from __future__ import annotations

import asyncio

import pytest
import sqlalchemy as sa

import cutscene
from cutscene.database import open_database
from cutscene.domain import VideoRequest
from cutscene.settings import Settings
from cutscene.specs import Specs
from cutscene.tables import endings

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("polling", "kinds"), [("adaptive", ["script-1 2 s from words"]), ("fixed", [])])
async def test_the_end_of_a_generation_is_kept_by_model_length_and_source(
    settings: Settings, polling: str, kinds: list[str]
) -> None:
    chosen = Settings(**{**dict(settings), "polling": polling})
    async with cutscene.open(chosen) as studio:
        request = VideoRequest(prompt="a harbour", duration=2.0, specs=Specs(width=480, height=270))
        job = await studio.submit("acme", request)
        await studio.wait("acme", job.id, timeout=60)
        await asyncio.sleep(1.2)  # it is written twice a second
    database = open_database(chosen.database)
    with database.engine.begin() as connection:
        assert connection.execute(sa.select(endings.c.kind)).scalars().all() == kinds
        for row in connection.execute(sa.select(endings)):
            assert 0 < row.after_ms < row.by_ms < 5000
            assert row.provider == "scripted"
    database.engine.dispose()
