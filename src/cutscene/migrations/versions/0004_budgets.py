"""What a tenant may spend in a month and have waiting; which skill a job is for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("tenants", sa.Column("max_queued", sa.Integer()))
    op.add_column("tenants", sa.Column("monthly_milli_credits", sa.BigInteger()))
    op.add_column("tenants", sa.Column("monthly_micro_usd", sa.BigInteger()))
    op.add_column("jobs", sa.Column("skill", sa.String(length=63)))
    op.create_table(
        "budget_warnings",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("unit", sa.String(length=7), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "month", "unit"),
    )
