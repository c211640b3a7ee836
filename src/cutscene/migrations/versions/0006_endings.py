"""When generations ended, for looks at the right time."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "endings",
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("provider", sa.String(length=63), nullable=False),
        sa.Column("kind", sa.String(length=100), nullable=False),
        sa.Column("after_ms", sa.Integer(), nullable=False),
        sa.Column("by_ms", sa.Integer(), nullable=False),
        sa.Column("promised_ms", sa.Integer()),
    )
    op.create_index("endings_by_kind", "endings", ["provider", "kind", "sequence"])
