"""The schema's versions. Every database is brought to the newest one when it is opened."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from cutscene.errors import ConflictError

__all__ = ["HEAD", "upgrade"]

HEAD: Final = "0006"
_LOCK: Final = 0x637574  # any number, the same for every process


def upgrade(engine: Engine) -> None:
    """Apply what is missing; raises `ConflictError` for a database of a newer version."""
    with engine.begin() as connection:
        if _revision(connection) == HEAD:
            return
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        _upgrade(connection)


def _revision(connection: Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()


def _upgrade(connection: Connection) -> None:
    # Alembic takes a while to import, and is only needed here.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    revision = _revision(connection)
    if revision is not None and revision not in known:
        raise ConflictError(
            f"The database was made by a newer Cutscene (its schema is {revision}, this one knows {HEAD}): "
            "upgrade Cutscene, or point CUTSCENE_HOME or CUTSCENE_DATABASE_URL elsewhere."
        )
    command.upgrade(config, "head")
