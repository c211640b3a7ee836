from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from cutscene.database import Database, clock, insert_new, open_database
from cutscene.errors import ConflictError, StorageError
from cutscene.migrations import HEAD
from cutscene.tables import metadata, tenants


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = open_database(database_url)
    yield opened
    opened.engine.dispose()


def test_the_migrations_make_the_tables(database: Database) -> None:
    with database.engine.begin() as connection:
        found = compare_metadata(MigrationContext.configure(connection), metadata)
        assert [change for change in found if "dbos" not in str(change)] == []


def test_opening_again_changes_nothing(database: Database, database_url: str) -> None:
    with database.engine.begin() as connection:
        insert_new(connection, tenants, id="acme", max_active=1)
    again = open_database(database_url)
    with again.engine.begin() as connection:
        assert connection.execute(sa.select(tenants.c.id)).scalars().all() == ["acme"]
    again.engine.dispose()


def test_a_newer_database_is_left_alone(database: Database, database_url: str) -> None:
    with database.engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConflictError, match=f"newer Cutscene .*9999, this one knows {HEAD}.*upgrade"):
        open_database(database_url)
    with database.engine.begin() as connection:
        assert connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar() == "9999"


def test_insert_new_says_whether_it_did(database: Database) -> None:
    with database.engine.begin() as connection:
        assert insert_new(connection, tenants, id="acme", max_active=1)
        assert not insert_new(connection, tenants, id="acme", max_active=9)
        assert connection.execute(sa.select(tenants.c.max_active)).scalar() == 1


@pytest.mark.anyio
@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
async def test_who_slept_too_long_in_a_transaction_does_it_again(database: Database) -> None:
    """The server has ended it by then, so that its locks are free."""
    tries = []

    def sleepy(connection: sa.Connection) -> int:
        tries.append(connection)
        connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = '50ms'")
        if len(tries) == 1:
            time.sleep(0.5)
        return int(connection.execute(sa.text("SELECT 7")).scalar_one())

    assert await database.write(sleepy) == 7
    assert len(tries) == 2


@pytest.mark.anyio
async def test_what_must_not_be_late_waits_for_no_thread(database: Database) -> None:
    free = threading.Event()
    held = [asyncio.create_task(database.read(lambda _: free.wait(20))) for _ in range(20)]
    await asyncio.sleep(0.1)
    async with asyncio.timeout(5):
        assert await database.write_first(lambda _: "now") == "now"
    free.set()
    await asyncio.gather(*held)


def test_the_clock_is_the_time(database: Database) -> None:
    with database.engine.begin() as connection:
        assert connection.execute(sa.select(clock())).scalar() == pytest.approx(time.time(), abs=5)


def test_sqlite_forgets_nothing_when_power_fails(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path}/x.db")
    with database.engine.begin() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
    database.engine.dispose()


@pytest.mark.parametrize("content", [b"this is not a database, whatever its name says" * 30])
def test_a_file_that_is_no_database(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.db").write_bytes(content)
    with pytest.raises(StorageError, match="cannot be used: file is not a database"):
        open_database(f"sqlite:///{tmp_path}/x.db")
    assert (tmp_path / "x.db").read_bytes() == content


def test_an_unreachable_server_names_no_password() -> None:
    with pytest.raises(StorageError, match="cannot be used") as refused:
        open_database("postgresql://me:hush@127.0.0.1:1/x")
    assert "hush" not in str(refused.value)
