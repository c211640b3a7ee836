"""``cutscene demo``: three clips with no key and no network."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated

import typer

from cutscene.cli.generate import as_json, check_writable, failure_as_json
from cutscene.cli.terminal import AsJson, load_settings, print_json, run, say
from cutscene.domain import Job, VideoRequest

__all__ = ["demo"]

_TENANT = "demo"


@dataclass(frozen=True, slots=True)
class _Scene:
    name: str
    prompt: str
    loop: bool = False
    from_still: bool = False


_SCENES = (
    _Scene(
        "intro",
        "A castle above a misty valley at sunset, light drifting through the haze, slow parallax",
        loop=True,
        from_still=True,
    ),
    _Scene("win", "A win celebration above the castle: golden confetti and warm rays of light at sunset"),
    _Scene("lose", "A gentle consolation, the castle at night: quiet, encouraging, a hopeful light"),
)


def demo(
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the clips.")] = Path("demo"),
    seed: Annotated[int, typer.Option(help="Another seed, other clips.")] = 7,
    *,
    json: AsJson = False,
) -> None:
    """Make a seamless intro loop, a win celebration and a lose consolation."""
    jobs = run(_demo(output, seed), failure=failure_as_json if json else None, tenant=_TENANT)
    if json:
        print_json({name: as_json(job) for name, job in jobs.items()})
    else:
        _show(jobs, output)
    if any(job.error is not None for job in jobs.values()):
        raise typer.Exit(1)


async def _demo(output: Path, seed: int) -> dict[str, Job]:
    settings = load_settings()
    for scene in _SCENES:
        check_writable(_target(output, scene.name))

    from cutscene.cli.watching import say_continued, watch_all  # noqa: PLC0415 -- takes seconds
    from cutscene.studio import open_studio  # noqa: PLC0415 -- takes seconds

    async with open_studio(settings, on_continued=say_continued) as studio:
        names = {}
        with as_file(files("cutscene") / "assets" / "intro-still.jpg") as still:
            for scene in _SCENES:
                request = VideoRequest(
                    prompt=scene.prompt,
                    image=str(still) if scene.from_still else None,
                    loop=scene.loop,
                    seed=seed,
                )
                job = await studio.submit(_TENANT, request, provider="local", run="demo")
                names[job.id] = scene.name
        ended = await watch_all(studio, _TENANT, names)
        for job_id, job in ended.items():
            if job.clip is not None:
                await studio.save(_TENANT, job_id, _target(output, names[job_id]))
        return {names[job_id]: job for job_id, job in ended.items()}


def _target(output: Path, name: str) -> Path:
    return output / f"{name}.mp4"


def _show(jobs: dict[str, Job], output: Path) -> None:
    from cutscene.cli.watching import print_facts  # noqa: PLC0415 -- takes seconds

    print_facts({name: (job, str(_target(output, name))) for name, job in jobs.items()})
    say(
        f"Look at them: open {_target(output, 'intro').resolve().as_uri()} in a browser, or play it on repeat"
    )
    say(f"with: mpv --loop {_target(output, 'intro')}. What was recorded: cutscene jobs --tenant {_TENANT}")
