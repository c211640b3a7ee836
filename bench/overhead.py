"""What a job takes besides its generation, from submit to a stored clip, stage by stage: ``overhead.py``.

The remote side is the package's emulator, which makes one small clip in 0.3 s and is looked at every
0.1 s. The clip is what was asked for, so that it is not encoded again. Jobs go one at a time, and 20 at
once; clips are stored in files.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from servers import PROMPT, Postgres, Remote, emulator, postgres
from sides import peak_mib, run_side, serve_side
from tables import percentile, table

ALONE: Final = 5
"""Jobs one after another, in each round."""
TOGETHER: Final = 20
SECONDS: Final = 0.3
POLL: Final = 0.1

STAGES: Final = {
    "recorded": "submit, until the job and its hold are recorded",
    "gate": "gate and engine, until its run asks the provider",
    "submit": "submission, until the provider has it",
    "late": "end seen late",
    "fetch": "noted, fetched, checked, kept",
    "finish": "made (remux, seam, poster) and stored",
    "publish": "published, the raw footage removed",
    "told": "told to who waits",
}


async def jobs(options: Mapping[str, Any]) -> Mapping[str, Any]:
    """Moments of every job, seconds since 1970, by its task."""
    from cutscene.settings import Settings  # noqa: PLC0415 -- a side imports what it uses
    from cutscene.studio import open_studio  # noqa: PLC0415

    settings = Settings(
        home=Path(options["home"]),
        database_url=options["database"],
        provider="recorded",
        max_concurrent=TOGETHER,
        runway_api_key=options["key"],
        runway_api_base_url=options["url"],
        runway_api_flavor="tasks",
        runway_account_concurrency=TOGETHER,
        runway_poll_interval_ms=round(1000 * POLL),
    )
    async with open_studio(settings, work="yes") as studio:
        await _job(studio, settings.database, 0)  # warms what is started at need
        alone = [await _job(studio, settings.database, 1 + number) for number in range(options["alone"])]
        numbers = range(100, 100 + options["together"])
        together = await asyncio.gather(*(_job(studio, settings.database, number) for number in numbers))
        return {"alone": alone, "together": together, "peak": peak_mib()}


async def _job(studio: Any, database: str, number: int) -> dict[str, Any]:
    from cutscene.domain import VideoRequest  # noqa: PLC0415
    from cutscene.specs import Specs  # noqa: PLC0415
    from recorded import RECORD  # noqa: PLC0415

    prompt = f"{PROMPT} [slow:{SECONDS + number * 1e-6:.6f}]"
    moments = {"asked": time.time()}
    job = await studio.submit(
        "acme", VideoRequest(prompt=prompt, duration=2.0, specs=Specs(width=480, height=270))
    )
    moments["recorded"] = time.time()
    clip = await studio.wait("acme", job.id)
    moments["told"] = time.time()
    posted = await asyncio.to_thread(_posted_at, database, job.id)
    ended = await studio.get("acme", job.id)
    return {
        **moments,
        "task": RECORD.tasks[prompt],
        "prepared": RECORD.prepared[prompt],
        "seen": RECORD.ended[RECORD.tasks[prompt]],
        "fetched": posted + clip.reached["fetched"],
        "made": posted + clip.reached["made"],
        "published": ended.finished_at.timestamp(),
    }


def _posted_at(database: str, job_id: str) -> float:
    import sqlalchemy as sa  # noqa: PLC0415

    from cutscene.tables import segments  # noqa: PLC0415

    engine = sa.create_engine(database.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        query = sa.select(segments.c.posted_at).where(segments.c.job_id == job_id)
        posted: float = connection.execute(query).scalar_one()
    engine.dispose()
    return posted


SIDES: Final = {"jobs": jobs}


def stages(job: Mapping[str, Any], task: Mapping[str, float]) -> dict[str, float]:
    """Seconds of each, and what the whole took besides the generation."""
    return {
        "recorded": job["recorded"] - job["asked"],
        "gate": job["prepared"] - job["recorded"],
        "submit": task["created_at"] - job["prepared"],
        "late": job["seen"] - task["ended_at"],
        "fetch": job["fetched"] - job["seen"],
        "finish": job["made"] - job["fetched"],
        "publish": job["published"] - job["made"],
        "told": job["told"] - job["published"],
        "all": job["told"] - job["asked"] - (task["ended_at"] - task["created_at"]),
    }


def report(server: Postgres, rounds: int = 2, alone: int = ALONE, together: int = TOGETHER) -> str:
    """The table; SQLite and Postgres take turns."""
    found: dict[str, list[dict[str, float]]] = {}
    with emulator() as remote, tempfile.TemporaryDirectory() as home:
        for number in range(rounds):
            for name, url in (("SQLite", ""), ("Postgres", server.new_database())):
                counts = {"alone": alone, "together": together}
                measured = _measured(remote, Path(home) / f"{number} {name}", url, counts)
                for how, taken in measured.items():
                    found.setdefault(f"{name}, {how}", []).extend(taken)
    return _table(found)


def _measured(
    remote: Remote, home: Path, database: str, counts: Mapping[str, int]
) -> dict[str, list[dict[str, float]]]:
    database = database or f"sqlite:///{home / 'bench.db'}"
    figures = run_side(__file__, "jobs", home, url=remote.url, key=remote.key, database=database, **counts)
    tasks = remote.tasks()
    ways = {"alone": "one at a time", "together": f"{counts['together']} at once"}
    return {
        said: [stages(job, tasks[job["task"]]) for job in figures[way]]
        for way, said in ways.items()
        if counts[way]
    }


def _table(found: Mapping[str, Sequence[Mapping[str, float]]]) -> str:
    head = ["ms of a job, medians", *found]
    lines = [
        [said, *(_milliseconds([job[stage] for job in taken], 0.5) for taken in found.values())]
        for stage, said in STAGES.items()
    ]
    for said, share in (("**all besides the generation**", 0.5), ("the same, p95", 0.95)):
        lines.append(
            [said, *(_milliseconds([job["all"] for job in taken], share) for taken in found.values())]
        )
    return table(head, lines)


def _milliseconds(seconds: Sequence[float], share: float) -> str:
    value = statistics.median(seconds) if share == 0.5 else percentile(seconds, share)
    return f"{1e3 * value:.0f}"


def main() -> None:
    with postgres() as server:
        print(report(server))


if __name__ == "__main__" and not serve_side(SIDES):
    main()
