"""``cutscene emulator``: Runway and ``/v1/videos`` on this machine, for tests and for trying things out."""

from __future__ import annotations

import asyncio
import errno
import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cutscene.cli.terminal import run, say
from cutscene.errors import ConflictError, InputValidationError

if TYPE_CHECKING:
    from cutscene.emulator import Behaviour, Emulator

__all__ = ["emulator"]

_UNUSABLE = {errno.EADDRINUSE: "is taken", errno.EACCES: "may not be used by you"}
"""What is wrong with a port."""


def emulator(
    port: Annotated[int, typer.Option(help="0: any free one.", min=0, max=65535)] = 8092,
    key: Annotated[str | None, typer.Option(help="The API key to accept.")] = None,
    balance: Annotated[int, typer.Option("--credits", help="The balance to begin with.")] = 10_000,
    concurrency: Annotated[int, typer.Option(help="Generations at work at once, per model.")] = 5,
    daily_cap: Annotated[int, typer.Option(help="Generations in any 24 hours, per model.")] = 1_000,
    seconds: Annotated[float, typer.Option(help="What a generation takes.")] = 2.0,
    fault: Annotated[
        list[str] | None, typer.Option(help="NAME=RATE: goes wrong by chance, at a rate of 0 to 1.")
    ] = None,
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print address and key as one line of JSON.")
    ] = False,
) -> None:
    r"""Speak Runway's API, and /v1/videos, on this machine: real HTTP and real clips, with nothing to pay.

    Tags in a prompt make things go wrong: \[moderated], \[fail], \[busy:2], \[drop-after-accept]...
    """
    options: dict[str, Any] = {
        "port": port,
        "credits": balance,
        "concurrency": concurrency,
        "daily_cap": daily_cap,
        "seconds": seconds,
        **({"key": key} if key else {}),
    }
    run(_serve(options, fault or [], as_json=as_json))


async def _serve(options: dict[str, Any], faults: list[str], *, as_json: bool) -> None:
    from cutscene.emulator import Emulator  # noqa: PLC0415 -- takes seconds

    behaviour = _behaviour(options, faults)
    try:
        async with Emulator(behaviour, tell=say) as emulator:
            _introduce(emulator, as_json=as_json)
            await asyncio.Event().wait()
    except asyncio.CancelledError:
        say("Stopped.")
    except OSError as error:
        if error.errno not in _UNUSABLE:
            raise
        reason = _UNUSABLE[error.errno]
        raise ConflictError(f"Port {behaviour.port} {reason}: choose another with --port.") from None


def _behaviour(options: dict[str, Any], faults: list[str]) -> Behaviour:
    """Raises `InputValidationError`."""
    from cutscene.emulator import Behaviour  # noqa: PLC0415 -- takes seconds

    try:
        return Behaviour(**options, rates=dict(map(_rate, faults)))
    except ValueError as error:
        raise InputValidationError(str(error)) from None


def _rate(fault: str) -> tuple[str, float]:
    name, _, rate = fault.partition("=")
    try:
        return name, float(rate)
    except ValueError:
        return name, -1.0  # which no rate can be


def _introduce(emulator: Emulator, *, as_json: bool) -> None:
    if as_json:
        lines = [json.dumps({"url": emulator.url, "key": emulator.key})]
    else:
        lines = [f"RUNWAY_API_BASE_URL={emulator.url}", f"RUNWAY_API_KEY={emulator.key}"]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()
    say("Both of Runway's protocols are spoken here: RUNWAY_API_FLAVOR=tasks chooses the live API's.")
    say("The official SDK reads the same two values from RUNWAYML_BASE_URL and RUNWAYML_API_SECRET.")
    say(f"/v1/videos too: OPENAI_VIDEOS_BASE_URL={emulator.url}, the same key in OPENAI_VIDEOS_API_KEY.")
    say(f"What was created and charged: {emulator.url}/emulator/state. Ctrl-C stops it.")
