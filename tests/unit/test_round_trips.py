"""How often the database is asked: what thousands do must not grow by a statement for each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from cutscene.database import Database
from cutscene.domain import VideoRequest
from cutscene.settings import Settings
from cutscene.studio import Studio, open_studio

pytestmark = pytest.mark.anyio


@pytest.fixture
async def studio(tmp_path: Path, database_url: str) -> AsyncIterator[Studio]:
    settings = Settings(home=tmp_path / "home", database_url=database_url, provider="local")
    async with open_studio(settings, work="no") as opened:
        yield opened


@contextmanager
def asked(database: Database) -> Iterator[Callable[[], tuple[int, int]]]:
    """Statements and transactions so far, all that the block does."""
    counts = [0, 0]

    def statement(*_: object) -> None:
        counts[0] += 1

    def transaction(*_: object) -> None:
        counts[1] += 1

    sa.event.listen(database.engine, "before_cursor_execute", statement)
    sa.event.listen(database.engine, "commit", transaction)
    yield lambda: (counts[0] - (counts[1] if database.is_sqlite else 0), counts[1])  # without BEGIN
    sa.event.remove(database.engine, "before_cursor_execute", statement)
    sa.event.remove(database.engine, "commit", transaction)


async def test_submits_and_pages_take_few_statements(studio: Studio) -> None:
    database = studio._database
    await studio.submit("acme", VideoRequest(prompt="the tenant is known from here on"))
    with asked(database) as so_far:
        await studio.submit("acme", VideoRequest(prompt="alone"))
        assert so_far() == (7, 1)
    with asked(database) as so_far:
        keys = [f"key {n}" for n in range(20)]
        together = await asyncio.gather(
            *(studio.submit("acme", VideoRequest(prompt="x"), idempotency_key=key) for key in keys)
        )
        statements, transactions = so_far()
        assert statements <= 24
        assert transactions <= 6
    assert len({job.id for job in together}) == 20
    with asked(database) as so_far:
        assert len(await studio.list("acme")) == 22
        assert so_far() == (3, 2)
