"""The gate: lets waiting jobs start when their tenant and their provider have room.

One transaction takes the least recently served tenants, the head job of each, and hands
it over to the engine. Its cost does not depend on how many tenants wait behind their limit.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import sqlalchemy as sa
from sqlalchemy import Connection

from cutscene import jobs, limits, tenants
from cutscene.database import is_postgres
from cutscene.tables import jobs as job_table
from cutscene.tables import tenant_ready
from cutscene.tables import tenants as tenant_table

__all__ = ["HandOver", "admit", "anyone_ready"]

HandOver = Callable[[Connection, str, int], None]
"""Gives a job, by its id and the number of this hand-over, to the engine in the same transaction."""


def anyone_ready(connection: Connection) -> bool:
    """A cheap look, so that an idle gate takes no write lock."""
    return connection.execute(sa.select(tenant_table.c.id).where(tenant_ready).limit(1)).first() is not None


def admit(connection: Connection, concurrency: Mapping[str, int], hand_over: HandOver) -> list[str]:
    """Let in what fits; ``concurrency`` is what each provider works on at once. Returns job ids."""
    room = _room(connection, concurrency)
    admitted = []
    for tenant in _ready_tenants(connection, room, limit=sum(room.values())):
        open_providers = [provider for provider, places in room.items() if places > 0]
        job = jobs.head(connection, tenant, open_providers)
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
    """Free places at the providers that are open and known to this process."""
    open_providers = limits.claim_open(connection) & concurrency.keys()
    if not open_providers:
        return {}
    taken = jobs.slots_taken(connection)
    free = {provider: concurrency[provider] - taken.get(provider, 0) for provider in open_providers}
    return {provider: places for provider, places in free.items() if places > 0}


def _ready_tenants(connection: Connection, providers: Collection[str], *, limit: int) -> list[str]:
    """Tenants below their limit with a job that could start, least recently served first."""
    if not providers:
        return []
    waits = sa.exists().where(
        jobs.job_due(), job_table.c.tenant == tenant_table.c.id, job_table.c.provider.in_(providers)
    )
    query = (
        sa.select(tenant_table.c.id)
        .where(tenant_ready, waits)
        .order_by(tenant_table.c.served_at)
        .limit(limit)
    )
    if is_postgres(connection):
        query = query.with_for_update(skip_locked=True)
    return list(connection.execute(query).scalars())
