"""How fast jobs are dispatched, beside the engine's own bare queue: ``dispatch.py``.

Our side is all of it: gate, fence, engine, poller and money, with a synthetic provider that accepts at
once and has failed, at no cost, at its first look. The floor is an empty workflow on a queue of dbos,
with the same threads, pools and pace as ours, handed over in one transaction as our gate does it.

A backlog of 1,000 is timed from the first look at it to the end of the last one. Then single ones are
submitted to an idle system, at random moments, until the provider is called, or the workflow runs.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from servers import Postgres, postgres
from sides import Meter, run_side, serve_side
from tables import percentile, table

BACKLOG: Final = 1000
SINGLE: Final = 16
"""Single ones in each round."""

Options = Mapping[str, Any]


async def ours(options: Options) -> Mapping[str, Any]:
    import structlog  # noqa: PLC0415 -- a side imports what it uses

    from cutscene.domain import VideoRequest  # noqa: PLC0415
    from cutscene.engine import Engine  # noqa: PLC0415
    from cutscene.settings import Settings  # noqa: PLC0415
    from cutscene.studio import open_studio  # noqa: PLC0415
    from recorded import RECORD  # noqa: PLC0415

    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())  # a thousand failures are expected
    settings = Settings(
        home=Path(options["home"]), database_url=options["database"], provider="instant", max_concurrent=1000
    )
    backlog, latencies = options["backlog"], []
    ended = "SELECT count(*) FROM jobs WHERE state = 'failed'"
    async with open_studio(settings, work="no") as studio:
        requests = [VideoRequest(prompt=f"backlog {number}", duration=1.0) for number in range(backlog)]
        meter = Meter()
        await asyncio.gather(*(studio.submit("acme", request) for request in requests))
        submitting = meter.wall
    async with open_studio(settings, work="yes") as studio:
        meter = Meter()
        await _until(settings.database, ended, backlog)
        seconds, cpu = meter.wall, meter.cpu
        for number in range(options["single"]):
            await asyncio.sleep(random.uniform(0, 4 * Engine.PICK_UP))  # noqa: S311 -- at no special moment
            RECORD.called.clear()
            prompt, began = f"single {number}", time.time()
            await studio.submit("acme", VideoRequest(prompt=prompt, duration=1.0))
            await RECORD.called.wait()
            latencies.append(RECORD.posted[prompt] - began)
            await _until(settings.database, ended, backlog + number + 1)
    return {"seconds": seconds, "cpu": cpu, "submitting": submitting, "latencies": latencies}


async def bare(options: Options) -> Mapping[str, Any]:
    import sqlalchemy as sa  # noqa: PLC0415
    from dbos import DBOS, DBOSClient, EnqueueOptions  # noqa: PLC0415

    from cutscene.database import open_database  # noqa: PLC0415
    from cutscene.engine import Engine  # noqa: PLC0415

    is_sqlite = options["database"].startswith("sqlite")
    database = open_database(options["database"])  # with the same journal, and the same pools
    DBOS(
        config={
            "name": "bench",
            "system_database_url": options["database"],
            "application_version": "1",
            "executor_id": "bench",
            "log_level": "ERROR",
            "max_executor_threads": 4 if is_sqlite else 16,
            "sys_db_pool_size": 4 if is_sqlite else 10,
            "use_listen_notify": False,
        }
    )
    called, began = asyncio.Event(), {}

    async def empty(name: str) -> None:
        began[name] = time.time()
        called.set()

    DBOS.workflow(name="empty")(empty)
    DBOS.launch()
    client = DBOSClient(system_database_engine=database.engine, application_name="bench")
    await DBOS.register_queue_async("bench", polling_interval_sec=Engine.PICK_UP, on_conflict="always_update")

    def enqueue(connection: sa.Connection, names: Sequence[str]) -> None:
        for name in names:
            options: EnqueueOptions = {
                "workflow_name": "empty",
                "queue_name": "bench",
                "workflow_id": name,
                "app_version": "1",
            }
            client.enqueue_in_transaction(connection, options, name)

    schema = "" if is_sqlite else "dbos."
    ended = f"SELECT count(*) FROM {schema}workflow_status WHERE status = 'SUCCESS'"  # noqa: S608 -- ours
    backlog, latencies = options["backlog"], []
    meter = Meter()
    await database.write(enqueue, [f"backlog {number}" for number in range(backlog)])
    await _until(options["database"], ended, backlog)
    seconds, cpu = meter.wall, meter.cpu
    for number in range(options["single"]):
        await asyncio.sleep(random.uniform(0, 4 * Engine.PICK_UP))  # noqa: S311 -- at no special moment
        called.clear()
        asked = time.time()
        await database.write(enqueue, [f"single {number}"])
        await called.wait()
        latencies.append(began[f"single {number}"] - asked)
        await _until(options["database"], ended, backlog + number + 1)
    await asyncio.to_thread(DBOS.destroy, destroy_registry=True)

    return {"seconds": seconds, "cpu": cpu, "submitting": 0.0, "latencies": latencies}


async def _until(database: str, query: str, count: int) -> None:
    """Until a query counts so many; looks every 0.05 s, with a connection of its own."""
    import sqlalchemy as sa  # noqa: PLC0415

    engine = sa.create_engine(database.replace("postgresql://", "postgresql+psycopg://"))

    def counted() -> int:
        with engine.connect() as connection:
            return int(connection.execute(sa.text(query)).scalar_one())

    while await asyncio.to_thread(counted) < count:  # noqa: ASYNC110 -- a database calls nobody
        await asyncio.sleep(0.05)
    engine.dispose()


SIDES: Final = {"ours": ours, "bare": bare}


def report(server: Postgres, rounds: int = 2, backlog: int = BACKLOG, single: int = SINGLE) -> str:
    """The table; sides and databases take turns."""
    found: dict[str, list[dict[str, Any]]] = {}
    with tempfile.TemporaryDirectory() as home:
        for number in range(rounds):
            for kind in ("SQLite", "Postgres"):
                for side, said in (("bare", "dbos, bare queue (the floor)"), ("ours", "ours")):
                    folder = Path(home) / f"{number} {kind} {side}"
                    url = f"sqlite:///{folder / 'bench.db'}" if kind == "SQLite" else server.new_database()
                    counts = {"backlog": backlog, "single": single}
                    figures = run_side(__file__, side, folder, database=url, **counts)
                    found.setdefault(f"{said}, {kind}", []).append(figures)
    return _table(found, backlog)


def _table(found: Mapping[str, Sequence[Mapping[str, Any]]], backlog: int) -> str:
    head = [
        f"{backlog} that wait",
        "jobs/s",
        "to the floor",
        "CPU of a job, ms",
        "single: p50, ms",
        "p99, ms",
        "p50 over the floor, ms",
        "submitted before, jobs/s",
    ]
    lines, floor, quickest = [], 0.0, 0.0
    for name, rounds in found.items():
        seconds = statistics.median(figures["seconds"] for figures in rounds)
        latencies = [latency for figures in rounds for latency in figures["latencies"]]
        middle = statistics.median(latencies)
        if "floor" in name:
            floor, quickest = seconds, middle
        submitting = statistics.median(figures["submitting"] for figures in rounds)
        lines.append(
            [
                name,
                f"{backlog / seconds:.0f}",
                f"{floor / seconds:.2f}x",
                f"{1e3 * statistics.median(figures['cpu'] for figures in rounds) / backlog:.1f}",
                f"{1e3 * middle:.0f}",
                f"{1e3 * percentile(latencies, 0.99):.0f}",
                f"{1e3 * (middle - quickest):+.0f}",
                f"{backlog / submitting:.0f}" if submitting else "-",
            ]
        )
    return table(head, lines)


def main() -> None:
    with postgres() as server:
        print(report(server))


if __name__ == "__main__" and not serve_side(SIDES):
    main()
