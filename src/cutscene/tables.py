"""The tables, and the conditions that their indexes serve."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects import postgresql

metadata = MetaData()
_Sequence = BigInteger().with_variant(Integer, "sqlite")
_Json = sa.JSON().with_variant(postgresql.JSONB, "postgresql")
_OptionalJson = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")

tenants = Table(
    "tenants",
    metadata,
    Column("id", String(63), primary_key=True),
    Column("max_active", Integer, nullable=False),
    Column("max_active_is_own", Boolean, nullable=False, server_default=sa.false()),
    Column("active", Integer, nullable=False, server_default="0"),
    Column("waiting", Integer, nullable=False, server_default="0"),
    Column("served_at", Double, nullable=False, server_default="0"),
    Column("max_queued", Integer),
    Column("monthly_milli_credits", BigInteger),
    Column("monthly_micro_usd", BigInteger),
    CheckConstraint("active >= 0", name="active_not_negative"),
    CheckConstraint("waiting >= 0", name="waiting_not_negative"),
)
# What the gate reads: flat, however many tenants wait behind their limit.
tenant_ready = (tenants.c.waiting > sa.literal_column("0")) & (tenants.c.active < tenants.c.max_active)
Index("tenants_ready", tenants.c.served_at, sqlite_where=tenant_ready, postgresql_where=tenant_ready)

jobs = Table(
    "jobs",
    metadata,
    Column("sequence", _Sequence, primary_key=True),
    Column("id", String(40), nullable=False, unique=True),
    Column("tenant", String(63), nullable=False),
    Column("idempotency_key", String(200)),
    Column("run", String(63), nullable=False),
    Column("request", _Json, nullable=False),
    Column("provider", String(63), nullable=False),
    Column("model", String(63), nullable=False),
    Column("priority", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("stage", String(16), nullable=False),
    Column("progress", Double, nullable=False, server_default="0"),
    Column("slot", Boolean, nullable=False, server_default=sa.false()),
    Column("cancel_requested", Boolean, nullable=False, server_default=sa.false()),
    Column("handover", Integer, nullable=False, server_default="0"),
    Column("not_before", Double, nullable=False, server_default="0"),
    Column("is_accepted", Boolean, nullable=False, server_default=sa.false()),
    Column("plan", _OptionalJson),
    Column("skill", String(63)),
    Column("may_fall_back_to", String(63)),
    Column("fallback", _OptionalJson),
    Column("clip", _OptionalJson),
    Column("error_code", String(32)),
    Column("error", Text),
    Column("detail", Text),
    Column("created_at", Double, nullable=False),
    Column("finished_at", Double),
    UniqueConstraint("tenant", "idempotency_key", name="jobs_idempotency"),
)
# Literals, not parameters: SQLite uses a partial index only for the very words of its condition.
job_queued = jobs.c.state == sa.literal_column("'queued'")
job_running = jobs.c.state == sa.literal_column("'running'")
job_holds_slot = jobs.c.slot.is_(sa.true())
Index(
    "jobs_heads",
    jobs.c.tenant,
    jobs.c.priority,
    jobs.c.sequence,
    sqlite_where=job_queued,
    postgresql_where=job_queued,
)
Index("jobs_slots", jobs.c.provider, sqlite_where=job_holds_slot, postgresql_where=job_holds_slot)
Index("jobs_running", jobs.c.sequence, sqlite_where=job_running, postgresql_where=job_running)
job_to_cancel = job_running & jobs.c.cancel_requested.is_(sa.true())
Index("jobs_to_cancel", jobs.c.id, sqlite_where=job_to_cancel, postgresql_where=job_to_cancel)
Index("jobs_by_tenant", jobs.c.tenant, jobs.c.sequence)

segments = Table(
    "segments",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("job_id", String(40), nullable=False, index=True),
    Column("position", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("fence", String(40)),
    Column("posted_at", Double),
    Column("refusals", Integer, nullable=False, server_default="0"),
    Column("refused_for", Double, nullable=False, server_default="0"),
    Column("is_retry", Boolean, nullable=False, server_default=sa.false()),
    Column("task_id", Text),
    Column("footage_key", Text),
    UniqueConstraint("job_id", "position", "attempt", name="segments_attempts"),
)

ledger = Table(
    "ledger",
    metadata,
    Column("entry", _Sequence, primary_key=True),
    Column("segment_id", String(60), nullable=False),
    Column("kind", String(8), nullable=False),
    Column("milli_credits", BigInteger, nullable=False),
    Column("micro_usd_per_credit", BigInteger, nullable=False),
    Column("basis", String(10), nullable=False),
    Column("tenant", String(63), nullable=False),
    Column("job_id", String(40), nullable=False),
    Column("provider", String(63), nullable=False),
    Column("model", String(63), nullable=False),
    Column("at", Double, nullable=False),
    UniqueConstraint("segment_id", "kind", name="ledger_once"),
)
Index("ledger_by_tenant", ledger.c.tenant, ledger.c.at)
Index("ledger_by_job", ledger.c.job_id)

# Budgets that were told of as nearly used, so that nobody hears of it twice.
budget_warnings = Table(
    "budget_warnings",
    metadata,
    Column("tenant", String(63), primary_key=True),
    Column("month", String(7), primary_key=True),
    Column("unit", String(7), primary_key=True),
)

provider_limits = Table(
    "provider_limits",
    metadata,
    Column("provider", String(63), primary_key=True),
    Column("paused_until", Double, nullable=False, server_default="0"),
    Column("reason", Text, nullable=False, server_default=""),
    Column("code", String(32), nullable=False, server_default=""),
    Column("refuses_jobs", Boolean, nullable=False, server_default=sa.false()),
)

executors = Table(
    "executors",
    metadata,
    Column("id", String(80), primary_key=True),
    Column("beat_at", Double, nullable=False),
)

# When the latest generations of each kind ended, milliseconds from their beginning.
endings = Table(
    "endings",
    metadata,
    Column("sequence", _Sequence, primary_key=True),
    Column("provider", String(63), nullable=False),
    Column("kind", String(100), nullable=False),
    Column("after_ms", Integer, nullable=False),
    Column("by_ms", Integer, nullable=False),
    Column("promised_ms", Integer),
)
Index("endings_by_kind", endings.c.provider, endings.c.kind, endings.c.sequence)
