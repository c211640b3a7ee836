"""Taking over: a run that nobody living has is replaced, and its job handed over again.

A run is one hand-over of a job. Its number is counted in the job's row, so that of all who would
replace a run one does, and a run that was replaced finds out and ends: it may be one of a process
that only seemed to be dead.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

import structlog
from dbos import DBOS, WorkflowStatus
from sqlalchemy import Connection

from cutscene import executors, jobs
from cutscene.database import Database
from cutscene.executors import RollCall

__all__ = ["Takeover", "forget_ended", "job_of", "workflow_id"]

_log = structlog.get_logger()

_QUEUED: Final = ["ENQUEUED", "DELAYED"]
_AT_ONCE: Final = 100
"""Jobs that one transaction hands over."""
_LISTED_AT_ONCE: Final = 500
_ENDED: Final = ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]


def workflow_id(job_id: str, handover: int) -> str:
    """The engine's name of a run."""
    return f"{job_id}:{handover}"


def job_of(run: str) -> str:
    return _run_of(run)[0]


def _run_of(workflow: str) -> tuple[str, int]:
    job_id, _, handover = workflow.rpartition(":")
    return job_id, int(handover)


class Takeover:
    """Of one worker. Every worker does it, nobody conducts."""

    def __init__(
        self, database: Database, executor_id: str, hand_over: Callable[[Connection, str, int], None]
    ) -> None:
        self._database = database
        self._executor_id = executor_id
        self._hand_over = hand_over
        self._idle: set[str] = set()
        """Runs that the engine had given to this worker, and that did not run here, at the last look."""

    async def sweep(self, roll: RollCall) -> None:
        """Replace the runs of the dead, and those that wait for a version that nobody has."""
        if self._executor_id not in roll.living:
            return  # cut off itself: no judge of who is dead
        dead = roll.dead.keys() - {self._executor_id}
        orphans = await _ids(status="PENDING", executor_id=list(dead)) if dead else set()
        if roll.forsaken:
            orphans |= await _ids(status=_QUEUED, app_version=[str(version) for version in roll.forsaken])
        if orphans:
            await self.replace(orphans)
        elif dead:
            await forget_ended(executor_id=list(dead))
            await self._database.write(executors.bury, dead)

    async def restore(self, here: Collection[str]) -> None:
        """Replace every run that is not with a living worker, nor on its way to one, whatever the reason.

        ``here``: the runs of this process.
        """
        unfinished = {workflow_id(*run) for run in await self._database.read(jobs.unfinished)}
        if not unfinished:
            return
        known = await _known(unfinished)
        roll = await self._database.read(executors.roll_call)  # later: who has a run was there before
        if self._executor_id not in roll.living:
            return  # cut off itself: no judge of who is dead
        idle = {run.workflow_id for run in known if run.executor_id == self._executor_id} - set(here)
        cared_for = {run.workflow_id for run in known if _is_cared_for(run, roll)}
        lost = (unfinished - cared_for) | (idle & self._idle)
        self._idle = idle
        if lost:
            await self.replace(lost)

    async def replace(self, runs: Iterable[str]) -> set[str]:
        """Hand over the jobs of those runs again, unless that was done; returns the runs that are over."""
        replaced, count = set(), 0
        for some in _batches(sorted(runs), _AT_ONCE):
            begun, over = await self._database.write(self._replace, [_run_of(run) for run in some])
            await DBOS.cancel_workflows_async(over)
            replaced |= set(over)
            count += begun
        if count:
            _log.info("jobs_taken_over", count=count)
        return replaced

    def _replace(self, connection: Connection, runs: Sequence[tuple[str, int]]) -> tuple[int, list[str]]:
        """How many jobs were handed over, and which runs are over. What others have in hand is theirs."""
        latest = jobs.latest_runs(connection, [job_id for job_id, _ in runs])
        lost = {job_id: handover for job_id, handover in runs if latest.get(job_id) == handover}
        begun = jobs.hand_over_again(connection, lost)
        for job_id, handover in begun.items():
            self._hand_over(connection, job_id, handover)
        over = [workflow_id(*run) for run in runs if run[0] in begun or run[0] not in lost]
        return len(begun), over


async def forget_ended(**filters: Any) -> None:
    """The engine's history of ended runs serves nobody: ours is the record."""
    while ended := await _ids(status=_ENDED, limit=_LISTED_AT_ONCE, **filters):
        await DBOS.delete_workflows_async(list(ended))


def _is_cared_for(run: WorkflowStatus, roll: RollCall) -> bool:
    if run.status == "PENDING":
        return run.executor_id in roll.living
    return run.app_version in {str(version) for version in roll.living.values()}


async def _known(runs: Collection[str]) -> list[WorkflowStatus]:
    """Those that the engine has neither ended nor given up."""
    found: list[WorkflowStatus] = []
    for some in _batches(sorted(runs), _LISTED_AT_ONCE):
        found += await _list(workflow_ids=some, status=["PENDING", *_QUEUED])
    return found


async def _ids(**filters: Any) -> set[str]:
    return {workflow.workflow_id for workflow in await _list(**filters)}


async def _list(**filters: Any) -> list[WorkflowStatus]:
    """The engine's runs that match."""
    return await DBOS.list_workflows_async(load_input=False, load_output=False, **filters)


def _batches(items: Sequence[str], size: int) -> Iterator[list[str]]:
    left = iter(items)
    while some := list(islice(left, size)):
        yield some
