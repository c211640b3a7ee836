"""What all commands share: running async work, and errors in one line."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, TypeVar

import structlog
import typer
from rich.console import Console

from cutscene.errors import CutsceneError
from cutscene.settings import Settings
from cutscene.telemetry import log_to_file

__all__ = ["AsJson", "Tenant", "console", "load_settings", "print_json", "run", "say", "telling_errors"]

T = TypeVar("T")

Tenant = Annotated[str, typer.Option(help="Who pays and owns.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]

console = Console(stderr=True, highlight=False)
"""For people; progress and messages share it, so that neither draws over the other."""


def say(message: str) -> None:
    """To people; scripts read standard output."""
    console.print(message, markup=False, soft_wrap=True)


def print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def load_settings() -> Settings:
    """The settings, with the log going to the home's file."""
    settings = Settings.load()
    log_to_file(settings.home / "cutscene.log")
    return settings


def run(
    work: Coroutine[Any, Any, T],
    *,
    failure: Callable[[CutsceneError], Any] | None = None,
    tenant: str = "default",
) -> T:
    """Run to the end; a termination signal stops as gracefully as Ctrl-C does.

    ``failure`` makes of an error what scripts read on standard output.
    """
    with telling_errors(failure=failure, tenant=tenant):
        return asyncio.run(_until_signal(work))


@contextmanager
def telling_errors(
    *, failure: Callable[[CutsceneError], Any] | None = None, tenant: str = "default"
) -> Iterator[None]:
    """Whatever goes wrong is told in a line, and ends the command."""
    try:
        yield
    except CutsceneError as error:
        if failure is not None:
            print_json(failure(error))
        say(f"Error: {error}")
        raise typer.Exit(1) from None
    except (KeyboardInterrupt, asyncio.CancelledError):
        say("Stopped. Nothing is lost: unfinished jobs go on with 'cutscene worker', or while a 'generate'")
        say(f"runs. See them with: cutscene jobs --tenant {tenant}")
        raise typer.Exit(130) from None
    except Exception as error:  # noqa: BLE001 -- users never see a stack trace
        structlog.get_logger().exception("command_broke")
        say(f"Error: something unexpected broke ({type(error).__name__}: {error}); the log has the trace.")
        raise typer.Exit(1) from None


async def _until_signal(work: Coroutine[Any, Any, T]) -> T:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await work
