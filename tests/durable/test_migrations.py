"""A database of the first schema, with a row in every state of that time, under the code of today."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

import cutscene
from cutscene import migrations, storage
from cutscene.database import open_database
from cutscene.domain import Credits
from cutscene.errors import SubmissionUnknownError
from cutscene.ledger import Grouping
from cutscene.settings import Settings
from processes import forks
from scripted import PRICE, ScriptedProvider

pytestmark = pytest.mark.anyio

NOW = time.time()
CLIP = {
    "key": "done/default/video/x.mp4",
    "video_url": "file:///x.mp4",
    "poster_key": "done/default/video/x.jpg",
    "poster_url": "file:///x.jpg",
    "width": 1280,
    "height": 720,
    "fps": 24.0,
    "codec": "h264",
    "frames": 24,
    "duration_ms": 1000,
    "bytes": 1234,
    "sha256": "0" * 64,
    "loop_seam": 20.5,
    "is_loopable": False,
}
# Of each tenant's one job: what its row, its segment and its books say beside what all say.
ROWS: Mapping[str, tuple[dict[str, Any], dict[str, Any], dict[str, int]]] = {
    "waits": ({}, {}, {}),
    "let-in": ({"state": "running", "slot": True, "handover": 1}, {}, {}),
    "generates": (
        {"state": "running", "stage": "generating", "slot": True, "handover": 1, "progress": 0.5},
        {"state": "running", "task_id": "t1", "fence": "f", "posted_at": NOW - 1},
        {},
    ),
    "paying": (
        {"state": "running", "slot": True, "handover": 1},
        {"state": "posting", "fence": "f", "posted_at": NOW - 1000},
        {},
    ),
    "finishes": (
        {"state": "running", "stage": "finishing", "handover": 1},
        {
            "state": "succeeded",
            "task_id": "t2",
            "fence": "f",
            "posted_at": NOW - 60,
            "footage_key": "finishes/default/raw.mp4",
        },
        {"settle": PRICE},
    ),
    "done": (
        {"state": "done", "stage": "storing", "progress": 1.0, "clip": CLIP, "finished_at": NOW},
        {"state": "succeeded", "task_id": "t3", "footage_key": "gone.mp4", "posted_at": NOW - 60},
        {"settle": PRICE},
    ),
    "failed": (
        {"state": "failed", "error_code": "PROVIDER_ERROR", "error": "It failed.", "finished_at": NOW},
        {"state": "failed", "task_id": "t4", "posted_at": NOW - 60},
        {"settle": 0, "release": PRICE},
    ),
    "fetches": (
        {"state": "failed", "error_code": "PROVIDER_ERROR", "error": "It was not there.", "finished_at": NOW},
        {"state": "succeeded", "task_id": "t5", "posted_at": NOW - 60},
        {"settle": PRICE},
    ),
    "cancelled": (
        {"state": "cancelled", "error_code": "CANCELLED", "error": "It was cancelled.", "finished_at": NOW},
        {"state": "cancelled"},
        {"settle": 0, "release": PRICE},
    ),
    "lost": (
        {
            "state": "failed",
            "slot": True,
            "error_code": "PROVIDER_ERROR",
            "error": "The answer was lost.",
            "detail": "SUBMISSION_UNKNOWN",
            "finished_at": NOW,
        },
        {"state": "unknown", "fence": "f", "posted_at": NOW - 60},
        {},
    ),
}


def job_of(tenant: str) -> str:
    return f"job_{list(ROWS).index(tenant):016x}"


def make_first_schema(url: str) -> sa.Engine:
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite":
        Path(str(parsed.database)).parent.mkdir(parents=True, exist_ok=True)
    else:
        parsed = parsed.set(drivername="postgresql+psycopg")
    engine = sa.create_engine(parsed)
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    return engine


def fill(engine: sa.Engine) -> None:
    tables = sa.MetaData()
    tables.reflect(engine)

    def insert(table: str, **values: Any) -> None:
        connection.execute(sa.insert(tables.tables[table]).values(values))

    with engine.begin() as connection:
        insert("executors", id="old", beat_at=NOW - 60)
        insert("provider_limits", provider="scripted", paused_until=0.0, reason="")
        insert("provider_limits", provider="elsewhere", paused_until=1e12, reason="It is busy.")
        for tenant, (job, segment, books) in ROWS.items():
            id_ = job_of(tenant)
            is_waiting = job.get("state") is None
            insert(
                "tenants",
                id=tenant,
                max_active=1,
                active=int(job.get("slot", False)),
                waiting=int(is_waiting),
            )
            about = {"tenant": tenant, "provider": "scripted", "model": "script-1"}
            request = {"prompt": tenant, "image": None, "aspect": "16:9", "duration": 1.0, "loop": False}
            request |= {"seed": None, "model": None}
            common = {"id": id_, "run": "default", "request": request, "priority": 0, "created_at": NOW - 90}
            insert("jobs", **{**about, **common, "state": "queued", "stage": "queued", **job})
            place = {"id": f"{id_}-0-1", "job_id": id_, "position": 0, "attempt": 1, "state": "planned"}
            insert("segments", **{**place, **segment})
            for kind, amount in {"hold": PRICE, **books}.items():
                entry = {"segment_id": f"{id_}-0-1", "job_id": id_, "kind": kind, "basis": "reported"}
                money = {"milli_credits": 1000 * amount, "micro_usd_per_credit": 10_000, "at": NOW - 90}
                insert("ledger", **about, **entry, **money)


async def fill_elsewhere(settings: Settings, vendor: ScriptedProvider) -> None:
    """What the vendor and the store had then."""
    for task in ("t1", "t2", "t5"):
        facts = {"prompt": "[work:0.5]", "at": NOW, "frames": 24, "estimate": PRICE, "number": 1}
        (vendor.root / f"{task}.json").write_text(json.dumps(facts))
    footage = vendor._footage("t2", 24)
    store = storage.open_store(settings.storage)
    await storage.put_file(store, "finishes/default/raw.mp4", footage, "video/mp4")
    await store.close()


async def test_jobs_of_the_first_schema_go_on(settings: Settings, vendor: ScriptedProvider) -> None:
    engine = make_first_schema(settings.database)
    fill(engine)
    engine.dispose()
    await fill_elsewhere(settings, vendor)

    async with cutscene.open(settings, work="no") as reader:
        found = {tenant: await reader.get(tenant, job_of(tenant)) for tenant in ROWS}
        assert [found[tenant].state for tenant in ROWS] == [
            ROWS[tenant][0].get("state", "queued") for tenant in ROWS
        ]
        assert found["done"].clip is not None
        assert found["done"].clip.sha256 == "0" * 64
        [pause] = await reader.pauses()
        assert (pause.provider, pause.reason, pause.refuses_jobs) == ("elsewhere", "It is busy.", False)
        standing = await reader.standing("waits")
        assert (standing.waiting, standing.credits.limit, standing.max_queued) == (1, None, None)
        assert found["lost"].detail == "SUBMISSION_UNKNOWN"
        assert sum(row.held.amount for row in await reader.usage(Grouping.TENANT)) == 5 * PRICE

    async with cutscene.open(settings) as studio:
        for tenant in ("waits", "let-in", "generates", "finishes"):
            clip = await studio.wait(tenant, job_of(tenant), timeout=60)
            assert (clip.frames, clip.width) == (24, 1280)
        with pytest.raises(SubmissionUnknownError):
            await studio.wait("paying", job_of("paying"), timeout=60)
        assert sorted(vendor.calls("post")) == ["let-in", "waits"]
        for tenant in ("failed", "fetches"):
            await studio.retry(tenant, job_of(tenant))
        for tenant in ("failed", "fetches"):
            await studio.wait(tenant, job_of(tenant), timeout=60)
        assert sorted(vendor.calls("post")) == ["failed", "let-in", "waits"]
        for tenant in ("lost", "paying"):
            let_go = await studio.cancel(tenant, job_of(tenant))
            assert let_go.credits_used == Credits()
            assert (await studio.standing(tenant)).active == 0
        usage = await studio.usage(Grouping.TENANT)
    assert sum(row.credits.amount for row in usage) == 7 * PRICE
    assert sum(row.held.amount for row in usage) == 0
    assert {row.name for row in usage} == set(ROWS)


def open_and_close(url: str, start: Any, answers: Any) -> None:
    start.wait(30)
    try:
        open_database(url).engine.dispose()
        answers.put("opened")
    except Exception as error:  # noqa: BLE001 -- told to the test
        answers.put(f"{type(error).__name__}: {error}")


@pytest.mark.parametrize(
    ("database_url", "schema"),
    [("postgres", "none"), ("postgres", "first"), ("sqlite", "none")],
    indirect=["database_url"],
)
def test_four_processes_open_it_at_once(database_url: str, schema: str) -> None:
    if schema == "first":
        make_first_schema(database_url).dispose()
    fork = forks()
    start, answers = fork.Barrier(4), fork.Queue()
    openers = [fork.Process(target=open_and_close, args=(database_url, start, answers)) for _ in range(4)]
    for opener in openers:
        opener.start()
    assert [answers.get(timeout=60) for _ in openers] == ["opened"] * 4
    for opener in openers:
        opener.join(20)
    answers.close()
    opened = open_database(database_url)
    assert migrations.newer_revision(opened.engine) is None
    opened.engine.dispose()
