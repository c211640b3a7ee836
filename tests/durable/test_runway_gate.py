"""Tenants, priorities and the account's cap, as the vendor sees them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, pairwise
from pathlib import Path

import pytest

import cutscene
from cutscene.domain import VideoRequest
from cutscene.emulator import Behaviour
from cutscene.settings import Settings
from cutscene.specs import Specs
from emulated import Emulated, overlap, runway_settings

pytestmark = pytest.mark.anyio

CAP = 3
PRIORITIES = (1, 0, 1, 0)


@pytest.fixture
def vendor(footage_folder: Path) -> Iterator[Emulated]:
    with Emulated(Behaviour(seconds=1.0, concurrency=CAP, footage=footage_folder)) as emulated:
        yield emulated


@pytest.fixture
def settings(vendor: Emulated, tmp_path: Path, database_url: str) -> Settings:
    """How many the account takes at once is for the vendor to say."""
    return runway_settings(vendor, tmp_path / "home", database_url=database_url)


def prompt(tenant: int, number: int) -> str:
    """Told apart by a fraction of a second, so that the vendor renders one clip for all."""
    return f"a harbour [slow:0.5{tenant}{number}]"


async def test_five_tenants_with_four_jobs_each(settings: Settings, vendor: Emulated) -> None:
    async with cutscene.open(settings, work="no") as client:
        jobs = [
            await client.submit(
                f"t{tenant}",
                VideoRequest(prompt=prompt(tenant, number), duration=2.0, specs=Specs(width=480, height=270)),
                priority=priority,
            )
            for number, priority in enumerate(PRIORITIES)
            for tenant in range(5)
        ]
    async with cutscene.open(settings) as studio:
        for job in jobs:
            await studio.wait(job.tenant, job.id, timeout=120)
        ended = [await studio.get(job.tenant, job.id) for job in jobs]
    tasks = sorted(vendor.tasks(), key=lambda task: task["created_at"])
    assert len(tasks) == len(jobs)
    assert vendor.state()["most_in_flight"] <= CAP
    assert any(overlap(one, other) for one, other in combinations(tasks, 2))  # tenants side by side
    finished = {job.request.prompt: job.finished_at.timestamp() for job in ended if job.finished_at}
    early = 0
    for tenant in range(5):
        own = [task for task in tasks if task["prompt"] in {prompt(tenant, number) for number in range(4)}]
        assert [task["prompt"] for task in own] == [prompt(tenant, number) for number in (1, 3, 0, 2)]
        assert not any(overlap(one, other) for one, other in combinations(own, 2))
        early += sum(after["created_at"] < finished[task["prompt"]] for task, after in pairwise(own))
    assert early > 0  # the slot is free while a clip is finished
    for served in range(1, len(tasks)):  # nobody starves
        turns = [sum(task["prompt"][-3] == str(tenant) for task in tasks[:served]) for tenant in range(5)]
        assert max(turns) - min(turns) <= 2
