"""``cutscene generate``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import unquote

import typer

from cutscene.cli import finishing
from cutscene.cli.terminal import AsJson, Tenant, console, load_settings, print_json, run, say
from cutscene.domain import Job, VideoRequest
from cutscene.errors import CutsceneError, InputValidationError
from cutscene.motion import Motion
from cutscene.overlays import Animation, Position
from cutscene.specs import Easing

if TYPE_CHECKING:
    from cutscene.studio import Studio

__all__ = ["Output", "as_json", "check_writable", "failure_as_json", "finish_up", "generate", "see_through"]

Output = Annotated[Path | None, typer.Option("-o", "--output", help="Also write the clip to this file.")]


def generate(
    prompt: Annotated[str, typer.Argument(help="What the clip should show, in at most 500 characters.")],
    image: Annotated[
        str | None, typer.Option(help="A picture to animate: a JPEG, PNG or WebP file, or its https address.")
    ] = None,
    last_image: Annotated[str | None, typer.Option(help="A picture to end with, beside --image.")] = None,
    video: Annotated[str | None, typer.Option(help="A clip to change: MP4.")] = None,
    motion: Annotated[
        str | None,
        typer.Option(
            help="Of the camera, -10 to 10: pan, tilt, zoom, roll, truck, pedestal, "
            "parallax, breathing, sway; zoom:3,pan:-2."
        ),
    ] = None,
    duration: Annotated[float, typer.Option(help="Seconds, 1 to 30.")] = 4.0,
    seed: Annotated[int | None, typer.Option(help="The same seed, the same clip.")] = None,
    provider: Annotated[str | None, typer.Option(help="Who makes it; default: CUTSCENE_PROVIDER.")] = None,
    model: Annotated[str | None, typer.Option(help="Which of the provider's models.")] = None,
    tenant: Tenant = "default",
    output: Output = None,
    aspect: finishing.AsAspect = None,
    size: finishing.AsSize = None,
    fps: finishing.AsFps = None,
    container: finishing.AsFormat = None,
    codec: finishing.AsCodec = None,
    bitrate: finishing.AsBitrate = None,
    crossfade: finishing.AsCrossfade = None,
    easing: finishing.AsEasing = Easing.EASE_IN_OUT,
    text: finishing.AsText = None,
    text_position: finishing.AsPosition = Position.CENTER,
    text_animation: finishing.AsAnimation = Animation.FADE_IN,
    text_size: finishing.AsTextSize = None,
    text_color: finishing.AsTextColor = "#ffffff",
    font: finishing.AsFont = None,
    logo: finishing.AsPicture = None,
    mascot: finishing.AsPicture = None,
    overlay: finishing.AsPicture = None,
    *,
    confetti: finishing.AsConfetti = False,
    particles: finishing.AsParticles = False,
    audio: finishing.AsAudio = False,
    loop: Annotated[bool, typer.Option("--loop", help="The last frame flows into the first.")] = False,
    ping_pong: finishing.AsPingPong = False,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Only submit; a worker does it.")] = False,
    json: AsJson = False,
) -> None:
    """Make a clip from a prompt, and from a picture if there is one."""

    async def submit(studio: Studio) -> Job:
        request = VideoRequest(
            prompt=prompt,
            image=image,
            last_image=last_image,
            video=video,
            motion=None if motion is None else Motion.parse(motion),
            duration=duration,
            loop=loop,
            loop_style=finishing.loop_style(crossfade, easing, ping_pong=ping_pong, loop=loop),
            overlays=finishing.overlays(
                overlay=overlay,
                mascot=mascot,
                logo=logo,
                confetti=confetti,
                particles=particles,
                text=text,
                position=text_position,
                animation=text_animation,
                size=text_size,
                color=text_color,
                font=font,
            ),
            seed=seed,
            model=model,
            **finishing.shape(
                aspect, finishing.given_specs(size, fps, container, codec, bitrate, audio=audio)
            ),
        )
        with _fetching(image, last_image, overlay, mascot, logo):
            return await studio.submit(tenant, request, provider=provider)

    work = see_through(submit, tenant, output, wait=not no_wait)
    job = run(work, failure=failure_as_json if json else None, tenant=tenant)
    finish_up(job, output, json=json)


def _fetching(*pictures: str | None) -> AbstractContextManager[object]:
    """Says what one waits for, where a picture is on the web."""
    links = [
        picture for picture in pictures if picture and picture.lower().startswith(("https://", "http://"))
    ]
    return console.status("Fetching pictures ...") if links else nullcontext()


async def see_through(
    submit: Callable[[Studio], Awaitable[Job]], tenant: str, output: Path | None, *, wait: bool
) -> Job:
    """Submit a job, and unless nobody waits, show its progress and save its clip."""
    settings = load_settings()
    if output is not None:
        check_writable(output)

    from cutscene.cli.watching import say_continued, watch_all  # noqa: PLC0415 -- takes seconds
    from cutscene.studio import open_studio  # noqa: PLC0415 -- takes seconds

    async with open_studio(
        settings, work="if needed" if wait else "no", on_continued=say_continued
    ) as studio:
        job = await submit(studio)
        for warning in (await studio.standing(tenant)).warnings:
            say(f"Warning: {warning}")
        if not wait:
            if not await studio.worker_lives():
                say("No worker is running: start 'cutscene worker', or wait with 'cutscene job wait'.")
            return job
        job = (await watch_all(studio, tenant, {job.id: "clip"}))[job.id]
        if job.clip is not None and output is not None:
            await studio.save(tenant, job.id, output)
        return job


def check_writable(path: Path) -> None:
    """Refuse an output that cannot be written before anything is spent on it."""
    if path.is_dir():
        raise InputValidationError(f"{path} is a folder: name a file in it, as {path / 'clip.mp4'}.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        probe = path.parent / f".{path.name}.cutscene"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise InputValidationError(
            f"{path} cannot be written ({error.strerror}): choose another place with -o."
        ) from None


def finish_up(job: Job, output: Path | None, *, json: bool) -> None:
    """Print what came of a job; exit 0 only on success, or when nobody waited."""
    if json:
        print_json(as_json(job))
    elif job.clip is not None:
        from cutscene.cli.watching import print_facts  # noqa: PLC0415 -- takes seconds

        path = str(output) if output is not None else _as_path(job.clip.video_url)
        print_facts({job.id: (job, path)})
        if job.fallback is not None:
            say(f"Made by {job.provider} instead of {job.fallback.instead_of}: {job.fallback.error}")
    elif job.error is None:
        print(job.id)  # noqa: T201 -- what scripts capture
    if job.error is not None:
        say(f"Error: {job.error}" + (f" Detail: {job.detail}" if job.detail else ""))
        raise typer.Exit(1)


def _as_path(url: str) -> str:
    """Of a file of this machine; other links stay as they are."""
    return unquote(url.removeprefix("file://")) if url.startswith("file://") else url


def as_json(job: Job) -> dict[str, Any]:
    """The fields that every command prints of a job."""
    clip = job.clip.to_json() if job.clip is not None else {}
    measured = ("width", "height", "fps", "format", "codec", "bytes", "sha256", "is_loopable", "loop_seam")
    return {
        "job_id": job.id,
        "status": job.state.value,
        "video_url": clip.get("video_url"),
        "duration_ms": clip.get("duration_ms"),
        "credits_used": None if job.credits_used is None else float(job.credits_used.amount),
        **{name: clip.get(name) for name in measured},
        "loop": clip.get("loop"),
        "provider": job.provider,
        "model": job.model,
        "fallback": None if job.fallback is None else asdict(job.fallback),
        "poster_url": clip.get("poster_url"),
        "parts": job.parts,
        "partial": list(job.partial),
        "error_code": job.error_code,
        "error": job.error,
    }


def failure_as_json(error: CutsceneError) -> dict[str, Any]:
    """The same for what failed before there was a job."""
    return {"job_id": None, "status": "failed", "error_code": error.code, "error": str(error)}
