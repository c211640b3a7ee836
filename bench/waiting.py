"""What waiting for generations costs, and how late their end is seen.

200 generations of 2 s at once, looked at every second, by clients in processes of their own: a bare
loop on aiohttp (the floor), the official SDK's own waiting, our provider and poller alone, and all of
ours, durable. Ours knows from 24 generations before how long such ones take, unless its pace is fixed.
What is durable is submitted through the studio, let in by the gate, and carried by the engine. The remote
side is the package's emulator. What is durable ends in a refusal of the result, so that no clip is fetched
and made while others are waited for: that is `overhead.py`'s.

A loop that sleeps one second sees what takes two seconds at its best, by chance of the figures. The
last two rows have generations of 1.5 to 2.5 s, where nobody is lucky.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from servers import PROMPT, Postgres, Remote, emulator, postgres
from sides import Meter, peak_mib, run_side, serve_side
from tables import medians, met, percentile, table

if TYPE_CHECKING:  # a side imports what it uses, and nothing else
    from cutscene.poller import Poller
    from cutscene.settings import Settings
    from recorded import Recorded

COUNT: Final = 200
SECONDS: Final = 2
POLL: Final = 1.0
_CONNECTIONS: Final = 8
_WATCH: Final = 0.05
_FEW: Final = 12
_KIND: Final = "gen4.5 2 s from words"
"""As the pipeline calls them."""

Options = Mapping[str, Any]
Figures = Mapping[str, Any]


class Watch:
    """What a client saw, and what it took to see it."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._created = 0
        self._creating = 0.0
        self._meter = Meter()
        self.polls = 0
        self.seen: dict[str, float] = {}

    def created(self) -> None:
        self._created += 1
        if self._created == self._count:
            self._creating = self._meter.cpu

    def done(self, task_id: str) -> None:
        self.seen[task_id] = time.time()

    def figures(self) -> dict[str, Any]:
        return {
            "cpu": self._meter.cpu,
            "creating": self._creating,
            "peak": peak_mib(),
            "polls": self.polls,
            "seen": self.seen,
            "looked": self.seen,
        }


async def bare(options: Options) -> Figures:
    """The least that waits: one session, few connections, a loop for each task."""
    import aiohttp  # noqa: PLC0415

    watch = Watch(options["count"])
    headers = {"Authorization": f"Bearer {options['key']}", "X-Runway-Version": "2024-11-06"}
    async with aiohttp.ClientSession(
        options["url"], headers=headers, connector=aiohttp.TCPConnector(limit=_CONNECTIONS)
    ) as session:

        async def generate(prompt: str) -> None:
            body = {"model": "gen4.5", "promptText": prompt, "ratio": "1280:720", "duration": 2}
            async with session.post("/v1/text_to_video", json=body) as answer:
                task_id = (await answer.json())["id"]
            watch.created()
            status = ""
            while status != "SUCCEEDED":
                await asyncio.sleep(POLL)
                async with session.get(f"/v1/tasks/{task_id}") as answer:
                    status = (await answer.json())["status"]
                watch.polls += 1
            watch.done(task_id)

        await asyncio.gather(*map(generate, _prompts(options)))
    return watch.figures()


async def sdk(options: Options) -> Figures:
    """Runway's own client; it has no setting for its pace, but a constant."""
    import httpx  # noqa: PLC0415
    from runwayml import AsyncRunwayML  # noqa: PLC0415
    from runwayml.lib import polling  # noqa: PLC0415

    if options["every"] is not None:
        polling.POLL_TIME, polling.POLL_JITTER = options["every"], 0
    watch = Watch(options["count"])

    async def count(request: httpx.Request) -> None:
        watch.polls += request.method == "GET"

    async with AsyncRunwayML(api_key=options["key"], base_url=options["url"], max_retries=0) as client:
        client._client.event_hooks = {"request": [count], "response": []}  # noqa: SLF001 -- counts alone

        async def generate(prompt: str) -> None:
            task = await client.text_to_video.create(
                model="gen4.5", prompt_text=prompt, ratio="1280:720", duration=2
            )
            watch.created()
            await task.wait_for_task_output()
            watch.done(task.id)

        await asyncio.gather(*map(generate, _prompts(options)))
    return watch.figures()


async def poller(options: Options) -> Figures:
    """Our provider and the shared poller, with its database, of which nobody asks for durability."""
    from recorded import RECORD  # noqa: PLC0415

    async with _open_poller(_settings(options), adaptive=options["adaptive"]) as (provider, shared):
        if options["adaptive"]:
            await _teach(provider, shared, options)
        watch, looks = Watch(options["count"]), RECORD.looks
        await _generate(provider, shared, _prompts(options), watch)
        watch.polls = RECORD.looks - looks
        return watch.figures()


@asynccontextmanager
async def _open_poller(settings: Settings, *, adaptive: bool) -> AsyncIterator[tuple[Recorded, Poller]]:
    from cutscene.database import open_database  # noqa: PLC0415
    from cutscene.poller import Poller  # noqa: PLC0415
    from recorded import open_recorded  # noqa: PLC0415

    database = open_database(settings.database)
    try:
        async with open_recorded(settings) as provider, Poller(database, adaptive=adaptive) as shared:
            yield provider, shared
    finally:
        await database.close()


async def _teach(provider: Recorded, shared: Poller, options: Options) -> None:
    """A few generations like those to come: how long these take is known wherever there were any before."""
    prompts = _prompts({**options, "tag": ""})
    for few in (prompts[:_FEW], prompts[_FEW : 2 * _FEW]):
        await _generate(provider, shared, few, Watch(len(few)))
        await asyncio.sleep(2 * shared.CANCEL_EVERY)  # that is how often it writes them down


async def _generate(provider: Recorded, shared: Poller, prompts: Sequence[str], watch: Watch) -> None:
    from cutscene.domain import VideoRequest  # noqa: PLC0415
    from cutscene.providers import Done  # noqa: PLC0415

    async def generate(prompt: str) -> None:
        submitted = await provider.submit(VideoRequest(prompt=prompt, duration=2.0))
        watch.created()
        task = submitted.task_id
        outcome = await shared.outcome(task, provider, task, age=0.0, kind=_KIND)
        assert isinstance(outcome, Done), outcome
        watch.done(task)

    await asyncio.gather(*map(generate, prompts))


async def whole(options: Options) -> Figures:
    """Studio and worker in one process; seen is what is settled in the database."""
    from cutscene.domain import VideoRequest  # noqa: PLC0415
    from cutscene.specs import Specs  # noqa: PLC0415
    from cutscene.studio import open_studio  # noqa: PLC0415
    from recorded import RECORD  # noqa: PLC0415

    settings = _settings(options)
    async with _open_poller(settings, adaptive=True) as (provider, shared):
        await _teach(provider, shared, options)
    RECORD.ended.clear()
    async with open_studio(settings, work="yes") as studio:
        watch, looks = Watch(options["count"]), RECORD.looks

        async def submit(number: int, prompt: str) -> None:
            request = VideoRequest(prompt=prompt, duration=2.0, specs=Specs(width=480, height=270))
            await studio.submit(f"tenant-{number}", request)
            watch.created()

        await asyncio.gather(*(submit(*numbered) for numbered in enumerate(_prompts(options))))
        watch.seen = await _ends(settings.database, options["count"])
        watch.polls = RECORD.looks - looks
        return {**watch.figures(), "looked": RECORD.ended}


async def _ends(database: str, count: int) -> dict[str, float]:
    """When each task's end was first found in the database, which is looked at every `_WATCH` seconds."""
    import sqlalchemy as sa  # noqa: PLC0415

    from cutscene.tables import segments  # noqa: PLC0415

    engine = sa.create_engine(database.replace("postgresql://", "postgresql+psycopg://"))
    query = sa.select(segments.c.task_id).where(segments.c.state.in_(("succeeded", "failed")))

    def read() -> list[str]:
        with engine.connect() as connection:
            return list(connection.execute(query).scalars())

    found: dict[str, float] = {}
    while len(found) < count:
        for task_id in await asyncio.to_thread(read):
            found.setdefault(task_id, time.time())
        await asyncio.sleep(_WATCH)
    engine.dispose()
    return found


def _settings(options: Options) -> Settings:
    from cutscene.settings import Settings  # noqa: PLC0415

    return Settings(
        home=Path(options["home"]),
        database_url=options.get("database", ""),
        provider="recorded",
        runway_api_key=options["key"],
        runway_api_base_url=options["url"],
        runway_api_flavor="tasks",
        runway_account_concurrency=options["count"],
        runway_poll_interval_ms=round(1000 * POLL),
    )


def _prompts(options: Options) -> list[str]:
    """Different ones of the same clip: the tag says how long each takes."""
    tag = options.get("tag", "")
    return [f"{PROMPT} [slow:{seconds:.6f}]{tag}" for seconds in options["seconds"]]


SIDES: Final = {"bare": bare, "sdk": sdk, "poller": poller, "whole": whole}


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table: a side, and what it is asked."""

    name: str
    side: str
    options: Options = field(default_factory=dict)
    seconds: Sequence[float] = ()
    """Of each generation."""
    is_once: bool = False
    """Far from the others: one round says it."""


FLOOR: Final = "aiohttp, bare loop (the floor)"
POLLER: Final = "ours: provider and poller"
_SPREAD: Final = ", 1.5 to 2.5 s"


def rows(databases: Mapping[str, str], count: int) -> list[Row]:
    equal = [SECONDS + number * 1e-6 for number in range(count)]
    spread = [SECONDS - 0.5 + (number * 0.618034) % 1 for number in range(count)]
    refused = {"tag": " [moderated:output]"}
    return [
        Row(FLOOR, "bare", seconds=equal),
        Row(POLLER, "poller", {"adaptive": True}, equal),
        Row(f"{POLLER}, fixed pace", "poller", {"adaptive": False}, equal),
        Row("official SDK, its constant set to 1 s", "sdk", {"every": POLL}, equal, is_once=True),
        Row("official SDK as it is", "sdk", {"every": None}, equal, is_once=True),
        *(
            Row(f"ours durable, {name}", "whole", {"database": url, **refused}, equal)
            for name, url in databases.items()
        ),
        Row(FLOOR + _SPREAD, "bare", seconds=spread),
        Row(POLLER + _SPREAD, "poller", {"adaptive": True}, spread),
    ]


def report(server: Postgres, rounds: int = 3, count: int = COUNT) -> str:
    """The table, and what of the targets is met."""
    found: dict[str, list[dict[str, float]]] = {}
    with emulator() as remote, tempfile.TemporaryDirectory() as home:
        for number in range(rounds):
            for row in rows({"SQLite": "", "Postgres": server.new_database()}, count):
                if number and row.is_once:
                    continue
                figures = _run(row, remote, Path(home) / f"{number} {row.name}")
                found.setdefault(row.name, []).append(figures)
    summed = {name: medians(figures) for name, figures in found.items()}
    return f"{_table(summed, count)}\n\n{_verdict(summed, count)}"


def _run(row: Row, remote: Remote, home: Path) -> dict[str, float]:
    """Times are seconds, memory is MiB."""
    count, asked = len(row.seconds), {"seconds": row.seconds, **row.options}
    figures = run_side(__file__, row.side, home, url=remote.url, key=remote.key, count=count, **asked)
    tasks, seen = remote.tasks(), figures["seen"]
    late = [at - tasks[task]["ended_at"] for task, at in seen.items()]
    started = [tasks[task]["created_at"] for task in seen]
    return {
        "cpu": figures["cpu"],
        "per_poll": (figures["cpu"] - figures["creating"]) / figures["polls"],
        "polls": figures["polls"],
        "peak": figures["peak"],
        "looked": statistics.mean(at - tasks[task]["ended_at"] for task, at in figures["looked"].items()),
        "late": statistics.mean(late),
        "late_p95": percentile(late, 0.95),
        "started": max(started) - min(started),
    }


def _table(summed: Mapping[str, Mapping[str, float]], count: int) -> str:
    head = [
        f"{count} generations of {SECONDS} s, a look each {POLL:g} s",
        "looks",
        "CPU, s",
        "CPU of a generation, ms",
        "CPU of a look, ms",
        "to the floor",
        "peak, MiB",
        "all begun within, s",
        "end seen late, s",
        "p95, s",
        "over the floor, s",
    ]
    lines = []
    for name, row in summed.items():
        floor = summed[FLOOR + _SPREAD if name.endswith(_SPREAD) else FLOOR]
        lines.append(
            [
                name,
                f"{row['polls']:.0f}",
                f"{row['cpu']:.2f}",
                f"{1e3 * row['cpu'] / count:.2f}",
                f"{1e3 * row['per_poll']:.2f}",
                f"{row['per_poll'] / floor['per_poll']:.1f}x",
                f"{row['peak']:.0f}",
                f"{row['started']:.2f}",
                f"{row['late']:.2f}",
                f"{row['late_p95']:.2f}",
                f"{row['late'] - floor['late']:+.2f}",
            ]
        )
    return table(head, lines)


def _verdict(summed: Mapping[str, Mapping[str, float]], count: int) -> str:
    floor, ours = summed[FLOOR], summed[POLLER]
    ratio, over = ours["per_poll"] / floor["per_poll"], ours["late"] - floor["late"]
    lines = [
        f"- CPU of a look within 2x of the floor: {met(ratio <= 2)}, {ratio:.2f}x.",
        f"- End seen at most 0.3 s later than the floor sees it: {met(over <= 0.3)}, {over:+.2f} s.",
    ]
    for name, row in summed.items():
        if name.startswith("ours durable"):
            price = 1e3 * (row["cpu"] - ours["cpu"]) / count
            later = row["late"] - floor["late"]
            lines.append(
                f"- {name}: {price:.0f} ms of CPU more for each generation than the poller alone. Its end is "
                f"seen {row['looked'] - floor['late']:+.2f} s later than the floor sees it, and written down "
                f"{later:+.2f} s later: {met(later <= 0.3)} with durability included."
            )
    return "\n".join(lines)


def main() -> None:
    with postgres() as server:
        print(report(server))


if __name__ == "__main__" and not serve_side(SIDES):
    main()
