"""Who may make a job instead of its provider, and why somebody else does."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("jobs", sa.Column("may_fall_back_to", sa.String(length=63)))
    op.add_column("jobs", sa.Column("fallback", sa.JSON().with_variant(postgresql.JSONB, "postgresql")))
