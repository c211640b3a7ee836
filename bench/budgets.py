"""Milliseconds that a submit takes, its budget's check included: ``budgets.py [DATABASE_URL]``.

The database should be empty; without one, it is SQLite in a folder that is removed.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time

import sqlalchemy as sa
from sqlalchemy import Connection

from cutscene import budgets, jobs, transitions
from cutscene.database import Database, open_database
from cutscene.domain import Credits, VideoRequest
from cutscene.ledger import Account
from cutscene.tables import ledger
from cutscene.tenants import LimitChanges

ENTRIES = 100_000
ROUNDS = 15
DAY = 86400.0


def submit(connection: Connection, name: str) -> None:
    job = jobs.NewJob(
        id=name,
        tenant="acme",
        run="r",
        idempotency_key=None,
        request=VideoRequest(prompt="x"),
        provider="p",
        model="m",
        priority=0,
    )
    account = Account(tenant="acme", job_id=name, provider="p", model="m", usd_per_credit="0.01")
    transitions.submit(connection, job, [Credits.of(20)], account, max_active=1)


def fill(connection: Connection, prefix: str, at: float) -> None:
    """Settled segments, all held at one moment."""
    entry = {
        "micro_usd_per_credit": 10_000,
        "basis": "reported",
        "tenant": "acme",
        "provider": "p",
        "model": "m",
        "at": at,
    }
    amounts = {"hold": 20_000, "settle": 20_000, "release": 0}
    entries = [
        {
            **entry,
            "job_id": f"{prefix}{n}",
            "segment_id": f"{prefix}{n}-0-1",
            "kind": kind,
            "milli_credits": milli,
        }
        for n in range(ENTRIES // 3)
        for kind, milli in amounts.items()
    ]
    connection.execute(sa.insert(ledger), entries)


def measure(database: Database, label: str) -> None:
    took = []
    for n in range(ROUNDS):
        began = time.perf_counter()
        with database.engine.begin() as connection:
            submit(connection, f"{label} {n}"[-40:])
        took.append(time.perf_counter() - began)
    print(f"{statistics.median(took) * 1e3:6.1f} ms  {label}")


def main(url: str) -> None:
    database = open_database(url)
    with database.engine.begin() as connection:
        fill(connection, "old", time.time() - 40 * DAY)
    measure(database, "no budget")
    with database.engine.begin() as connection:
        limits: LimitChanges = {"monthly_credits": Credits.of(1_000_000)}
        budgets.change(connection, "acme", 1, limits)
    measure(database, f"budget, {ENTRIES} entries of earlier months")
    with database.engine.begin() as connection:
        fill(connection, "new", time.time())
    measure(database, f"budget, {ENTRIES} entries of this month besides")
    database.engine.dispose()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(sys.argv[1])
    else:
        with tempfile.TemporaryDirectory() as folder:
            main(f"sqlite:///{folder}/cutscene.db")
