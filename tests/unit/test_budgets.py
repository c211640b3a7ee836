"""What tenants may spend and have waiting, on rows alone and on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection
from structlog.testing import capture_logs

from cutscene import budgets, jobs, ledger, segments, tenants, transitions
from cutscene.database import Database, open_database
from cutscene.domain import Credits, JobState, SegmentState, VideoRequest
from cutscene.errors import (
    BudgetExceededError,
    CutsceneError,
    InputValidationError,
    NotFoundError,
    ProviderError,
    RateLimitError,
    SubmissionUnknownError,
)
from cutscene.ledger import Account, Basis, Grouping
from cutscene.tables import jobs as job_table
from cutscene.tables import ledger as ledger_table
from cutscene.tables import segments as segment_table
from cutscene.tables import tenants as tenant_table
from cutscene.tenants import LimitChanges

LAST_MONTH = 32 * 86400.0
"""Seconds back that always end in an earlier month."""


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = open_database(database_url)
    yield opened
    opened.engine.dispose()


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.engine.begin() as opened:
        yield opened


def may(connection: Connection, **limits: Any) -> None:
    changes: LimitChanges = {**limits}  # type: ignore[typeddict-item]  # the names are the test's to get right
    budgets.change(connection, "a", 1, changes)


def submit(
    connection: Connection, name: str, *estimates: int, usd: str = "0.01", key: str | None = None
) -> str:
    job = jobs.NewJob(
        id=name,
        tenant="a",
        run="r",
        idempotency_key=key,
        request=VideoRequest(prompt="x"),
        provider="fast",
        model="m",
        priority=0,
        skill="win" if name.startswith("win") else None,
    )
    account = Account(tenant="a", job_id=name, provider="fast", model="m", usd_per_credit=usd)
    amounts = [Credits.of(estimate) for estimate in estimates or (10,)]
    return str(transitions.submit(connection, job, amounts, account, max_active=1).id)


def refused(connection: Connection, name: str, *estimates: int, usd: str = "0.01") -> str:
    """In a transaction of its own, of which nothing stays."""
    with pytest.raises(BudgetExceededError) as error, connection.begin_nested():
        submit(connection, name, *estimates, usd=usd)
    assert error.value.code == "QUOTA_EXCEEDED_ERROR"
    assert connection.execute(sa.select(job_table.c.id).where(job_table.c.id == name)).first() is None
    assert ledger.spent(connection, name) is None
    return str(error.value)


def used(connection: Connection) -> str:
    now = budgets.standing(connection, "a")
    return ", ".join(f"{budget.used.normalize():f} {budget.unit}" for budget in now.budgets)


def start(connection: Connection, name: str) -> int:
    """Let in, and accepted."""
    handover = jobs.start(connection, name)
    assert handover is not None
    tenants.served(connection, "a")
    segment = segments.current(connection, name)
    assert segments.cross_fence(connection, segment.id, "f")
    assert segments.record_task(connection, segment.id, "f", "task")
    return handover


def end(
    connection: Connection, name: str, state: SegmentState, charged: int, error: CutsceneError | None = None
) -> None:
    segment = segments.current(connection, name)
    transitions.close_segment(connection, segment.id, state, Credits.of(charged), error)


def test_a_budget_in_credits_is_kept_to_the_last_one(connection: Connection) -> None:
    may(connection, monthly_credits=Credits.of(20))
    submit(connection, "j1")
    submit(connection, "j2")
    sentence = refused(connection, "j3", 1)
    assert sentence.startswith("Tenant 'a' may spend 20 credits in 20")
    assert "20 are used or held, and this takes 1. Wait for the next month" in sentence
    assert budgets.standing(connection, "a").waiting == 2
    submit(connection, "free", 0)


def test_a_budget_in_dollars_is_kept_to_the_last_cent(connection: Connection) -> None:
    may(connection, monthly_usd=Decimal("0.15"))
    submit(connection, "j1")
    assert "may spend 0.15 USD" in refused(connection, "j2")
    submit(connection, "cheaper", 10, usd="0.005")
    assert used(connection) == "20 credits, 0.15 USD"


def test_what_is_given_back_can_be_spent_and_what_is_charged_besides_cannot(connection: Connection) -> None:
    may(connection, monthly_credits=Credits.of(20))
    submit(connection, "j1", 20)
    end(connection, "j1", SegmentState.SUCCEEDED, 5)
    submit(connection, "j2", 15)
    end(connection, "j2", SegmentState.SUCCEEDED, 18)
    assert used(connection) == "23 credits, 0.23 USD"
    assert "23 are used" in refused(connection, "j3", 1)


def test_all_parts_of_a_plan_count(connection: Connection) -> None:
    may(connection, monthly_credits=Credits.of(29))
    assert "this takes 30" in refused(connection, "long", 10, 10, 10)
    submit(connection, "shorter", 10, 10)


def test_a_generation_counts_in_the_month_of_its_hold(connection: Connection) -> None:
    may(connection, monthly_credits=Credits.of(20))
    submit(connection, "j1", 20)
    connection.execute(sa.update(ledger_table).values(at=ledger_table.c.at - LAST_MONTH))
    assert used(connection) == "0 credits, 0 USD"
    submit(connection, "j2", 20)
    end(connection, "j1", SegmentState.SUCCEEDED, 20)  # settled in this month, held in the last
    assert used(connection) == "20 credits, 0.2 USD"


def test_the_same_key_is_the_same_job_whatever_is_left(connection: Connection) -> None:
    may(connection, monthly_credits=Credits.of(10), max_queued=1)
    assert submit(connection, "j1", key="k") == "j1"
    assert submit(connection, "j2", key="k") == "j1"
    assert submit(connection, "j1", key=None) == "j1"  # the commit had worked, and its answer was lost


def fail(connection: Connection, name: str, state: SegmentState, charged: int) -> None:
    start(connection, name)
    end(connection, name, state, charged, ProviderError("It failed."))


def test_a_retry_takes_a_hold_within_the_budget(connection: Connection) -> None:
    may(connection, monthly_credits=Credits.of(19))
    submit(connection, "j1")
    fail(connection, "j1", SegmentState.FAILED, 10)
    with (
        pytest.raises(BudgetExceededError, match="10 are used or held, and this takes 10"),
        connection.begin_nested(),
    ):
        transitions.retry(connection, "a", "j1")
    assert jobs.read(connection, "j1").state == JobState.FAILED
    may(connection, monthly_credits=Credits.of(20))
    transitions.retry(connection, "a", "j1")
    assert jobs.read(connection, "j1").state == JobState.QUEUED


def test_a_retry_that_pays_for_nothing_needs_no_budget(connection: Connection) -> None:
    submit(connection, "j1")
    fail(connection, "j1", SegmentState.SUCCEEDED, 10)
    may(connection, monthly_credits=Credits())
    transitions.retry(connection, "a", "j1")
    assert jobs.read(connection, "j1").is_accepted


def test_a_retry_pays_for_later_parts_within_the_budget(connection: Connection) -> None:
    may(connection, monthly_credits=Credits.of(30))
    submit(connection, "j1", 10, 20)
    fail(connection, "j1", SegmentState.FAILED, 0)
    assert used(connection) == "0 credits, 0 USD"
    submit(connection, "j2", 1)
    with (
        pytest.raises(BudgetExceededError, match="1 are used or held, and this takes 30"),
        connection.begin_nested(),
    ):
        transitions.retry(connection, "a", "j1")


def test_one_more_attempt_in_place_of_a_free_failure(connection: Connection) -> None:
    may(connection, monthly_credits=Credits.of(10))
    submit(connection, "j1")
    handover = start(connection, "j1")
    assert transitions.try_again(connection, "j1", handover, "j1-0-1", after=0)
    assert used(connection) == "10 credits, 0.1 USD"
    handover = start(connection, "j1")
    may(connection, monthly_credits=Credits.of(9))
    with pytest.raises(BudgetExceededError), connection.begin_nested():
        transitions.try_again(connection, "j1", handover, "j1-0-2", after=0)
    assert segments.current(connection, "j1").attempt == 2


def test_a_lost_submission_is_made_again_only_within_the_budget(connection: Connection) -> None:
    may(connection, monthly_credits=Credits.of(19))
    submit(connection, "j1")
    handover = start(connection, "j1")
    connection.execute(sa.update(segment_table).values(state=SegmentState.UNKNOWN))
    with pytest.raises(BudgetExceededError, match="10 are used or held"), connection.begin_nested():
        transitions.resubmit(connection, "j1", handover, "j1-0-1")
    transitions.fail(connection, "j1", handover, SubmissionUnknownError("Lost."))
    assert segments.current(connection, "j1").state == SegmentState.UNKNOWN
    assert used(connection) == "10 credits, 0.1 USD"


def test_no_more_jobs_wait_than_may(connection: Connection) -> None:
    may(connection, max_queued=2)
    submit(connection, "j1")
    submit(connection, "j2")
    with (
        pytest.raises(RateLimitError, match="'a' has 2 jobs waiting, and may have 2: submit again when"),
        connection.begin_nested(),
    ):
        submit(connection, "j3")
    fail(connection, "j1", SegmentState.FAILED, 0)
    submit(connection, "j3")
    with pytest.raises(RateLimitError), connection.begin_nested():
        transitions.retry(connection, "a", "j1")


def test_the_log_hears_once_a_month_of_each_budget(connection: Connection) -> None:
    may(connection, monthly_credits=Credits.of(100), monthly_usd=Decimal("1.1"))
    with capture_logs() as log:
        submit(connection, "j1", 79)
        assert log == []
        submit(connection, "j2", 1)
        submit(connection, "j3", 1)
        assert [(entry["event"], entry["unit"], entry["used"], entry["limit"]) for entry in log] == [
            ("budget_nearly_used", "credits", "80", "100")
        ]
        submit(connection, "j4", 8)
        assert [entry["unit"] for entry in log] == ["credits", "USD"]
        assert len(budgets.standing(connection, "a").warnings) == 2

        connection.execute(sa.update(ledger_table).values(at=ledger_table.c.at - LAST_MONTH))
        assert budgets.standing(connection, "a").warnings == []
        connection.execute(sa.text("UPDATE budget_warnings SET month = '2001-01'"))
        submit(connection, "next month", 80)
        assert [entry["unit"] for entry in log] == ["credits", "USD", "credits"]

        may(connection, monthly_credits=Credits.of(90))  # another limit, another warning
        submit(connection, "j6", 1)
        assert [entry["limit"] for entry in log[3:]] == ["90"]
    [sentence] = budgets.standing(connection, "a").warnings
    assert sentence.startswith("Tenant 'a' has used 81 of 90 credits that it may spend in 20")


def test_limits_are_set_and_lifted_one_by_one(connection: Connection) -> None:
    may(connection, monthly_credits=Credits.of("0.5"), monthly_usd=Decimal("9.999999"), max_concurrent=3)
    may(connection, max_queued=7)
    now = budgets.standing(connection, "a")
    assert (now.credits.limit, now.usd.limit) == (Decimal("0.5"), Decimal("9.999999"))
    assert (now.max_queued, now.max_concurrent, now.max_concurrent_is_own) == (7, 3, True)
    may(connection, monthly_credits=None, max_concurrent=None)
    now = budgets.standing(connection, "a")
    assert (now.credits.limit, now.usd.limit, now.max_queued) == (None, Decimal("9.999999"), 7)
    assert (now.max_concurrent, now.max_concurrent_is_own) == (1, False)
    submit(connection, "j", 1)
    assert [standing.tenant for standing in budgets.standings(connection)] == ["a"]
    with pytest.raises(NotFoundError, match="no tenant 'b'"):
        budgets.standing(connection, "b")


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [
        ({"monthly_credits": Credits.of(-1)}, "budget of -1 is out of range: choose 0 to 1000000000"),
        ({"monthly_usd": Decimal("NaN")}, "out of range"),
        ({"monthly_usd": Decimal("1e10")}, "out of range"),
        ({"monthly_usd": Decimal("0.0000001")}, "too fine"),
        ({"max_queued": 0}, "limit of 0 jobs is out of range: choose 1 to 1000000"),
        ({"max_concurrent": 0}, "limit of 0 jobs"),
    ],
)
def test_limits_that_make_no_sense(connection: Connection, limits: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputValidationError, match=sentence):
        may(connection, **limits)


def test_usage_says_what_was_spent_in_vain(connection: Connection) -> None:
    submit(connection, "win1")
    end(connection, "win1", SegmentState.SUCCEEDED, 10)
    submit(connection, "win2")
    fail(connection, "win2", SegmentState.FAILED, 4)  # and of another attempt of it
    transitions.retry(connection, "a", "win2")
    end(connection, "win2", SegmentState.SUCCEEDED, 10)
    submit(connection, "j1", 10, 10)
    end(connection, "j1", SegmentState.SUCCEEDED, 10)
    connection.execute(sa.update(segment_table).values(footage_key=segment_table.c.id))
    connection.execute(
        sa.update(segment_table).where(segment_table.c.id == "j1-1-1").values(footage_key=None)
    )
    fail(connection, "j1", SegmentState.FAILED, 3)
    rows = {row.name: row for row in ledger.usage(connection, Grouping.SKILL, tenant=None, since=None)}
    wins, others = rows["win"], rows[None]
    assert (wins.jobs, wins.segments, wins.failures) == (2, 3, 0)
    assert (wins.credits, wins.failed_credits, wins.failed_usd) == (
        Credits.of(24),
        Credits.of(4),
        Decimal("0.04"),
    )
    assert (others.jobs, others.failures, others.credits) == (1, 1, Credits.of(13))
    assert (others.failed_credits, others.held) == (Credits.of(13), Credits())


@pytest.mark.anyio
async def test_fifty_at_once_spend_no_more_than_ten_may(database: Database, database_url: str) -> None:
    """Through two pools of connections, as two processes have them."""
    other = open_database(database_url)
    await database.write(lambda connection: may(connection, monthly_credits=Credits.of(100)))
    both = (database, other)
    try:
        ended = await asyncio.gather(
            *(both[n % 2].write(submit, f"j{n}") for n in range(50)), return_exceptions=True
        )
    finally:
        await other.close()
    assert len([name for name in ended if isinstance(name, str)]) == 10
    assert len([error for error in ended if isinstance(error, BudgetExceededError)]) == 40
    with database.engine.begin() as connection:
        assert used(connection) == "100 credits, 1 USD"
        assert connection.execute(sa.select(sa.func.count()).select_from(job_table)).scalar() == 10
        assert connection.execute(sa.select(tenant_table.c.waiting)).scalar() == 10


def test_holds_of_nothing_are_not_looked_at(connection: Connection) -> None:
    may(connection, monthly_credits=Credits())
    submit(connection, "j1", 0)
    ledger.close(connection, "j1-0-1", Credits.of(1), Basis.REPORTED)
    submit(connection, "j2", 0)
    assert "1 are used or held, and this takes 2" in refused(connection, "j3", 2)
