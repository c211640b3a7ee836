"""Jobs that go back into their queue, refusals that are counted, pauses that say what they mean."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("jobs", sa.Column("not_before", sa.Double(), server_default="0", nullable=False))
    op.add_column("jobs", sa.Column("is_accepted", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("segments", sa.Column("refusals", sa.Integer(), server_default="0", nullable=False))
    op.add_column("segments", sa.Column("refused_for", sa.Double(), server_default="0", nullable=False))
    op.add_column("segments", sa.Column("is_retry", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column(
        "provider_limits", sa.Column("code", sa.String(length=32), server_default="", nullable=False)
    )
    op.add_column(
        "provider_limits",
        sa.Column("refuses_jobs", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
