"""Transactions on SQLite or Postgres by one code.

Functions over rows take a `Connection`, so that callers compose them into one
transaction; `Database.write` and `Database.read` run such a function in a thread.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

import psycopg
import sqlalchemy as sa
import structlog
from sqlalchemy import Connection, Double, Engine, Row, Table, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError, SQLAlchemyError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from cutscene import migrations
from cutscene.errors import ConflictError, DatabaseAwayError, SchemaMovedError, StorageError

__all__ = ["KEEPALIVE", "Database", "clock", "insert_all_new", "insert_new", "is_postgres", "open_database"]

_SQLITE_THREADS: Final = 4
_POSTGRES_THREADS: Final = 8

P = ParamSpec("P")
T = TypeVar("T")


class clock(FunctionElement[float]):  # noqa: N801 -- reads as the SQL function it is
    """Now in seconds since 1970, by the database's clock: the one that all workers share."""

    type = Double()
    inherit_cache = True
    name = "clock"


@compiles(clock, "sqlite")
def _sqlite_clock(_element: clock, _compiler: Any, **_options: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(clock, "postgresql")
def _postgres_clock(_element: clock, _compiler: Any, **_options: Any) -> str:
    return "extract(epoch from clock_timestamp())::float8"


def is_postgres(connection: Connection) -> bool:
    return connection.dialect.name == "postgresql"


def insert_new(connection: Connection, table: Table, **values: Any) -> bool:
    """Insert unless a unique column says that the row is there already; says whether it did."""
    query = _insert(connection, table).values(**values).on_conflict_do_nothing().returning(sa.literal(1))
    return connection.execute(query).first() is not None


def insert_all_new(
    connection: Connection,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    *returned: sa.ColumnElement[Any] | Table,
    **common: Any,
) -> Sequence[Row[Any]]:
    """The same of many rows by one statement, in their order; says what ``returned`` names of those it did.

    ``common``: what they all have besides.
    """
    query = _insert(connection, table).values(common or {}).on_conflict_do_nothing()
    return connection.execute(query.returning(*(returned or (sa.literal(1),))), list(rows)).all()


def _insert(connection: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    return (postgresql.insert if is_postgres(connection) else sqlite.insert)(table)


class Database:
    """Runs transactions in threads of its own."""

    PATIENCE: Final = 60.0
    """Seconds that a transaction waits for a database that is away or busy."""

    def __init__(self, engine: Engine, threads: int) -> None:
        self.engine = engine
        self._reader = engine.execution_options(read_only=True)
        if (
            not self.is_sqlite
        ):  # two round trips fewer; statements of one transaction see no more than these do
            self._reader = self._reader.execution_options(isolation_level="AUTOCOMMIT")
        self.failure: SchemaMovedError | None = None
        """Why no transaction will work any more."""
        self._hurried = threading.Event()
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="database")
        self._first = ThreadPoolExecutor(1, thread_name_prefix="database-first")

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    async def write(
        self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run ``work(connection, ...)`` in one transaction; it may run again after a lost connection."""
        return await self._in_thread(self._threads, self.engine, work, *args, **kwargs)

    async def write_first(
        self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """The same past all that waits for a thread or a connection: for what must not be late."""
        return await self._in_thread(self._first, self.engine, work, *args, **kwargs)

    async def read(
        self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """The same for work that only reads, so that it never waits for a writer."""
        return await self._in_thread(self._threads, self._reader, work, *args, **kwargs)

    async def _in_thread(
        self,
        threads: ThreadPoolExecutor,
        engine: Engine,
        work: Callable[Concatenate[Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        def transact() -> T:
            return self._patiently(engine, lambda connection: work(connection, *args, **kwargs))

        return await asyncio.get_running_loop().run_in_executor(threads, transact)

    def _patiently(self, engine: Engine, work: Callable[[Connection], T]) -> T:
        """Survive a restart of the server: waiting briefly is cheaper than losing an answer."""
        deadline, pause = time.monotonic() + self.PATIENCE, 0.2
        while True:
            try:
                with engine.begin() as connection:
                    return work(connection)
            except ProgrammingError as error:
                self._find_moved_schema(engine, error)
                raise
            except DBAPIError as error:
                if not _passes(error):
                    raise
                if time.monotonic() > deadline or self._hurried.is_set():
                    raise DatabaseAwayError(f"The database is out of reach: {_plain(error)}.") from error
                if pause < 0.3:
                    structlog.get_logger().warning("database_away", reason=_plain(error))
                self._hurried.wait(pause)
                pause = min(3.0, pause * 1.5)

    def _find_moved_schema(self, engine: Engine, error: ProgrammingError) -> None:
        """Say so where a statement fails because a newer version has changed the tables."""
        revision = migrations.newer_revision(engine)
        if revision is not None:
            self.failure = SchemaMovedError(
                f"The database was brought to schema {revision} by a newer Cutscene, and this process "
                f"knows {migrations.HEAD}: start it anew with the new version ({_plain(error)})."
            )
            raise self.failure from error

    def hurry(self) -> None:
        """Wait for a database that is away no longer: the process is about to end."""
        self._hurried.set()

    async def close(self) -> None:
        self.hurry()
        for threads in (self._threads, self._first):
            await asyncio.to_thread(threads.shutdown)
        self.engine.dispose()


def _passes(error: DBAPIError) -> bool:
    """Whether the same transaction may work soon: a lost connection, a deadlock, a restart, a long sleep."""
    slept = getattr(error.orig, "sqlstate", None) == "25P03"  # longer than a transaction may be idle
    return isinstance(error, OperationalError) or error.connection_invalidated or slept


def _plain(error: SQLAlchemyError) -> str:
    """The driver's own words: never the statement, its values, or the URL with its password."""
    origin = getattr(error, "orig", None) or error
    return (str(origin).strip().splitlines() or [type(origin).__name__])[0]


def open_database(url: str) -> Database:
    """Connect, bring the schema up to date; raises `StorageError` or `ConflictError`. Blocking."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite":
        database = Database(_sqlite_engine(parsed), threads=_SQLITE_THREADS)
    else:
        database = Database(_postgres_engine(parsed), threads=_POSTGRES_THREADS)
    try:
        migrations.upgrade(database.engine)
    except SQLAlchemyError as error:
        database.engine.dispose()
        raise StorageError(
            f"The database {parsed.render_as_string(hide_password=True)} cannot be used: {_plain(error)}."
        ) from error
    except ConflictError:
        database.engine.dispose()
        raise
    return database


KEEPALIVE: Final[Mapping[str, int]] = {
    "connect_timeout": 10,
    "keepalives_idle": 20,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""How connections to Postgres notice within half a minute that the other side has vanished."""


def _postgres_engine(url: sa.URL) -> Engine:
    engine = sa.create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_size=_POSTGRES_THREADS,
        max_overflow=1,  # for `write_first`
        hide_parameters=True,
        connect_args={"application_name": "cutscene", **KEEPALIVE},
    )
    event.listen(engine, "connect", _prepare_postgres)
    return engine


def _prepare_postgres(connection: psycopg.Connection, _record: object) -> None:
    """Who vanishes within a transaction must not keep its locks: the gate and others wait for them."""
    connection.execute("SET idle_in_transaction_session_timeout = '60s'")
    connection.commit()


def _sqlite_engine(url: sa.URL) -> Engine:
    if sqlite3.sqlite_version_info < (3, 42):
        _refuse_old_sqlite()
    try:
        Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"The folder of {url.database} cannot be made: {error.strerror}.") from error
    engine = sa.create_engine(url, pool_size=_SQLITE_THREADS, max_overflow=1, hide_parameters=True)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _refuse_old_sqlite() -> None:
    """The engine's SQLite backend needs 3.42 where Python is 3.12 or newer."""
    import sys  # noqa: PLC0415 -- only on this path

    if sys.version_info >= (3, 12):
        raise StorageError(
            f"SQLite {sqlite3.sqlite_version} is too old for this Python: use Python 3.11, "
            "SQLite 3.42 or newer, or set CUTSCENE_DATABASE_URL to a Postgres database."
        )


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # `_begin_sqlite` says BEGIN, not the driver
    connection.execute("PRAGMA busy_timeout = 30000")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")  # NORMAL forgets a payment when power fails


def _begin_sqlite(connection: Connection) -> None:
    read_only = connection.get_execution_options().get("read_only", False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")
