"""``cutscene extend``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cutscene.cli.finishing import AsAudio, AsBitrate, AsCodec, AsFormat, AsFps, AsSize, given_specs
from cutscene.cli.generate import Output, failure_as_json, finish_up, see_through
from cutscene.cli.terminal import AsJson, Tenant, run
from cutscene.domain import Job

if TYPE_CHECKING:
    from cutscene.studio import Studio

__all__ = ["extend"]


def extend(
    clip: Annotated[str, typer.Argument(help="An MP4 file, or a job of yours that has a clip.")],
    to: Annotated[float, typer.Option(help="Seconds that it is to last, at most 30.")],
    prompt: Annotated[
        str | None, typer.Option(help="What happens next; else the job's own, or that it goes on.")
    ] = None,
    size: AsSize = None,
    fps: AsFps = None,
    container: AsFormat = None,
    codec: AsCodec = None,
    bitrate: AsBitrate = None,
    seed: Annotated[int | None, typer.Option(help="The same seed, the same clip.")] = None,
    provider: Annotated[str | None, typer.Option(help="Who makes it; default: CUTSCENE_PROVIDER.")] = None,
    model: Annotated[str | None, typer.Option(help="Which of the provider's models.")] = None,
    tenant: Tenant = "default",
    output: Output = None,
    *,
    audio: AsAudio = False,
    loop: Annotated[bool, typer.Option("--loop", help="The whole of it becomes a loop.")] = False,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Only submit; a worker does it.")] = False,
    json: AsJson = False,
) -> None:
    """Let a clip go on, in its own size and rate unless others are asked for."""

    async def submit(studio: Studio) -> Job:
        asked: dict[str, Any] = {"seed": seed, "model": model, "loop": loop, "provider": provider}
        specs = given_specs(size, fps, container, codec, bitrate, audio=audio)
        return await studio.extend(tenant, _known(clip), to=to, prompt=prompt, specs=specs, **asked)

    work = see_through(submit, tenant, output, wait=not no_wait)
    job = run(work, failure=failure_as_json if json else None, tenant=tenant)
    finish_up(job, output, json=json)


def _known(clip: str) -> str:
    """A path stays right wherever the studio works."""
    return clip if clip.startswith("data:") or not Path(clip).exists() else str(Path(clip).absolute())
