"""How long a job waits whose turn it is, while ten thousand tenants wait as well."""

from __future__ import annotations

import asyncio
import os
import time

import sqlalchemy as sa

import synthetic
from cutscene import gate, limits
from cutscene.database import Database
from cutscene.studio import Studio
from scale_ground import Ground, ask, database_of, execute, quantiles, seed, timed, until

JOBS = 200
EVERY = 0.05
"""Seconds between two submits of the trickle."""


async def measure_dispatch(ground: Ground) -> None:
    """From the call of `studio.submit`, for a tenant and a provider with room, to `Provider.submit`."""
    os.environ["SYNTHETIC_CONCURRENCY"] = str(10 * ground.jobs)
    async with ground.studio("yes") as studio:
        database = database_of(studio)
        await trickle(studio, "warm", "synthetic")
        print(f"submit to provider  {await trickle(studio, 'alone', 'synthetic')}; nobody else")
        await block_tenants(database, ground.jobs)
        took = await trickle(studio, "free", "synthetic")
        print(f"submit to provider  {took}; {ground.jobs} tenants wait behind their limit")
        await let_tenants_go(database)
        took = await trickle(studio, "other", "synthetic")
        print(
            f"submit to provider  {took}; {ground.jobs} tenants with room wait for a provider that has none"
        )
        looks = [await timed(database.read(gate.anyone_ready)) for _ in range(100)]
        print(f"gate.anyone_ready   {quantiles(looks)}")
        rounds = [await timed(database.write(look_and_leave)) for _ in range(50)]
        print(f"gate.admit          {quantiles(rounds)}; both providers are looked at, nothing is let in")


async def trickle(studio: Studio, name: str, provider: str) -> str:
    """A submit every 50 ms, each of a new tenant, and not before the one before is there."""
    vendor, began = synthetic.opened(provider), {}
    for n in range(JOBS):
        prompt = f"{name} {n}"
        began[prompt] = time.monotonic()
        await studio.submit(f"{name}-{n}", ask(prompt), provider=provider)
        await asyncio.sleep(EVERY)
    await until(lambda: began.keys() <= vendor.prompts.keys(), 120)
    return quantiles([vendor.prompts[prompt] - at for prompt, at in began.items()])


async def block_tenants(database: Database, count: int) -> None:
    """Each has a job that waits, and one under way."""
    await seed(database, ((f"next-{n}", f"blocked-{n}") for n in range(count)), provider="synthetic-full")
    await database.write(execute, "UPDATE tenants SET active = max_active WHERE id LIKE 'blocked-%'")
    await analyze(database)


async def let_tenants_go(database: Database) -> None:
    """Each has room and a job that waits, for a provider that takes no more."""
    await database.write(execute, "UPDATE tenants SET active = 0 WHERE id LIKE 'blocked-%'")
    await analyze(database)


async def analyze(database: Database) -> None:
    if not database.is_sqlite:  # which autovacuum does in time
        await database.write(execute, "ANALYZE")


def look_and_leave(connection: sa.Connection) -> None:
    full = {"synthetic": 1000, "synthetic-full": 0}
    while not limits.claim(connection):  # the worker's own gate has the providers in hand
        time.sleep(0.001)
    assert gate.admit(connection, full, lambda *_: None) == []
