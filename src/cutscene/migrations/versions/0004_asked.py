"""A request with links is known again before they are followed: a digest of it as it was asked."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("jobs", sa.Column("asked", sa.String(64)))
