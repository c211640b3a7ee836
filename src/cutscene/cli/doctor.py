"""``cutscene doctor``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cutscene.cli.generate import failure_as_json
from cutscene.cli.terminal import AsJson, load_settings, print_json, run

if TYPE_CHECKING:
    from cutscene.checkup import Finding

__all__ = ["doctor"]

_COLOURS: Final = {"ok": "green", "off": "dim", "warning": "yellow", "error": "red"}


def doctor(*, json: AsJson = False) -> None:
    """Say what is configured, reachable and paused. Exit 0 if nothing is wrong."""
    findings = run(_look(), failure=failure_as_json if json else None)
    if json:
        print_json([{"what": f.what, "verdict": f.verdict, "says": f.says} for f in findings])
    else:
        Console().print(_table(findings))
    if any(finding.verdict == "error" for finding in findings):
        raise typer.Exit(1)


async def _look() -> list[Finding]:
    settings = load_settings()
    from cutscene.checkup import check_up  # noqa: PLC0415 -- takes seconds

    return [finding async for finding in check_up(settings)]


def _table(findings: list[Finding]) -> Table:
    table = Table(box=None, show_header=False)
    for finding in findings:
        colour = _COLOURS[finding.verdict]
        table.add_row(f"[{colour}]{finding.verdict}[/]", finding.what, escape(finding.says))
    return table
