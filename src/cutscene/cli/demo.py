"""``cutscene demo``: three clips with no key and no network.

With ``--provider runway`` they come over HTTP from an emulator of Runway that is started for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from cutscene.cli.generate import as_json, check_writable, failure_as_json
from cutscene.cli.terminal import AsJson, load_settings, print_json, run, say
from cutscene.domain import Job, VideoRequest
from cutscene.settings import Settings

if TYPE_CHECKING:
    from cutscene.emulator import Emulator

__all__ = ["demo"]

_TENANT: Final = "demo"
_PROVIDERS: Final = ("local", "runway")
_EMULATED_SECONDS: Final = 2.0


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
    provider: Annotated[str, typer.Option(help="local, or runway: over HTTP, from an emulator.")] = "local",
    *,
    json: AsJson = False,
) -> None:
    """Make a seamless intro loop, a win celebration and a lose consolation."""
    if provider not in _PROVIDERS:
        raise typer.BadParameter(
            f"{provider!r}: choose one of {', '.join(_PROVIDERS)}.", param_hint="--provider"
        )
    jobs = run(_demo(output, seed, provider), failure=failure_as_json if json else None, tenant=_TENANT)
    if json:
        print_json({name: as_json(job) for name, job in jobs.items()})
    else:
        _show(jobs, output, provider)
    if any(job.error is not None for job in jobs.values()):
        raise typer.Exit(1)


async def _demo(output: Path, seed: int, provider: str) -> dict[str, Job]:
    settings = load_settings()
    for scene in _SCENES:
        check_writable(_target(output, scene.name))
    if provider == "local":
        return await _make_clips(settings, output, seed, provider)

    from cutscene.emulator import Behaviour, Emulator  # noqa: PLC0415 -- takes seconds

    async with Emulator(Behaviour(seconds=_EMULATED_SECONDS)) as emulator:
        say(f"Runway is emulated at {emulator.url} for as long as this runs.")
        return await _make_clips(_emulated(settings, emulator), output, seed, provider)


def _emulated(settings: Settings, emulator: Emulator) -> Settings:
    """A home of its own: what was emulated never meets the real thing, nor a worker that has its key."""
    return Settings.load(
        home=settings.home / "emulated",
        database_url=f"sqlite:///{settings.home / 'emulated' / 'cutscene.db'}",
        storage_url=(settings.home / "emulated" / "store").as_uri(),
        runway_api_base_url=emulator.url,
        runway_api_key=emulator.key,
        runway_api_flavor="tasks",
        runway_poll_interval_ms=500,
        runway_text_model="",
        runway_image_model="",
        runway_max_prompt_chars=500,
    )


async def _make_clips(settings: Settings, output: Path, seed: int, provider: str) -> dict[str, Job]:
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
                job = await studio.submit(_TENANT, request, provider=provider, run="demo")
                names[job.id] = scene.name
        ended = await watch_all(studio, _TENANT, names)
        for job_id, job in ended.items():
            if job.clip is not None:
                await studio.save(_TENANT, job_id, _target(output, names[job_id]))
        return {names[job_id]: job for job_id, job in ended.items()}


def _target(output: Path, name: str) -> Path:
    return output / f"{name}.mp4"


def _show(jobs: dict[str, Job], output: Path, provider: str) -> None:
    from cutscene.cli.watching import print_facts  # noqa: PLC0415 -- takes seconds

    print_facts({name: (job, str(_target(output, name))) for name, job in jobs.items()})
    say(
        f"Look at them: open {_target(output, 'intro').resolve().as_uri()} in a browser, or play it on repeat"
    )
    say(f"with: mpv --loop {_target(output, 'intro')}.")
    if provider == "local":  # what was emulated has a home of its own, which is of no further use
        say(f"What was recorded: cutscene jobs --tenant {_TENANT}")
