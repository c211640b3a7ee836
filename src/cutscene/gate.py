"""The gate: lets waiting jobs start when their tenant and their provider have room.

One transaction takes the least recently served tenants, the head job of each, and hands
it over to the engine. Its cost does not depend on how many tenants wait behind their limit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import sqlalchemy as sa
from sqlalchemy import Connection

from cutscene import jobs, limits, tenants
from cutscene.database import is_postgres
from cutscene.tables import jobs as job_table
from cutscene.tables import tenant_ready
from cutscene.tables import tenants as tenant_table

__all__ = ["HandOver", "admit", "anyone_ready"]

_MOST: Final = 100
"""Jobs that are let in by one transaction: the first of many need not wait for the last."""
_FEW: Final = 100
"""Jobs, below which their tenants are found from them; else there are enough among the next tenants."""
_LEAST_PRIORITY: Final = -(2**31)

HandOver = Callable[[Connection, str, int], None]
"""Gives a job, by its id and the number of this hand-over, to the engine in the same transaction."""


def anyone_ready(connection: Connection) -> bool:
    """A cheap look, so that an idle gate takes no write lock."""
    return connection.execute(sa.select(tenant_table.c.id).where(tenant_ready).limit(1)).first() is not None


def admit(connection: Connection, concurrency: Mapping[str, int], hand_over: HandOver) -> list[str]:
    """Let in what fits; ``concurrency`` is what each provider works on at once. Returns job ids."""
    pauses = limits.claim(connection)
    room = _room(connection, {name: concurrency[name] for name in pauses if name in concurrency})
    admitted = []
    for tenant in _ready_tenants(connection, _may_start(room, pauses), limit=sum(room.values())):
        job = jobs.head(connection, tenant, _may_start(room, pauses))
        if job is None:
            continue
        handover = jobs.start(connection, job.id)
        if handover is None:
            continue
        tenants.served(connection, tenant)
        hand_over(connection, job.id, handover)
        room[job.provider] -= 1
        admitted.append(job.id)
    return admitted


def _room(connection: Connection, concurrency: Mapping[str, int]) -> dict[str, int]:
    """Free places at each provider."""
    taken = jobs.slots_taken(connection) if concurrency else {}
    return {name: max(0, places - taken.get(name, 0)) for name, places in concurrency.items()}


def _may_start(room: Mapping[str, int], pauses: Mapping[str, float]) -> sa.ColumnElement[bool]:
    free = [name for name, places in room.items() if places > 0]
    return jobs.may_start(
        open_providers=[name for name in free if not pauses[name]],
        paused=[name for name in free if pauses[name]],
        left=[name for name in free if pauses[name] > limits.LONG],
    )


def _ready_tenants(connection: Connection, allowed: sa.ColumnElement[bool], *, limit: int) -> list[str]:
    """Tenants below their limit with a job that could start, least recently served first."""
    few = connection.execute(sa.select(job_table.c.tenant).where(allowed).limit(_FEW)).scalars().all()
    if not limit or not few:
        return []
    # What holds for any priority leads SQLite to the index by tenant, not to that of the provider's jobs.
    its_own = (job_table.c.tenant == tenant_table.c.id) & (job_table.c.priority >= _LEAST_PRIORITY)
    # Few are all there are: nobody looks at the tenants that wait for another provider.
    among = tenant_table.c.id.in_(few) if len(few) < _FEW else sa.true()
    query = (
        sa.select(tenant_table.c.id)
        .where(tenant_ready, among, sa.exists().where(its_own, allowed))
        .order_by(tenant_table.c.served_at)
        .limit(min(limit, _MOST))
    )
    if is_postgres(connection):
        query = query.with_for_update(skip_locked=True)
    return list(connection.execute(query).scalars())
