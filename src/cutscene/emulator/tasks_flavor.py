"""The protocol of today's API: bodies in camelCase, tasks that are looked at, zod's issues."""

from __future__ import annotations

import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from cutscene.emulator.models import FORMS
from cutscene.emulator.orders import place_order
from cutscene.emulator.refusals import Reason, Refusal
from cutscene.emulator.task import Status, Task
from cutscene.emulator.vendor import Look
from cutscene.emulator.wire import VENDOR, iso, origin, read_json

__all__ = ["CREATIONS", "VERSIONS", "refusal_body", "routes", "task_body"]

VERSIONS: Final = frozenset({"2024-11-06"})
CREATIONS: Final = tuple(f"/v1/{endpoint}" for endpoint in FORMS)

_DOCS: Final = {"docUrl": "https://docs.dev.runwayml.com/api"}
_WORDS: Final[Mapping[Reason, tuple[int, Mapping[str, str]]]] = {
    Reason.UNAUTHORIZED: (401, {"error": "The API key is missing or not valid.", **_DOCS}),
    Reason.NO_PATH: (404, {"error": "Not found", **_DOCS}),
    Reason.NO_METHOD: (405, {"error": "Method not allowed", **_DOCS}),
    Reason.NOT_JSON: (400, {"error": "The body is not valid JSON.", **_DOCS}),
    Reason.BUSY: (429, {"message": "Too Many Requests"}),
    Reason.DAILY_CAP: (429, {"error": "Your daily task limit has been reached.", **_DOCS}),
    Reason.NO_CREDITS: (400, {"error": "You do not have enough credits to run this task.", **_DOCS}),
    Reason.GONE: (404, {"error": "Could not find Task"}),
}


def refusal_body(refusal: Refusal) -> tuple[int, Mapping[str, Any]]:
    """HTTP status and JSON."""
    match refusal.reason:
        case Reason.INVALID:
            return 400, {"error": "Validation of body failed", "issues": refusal.issues, **_DOCS}
        case Reason.NO_VERSION:
            return 400, {"error": refusal.detail, **_DOCS}
        case Reason.TOO_LARGE:
            return 413, {"error": refusal.detail, **_DOCS}
        case Reason.BROKEN:
            return refusal.status, {"message": _phrase(refusal.status)}
        case reason:
            return _WORDS[reason]


def task_body(task: Task, status: str, now: float, link: str | None) -> dict[str, Any]:
    """``status`` is what this look is told; ``link`` leads to the clip of a task that succeeded."""
    body: dict[str, Any] = {"id": task.id, "status": status, "createdAt": iso(task.created_at)}
    if status not in (Status.SUCCEEDED, Status.FAILED, Status.CANCELLED):
        body["estimatedCost"] = {"credits": task.order.estimated}
    else:
        body["cost"] = {"credits": task.charged}
    if status == Status.RUNNING:
        body["progress"] = task.progress(now)
    if status == Status.SUCCEEDED:
        body["output"] = [link]
    if status == Status.FAILED:
        body["failure"] = failure_of(task)
        body["failureCode"] = task.failure_code
    return body


def failure_of(task: Task) -> str:
    """In words."""
    if "SAFETY" in (task.failure_code or ""):
        return "The content was moderated."
    return "An unexpected error occurred."


def routes() -> list[web.RouteDef]:
    return [
        *(web.post(path, _create) for path in CREATIONS),
        web.get("/v1/tasks/{id}", _look, allow_head=False),
        web.delete("/v1/tasks/{id}", _delete),
    ]


async def _create(request: web.Request) -> web.Response:
    vendor = request.app[VENDOR]
    endpoint = request.path.rpartition("/")[2]
    order = await place_order(endpoint, await read_json(request), vendor.uploads, vendor.tasks.get)
    task = await vendor.create(order)
    return web.json_response({"id": task.id, "estimatedCost": {"credits": order.estimated}})


async def _look(request: web.Request) -> web.Response:
    vendor = request.app[VENDOR]
    look: Look = vendor.look(request.match_info["id"])
    succeeded = look.status == Status.SUCCEEDED
    link = vendor.link(look.task, origin(request)) if succeeded else None
    return web.json_response(task_body(look.task, look.status, time.time(), link))


async def _delete(request: web.Request) -> web.Response:
    request.app[VENDOR].delete(request.match_info["id"])
    return web.Response(status=204)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"
