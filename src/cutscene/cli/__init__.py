"""The command line. Heavy imports stand inside the commands, so that ``--help`` is quick."""

from __future__ import annotations

import typer

from cutscene.cli import (
    demo,
    doctor,
    emulator,
    extend,
    generate,
    jobs,
    skills,
    storage,
    tenants,
    usage,
    worker,
)

__all__ = ["app", "main"]

app = typer.Typer(
    name="cutscene",
    help="Turns a request into a verified, permanently stored clip: no job lost, nothing paid twice.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("demo")(demo.demo)
app.command("generate")(generate.generate)
app.command("extend")(extend.extend)
app.command("skill")(skills.skill)
app.command("skills")(skills.list_skills)
app.command("schema")(skills.schema)
app.command("jobs")(jobs.list_jobs)
app.add_typer(jobs.job_app, name="job")
app.command("usage")(usage.usage)
app.add_typer(tenants.tenants_app, name="tenants")
app.add_typer(storage.storage_app, name="storage")
app.command("worker")(worker.worker)
app.command("emulator")(emulator.emulator)
app.command("doctor")(doctor.doctor)


def main() -> None:
    """The console script."""
    app()
