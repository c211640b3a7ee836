"""Progress of jobs on the terminal, or as plain lines where there is none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from cutscene.cli.terminal import console, say
from cutscene.domain import Job, JobState, Stage
from cutscene.studio import Studio

__all__ = ["print_facts", "say_continued", "shown", "watch_all"]

_SHARE = {Stage.QUEUED: 0.0, Stage.GENERATING: 0.0, Stage.FINISHING: 0.9, Stage.STORING: 0.97}
"""How much of a job's way lies behind it when a stage begins."""


async def watch_all(studio: Studio, tenant: str, names: Mapping[str, str]) -> dict[str, Job]:
    """Show the jobs (id to name) until all have ended; returns how they ended."""
    if not console.is_terminal:
        return await _gather(studio, tenant, names, _Lines(names))
    with _progress() as progress:
        return await _gather(studio, tenant, names, _Bars(progress, names))


@asynccontextmanager
async def shown(studio: Studio, name: str) -> AsyncIterator[Callable[[Job], None]]:
    """Shows one job that somebody else follows, as often as it is told of it."""
    tell = asyncio.create_task(_tell_pauses(studio))
    display: _Lines | _Bars | None = None
    with _progress() as progress:

        def show(job: Job) -> None:
            nonlocal display
            if display is None:
                names = {job.id: name}
                display = _Bars(progress, names) if console.is_terminal else _Lines(names)
            display.show(job)

        try:
            yield show
        finally:
            tell.cancel()


def _progress() -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description:<14}"),
        BarColumn(bar_width=32),
        TextColumn("{task.percentage:>3.0f}%"),
        TextColumn("{task.fields[stage]:<12}"),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
    )


class _Lines:
    """One line for each stage of each job."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names
        self._said: dict[str, str] = {}

    def show(self, job: Job) -> None:
        word = _word(job)
        if self._said.get(job.id) != word:
            self._said[job.id] = word
            say(f"{self._names[job.id]}: {word} ({job.id})")


class _Bars:
    """One bar for each job."""

    def __init__(self, progress: Progress, names: Mapping[str, str]) -> None:
        self._progress = progress
        self._bars: dict[str, TaskID] = {
            job_id: progress.add_task(name, total=1.0, stage="queued", start=False)
            for job_id, name in names.items()
        }

    def show(self, job: Job) -> None:
        bar = self._bars[job.id]
        if job.state != JobState.QUEUED:
            self._progress.start_task(bar)
        self._progress.update(bar, completed=_done(job), stage=_word(job))
        if job.state.final:
            self._progress.stop_task(bar)


async def _gather(
    studio: Studio, tenant: str, names: Mapping[str, str], display: _Lines | _Bars
) -> dict[str, Job]:
    async def follow(job_id: str) -> Job:
        async for job in studio.watch(tenant, job_id):
            display.show(job)
        return job

    tell = asyncio.create_task(_tell_pauses(studio))
    try:
        ended = await asyncio.gather(*(follow(job_id) for job_id in names))
    finally:
        tell.cancel()
    return {job.id: job for job in ended}


async def _tell_pauses(studio: Studio) -> None:
    """Say why nothing moves, each reason once."""
    told: set[str] = set()
    while True:
        for pause in await studio.pauses():
            if pause.seconds >= 1 and pause.reason not in told:
                told.add(pause.reason)
                say(f"{pause.provider} is paused for {pause.seconds:.0f} s: {pause.reason}")
        await asyncio.sleep(1)


def _word(job: Job) -> str:
    return str(job.stage if job.state in {JobState.QUEUED, JobState.RUNNING} else job.state)


def _done(job: Job) -> float:
    if job.state == JobState.DONE:
        return 1.0
    return max(_SHARE[job.stage], job.progress * _SHARE[Stage.FINISHING])


def say_continued(job_ids: Sequence[str]) -> None:
    """Tell of jobs that an earlier process left unfinished."""
    if not job_ids:
        return
    count, more = len(job_ids), ", ..." if len(job_ids) > 3 else ""
    shown = ", ".join(job_ids[:3]) + more
    say(f"Continuing {count} unfinished job{'s' if count > 1 else ''} of an earlier run: {shown}")


def print_facts(rows: Mapping[str, tuple[Job, str]]) -> None:
    """What was measured, by name; below, where each job's file is."""
    table = Table(box=None)
    table.add_column("clip", style="bold", no_wrap=True)
    for heading in ("size", "s", "fps", "codec", "MB", "seam", "seamless", "credits"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, (job, _) in rows.items():
        table.add_row(name, *_facts(job))
    output = Console(highlight=False)
    output.print(table)
    for name, (job, path) in rows.items():
        output.print(f"{name}: {path if job.clip else job.error}", markup=False, soft_wrap=True)


def _facts(job: Job) -> list[str]:
    clip = job.clip
    if clip is None:
        return ["-"] * 8
    return [
        f"{clip.width}x{clip.height}",
        f"{clip.duration_ms / 1000:g}",
        f"{clip.fps:g}",
        clip.codec,
        f"{clip.bytes / 1e6:.1f}",
        f"{clip.loop_seam:.0f}",
        "yes" if clip.is_loopable else "no",
        str(job.credits_used),
    ]
