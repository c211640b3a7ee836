"""Jobs may be made of several generations: their lengths in seconds, in order."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("jobs", sa.Column("plan", sa.JSON().with_variant(postgresql.JSONB, "postgresql")))
