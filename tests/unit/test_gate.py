"""The gate and the fence on rows alone: no engine, both databases."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection

from cutscene import gate, jobs, ledger, limits, segments, tenants, transitions
from cutscene.database import Database, clock, open_database
from cutscene.domain import Credits, JobState, SegmentState, VideoRequest
from cutscene.errors import (
    CancelledError,
    ConflictError,
    GenerationTimeoutError,
    ProviderError,
    QuotaExceededError,
    SubmissionUnknownError,
)
from cutscene.ledger import Account
from cutscene.tables import jobs as job_table
from cutscene.tables import segments as segment_table
from cutscene.tables import tenants as tenant_table


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = open_database(database_url)
    with opened.engine.begin() as connection:
        limits.register(connection, ["fast", "slow"])
    yield opened
    opened.engine.dispose()


def submit(
    connection: Connection, name: str, tenant: str, *, provider: str = "fast", priority: int = 0
) -> None:
    job = jobs.NewJob(
        id=name,
        tenant=tenant,
        run="r",
        idempotency_key=None,
        request=VideoRequest(prompt=name),
        provider=provider,
        model="m",
        priority=priority,
    )
    account = Account(tenant=tenant, job_id=name, provider=provider, model="m", usd_per_credit="0.01")
    transitions.submit(connection, job, [Credits.of(20)], account, max_active=1)


def admit(connection: Connection, **concurrency: int) -> list[str]:
    return gate.admit(connection, concurrency, lambda *_: None)


def end(connection: Connection, name: str) -> None:
    transitions.close_segment(
        connection, segments.current(connection, name).id, SegmentState.SUCCEEDED, Credits.of(20)
    )


def test_one_job_of_each_tenant_in_turn(database: Database) -> None:
    with database.engine.begin() as connection:
        for name in ("a1", "a2", "b1", "b2"):
            submit(connection, name, name[0])
        assert admit(connection, fast=10) == ["a1", "b1"]
        assert admit(connection, fast=10) == []
        end(connection, "b1")
        assert admit(connection, fast=10) == ["b2"]
        end(connection, "a1")
        end(connection, "a1")  # twice frees one slot only
        assert admit(connection, fast=10) == ["a2"]


def test_the_least_recently_served_goes_first(database: Database) -> None:
    with database.engine.begin() as connection:
        submit(connection, "a1", "a")
        assert admit(connection, fast=1) == ["a1"]
        submit(connection, "a2", "a")
        submit(connection, "b1", "b")
        end(connection, "a1")
        assert admit(connection, fast=1) == ["b1"]


def test_a_lower_priority_number_goes_first_then_the_older(database: Database) -> None:
    with database.engine.begin() as connection:
        submit(connection, "late", "a", priority=5)
        submit(connection, "first", "a", priority=-1)
        submit(connection, "second", "a", priority=-1)
        order = []
        for _ in range(3):
            order += admit(connection, fast=1)
            end(connection, order[-1])
        assert order == ["first", "second", "late"]


def test_the_account_is_never_exceeded(database: Database) -> None:
    with database.engine.begin() as connection:
        for n in range(6):
            submit(connection, f"j{n}", f"t{n}")
        assert len(admit(connection, fast=4)) == 4
        assert admit(connection, fast=4) == []
        end(connection, "j0")
        assert len(admit(connection, fast=4)) == 1


def test_a_tenants_own_limit(database: Database) -> None:
    with database.engine.begin() as connection:
        tenants.set_limits(connection, "a", 1, {"max_concurrent": 2})
        for n in range(3):
            submit(connection, f"a{n}", "a")
        assert admit(connection, fast=9) + admit(connection, fast=9) == ["a0", "a1"]
        assert admit(connection, fast=9) == []
        tenants.apply_default(connection, 7)  # its own limit stays
        assert admit(connection, fast=9) == []


def test_a_paused_or_full_provider_does_not_block_the_others(database: Database) -> None:
    with database.engine.begin() as connection:
        submit(connection, "slow job", "a", provider="slow")
        submit(connection, "fast job", "a", provider="fast")
        submit(connection, "other", "b", provider="slow")
        limits.pause(connection, limits.Pause("slow", 60, "429"))
        assert admit(connection, fast=5, slow=5) == ["fast job"]
        limits.pause(connection, limits.Pause("slow", 1, "shorter"))
        assert [pause.reason for pause in limits.pauses(connection)] == ["429"]
        assert admit(connection, fast=5) == []  # nor one that this process cannot use


def test_waiting_is_cheap(database: Database) -> None:
    with database.engine.begin() as connection:
        assert not gate.anyone_ready(connection)
        submit(connection, "a1", "a")
        assert gate.anyone_ready(connection)
        admit(connection, fast=1)
        submit(connection, "a2", "a")
        assert not gate.anyone_ready(connection)


def test_gates_that_race_do_not_overfill(database: Database) -> None:
    """Eight gates at once, ten tenants with two jobs each, four places."""
    with database.engine.begin() as connection:
        for n in range(20):
            submit(connection, f"j{n}", f"t{n % 10}")
    barrier = threading.Barrier(8)
    admitted: list[str] = []

    def look() -> None:
        barrier.wait()
        for _ in range(3):
            with database.engine.begin() as connection:
                admitted.extend(admit(connection, fast=4))

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(admitted) == len(set(admitted)) == 4
    with database.engine.begin() as connection:
        assert connection.execute(sa.select(sa.func.max(tenant_table.c.active))).scalar() == 1
        taken = sa.select(sa.func.count()).where(job_table.c.slot.is_(sa.true()))
        assert connection.execute(taken).scalar() == 4


def at_once(*calls: Callable[[], object]) -> list[BaseException]:
    """Run in threads that start together; returns what they raised."""
    barrier = threading.Barrier(len(calls))
    raised: list[BaseException] = []

    def run(call: Callable[[], object]) -> None:
        barrier.wait()
        try:
            call()
        except BaseException as error:  # noqa: BLE001 -- the test looks at it
            raised.append(error)

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return raised


def counters(connection: Connection, tenant: str) -> tuple[int, int]:
    row = connection.execute(sa.select(tenant_table).where(tenant_table.c.id == tenant)).one()
    return row.waiting, row.active


def test_a_double_click_retries_once(database: Database) -> None:
    def retry() -> None:
        with database.engine.begin() as connection:
            transitions.retry(connection, "a", "a1")

    with database.engine.begin() as connection:
        submit(connection, "a1", "a")
    for n in range(5):
        with database.engine.begin() as connection:
            admit(connection, fast=1)
            transitions.fail(connection, "a1", n + 1, ProviderError("It failed."))
        raised = at_once(retry, retry, retry)
        assert [type(error) for error in raised] == [ConflictError, ConflictError]
        with database.engine.begin() as connection:
            assert counters(connection, "a") == (1, 0)
            assert segments.current(connection, "a1").attempt == n + 2


def test_a_cancel_that_races_the_gate_loses_nothing(database: Database) -> None:
    def cancel(name: str) -> None:
        with database.engine.begin() as connection:
            transitions.cancel(connection, "a", name)

    def look() -> None:
        with database.engine.begin() as connection:
            admit(connection, fast=9)

    for n in range(10):
        name = f"j{n}"
        with database.engine.begin() as connection:
            submit(connection, name, "a")
        assert at_once(partial(cancel, name), look) == []
        with database.engine.begin() as connection:
            job = jobs.read(connection, name)
            if job.state == JobState.CANCELLED:
                assert not job.slot
            else:
                assert job.slot
                assert job.cancel_requested
                transitions.withdraw(
                    connection, segments.current(connection, name).id, CancelledError("Cancelled.")
                )
            assert counters(connection, "a") == (0, 0)


def test_only_the_latest_run_ends_a_job(database: Database) -> None:
    with database.engine.begin() as connection:
        submit(connection, "a1", "a")
        admit(connection, fast=1)
        assert jobs.hand_over_again(connection, {"a1": 1, "never": 1}) == {"a1": 2}
        assert jobs.hand_over_again(connection, {"a1": 1}) == {}
        transitions.fail(connection, "a1", 1, ProviderError("Late."))
        assert jobs.read(connection, "a1").state == JobState.RUNNING
        transitions.fail(connection, "a1", 2, ProviderError("Now."))
        assert jobs.read(connection, "a1").error == "Now."
        assert counters(connection, "a") == (0, 0)


def test_what_is_being_posted_is_not_withdrawn(database: Database) -> None:
    with database.engine.begin() as connection:
        submit(connection, "a1", "a")
        admit(connection, fast=1)
        segments.cross_fence(connection, "a1-0-1", "f")
        assert not transitions.withdraw(connection, "a1-0-1", CancelledError("Too late."))
        assert segments.record_task(connection, "a1-0-1", "f", "task-1")
        assert segments.record_task(connection, "a1-0-1", "f", "task-1")  # the commit's answer was lost
        transitions.plan_again(connection, "a1", after="a1-0-0")  # judged by another attempt: no
        assert segments.current(connection, "a1").task_id == "task-1"


def test_the_fence_lets_one_through(database: Database) -> None:
    with database.engine.begin() as connection:
        submit(connection, "a1", "a")
    barrier = threading.Barrier(8)
    won: list[str] = []

    def cross(fence: str) -> None:
        barrier.wait()
        with database.engine.begin() as connection:
            if segments.cross_fence(connection, "a1-0-1", fence):
                won.append(fence)

    threads = [threading.Thread(target=cross, args=(f"f{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    [winner] = won
    with database.engine.begin() as connection:
        assert segments.cross_fence(connection, "a1-0-1", winner)  # the commit's own answer was lost
        assert not segments.cross_fence(connection, "a1-0-1", "another")
        segments.reopen(connection, "a1-0-1", "another")
        assert not segments.cross_fence(connection, "a1-0-1", "another")  # not its fence to open
        segments.reopen(connection, "a1-0-1", winner)
        assert segments.cross_fence(connection, "a1-0-1", "another")


def test_a_lost_slot_comes_back_when_no_task_can_live_any_more(database: Database) -> None:
    with database.engine.begin() as connection:
        submit(connection, "a1", "a")
        submit(connection, "a2", "a")
        admit(connection, fast=1)
        segments.cross_fence(connection, "a1-0-1", "f")
        segments.lose(connection, "a1-0-1", "f")
        transitions.fail(connection, "a1", 1, SubmissionUnknownError("Lost."))
        transitions.write_off(connection, {"fast": 600.0})
        assert admit(connection, fast=1) == []
        connection.execute(sa.update(segment_table).values(posted_at=clock() - 601))
        transitions.write_off(connection, {"fast": 600.0})
        assert admit(connection, fast=1) == ["a2"]
        assert ledger.open_amount(connection, "a1-0-1") == Credits.of(20)  # for a person to say
        transitions.cancel(connection, "a", "a1")
        assert ledger.open_amount(connection, "a1-0-1") == Credits()
        assert ledger.spent(connection, "a1") == Credits()


def test_a_timeout_counts_as_paid_when_no_task_can_live_any_more(database: Database) -> None:
    with database.engine.begin() as connection:
        submit(connection, "a1", "a")
        admit(connection, fast=1)
        segments.cross_fence(connection, "a1-0-1", "f")
        segments.record_task(connection, "a1-0-1", "f", "task")
        transitions.close_segment(
            connection, "a1-0-1", SegmentState.FAILED, None, GenerationTimeoutError("Too late.")
        )
        connection.execute(sa.update(segment_table).values(posted_at=clock() - 601))
        transitions.write_off(connection, {"fast": 600.0})
        assert ledger.spent(connection, "a1") == Credits.of(20)


def test_an_old_attempt_frees_no_slot_of_a_newer_one(database: Database) -> None:
    with database.engine.begin() as connection:
        submit(connection, "a1", "a")
        admit(connection, fast=1)
        segments.cross_fence(connection, "a1-0-1", "f")
        connection.execute(sa.update(segment_table).values(posted_at=clock() - 601))
        segments.lose(connection, "a1-0-1", "f")
        transitions.fail(connection, "a1", 1, SubmissionUnknownError("Lost."))
        transitions.retry(connection, "a", "a1")
        admit(connection, fast=1)
        segments.cross_fence(connection, "a1-0-2", "g")
        segments.lose(connection, "a1-0-2", "g")
        transitions.fail(connection, "a1", 2, SubmissionUnknownError("Lost again."))
        transitions.write_off(connection, {"fast": 600.0})
        assert counters(connection, "a") == (0, 1)


def test_what_is_refused_for_now_waits_without_a_slot(database: Database) -> None:
    with database.engine.begin() as connection:
        submit(connection, "a1", "a")
        assert admit(connection, fast=1) == ["a1"]
        assert transitions.put_back(connection, "a1", 1, after=60.0)
        assert not transitions.put_back(connection, "a1", 1)  # the commit's answer was lost
        assert counters(connection, "a") == (1, 0)
        assert admit(connection, fast=1) == []  # not before
        assert not transitions.begin_post(connection, "a1", 1, "a1-0-1", "f")  # no longer its run
        connection.execute(sa.update(job_table).values(not_before=0.0))
        assert admit(connection, fast=1) == ["a1"]
        assert not transitions.begin_post(connection, "a1", 1, "a1-0-1", "f")
        assert transitions.begin_post(connection, "a1", 2, "a1-0-1", "f")
        assert not transitions.put_back(connection, "a1", 2)  # it may be paid for by now
        assert counters(connection, "a") == (0, 1)


def test_what_is_cancelled_is_neither_posted_nor_put_back(database: Database) -> None:
    with database.engine.begin() as connection:
        submit(connection, "a1", "a")
        admit(connection, fast=1)
        transitions.cancel(connection, "a", "a1")
        assert not transitions.begin_post(connection, "a1", 1, "a1-0-1", "f")
        assert not transitions.put_back(connection, "a1", 1)
        assert transitions.withdraw(connection, "a1-0-1", CancelledError("The job was cancelled."))
        assert counters(connection, "a") == (0, 0)


def test_a_generation_is_tried_again_once_more_in_its_turn(database: Database) -> None:
    with database.engine.begin() as connection:
        submit(connection, "a1", "a")
        admit(connection, fast=1)
        transitions.begin_post(connection, "a1", 1, "a1-0-1", "f")
        segments.record_task(connection, "a1-0-1", "f", "task")
        assert transitions.try_again(connection, "a1", 1, "a1-0-1", after=0.0)
        assert not transitions.try_again(connection, "a1", 1, "a1-0-1", after=0.0)
        second = segments.current(connection, "a1")
        assert (second.attempt, second.state, second.is_retry) == (2, SegmentState.PLANNED, True)
        assert ledger.open_amount(connection, "a1-0-1") == Credits()
        assert ledger.open_amount(connection, "a1-0-2") == Credits.of(20)
        assert counters(connection, "a") == (1, 0)


def test_a_pause_does_not_concern_what_was_accepted(database: Database) -> None:
    """Its footage is paid for, and its link expires."""
    with database.engine.begin() as connection:
        submit(connection, "a1", "a")
        submit(connection, "b1", "b")
        assert admit(connection, fast=1) == ["a1"]
        transitions.begin_post(connection, "a1", 1, "a1-0-1", "f")
        segments.record_task(connection, "a1-0-1", "f", "task")
        end(connection, "a1")
        transitions.fail(connection, "a1", 1, ProviderError("The download failed."))
        transitions.retry(connection, "a", "a1")
        limits.pause(connection, limits.Pause("fast", 60, "No credits.", "QUOTA_EXCEEDED_ERROR", True))
        assert admit(connection, fast=5) == ["a1"]
        with pytest.raises(QuotaExceededError, match="Nothing is sent there"):
            submit(connection, "c1", "c")
        assert ledger.spent(connection, "a1") == Credits.of(20)


def test_a_pass_of_the_gate_reads_indexes_only(tmp_path: Path) -> None:
    """Ten thousand tenants that wait behind their limit are not looked at."""
    database = open_database(f"sqlite:///{tmp_path}/x.db")
    asked: list[tuple[str, Any]] = []
    with database.engine.begin() as connection:
        limits.register(connection, ["fast"])
        submit(connection, "a1", "a")
        remember = partial(_remember, asked)
        sa.event.listen(connection, "before_cursor_execute", remember)
        gate.anyone_ready(connection)
        admit(connection, fast=1)
        jobs.unfinished(connection)
        ledger.spent(connection, "a1")
        sa.event.remove(connection, "before_cursor_execute", remember)
        plans = [
            row.detail
            for statement, parameters in asked
            if statement.startswith("SELECT")
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        ]
    database.engine.dispose()
    scans = [plan for plan in plans if plan.startswith("SCAN") and "INDEX" not in plan]
    assert scans in ([], ["SCAN provider_limits"])  # a row for each provider
    used = " ".join(plans)
    for index in (
        "tenants_ready",
        "jobs_heads",
        "jobs_waiting",
        "jobs_slots",
        "jobs_running",
        "ledger_by_job",
    ):
        assert index in used


def _remember(
    asked: list[tuple[str, Any]],
    _connection: object,
    _cursor: object,
    statement: str,
    parameters: Any,
    *_: object,
) -> None:
    asked.append((statement, parameters))


def test_what_goes_back_is_accepted_no_more(database: Database) -> None:
    """A retry that only looked for its task, whose one more attempt then meets a pause."""
    with database.engine.begin() as connection:
        submit(connection, "a1", "a")
        admit(connection, fast=1)
        transitions.begin_post(connection, "a1", 1, "a1-0-1", "f")
        segments.record_task(connection, "a1-0-1", "f", "task")
        transitions.fail(connection, "a1", 1, GenerationTimeoutError("Nobody answered."))
        transitions.retry(connection, "a", "a1")
        assert admit(connection, fast=1) == ["a1"]
        assert transitions.try_again(connection, "a1", 2, "a1-0-1", after=0.0)
        limits.pause(connection, limits.Pause("fast", 60, "The day is used up."))
        assert admit(connection, fast=1) == []


def test_a_run_that_was_replaced_does_not_touch_the_paid_call(database: Database) -> None:
    with database.engine.begin() as connection:
        submit(connection, "a1", "a")
        admit(connection, fast=1)
        transitions.put_back(connection, "a1", 1)
        admit(connection, fast=1)
        assert transitions.begin_post(connection, "a1", 2, "a1-0-1", "f")
        transitions.fail(connection, "a1", 1, ProviderError("Late."))
        assert segments.current(connection, "a1").state == SegmentState.POSTING
        assert not transitions.give_up(connection, "a1", 1, "a1-0-1", ProviderError("Late."))


def test_one_of_many_finds_out_that_the_account_is_closed(database: Database) -> None:
    pause = limits.Pause("fast", 60, "No.", "PROVIDER_AUTH_ERROR", refuses_jobs=True)
    first: list[bool] = []

    def find_out() -> None:
        with database.engine.begin() as connection:
            first.append(limits.close(connection, pause))

    assert at_once(*[find_out] * 5) == []
    assert sorted(first) == [False] * 4 + [True]
