"""``cutscene worker``."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, Annotated

import typer

from cutscene.cli.terminal import run, say
from cutscene.settings import Settings

if TYPE_CHECKING:
    from cutscene.executors import Farewell
    from cutscene.studio import Studio

__all__ = ["worker"]


def worker(
    *,
    until_idle: Annotated[bool, typer.Option("--until-idle", help="Stop when no job is left.")] = False,
) -> None:
    """Do the jobs that were submitted, until stopped; takes up what other processes left.

    SIGTERM or Ctrl-C: hands over what is under way, and waits for the answers to paid calls, for
    CUTSCENE_STOP_TIMEOUT seconds at the most. A second one: does not wait.
    """
    interrupted = run(_work(until_idle=until_idle))
    raise typer.Exit(130 if interrupted else 0)


async def _work(*, until_idle: bool) -> bool:
    """Whether Ctrl-C ended it."""
    from cutscene.cli.watching import say_continued  # noqa: PLC0415 -- takes seconds
    from cutscene.studio import open_studio  # noqa: PLC0415 -- takes seconds
    from cutscene.telemetry import log_to_stderr  # noqa: PLC0415 -- with the above

    log_to_stderr()
    async with open_studio(Settings.load(), work="yes", on_continued=say_continued) as studio:
        told = _listen(studio)
        say("Working. Ctrl-C stops gracefully; whatever is unfinished goes on with the next worker.")
        while not (told or (until_idle and await studio.is_idle())):
            await asyncio.sleep(0.2)
            if studio.failure is not None:
                raise studio.failure
        say("Stopping.")
    say(_goodbye(studio.farewell))
    return signal.SIGINT in told


def _listen(studio: Studio) -> list[signal.Signals]:
    """The signals that came; all but the first say that there is no time."""
    told: list[signal.Signals] = []

    def hear(sent: signal.Signals) -> None:
        if told:
            studio.hurry()
        told.append(sent)

    for sent in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sent, hear, sent)
    return told


def _goodbye(farewell: Farewell) -> str:
    count, lost = len(farewell.unfinished), farewell.unanswered
    said = f"Stopped; {count} unfinished job{'' if count == 1 else 's'} left to other workers"
    return f"{said}, {lost} paid call{'' if lost == 1 else 's'} unanswered." if lost else f"{said}."
