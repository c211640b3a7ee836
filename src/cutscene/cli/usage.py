"""``cutscene usage``."""

from __future__ import annotations

import csv
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from cutscene.cli.jobs import ask
from cutscene.cli.terminal import AsJson, print_json, say

if TYPE_CHECKING:
    from cutscene.ledger import Usage

__all__ = ["usage"]

_Row = Mapping[str, str | int | Decimal | None]


def usage(
    by: Annotated[str, typer.Option(help="tenant, day, skill, provider or model.")] = "tenant",
    tenant: Annotated[str | None, typer.Option(help="Only this one; default: all.")] = None,
    since: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="A day, in UTC.")] = None,
    *,
    json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, for spreadsheets.")] = False,
) -> None:
    """Show what was spent, what it was spent on in vain, and what is held for jobs under way."""
    from cutscene.ledger import Grouping  # noqa: PLC0415 -- takes seconds

    if by not in list(Grouping):
        raise typer.BadParameter(f"{by!r}: choose one of {', '.join(Grouping)}.", param_hint="--by")
    if json and as_csv:
        raise typer.BadParameter("choose one of --json and --csv.", param_hint="--csv")
    start = None if since is None else since.replace(tzinfo=UTC).timestamp()
    found = ask(lambda studio: studio.usage(Grouping(by), tenant=tenant, since=start), json=json)
    columns = (by, "jobs", "segments", "failures", "credits", "held", "usd", "failed_credits", "failed_usd")
    rows = [dict(zip(columns, _figures(row), strict=True)) for row in found]
    if json:
        print_json([{name: _number(value) for name, value in row.items()} for row in rows])
    elif as_csv:
        _print_csv(columns, rows)
    elif not rows:
        say("Nothing is recorded yet.")
    else:
        Console().print(_table(columns, rows))


def _figures(row: Usage) -> tuple[str | int | Decimal | None, ...]:
    counts = (row.jobs, row.segments, row.failures)
    spent = (row.credits.amount, row.held.amount, row.usd)
    return (row.name, *counts, *spent, row.failed_credits.amount, row.failed_usd)


def _number(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value


def _text(value: Any) -> str:
    return f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)


def _print_csv(columns: Sequence[str], rows: Sequence[_Row]) -> None:
    """Amounts are exact; a missing name is an empty field."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow("" if value is None else _text(value) for value in row.values())


def _table(columns: Sequence[str], rows: Sequence[_Row]) -> Table:
    table = Table(box=None)
    for name in columns:
        table.add_column(name.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*("-" if value is None else _text(value) for value in row.values()))
    return table
