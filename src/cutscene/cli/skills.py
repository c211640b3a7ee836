"""``cutscene skill``, ``skills`` and ``schema``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from cutscene.cli.terminal import Tenant, load_settings, run, say, telling_errors
from cutscene.errors import CutsceneError, InputValidationError

if TYPE_CHECKING:
    from cutscene.skills import Skill, SkillResult

__all__ = ["list_skills", "schema", "skill"]

_MAX_BYTES: Final = 128 * 2**20
"""Of an input: pictures may stand in it as data URIs."""

Name = Annotated[str, typer.Argument(help="As 'cutscene skills' lists it.")]


def skill(
    name: Name,
    input: Annotated[str, typer.Option("--input", help="A file with JSON, or - for standard input.")],  # noqa: A002 -- the option's name
    tenant: Tenant = "default",
    run_id: Annotated[str, typer.Option(help="A campaign build: the folder of its clips.")] = "default",
    step: Annotated[str, typer.Option(help="Of the workflow that calls.")] = "",
    execution_id: Annotated[
        str | None, typer.Option(help="With the same one, the same input is the same job.")
    ] = None,
) -> None:
    """Run a skill and print its SkillResult as JSON; exits with 0 exactly when it is ok."""
    context = {"tenant_id": tenant, "run_id": run_id, "step_name": step, "execution_id": execution_id}
    with telling_errors(failure=_failure, tenant=tenant):
        from cutscene import skills  # noqa: PLC0415 -- takes seconds

        called = skills.get(name)
        given = _read(input)  # before the event loop, which would not hear a signal meanwhile
    result = run(_call(called, given, context), failure=_failure, tenant=tenant)
    sys.stdout.write(result.model_dump_json(indent=2) + "\n")
    if not result.ok:
        say(f"Error: {result.error}")
        raise typer.Exit(1)


async def _call(called: Skill[Any, Any], given: Any, context: dict[str, Any]) -> SkillResult[Any]:
    settings = load_settings()
    from cutscene.cli.watching import say_continued, shown  # noqa: PLC0415 -- takes seconds
    from cutscene.skills import SkillContext  # noqa: PLC0415 -- takes seconds
    from cutscene.studio import open_studio  # noqa: PLC0415 -- takes seconds

    async with open_studio(settings, on_continued=say_continued) as studio, shown(studio, "clip") as show:
        result = await called(
            given, SkillContext(studio=studio, on_progress=show, local_files=True, **context)
        )
        if result.debug.job_id is not None:
            for warning in (await studio.standing(context["tenant_id"])).warnings:
                say(f"Warning: {warning}")
        return result


def list_skills() -> None:
    """List the skills."""
    from cutscene import skills  # noqa: PLC0415 -- takes a while

    for name in skills.names():
        sys.stdout.write(f"{name}  {skills.get(name).summary}\n")


def schema(
    name: Name,
    *,
    output: Annotated[bool, typer.Option("--output", help="Of the SkillResult, not of the input.")] = False,
) -> None:
    """Print the JSON Schema of what a skill takes."""
    from cutscene import skills  # noqa: PLC0415 -- takes a while

    with telling_errors():
        sys.stdout.write(skills.schema_of(skills.get(name), output=output))


def _read(source: str) -> Any:
    """JSON from a file or standard input; raises `InputValidationError`."""
    name = "Standard input" if source == "-" else source
    try:
        if source == "-":
            data = sys.stdin.buffer.read(_MAX_BYTES + 1)
        else:
            with Path(source).open("rb") as file:
                data = file.read(_MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "its name is none"
        raise InputValidationError(f"{name} cannot be read ({reason}): give a file of JSON.") from None
    if len(data) > _MAX_BYTES:
        raise InputValidationError(
            f"{name} has more than {_MAX_BYTES // 2**20} MiB: give pictures by address."
        )
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        where = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        raise InputValidationError(f"{name} is not JSON{where}: give one JSON object.") from None


def _failure(error: CutsceneError) -> dict[str, Any]:
    """What fails before a skill is called is a result, too."""
    from cutscene.skills import SkillResult  # noqa: PLC0415 -- takes a while
    from cutscene.skills.contract import Debug  # noqa: PLC0415 -- takes a while

    failed: SkillResult[Any] = SkillResult.failed(error, Debug())
    answer: dict[str, Any] = failed.model_dump(mode="json")
    return answer
