"""What ``GET /emulator/state`` tells: everything that happened, for tests to look at."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from cutscene.emulator.task import Task
from cutscene.emulator.vendor import Vendor

__all__ = ["state_of"]


def state_of(vendor: Vendor) -> dict[str, Any]:
    """JSON; times are seconds since 1970, or null before they have come."""
    return {
        "balance": vendor.account.balance,
        "charged": sum(task.charged for task in vendor.tasks.values()),
        "creations": len(vendor.tasks),
        "in_flight": vendor.in_flight,
        "most_in_flight": vendor.most_in_flight,
        "tasks": [_task(task) for task in vendor.tasks.values()],
        "refused": [asdict(refused) for refused in vendor.refused],
    }


def _task(task: Task) -> dict[str, Any]:
    order = task.order
    return {
        "id": task.id,
        "flavor": order.flavor,
        "model": order.model,
        "prompt": order.prompt,
        "endpoint": order.endpoint,
        "status": task.status.value,
        "created_at": task.created_at,
        "started_at": task.started_at,
        "ended_at": task.ended_at,
        "estimated": order.estimated,
        "charged": task.charged,
        "looks": task.looks,
        "downloads": task.downloads,
        "cancelled": task.cancelled,
        "failure_code": task.failure_code,
        "deleted": task.deleted,
    }
