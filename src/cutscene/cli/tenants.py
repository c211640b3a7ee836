"""``cutscene tenants`` and ``cutscene tenants show|set``: who may spend and run how much."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table

from cutscene.cli.jobs import ask
from cutscene.cli.terminal import AsJson, print_json, say
from cutscene.domain import Credits
from cutscene.errors import InputValidationError

if TYPE_CHECKING:
    from cutscene.budgets import Standing
    from cutscene.studio import Studio
    from cutscene.tenants import LimitChanges

__all__ = ["tenants_app"]

tenants_app = typer.Typer(help="Limits of tenants, and what they have used of them.")

Name = Annotated[str, typer.Argument(help="The tenant's name.")]

_NONE: Final = "none"
_ABSURD: Final = Decimal(10) ** 15


@tenants_app.callback(invoke_without_command=True)
def list_tenants(context: typer.Context, *, json: AsJson = False) -> None:
    """List all tenants: their limits, and what they have used of them this month."""
    if context.invoked_subcommand is not None:
        return
    found = ask(lambda studio: studio.standings(), json=json)
    if json:
        print_json([_as_json(standing) for standing in found])
    elif not found:
        say("There are no tenants yet.")
    else:
        table = Table("tenant", "credits", "USD", "waiting", "under way", box=None)
        for standing in found:
            table.add_row(standing.tenant, *_facts(standing))
        Console(highlight=False).print(table)


@tenants_app.command()
def show(tenant: Name, *, json: AsJson = False) -> None:
    """Print a tenant's limits, and what it has used of them this month."""
    _print(ask(lambda studio: studio.standing(tenant), json=json), json=json)


@tenants_app.command("set")
def set_limits(
    tenant: Name,
    monthly_credits: Annotated[
        str | None, typer.Option(help="Credits that it may spend in a calendar month; or none.")
    ] = None,
    monthly_usd: Annotated[str | None, typer.Option(help="The same in US dollars; or none.")] = None,
    max_queued: Annotated[str | None, typer.Option(help="Jobs that may wait; or none.")] = None,
    max_concurrent: Annotated[
        str | None, typer.Option(help="Generations under way at once; none: RUNWAY_MAX_CONCURRENT.")
    ] = None,
    *,
    json: AsJson = False,
) -> None:
    """Change the limits that are given; none lifts one. What waits or runs goes on."""

    async def change(studio: Studio) -> Standing:
        changes: LimitChanges = {}
        if monthly_credits is not None:
            changes["monthly_credits"] = _credits(monthly_credits)
        if monthly_usd is not None:
            changes["monthly_usd"] = _amount("--monthly-usd", monthly_usd)
        if max_queued is not None:
            changes["max_queued"] = _count("--max-queued", max_queued)
        if max_concurrent is not None:
            changes["max_concurrent"] = _count("--max-concurrent", max_concurrent)
        if not changes:
            raise InputValidationError("There is nothing to set: give a limit, as --monthly-credits 5000.")
        return await studio.set_limits(tenant, **changes)

    _print(ask(change, json=json), json=json)


def _credits(text: str) -> Credits | None:
    amount = _amount("--monthly-credits", text)
    try:
        return None if amount is None else Credits.of(amount)
    except ValueError as error:
        raise InputValidationError(f"--monthly-credits: {error}.") from None


def _amount(option: str, text: str) -> Decimal | None:
    if text == _NONE:
        return None
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite():
        raise InputValidationError(f"{option} {text[:80]!r} is not an amount: give a number, or {_NONE}.")
    if abs(amount) >= _ABSURD:  # some cannot even be reckoned with
        raise InputValidationError(f"{option} {text[:80]!r} is out of range: give less, or {_NONE}.")
    return amount


def _count(option: str, text: str) -> int | None:
    amount = _amount(option, text)
    if amount is not None and amount % 1:
        raise InputValidationError(f"{option} {text!r} is not a whole number: give one, or {_NONE}.")
    return None if amount is None else int(amount)


def _print(standing: Standing, *, json: bool) -> None:
    if json:
        print_json(_as_json(standing))
        return
    table = Table(show_header=False, box=None)
    names = (f"credits in {standing.month}", f"USD in {standing.month}", "waiting", "under way")
    for name, fact in zip(names, _facts(standing), strict=True):
        table.add_row(f"[bold]{name}[/]", fact)
    Console(highlight=False).print(table)
    for warning in standing.warnings:
        say(f"Warning: {warning}")


def _facts(standing: Standing) -> tuple[str, ...]:
    """What is used of each limit."""
    queued = standing.max_queued
    return (
        *map(str, standing.budgets),
        f"{standing.waiting}, no limit" if queued is None else f"{standing.waiting} of {queued}",
        f"{standing.active} of {standing.max_concurrent}",
    )


def _as_json(standing: Standing) -> dict[str, Any]:
    return {
        "tenant": standing.tenant,
        "month": standing.month,
        "credits_used": float(standing.credits.used),
        "monthly_credits": _number(standing.credits.limit),
        "usd_used": float(standing.usd.used),
        "monthly_usd": _number(standing.usd.limit),
        "waiting": standing.waiting,
        "max_queued": standing.max_queued,
        "active": standing.active,
        "max_concurrent": standing.max_concurrent,
        "max_concurrent_is_own": standing.max_concurrent_is_own,
        "warnings": standing.warnings,
    }


def _number(amount: Decimal | None) -> float | None:
    return None if amount is None else float(amount)
