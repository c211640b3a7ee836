"""What the engine remembers of jobs that have ended: soon nothing, whoever ended them."""

from __future__ import annotations

import asyncio
import time

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection

import cutscene
from cutscene.database import Database, is_postgres, open_database
from cutscene.domain import Stage, VideoRequest
from cutscene.settings import Settings
from processes import Processes
from scripted import ScriptedProvider

pytestmark = pytest.mark.anyio

JOBS = 12
TABLES = ("workflow_status", "workflow_input", "workflow_output", "operation_outputs", "notifications")


def remembered(connection: Connection) -> dict[str, int]:
    schema = "dbos." if is_postgres(connection) else ""
    count = "SELECT count(*) FROM "
    return {table: connection.execute(sa.text(f"{count}{schema}{table}")).scalar_one() for table in TABLES}


async def until_ended(database: Database, most: int, seconds: float) -> dict[str, int]:
    """Until no more than so many jobs are left, and of the ended ones nothing; what is remembered then."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        now = await database.read(remembered)
        if now["workflow_status"] <= most:
            return now
        await asyncio.sleep(0.2)
    raise AssertionError(f"still there: {now}")


async def test_ended_jobs_are_forgotten_also_those_of_a_worker_that_was_killed(
    settings: Settings, vendor: ScriptedProvider, processes: Processes
) -> None:
    processes.environment |= {"CUTSCENE_SUBMIT_TIMEOUT": "1", "SCRIPTED_TIMEOUT": "300"}
    processes.environment |= {"SCRIPTED_CONCURRENCY": "13"}
    async with cutscene.open(settings, work="no") as studio:
        running = await studio.submit("slow", VideoRequest(prompt="[work:200]", duration=1))
        worker = processes.start("worker")
        async for now in studio.watch("slow", running.id):
            if now.stage == Stage.GENERATING:  # that it was accepted is recorded
                break
        jobs = [
            await studio.submit(f"t{n}", VideoRequest(prompt=f"[fail] {n}", duration=1)) for n in range(JOBS)
        ]
        while len(vendor.calls("accepted")) < JOBS // 3:
            await asyncio.sleep(0.05)
        worker.kill()
        processes.start("worker")
        for job in jobs:
            async for now in studio.watch(job.tenant, job.id):
                last = now
            assert last.state.final
        database = open_database(settings.database)
        try:
            left = await until_ended(database, 1, 20)
        finally:
            await database.close()
        assert left["workflow_status"] == 1, "what still runs is needed"
        assert left["operation_outputs"] <= 3
        assert left["workflow_output"] == left["notifications"] == 0
        assert not (await studio.get("slow", running.id)).state.final
