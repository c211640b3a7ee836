"""Rows of when generations ended: the latest of each kind. All workers learn from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection

from cutscene.courses import Ending
from cutscene.pacing import KEPT
from cutscene.tables import endings as table

__all__ = ["Kind"]


class Kind(NamedTuple):
    """Generations that take about as long as each other."""

    provider: str
    name: str
    """Of the model, and of what else decides how long they take."""


def add(connection: Connection, seen: Mapping[Kind, Sequence[Ending]]) -> None:
    """Keep them, and forget what is older than the latest `KEPT` of their kind."""
    rows = [_row(kind, ending) for kind, endings in seen.items() for ending in endings[-KEPT:]]
    connection.execute(sa.insert(table), rows)
    for kind in sorted(seen):  # in one order, so that no two writers wait for each other
        too_old = _of(kind).with_only_columns(table.c.sequence).offset(KEPT).limit(1).scalar_subquery()
        older = (table.c.provider == kind.provider) & (table.c.kind == kind.name)
        connection.execute(sa.delete(table).where(older, table.c.sequence <= too_old))


def latest(connection: Connection, kind: Kind) -> list[Ending]:
    """The latest ones of a kind, newest first."""
    return [
        Ending(
            after=row.after_ms / 1000,
            by=row.by_ms / 1000,
            promised=None if row.promised_ms is None else row.promised_ms / 1000,
        )
        for row in connection.execute(_of(kind).limit(KEPT))
    ]


def _of(kind: Kind) -> sa.Select[tuple[int, str, str, int, int, int | None]]:
    mine = (table.c.provider == kind.provider) & (table.c.kind == kind.name)
    return sa.select(table).where(mine).order_by(table.c.sequence.desc())


def _row(kind: Kind, ending: Ending) -> dict[str, str | int | None]:
    promised = None if ending.promised is None else min(round(ending.promised * 1000), _LONGEST)
    return {
        "provider": kind.provider,
        "kind": kind.name,
        "after_ms": min(round(ending.after * 1000), _LONGEST),
        "by_ms": min(round(ending.by * 1000), _LONGEST),
        "promised_ms": promised,
    }


_LONGEST = 2**31 - 1
