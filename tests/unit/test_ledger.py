from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from cutscene import ledger
from cutscene.database import open_database
from cutscene.domain import Credits
from cutscene.ledger import Account, Basis, Grouping
from cutscene.tables import ledger as table
from cutscene.tables import metadata

ACCOUNT = Account(tenant="acme", job_id="j", provider="p", model="m", usd_per_credit="0.01")


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    database = open_database(database_url)
    with database.engine.begin() as opened:
        yield opened
    database.engine.dispose()


def test_hold_settle_release(connection: Connection) -> None:
    ledger.hold(connection, "s", Credits.of(20), ACCOUNT)
    assert ledger.open_amount(connection, "s") == Credits.of(20)
    assert ledger.spent(connection, "j") is None
    ledger.close(connection, "s", Credits.of("12.5"), Basis.REPORTED)
    ledger.close(connection, "s", Credits.of(99), Basis.ASSUMED)  # once is once
    assert ledger.open_amount(connection, "s") == Credits()
    assert ledger.spent(connection, "j") == Credits.of("12.5")
    rows = connection.execute(sa.select(table.c.kind, table.c.milli_credits, table.c.basis)).all()
    assert [tuple(row) for row in rows] == [
        ("hold", 20000, "estimate"),
        ("settle", 12500, "reported"),
        ("release", 7500, "reported"),
    ]


def test_a_second_hold_changes_nothing(connection: Connection) -> None:
    ledger.hold(connection, "s", Credits.of(20), ACCOUNT)
    ledger.hold(connection, "s", Credits.of(1), ACCOUNT)
    assert ledger.open_amount(connection, "s") == Credits.of(20)


def test_usage_by_everything(connection: Connection) -> None:
    ledger.hold(connection, "s1", Credits.of(20), ACCOUNT)
    ledger.close(connection, "s1", Credits.of(25), Basis.REPORTED)  # more than was held
    ledger.hold_again(connection, "s2", like="s1")
    for by in Grouping:
        [row] = ledger.usage(connection, by, tenant=None, since=None)
        assert (row.jobs, row.segments, row.credits, row.held) == (1, 2, Credits.of(25), Credits.of(20))
        assert row.usd == Decimal("0.25")
        assert (row.failures, row.failed_credits, row.failed_usd) == (0, Credits(), Decimal(0))
    assert [row.name for row in ledger.usage(connection, Grouping.MODEL, tenant=None, since=None)] == ["m"]
    [day] = ledger.usage(connection, Grouping.DAY, tenant="acme", since=0)
    assert len(day.name or "") == len("2026-01-01")
    assert ledger.usage(connection, Grouping.TENANT, tenant="zen", since=None) == []
    assert ledger.usage(connection, Grouping.TENANT, tenant=None, since=4e9) == []


@settings(deadline=None)  # a busy machine is no failure
@given(st.lists(st.tuples(st.integers(0, 10**9), st.none() | st.integers(0, 10**9)), max_size=8))
def test_balances_are_sums(segments: list[tuple[int, int | None]]) -> None:
    """Whatever is held and charged, what is held in the end is what nobody settled."""
    engine = sa.create_engine("sqlite://")
    with engine.begin() as connection:
        metadata.create_all(connection)
        for n, (held, charged) in enumerate(segments):
            ledger.hold(connection, f"s{n}", Credits(held), ACCOUNT)
            if charged is not None:
                ledger.close(connection, f"s{n}", Credits(charged), Basis.REPORTED)
        rows = ledger.usage(connection, Grouping.TENANT, tenant=None, since=None)
        settled = sum((row.credits for row in rows), Credits())
        held_now = sum((row.held for row in rows), Credits())
        assert settled.milli == sum(charged for _, charged in segments if charged is not None)
        assert held_now.milli == sum(held for held, charged in segments if charged is None)
    engine.dispose()
