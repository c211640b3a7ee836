"""``cutscene worker``."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from cutscene.cli.terminal import run, say
from cutscene.settings import Settings

__all__ = ["worker"]


def worker(
    *,
    until_idle: Annotated[bool, typer.Option("--until-idle", help="Stop when no job is left.")] = False,
) -> None:
    """Do the jobs that were submitted, until stopped; takes up what earlier processes left."""
    run(_work(until_idle=until_idle))


async def _work(*, until_idle: bool) -> None:
    from cutscene.cli.watching import say_continued  # noqa: PLC0415 -- takes seconds
    from cutscene.studio import open_studio  # noqa: PLC0415 -- takes seconds
    from cutscene.telemetry import log_to_stderr  # noqa: PLC0415 -- with the above

    log_to_stderr()
    async with open_studio(Settings.load(), work="yes", on_continued=say_continued) as studio:
        say("Working. Ctrl-C stops gracefully; whatever is unfinished goes on with the next worker.")
        while not (until_idle and await studio.is_idle()):  # noqa: ASYNC110 -- other processes submit too
            await asyncio.sleep(0.5)
