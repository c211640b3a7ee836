from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from cutscene import budgets, jobs, limits, segments, transitions
from cutscene.database import Database, clock, insert_new, open_database
from cutscene.domain import VideoRequest
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


def test_a_database_of_the_first_schema_is_brought_up_to_date(database_url: str) -> None:
    """With a job in it that was failed and paid for; an old request knows nothing of newer fields."""
    first = open_database(database_url)
    with first.engine.begin() as connection:
        _downgrade_to_first(connection)
        for statement in (
            "INSERT INTO tenants (id, max_active) VALUES ('a', 1)",
            """INSERT INTO jobs
            (id, tenant, run, request, provider, model, priority, state, stage, created_at) VALUES
            ('j', 'a', 'r', '{"prompt": "x", "aspect": "9:16"}', 'p', 'm', 0, 'failed', 'queued', 1)""",
            """INSERT INTO segments (id, job_id, position, attempt, state, task_id)
            VALUES ('j-0-1', 'j', 0, 1, 'succeeded', 't')""",
            "INSERT INTO provider_limits (provider, paused_until, reason) VALUES ('p', 1e12, 'busy')",
        ):
            connection.exec_driver_sql(statement)
    first.engine.dispose()

    opened = open_database(database_url)
    with opened.engine.begin() as connection:
        transitions.retry(connection, "a", "j")
        job = jobs.read(connection, "j")
        assert (job.state, job.is_accepted, job.not_before) == ("queued", True, 0.0)
        assert VideoRequest.from_json(job.request).aspect == "9:16"
        assert segments.current(connection, "j").refusals == 0
        assert job.skill is None
        standing = budgets.standing(connection, "a")
        assert (standing.credits.limit, standing.usd.limit, standing.max_queued) == (None, None, None)
        assert standing.waiting == 1
        [pause] = limits.pauses(connection)
        assert not pause.refuses_jobs
    opened.engine.dispose()


def _downgrade_to_first(connection: sa.Connection) -> None:
    """What the later versions added is dropped again."""
    for table, columns in {
        "jobs": ("not_before", "is_accepted", "plan", "skill", "may_fall_back_to", "fallback"),
        "segments": ("refusals", "refused_for", "is_retry"),
        "provider_limits": ("code", "refuses_jobs"),
        "tenants": ("max_queued", "monthly_milli_credits", "monthly_micro_usd"),
    }.items():
        for column in columns:
            connection.execute(sa.text(f"ALTER TABLE {table} DROP COLUMN {column}"))
    for table in ("budget_warnings", "endings"):
        connection.execute(sa.text(f"DROP TABLE {table}"))
    connection.execute(sa.text("UPDATE alembic_version SET version_num = '0001'"))
