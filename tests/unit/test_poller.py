"""The poller against providers whose looks break, hang or lie."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from cutscene import jobs
from cutscene.database import Database
from cutscene.domain import Credits
from cutscene.errors import CancelledError, GenerationTimeoutError, ProviderError
from cutscene.poller import Poller
from cutscene.providers import Capabilities, Done, Failed, Gone, Pending, TaskState
from cutscene.tables import jobs as table
from scripted import ScriptedProvider

pytestmark = pytest.mark.anyio

Look = Callable[[], Coroutine[Any, Any, TaskState]]


class Quick(Poller):
    CANCEL_EVERY = 0.05
    LOOK_TIMEOUT = 0.2
    SLOWEST = 0.05
    GONE_FOR = 0.4


class Vendor(ScriptedProvider):
    """Looks as the test wants them to be."""

    def __init__(self, root: Path, look: Look) -> None:
        super().__init__(root, timeout=1.0)
        self.look = look
        self.looks = 0
        self.cancelled: list[str] = []
        self.stops = True
        self.interval = 0.1

    def capabilities(self) -> Capabilities:
        return replace(super().capabilities(), poll_interval=self.interval)

    async def poll(self, task_id: str) -> TaskState:
        self.looks += 1
        return await self.look()

    async def cancel(self, task_id: str) -> bool:
        self.cancelled.append(task_id)
        return self.stops


@pytest.fixture
async def database(waiting_job: Database) -> Database:
    """With a job that runs."""
    await waiting_job.write(jobs.start, "j")
    return waiting_job


async def broken() -> TaskState:
    raise KeyError("a provider with a bug")


async def trouble() -> TaskState:
    raise ProviderError("503")


async def hanging() -> TaskState:
    await asyncio.sleep(60)
    return Pending()


async def queued() -> TaskState:
    return Pending(queued=True)


async def gone() -> TaskState:
    return Gone()


async def test_a_task_that_does_not_end_is_stopped_at_its_deadline(
    database: Database, tmp_path: Path
) -> None:
    vendor = Vendor(tmp_path, queued)
    async with Quick(database) as poller:
        state = await asyncio.wait_for(poller.outcome("j", vendor, "t", age=0.4), 10)
    assert isinstance(state, Failed)
    assert state.error.code == "TIMEOUT_ERROR"
    assert state.credits is None  # nobody knows
    assert vendor.cancelled == ["t"]


@pytest.mark.parametrize("look", [broken, trouble, hanging])
async def test_a_task_that_nobody_answers_for_is_not_called_stopped(
    database: Database, tmp_path: Path, look: Look
) -> None:
    """It may be done by now, and is paid for: another look must be possible."""
    vendor = Vendor(tmp_path, look)
    async with Quick(database) as poller:
        with pytest.raises(GenerationTimeoutError, match="nobody knows what it has made"):
            await asyncio.wait_for(poller.outcome("j", vendor, "t", age=0.4), 10)
    assert vendor.cancelled == []


async def test_looking_goes_on_past_the_deadline_until_it_is_answered(
    database: Database, tmp_path: Path
) -> None:
    began = asyncio.get_running_loop().time()

    async def look() -> TaskState:
        if asyncio.get_running_loop().time() - began < 0.3:
            raise ProviderError("503")
        return Done(("file:///x",))

    vendor = Vendor(tmp_path, look)
    async with Quick(database) as poller:
        state = await asyncio.wait_for(poller.outcome("j", vendor, "t", age=0.9), 10)
    assert isinstance(state, Done)


async def test_a_provider_that_does_not_stop_leaves_the_task_to_be_looked_at(
    database: Database, tmp_path: Path
) -> None:
    vendor = Vendor(tmp_path, queued)
    vendor.stops = False
    async with Quick(database) as poller:
        with pytest.raises(GenerationTimeoutError):
            await asyncio.wait_for(poller.outcome("j", vendor, "t", age=0.9), 10)
        waiting = asyncio.create_task(poller.outcome("j", vendor, "t", age=0.0))
        await asyncio.sleep(0.1)
        await database.write(jobs.request_cancel, "j")
        with pytest.raises(CancelledError):
            await asyncio.wait_for(waiting, 10)


async def test_one_answer_that_there_is_no_such_task_is_not_believed(
    database: Database, tmp_path: Path
) -> None:
    async def look() -> TaskState:
        return Gone() if vendor.looks < 3 else Done(("file:///x",))

    vendor = Vendor(tmp_path, look)
    async with Quick(database) as poller:
        assert isinstance(await asyncio.wait_for(poller.outcome("j", vendor, "t", age=0), 10), Done)
        vendor = Vendor(tmp_path, gone)
        state = await asyncio.wait_for(poller.outcome("j", vendor, "t", age=0), 10)
    assert isinstance(state, Failed)
    assert "has no such task any more" in str(state.error)
    assert vendor.looks > 3


async def test_trouble_with_looking_is_no_trouble_with_the_task(database: Database, tmp_path: Path) -> None:
    async def look() -> TaskState:
        if vendor.looks < 4:
            raise ProviderError("503")
        return Done(("file:///x",), Credits.of(3))

    vendor = Vendor(tmp_path, look)
    async with Quick(database) as poller:
        state = await asyncio.wait_for(poller.outcome("j", vendor, "t", age=0), 10)
    assert state == Done(("file:///x",), Credits.of(3))
    assert vendor.cancelled == []


async def test_cancelling_wins_over_a_look_under_way(database: Database, tmp_path: Path) -> None:
    async def look() -> TaskState:
        if vendor.cancelled:
            return Failed(ProviderError("It says cancelled."), Credits.of(1))
        return Pending(0.5)

    vendor = Vendor(tmp_path, look)
    async with Quick(database) as poller:
        waiting = asyncio.create_task(poller.outcome("j", vendor, "t", age=0))
        await asyncio.sleep(0.2)
        await database.write(jobs.request_cancel, "j")
        state = await asyncio.wait_for(waiting, 10)
    assert isinstance(state, Failed)
    assert (state.error.code, state.credits) == ("CANCELLED", Credits.of(1))
    with database.engine.begin() as connection:
        assert connection.execute(sa.select(table.c.progress)).scalar() == 0.5


async def test_two_runs_of_one_job_both_hear_of_its_end(database: Database, tmp_path: Path) -> None:
    ended = False

    async def look() -> TaskState:
        return Done(("file:///x",)) if ended else Pending()

    vendor = Vendor(tmp_path, look)
    async with Quick(database) as poller:
        runs = [asyncio.create_task(poller.outcome("j", vendor, "t", age=0)) for _ in range(2)]
        await asyncio.sleep(0.1)
        ended = True
        done = await asyncio.wait_for(asyncio.gather(*runs), 10)
    assert done == [Done(("file:///x",))] * 2


async def test_what_was_done_when_it_was_stopped_is_not_thrown_away(
    database: Database, tmp_path: Path
) -> None:
    async def look() -> TaskState:
        return Done(("file:///x",), Credits.of(3)) if vendor.cancelled else Pending()

    vendor = Vendor(tmp_path, look)
    async with Quick(database) as poller:
        state = await asyncio.wait_for(poller.outcome("j", vendor, "t", age=0.9), 10)
    assert state == Done(("file:///x",), Credits.of(3))


@pytest.mark.parametrize(
    ("later", "believed"), [(Gone(), True), (Done(("file:///clip.mp4",)), False), (ProviderError("?"), False)]
)
async def test_a_task_is_gone_only_where_every_look_says_so(
    database: Database, tmp_path: Path, later: TaskState | ProviderError, believed: bool
) -> None:
    async def look() -> TaskState:
        if vendor.looks == 1:
            return Gone()
        if isinstance(later, ProviderError):
            raise later
        return later

    vendor = Vendor(tmp_path, look)
    async with Quick(database) as poller:
        assert await poller.is_gone(vendor, "t") is believed


async def test_adaptive_looks_see_the_end_sooner_than_fixed_ones(database: Database, tmp_path: Path) -> None:
    """Ten generations at once, of 0.5 s each; the interval is 0.4 s."""
    loop = asyncio.get_running_loop()
    began = loop.time()

    async def look() -> TaskState:
        age = loop.time() - began
        return Done(("file:///x",)) if age > 0.5 else Pending(age / 0.5)

    async def delay(poller: Poller) -> float:
        await poller.outcome("j", vendor, "t", age=0, kind="m 5 s")
        return loop.time() - began - 0.5

    vendor = Vendor(tmp_path, look)
    vendor.interval = 0.4
    delays, looks = list[float](), list[int]()
    for adaptive in (False, True):
        async with Quick(database, adaptive=adaptive) as poller:
            began, before = loop.time(), vendor.looks
            delays.append(sorted(await asyncio.gather(*(delay(poller) for _ in range(10))))[5])
            looks.append(vendor.looks - before)
    assert delays[0] > 0.2
    assert delays[1] < delays[0] - 0.05
    assert looks[1] <= looks[0] + 3


async def test_progress_that_has_not_changed_is_not_written_again(database: Database, tmp_path: Path) -> None:
    async def look() -> TaskState:
        return Pending(0.25)

    vendor = Vendor(tmp_path, look)
    async with Quick(database) as poller:
        waiting = asyncio.create_task(poller.outcome("j", vendor, "t", age=0))
        await asyncio.sleep(0.3)
        with database.engine.begin() as connection:
            assert connection.execute(sa.select(table.c.progress)).scalar() == 0.25
            connection.execute(sa.update(table).values(progress=0.75))
        await asyncio.sleep(0.3)
        with database.engine.begin() as connection:
            assert connection.execute(sa.select(table.c.progress)).scalar() == 0.75
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)


async def test_a_task_in_the_vendors_queue_is_said_to_be_there(database: Database, tmp_path: Path) -> None:
    vendor = Vendor(tmp_path, queued)
    async with Quick(database) as poller:
        waiting = asyncio.create_task(poller.outcome("j", vendor, "t", age=0))
        await asyncio.sleep(0.3)
        with database.engine.begin() as connection:
            assert connection.execute(sa.select(table.c.stage)).scalar() == "queued"
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)


@pytest.mark.parametrize("adaptive", [False, True])
async def test_a_clock_that_was_set_back_puts_off_no_look(
    database: Database, tmp_path: Path, adaptive: bool
) -> None:
    async def look() -> TaskState:
        return Done(("file:///x",))

    vendor = Vendor(tmp_path, look)
    async with Quick(database, adaptive=adaptive) as poller:
        state = await asyncio.wait_for(poller.outcome("j", vendor, "t", age=-4.0), 3)
    assert isinstance(state, Done)


@pytest.mark.parametrize(
    "odd",
    [Pending("50%"), {"status": "RUNNING"}, asyncio.CancelledError()],  # type: ignore[arg-type]
    ids=lambda odd: type(odd).__name__,
)
async def test_an_answer_that_no_provider_may_give_is_no_last_look(
    database: Database, tmp_path: Path, odd: Any
) -> None:
    async def look() -> TaskState:
        if vendor.looks > 2:
            return Done(("file:///x",))
        if isinstance(odd, BaseException):
            raise odd
        return odd  # type: ignore[no-any-return]

    vendor = Vendor(tmp_path, look)
    async with Quick(database) as poller:
        state = await asyncio.wait_for(poller.outcome("j", vendor, "t", age=0), 10)
    assert state == Done(("file:///x",))


async def test_a_task_with_nothing_but_odd_answers_is_stopped_at_its_deadline(
    database: Database, tmp_path: Path
) -> None:
    async def look() -> TaskState:
        return Pending("50%")  # type: ignore[arg-type]

    vendor = Vendor(tmp_path, look)
    async with Quick(database) as poller:
        state = await asyncio.wait_for(poller.outcome("j", vendor, "t", age=0.7), 10)
    assert isinstance(state, Failed)
    assert vendor.cancelled == ["t"]


async def test_a_provider_that_breaks_off_while_it_is_told_to_stop_is_told_again(
    database: Database, tmp_path: Path
) -> None:
    class BreaksOff(Vendor):
        async def cancel(self, task_id: str) -> bool:
            self.cancelled.append(task_id)
            if len(self.cancelled) == 1:
                raise asyncio.CancelledError
            return True

    vendor = BreaksOff(tmp_path, queued)
    async with Quick(database) as poller:
        waiting = asyncio.create_task(poller.outcome("j", vendor, "t", age=0))
        await database.write(jobs.request_cancel, "j")
        state = await asyncio.wait_for(waiting, 10)
    assert isinstance(state, Failed)
    assert vendor.cancelled == ["t", "t"]


async def test_what_could_not_be_written_is_written_later_and_holds_up_no_cancellation(
    database: Database, tmp_path: Path
) -> None:
    async def look() -> TaskState:
        return Pending(0.25)

    async def progress() -> Any:
        return await database.read(lambda connection: connection.scalar(sa.select(table.c.progress)))

    async def execute(statement: str) -> None:
        await database.write(lambda connection: connection.exec_driver_sql(statement))

    refuse = "CREATE TRIGGER refuse BEFORE UPDATE OF progress ON jobs BEGIN SELECT RAISE(ABORT, 'no'); END"
    vendor = Vendor(tmp_path, look)
    async with Quick(database) as poller:
        await execute(refuse)
        waiting = asyncio.create_task(poller.outcome("j", vendor, "t", age=0))
        await asyncio.sleep(0.3)
        assert await progress() == 0
        await execute("DROP TRIGGER refuse")
        await asyncio.sleep(0.2)
        assert await progress() == 0.25
        await execute(refuse)
        vendor.look = queued  # which is something new to write
        await asyncio.sleep(0.2)
        await database.write(jobs.request_cancel, "j")
        assert isinstance(await asyncio.wait_for(waiting, 10), Failed)
