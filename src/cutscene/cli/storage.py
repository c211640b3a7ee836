"""``cutscene storage usage``: who keeps how much."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table

from cutscene.cli.jobs import ask
from cutscene.cli.terminal import AsJson, console, print_json, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cutscene.storage.contents import Amount, Contents
    from cutscene.studio import Studio

__all__ = ["storage_app"]

storage_app = typer.Typer(help="What is kept for good.", no_args_is_help=True)


@storage_app.callback()
def storage() -> None:
    """What is kept for good."""


@storage_app.command()
def usage(
    tenant: Annotated[str | None, typer.Option(help="Only this one; default: all.")] = None,
    *,
    json: AsJson = False,
) -> None:
    """Count what every tenant keeps: clips with posters, what they were made from, unfinished footage."""

    async def count(studio: Studio) -> Sequence[Contents]:
        with console.status("Listing what is kept ...") as status:
            return await studio.stored(
                tenant=tenant,
                on_progress=lambda seen: status.update(f"Listing what is kept: {seen} objects ..."),
            )

    found = ask(count, json=json)
    if json:
        print_json([_as_json(contents) for contents in found])
    elif not found:
        say("Nothing is kept yet.")
    else:
        Console(highlight=False).print(_table(found))


def _as_json(contents: Contents) -> dict[str, Any]:
    kinds = {kind: _figures(amount) for kind, amount in contents.by_kind.items()}
    return {"tenant": contents.tenant, **_figures(contents.total), "by_kind": kinds}


def _figures(amount: Amount) -> dict[str, int]:
    return {"objects": amount.objects, "bytes": amount.bytes}


def _table(found: Sequence[Contents]) -> Table:
    kinds = list(found[0].by_kind)
    table = Table("tenant", "objects", "size", *kinds, box=None)
    for contents in found:
        sizes = (decimal(contents.by_kind[kind].bytes) for kind in kinds)
        table.add_row(contents.tenant, str(contents.total.objects), decimal(contents.total.bytes), *sizes)
    return table
