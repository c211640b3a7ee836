"""Jobs that are recorded in one transaction: each is accepted or refused as if it had come alone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from decimal import Decimal

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection

from cutscene import arrivals, budgets, gate, jobs, limits, tenants
from cutscene.arrivals import Arrival, Outcome, Recorded
from cutscene.database import Database, open_database
from cutscene.domain import Credits, VideoRequest
from cutscene.errors import BudgetExceededError, CutsceneError, QuotaExceededError, RateLimitError
from cutscene.ledger import Account
from cutscene.tables import jobs as job_table
from cutscene.tables import ledger, segments
from cutscene.tables import tenants as tenant_table
from cutscene.tenants import LimitChanges
from cutscene.together import Together


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = open_database(database_url)
    with opened.engine.begin() as connection:
        limits.register(connection, ["fast"])
    yield opened
    opened.engine.dispose()


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.engine.begin() as opened:
        yield opened


def arrival(
    name: str,
    *estimates: int,
    tenant: str = "a",
    key: str | None = None,
    provider: str = "fast",
    prompt: str = "x",
) -> Arrival:
    job = jobs.NewJob(
        id=name,
        tenant=tenant,
        run="r",
        idempotency_key=key,
        request=VideoRequest(prompt=prompt),
        provider=provider,
        model="m",
        priority=0,
    )
    account = Account(tenant=tenant, job_id=name, provider=provider, model="m", usd_per_credit="0.01")
    return Arrival(job, [Credits.of(amount) for amount in estimates or (10,)], account)


def record(connection: Connection, *together: Arrival) -> list[str]:
    """What came of each, in short."""
    return [_short(outcome) for outcome in arrivals.record(connection, together, 1)]


def _short(outcome: Outcome) -> str:
    if isinstance(outcome, Recorded):
        return f"new {outcome.row.id}" if outcome.is_new else f"known {outcome.row.id}"
    return type(outcome).__name__


def may(connection: Connection, tenant: str, limits_: LimitChanges) -> None:
    budgets.change(connection, tenant, 1, limits_)


def waiting(connection: Connection) -> dict[str, int]:
    return dict(iter(connection.execute(sa.select(tenant_table.c.id, tenant_table.c.waiting))))


def left(connection: Connection) -> tuple[set[str], set[str], set[str]]:
    """Jobs that there is a row, a segment or a hold of."""
    columns = (job_table.c.id, segments.c.job_id, ledger.c.job_id)
    jobs_, segments_, holds = ({*connection.execute(sa.select(column)).scalars()} for column in columns)
    return jobs_, segments_, holds


def test_each_has_its_own_outcome(connection: Connection) -> None:
    may(connection, "a", {"monthly_credits": Credits.of(25)})
    may(connection, "b", {"max_queued": 1})
    assert record(
        connection,
        arrival("a1"),
        arrival("b1", tenant="b"),
        arrival("a2", 8, 8),
        arrival("b2", tenant="b"),
        arrival("a3", 15),
        arrival("c1", tenant="c"),
        arrival("a4", 1),
    ) == [
        "new a1",
        "new b1",
        "BudgetExceededError",
        "RateLimitError",
        "new a3",
        "new c1",
        "BudgetExceededError",
    ]
    assert waiting(connection) == {"a": 2, "b": 1, "c": 1}
    assert left(connection) == ({"a1", "a3", "b1", "c1"},) * 3
    assert budgets.standing(connection, "a").credits.used == 25


def test_those_before_count_for_those_behind(connection: Connection) -> None:
    may(connection, "a", {"monthly_usd": Decimal("0.3"), "max_queued": 4})
    outcomes = arrivals.record(connection, [arrival(f"j{n}") for n in range(5)], 1)
    assert [_short(outcome) for outcome in outcomes[:3]] == ["new j0", "new j1", "new j2"]
    assert isinstance(outcomes[3], BudgetExceededError)
    assert "0.3 are used or held, and this takes 0.1" in str(outcomes[3])
    assert [row.id for row in jobs.page(connection, "a", states=(), limit=9, before=None)] == [
        "j2",
        "j1",
        "j0",
    ]


def test_one_key_is_one_job_also_among_those_that_come_together(connection: Connection) -> None:
    assert record(
        connection, arrival("j1", key="k"), arrival("j2", key="k"), arrival("j3", key="k", prompt="other")
    ) == ["new j1", "known j1", "ConflictError"]
    assert record(connection, arrival("j4", key="k"), arrival("j5", key="l"), arrival("j1")) == [
        "known j1",
        "new j5",
        "known j1",
    ]
    assert waiting(connection) == {"a": 2}


def test_a_key_is_free_again_where_its_job_was_refused(connection: Connection) -> None:
    may(connection, "a", {"monthly_credits": Credits.of(10)})
    assert record(
        connection, arrival("j1", 11, key="k"), arrival("j2", 10, key="k"), arrival("j3", 10, key="k")
    ) == ["BudgetExceededError", "new j2", "known j2"]
    assert left(connection) == ({"j2"},) * 3


def test_a_closed_provider_refuses_its_own_alone(connection: Connection) -> None:
    limits.close(connection, limits.Pause("shut", 300, "Empty.", QuotaExceededError.code, refuses_jobs=True))
    assert record(connection, arrival("j1", provider="shut", tenant="new"), arrival("j2")) == [
        "QuotaExceededError",
        "new j2",
    ]
    assert waiting(connection) == {"a": 1}


def test_the_commit_had_worked_and_its_answer_was_lost(connection: Connection) -> None:
    together = [arrival("j1"), arrival("j2", key="k"), arrival("j3", tenant="b")]
    may(connection, "a", {"monthly_credits": Credits.of(20), "max_queued": 2})
    assert record(connection, *together) == ["new j1", "new j2", "new j3"]
    assert record(connection, *together) == ["known j1", "known j2", "known j3"]
    assert waiting(connection) == {"a": 2, "b": 1}


@pytest.mark.anyio
async def test_two_processes_take_in_the_same_tenants_and_keys_while_the_gate_works(
    database: Database, database_url: str
) -> None:
    other = open_database(database_url)
    tenants_ = [f"t{n}" for n in range(8)]

    async def submit(through: Database, turn: int) -> list[str]:
        step = 1 if through is database else -1  # in opposite orders
        together = [
            arrival(f"{id(through)}-{turn}-{tenant}", tenant=tenant, key=f"{turn}")
            for tenant in tenants_[::step]
        ]
        return await through.write(record, *together)

    async def admit() -> int:
        return len(await database.write(gate.admit, {"fast": 1000}, lambda *_: None))

    try:
        async with asyncio.timeout(30):
            ended = await asyncio.gather(
                *(submit(through, turn) for turn in range(6) for through in (database, other)),
                *(admit() for _ in range(6)),
            )
            await admit()
    finally:
        await other.close()
    outcomes = [said for said in ended if isinstance(said, list)]
    assert sum(word.startswith("new") for said in outcomes for word in said) == 6 * 8
    assert sum(word.startswith("known") for said in outcomes for word in said) == 6 * 8
    with database.engine.begin() as connection:
        assert set(waiting(connection).values()) == {5}
        assert {row.active for row in tenants.read_all(connection)} == {1}


@pytest.mark.anyio
async def test_what_is_asked_meanwhile_shares_the_next_round() -> None:
    rounds: list[list[int]] = []

    async def work(items: Sequence[int]) -> list[int | CutsceneError]:
        rounds.append(list(items))
        await asyncio.sleep(0.01)
        return [RateLimitError("No.") if item == 3 else -item for item in items]

    together = Together(work)
    outcomes = await asyncio.gather(*(together(n) for n in range(205)), return_exceptions=True)
    assert [len(items) for items in rounds] == [100, 100, 5]
    assert isinstance(outcomes[3], RateLimitError)
    assert outcomes[:3] == [0, -1, -2]
    assert await together(7) == -7
    assert rounds[-1] == [7]


@pytest.mark.anyio
async def test_what_breaks_a_round_reaches_only_whoever_brought_it() -> None:
    done: list[int] = []

    async def work(items: Sequence[int]) -> list[float | CutsceneError]:
        done.extend(items)
        return [1 / item for item in items]

    together = Together(work)
    outcomes = await asyncio.gather(*map(together, (1, 0, 2)), return_exceptions=True)
    assert isinstance(outcomes[1], ZeroDivisionError)
    assert (outcomes[0], outcomes[2]) == (1.0, 0.5)

    gone = asyncio.create_task(together(4))
    await asyncio.sleep(0)
    gone.cancel()
    assert await together(2) == 0.5
    assert 4 not in done, "who was cancelled before its round asks for nothing"
