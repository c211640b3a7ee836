"""``cutscene usage``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from cutscene.cli.jobs import ask
from cutscene.cli.terminal import AsJson, print_json, say

__all__ = ["usage"]


def usage(
    by: Annotated[str, typer.Option(help="tenant, day, provider or model.")] = "tenant",
    tenant: Annotated[str | None, typer.Option(help="Only this one; default: all.")] = None,
    since: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="A day, in UTC.")] = None,
    *,
    json: AsJson = False,
) -> None:
    """Show what was spent, and what is held for jobs under way."""
    from cutscene.ledger import Grouping  # noqa: PLC0415 -- takes seconds

    if by not in list(Grouping):
        raise typer.BadParameter(f"{by!r}: choose one of {', '.join(Grouping)}.", param_hint="--by")
    start = None if since is None else since.replace(tzinfo=UTC).timestamp()
    found = ask(lambda studio: studio.usage(Grouping(by), tenant=tenant, since=start), json=json)
    rows = [
        {
            by: row.name,
            "jobs": row.jobs,
            "segments": row.segments,
            "credits": float(row.credits.amount),
            "held": float(row.held.amount),
            "usd": float(row.usd),
        }
        for row in found
    ]
    if json:
        print_json(rows)
    elif not rows:
        say("Nothing is recorded yet.")
    else:
        table = Table(*(str(name) for name in rows[0]), box=None)
        for row in rows:
            table.add_row(
                *(f"{value:g}" if isinstance(value, float) else str(value) for value in row.values())
            )
        Console().print(table)
