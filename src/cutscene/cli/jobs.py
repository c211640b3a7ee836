"""``cutscene jobs`` and ``cutscene job show|wait|cancel|retry``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cutscene.cli.generate import Output, as_json, check_writable, failure_as_json, finish_up
from cutscene.cli.terminal import AsJson, Tenant, load_settings, print_json, run, say
from cutscene.domain import Job, JobState

if TYPE_CHECKING:
    from cutscene.studio import Studio

__all__ = ["ask", "job_app", "list_jobs"]

T = TypeVar("T")

job_app = typer.Typer(help="Look at one job, wait for it, cancel it, retry it.", no_args_is_help=True)

JobId = Annotated[str, typer.Argument(help="As 'cutscene jobs' shows it.")]


def ask(question: Callable[[Studio], Awaitable[T]], *, json: bool) -> T:
    """Put one question to the studio, without doing any job's work here."""

    async def work() -> T:
        settings = load_settings()
        from cutscene.studio import open_studio  # noqa: PLC0415 -- takes seconds

        async with open_studio(settings, work="no") as studio:
            return await question(studio)

    return run(work(), failure=failure_as_json if json else None)


def list_jobs(
    tenant: Tenant = "default",
    state: Annotated[list[JobState] | None, typer.Option(help="Only these; may be repeated.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="The newest so many.")] = 20,
    *,
    json: AsJson = False,
) -> None:
    """List a tenant's jobs, newest first."""
    found = ask(lambda studio: studio.list(tenant, states=state or (), limit=limit), json=json)
    if json:
        print_json([as_json(job) for job in found])
    elif not found:
        say(f"Tenant {tenant!r} has no such jobs.")
    else:
        console = Console()
        console.print(_table(found, console.width))


@job_app.command()
def show(job_id: JobId, tenant: Tenant = "default", *, json: AsJson = False) -> None:
    """Print everything about one job."""
    job = ask(lambda studio: studio.get(tenant, job_id), json=json)
    if json:
        print_json(as_json(job))
    else:
        Console().print(_facts(job))


@job_app.command()
def wait(job_id: JobId, tenant: Tenant = "default", output: Output = None, *, json: AsJson = False) -> None:
    """Wait for a job, and do it if no worker is running."""
    job = run(_wait(tenant, job_id, output), failure=failure_as_json if json else None, tenant=tenant)
    finish_up(job, output, json=json)


async def _wait(tenant: str, job_id: str, output: Path | None) -> Job:
    settings = load_settings()
    if output is not None:
        check_writable(output)

    from cutscene.cli.watching import say_continued, watch_all  # noqa: PLC0415 -- takes seconds
    from cutscene.studio import open_studio  # noqa: PLC0415 -- takes seconds

    def say_others(job_ids: Sequence[str]) -> None:
        say_continued([other for other in job_ids if other != job_id])

    async with open_studio(settings, on_continued=say_others) as studio:
        job = (await watch_all(studio, tenant, {job_id: "clip"}))[job_id]
        if job.clip is not None and output is not None:
            await studio.save(tenant, job_id, output)
        return job


@job_app.command()
def cancel(job_id: JobId, tenant: Tenant = "default", *, json: AsJson = False) -> None:
    """Stop a job; one whose submission was lost is let go as not paid."""
    job = ask(lambda studio: studio.cancel(tenant, job_id), json=json)
    if json:
        print_json(as_json(job))
    elif job.state == JobState.RUNNING:
        say(f"{job.id} will stop as soon as its worker sees it.")
    else:
        say(f"{job.id} is {job.state}.")


@job_app.command()
def retry(job_id: JobId, tenant: Tenant = "default", *, json: AsJson = False) -> None:
    """Queue a failed or cancelled job again, paying only for what is missing."""
    job = ask(lambda studio: studio.retry(tenant, job_id), json=json)
    if json:
        print_json(as_json(job))
    else:
        say(f"{job.id} is queued again: 'cutscene job wait {job.id}' sees it through.")


def _table(found: Sequence[Job], width: int) -> Table:
    table = Table(box=None)
    for heading in ("job", "created", "state", "provider", "s", "credits"):
        table.add_column(heading, no_wrap=True)
    table.add_column("prompt", no_wrap=True, overflow="ellipsis", max_width=max(12, width - 76))
    for job in found:
        table.add_row(
            job.id,
            f"{job.created_at.astimezone():%m-%d %H:%M}",
            _state(job),
            job.provider,
            f"{job.request.duration:g}",
            "-" if job.credits_used is None else str(job.credits_used),
            escape(job.request.prompt),
        )
    return table


def _state(job: Job) -> str:
    if job.state == JobState.RUNNING:
        return f"{job.stage} {job.progress:.0%}"
    return str(job.state)


def _facts(job: Job) -> Table:
    table = Table(show_header=False, box=None)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    stage = None if job.state.final else job.stage
    facts = {**as_json(job), "prompt": job.request.prompt, "stage": stage, "detail": job.detail}
    for name, value in facts.items():
        if value is not None:
            table.add_row(name, escape(str(value)))
    return table
