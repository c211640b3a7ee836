"""Which jobs wait for a provider."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    waiting = sa.text("state = 'queued'")
    op.create_index("jobs_waiting", "jobs", ["provider"], sqlite_where=waiting, postgresql_where=waiting)
