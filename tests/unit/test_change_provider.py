"""Another provider takes a job over only where nothing of it was, or may have been, paid for."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest
from sqlalchemy import Connection

from cutscene import budgets, jobs, ledger, limits, segments, tenants, transitions
from cutscene.database import open_database
from cutscene.domain import Credits, Fallback, SegmentState, VideoRequest
from cutscene.errors import BudgetExceededError, ProviderError, QuotaExceededError
from cutscene.ledger import Account
from cutscene.limits import Pause
from cutscene.plan import Offer, Plan, PlannedSegment, Start

WHY = Fallback(instead_of="first", error_code="QUOTA_EXCEEDED_ERROR", error="It is empty.")


@pytest.fixture
def rows(database_url: str) -> Iterator[Connection]:
    opened = open_database(database_url)
    with opened.engine.begin() as connection:
        limits.register(connection, ["first", "other"])
        yield connection
    opened.engine.dispose()


def plan(parts: int) -> Plan:
    return [PlannedSegment(seconds=2, start=Start.FOOTAGE if at else Start.REQUEST) for at in range(parts)]


def offer(*estimates: int) -> Offer:
    """At half a dollar for a credit."""
    return Offer(
        provider="other",
        model="m",
        plan=plan(len(estimates)),
        estimates=[Credits.of(estimate) for estimate in estimates],
        usd_per_credit="0.5",
    )


def started(rows: Connection, *estimates: int) -> int:
    """The hand-over of a job with the first provider, at a cent for a credit."""
    job = jobs.NewJob(
        id="j",
        tenant="acme",
        run="default",
        idempotency_key=None,
        request=VideoRequest(prompt="waves"),
        provider="first",
        model="m",
        priority=0,
        plan=[segment.to_json() for segment in plan(len(estimates))],
        may_fall_back_to="other",
    )
    account = Account(tenant="acme", job_id="j", provider="first", model="m", usd_per_credit="0.01")
    transitions.submit(rows, job, [Credits.of(estimate) for estimate in estimates], account, max_active=9)
    return let_in(rows)


def let_in(rows: Connection) -> int:
    handover = jobs.start(rows, "j")
    assert handover is not None
    tenants.served(rows, "acme")
    return handover


def sent(rows: Connection, handover: int) -> str:
    segment = segments.current(rows, "j")
    assert transitions.begin_post(rows, "j", handover, segment.id, "fence")
    return str(segment.id)


def accepted(rows: Connection, handover: int) -> str:
    segment_id = sent(rows, handover)
    segments.record_task(rows, segment_id, "fence", "task")
    return segment_id


def made(rows: Connection, handover: int, cost: int) -> str:
    segment_id = accepted(rows, handover)
    transitions.close_segment(rows, segment_id, SegmentState.SUCCEEDED, Credits.of(cost))
    segments.keep_footage(rows, segment_id, f"key of {segment_id}")
    return segment_id


def takes_over(rows: Connection, handover: int, *estimates: int) -> bool:
    return transitions.change_provider(rows, "j", handover, offer(*estimates), WHY, None)


def test_the_other_one_takes_over_with_its_own_price(rows: Connection) -> None:
    handover = started(rows, 10, 10)
    assert takes_over(rows, handover, 100)
    assert [segment.id for segment in segments.latest(rows, "j")] == ["j-0-2"]
    assert budgets.standing(rows, "acme").usd.used == Decimal(50)
    assert ledger.least_held(rows, "other") == Credits.of(100)  # not the ten it held with the first
    assert not takes_over(rows, handover, 100)  # that run is over


def test_not_where_its_price_is_too_high(rows: Connection) -> None:
    handover = started(rows, 10)
    budgets.change(rows, "acme", 9, {"monthly_usd": Decimal(1)})
    with pytest.raises(BudgetExceededError), rows.begin_nested():
        takes_over(rows, handover, 3)
    assert jobs.read(rows, "j").provider == "first"
    assert budgets.standing(rows, "acme").usd.used == Decimal("0.1")
    assert takes_over(rows, handover, 2)


def test_not_where_it_is_closed_itself(rows: Connection) -> None:
    handover = started(rows, 10)
    closed = Pause("other", 300, "It is empty.", "QUOTA_EXCEEDED_ERROR", refuses_jobs=True)
    limits.close(rows, closed)
    with pytest.raises(QuotaExceededError), rows.begin_nested():
        takes_over(rows, handover, 3)
    assert jobs.read(rows, "j").provider == "first"


def test_not_where_a_call_is_being_made_or_was_lost(rows: Connection) -> None:
    handover = started(rows, 10)
    segment_id = sent(rows, handover)
    assert not takes_over(rows, handover, 3)
    segments.lose(rows, segment_id, "fence")
    assert not takes_over(rows, handover, 3)
    transitions.resubmit(rows, "j", handover, segment_id)  # which counts the lost one as paid
    assert not takes_over(rows, handover, 3)


def test_not_where_a_part_is_made(rows: Connection) -> None:
    """At no cost, where nothing but its state tells."""
    handover = started(rows, 0, 0)
    made(rows, handover, 0)
    assert not transitions.go_on(rows, "j", handover)
    assert not takes_over(rows, let_in(rows), 0, 0)


def test_not_where_an_earlier_attempt_was_paid_for(rows: Connection) -> None:
    handover = started(rows, 10)
    failed = accepted(rows, handover)
    error = ProviderError("It broke.")
    transitions.close_segment(rows, failed, SegmentState.FAILED, Credits.of(1), error)
    transitions.retry(rows, "acme", "j")
    assert not takes_over(rows, let_in(rows), 3)


def test_not_where_a_part_was_sent_that_the_other_one_does_not_have(rows: Connection) -> None:
    handover = started(rows, 0, 0)
    first = made(rows, handover, 0)
    transitions.go_on(rows, "j", handover)
    second = accepted(rows, let_in(rows))
    transitions.close_segment(rows, second, SegmentState.FAILED, Credits(), ProviderError("It broke."))
    segments.lose_footage(rows, first, f"key of {first}")
    segments.give_up_footage(rows, first)
    transitions.retry(rows, "acme", "j")
    handover = let_in(rows)
    assert not takes_over(rows, handover, 0)
    assert takes_over(rows, handover, 0, 0)


def test_a_part_that_vanished_is_fetched_again_and_those_behind_it_stay(rows: Connection) -> None:
    handover = started(rows, 10, 10)
    first = made(rows, handover, 10)
    transitions.go_on(rows, "j", handover)
    handover = let_in(rows)
    made(rows, handover, 10)
    segments.lose_footage(rows, first, f"key of {first}")
    transitions.fail(rows, "j", handover, ProviderError("It vanished."))
    transitions.retry(rows, "acme", "j")
    assert segments.current(rows, "j").id == first
    assert [segment.attempt for segment in segments.latest(rows, "j")] == [1, 1]
    segments.give_up_footage(rows, first)
    transitions.fail(rows, "j", let_in(rows), ProviderError("Nobody has it."))
    transitions.retry(rows, "acme", "j")
    assert [segment.attempt for segment in segments.latest(rows, "j")] == [2, 2]  # it goes on from another
