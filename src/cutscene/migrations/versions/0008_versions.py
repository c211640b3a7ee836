"""Which version of the engine each worker is; those that do not say so are of the second one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("executors", sa.Column("version", sa.Integer(), server_default="2", nullable=False))
