"""The first schema: tenants, jobs, segments, ledger, pauses, living executors."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "executors",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("beat_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "jobs",
        sa.Column("sequence", SEQUENCE, nullable=False),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("idempotency_key", sa.String(length=200), nullable=True),
        sa.Column("run", sa.String(length=63), nullable=False),
        sa.Column("request", JSON, nullable=False),
        sa.Column("provider", sa.String(length=63), nullable=False),
        sa.Column("model", sa.String(length=63), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("stage", sa.String(length=16), nullable=False),
        sa.Column("progress", sa.Double(), server_default="0", nullable=False),
        sa.Column("slot", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("cancel_requested", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("handover", sa.Integer(), server_default="0", nullable=False),
        sa.Column("clip", JSON, nullable=True),
        sa.Column("error_code", sa.String(length=32), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("finished_at", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("sequence"),
        sa.UniqueConstraint("id"),
        sa.UniqueConstraint("tenant", "idempotency_key", name="jobs_idempotency"),
    )
    op.create_index("jobs_by_tenant", "jobs", ["tenant", "sequence"])
    op.create_index(
        "jobs_heads",
        "jobs",
        ["tenant", "priority", "sequence"],
        sqlite_where=sa.text("state = 'queued'"),
        postgresql_where=sa.text("state = 'queued'"),
    )
    op.create_index(
        "jobs_running",
        "jobs",
        ["sequence"],
        sqlite_where=sa.text("state = 'running'"),
        postgresql_where=sa.text("state = 'running'"),
    )
    op.create_index(
        "jobs_to_cancel",
        "jobs",
        ["id"],
        sqlite_where=sa.text("state = 'running' AND cancel_requested IS 1"),
        postgresql_where=sa.text("state = 'running' AND cancel_requested IS true"),
    )
    op.create_index(
        "jobs_slots",
        "jobs",
        ["provider"],
        sqlite_where=sa.text("slot IS 1"),
        postgresql_where=sa.text("slot IS true"),
    )
    op.create_table(
        "ledger",
        sa.Column("entry", SEQUENCE, nullable=False),
        sa.Column("segment_id", sa.String(length=60), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("milli_credits", sa.BigInteger(), nullable=False),
        sa.Column("micro_usd_per_credit", sa.BigInteger(), nullable=False),
        sa.Column("basis", sa.String(length=10), nullable=False),
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("job_id", sa.String(length=40), nullable=False),
        sa.Column("provider", sa.String(length=63), nullable=False),
        sa.Column("model", sa.String(length=63), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("entry"),
        sa.UniqueConstraint("segment_id", "kind", name="ledger_once"),
    )
    op.create_index("ledger_by_tenant", "ledger", ["tenant", "at"])
    op.create_index("ledger_by_job", "ledger", ["job_id"])
    op.create_table(
        "provider_limits",
        sa.Column("provider", sa.String(length=63), nullable=False),
        sa.Column("paused_until", sa.Double(), server_default="0", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("provider"),
    )
    op.create_table(
        "segments",
        sa.Column("id", sa.String(length=60), nullable=False),
        sa.Column("job_id", sa.String(length=40), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("fence", sa.String(length=40), nullable=True),
        sa.Column("posted_at", sa.Double(), nullable=True),
        sa.Column("task_id", sa.Text(), nullable=True),
        sa.Column("footage_key", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("job_id", "position", "attempt", name="segments_attempts"),
    )
    op.create_index("ix_segments_job_id", "segments", ["job_id"])
    op.create_table(
        "tenants",
        sa.Column("id", sa.String(length=63), nullable=False),
        sa.Column("max_active", sa.Integer(), nullable=False),
        sa.Column("max_active_is_own", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("active", sa.Integer(), server_default="0", nullable=False),
        sa.Column("waiting", sa.Integer(), server_default="0", nullable=False),
        sa.Column("served_at", sa.Double(), server_default="0", nullable=False),
        sa.CheckConstraint("active >= 0", name="active_not_negative"),
        sa.CheckConstraint("waiting >= 0", name="waiting_not_negative"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "tenants_ready",
        "tenants",
        ["served_at"],
        sqlite_where=sa.text("waiting > 0 AND active < max_active"),
        postgresql_where=sa.text("waiting > 0 AND active < max_active"),
    )
