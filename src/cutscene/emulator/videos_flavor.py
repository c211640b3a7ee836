"""The ``/v1/videos`` protocol, as engines and gateways speak it, with content behind the key."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from cutscene.emulator import downloads
from cutscene.emulator.refusals import Reason, Refusal
from cutscene.emulator.task import Status, Task
from cutscene.emulator.videos_orders import invalid, place_order
from cutscene.emulator.wire import VENDOR

__all__ = ["CREATION", "refusal_body", "routes", "video_body"]

CREATION: Final = "/v1/videos"
_LIFE: Final = 24 * 3600
"""Seconds that content is said to be kept."""
_MOST_LISTED: Final = 100

_STATUSES: Final[Mapping[str, str]] = {
    Status.THROTTLED: "queued",
    Status.PENDING: "queued",
    Status.RUNNING: "in_progress",
    Status.SUCCEEDED: "completed",
    Status.FAILED: "failed",
    Status.CANCELLED: "failed",
}
"""What is none of them is told as it is, in small letters."""

_BAD: Final = "invalid_request_error"
_WORDS: Final[Mapping[Reason, tuple[int, str, str | None, str]]] = {
    Reason.UNAUTHORIZED: (401, _BAD, "invalid_api_key", "The API key is missing or not valid."),
    Reason.NO_PATH: (404, _BAD, "unknown_url", "Invalid URL."),
    Reason.NO_METHOD: (405, _BAD, "method_not_supported", "This URL does not take this method."),
    Reason.NOT_JSON: (400, _BAD, None, "We could not parse the JSON body of your request."),
    Reason.BUSY: (429, "rate_limit_error", "rate_limit_exceeded", "Too many requests at once."),
    Reason.DAILY_CAP: (429, "rate_limit_error", "rate_limit_exceeded", "Limit of requests per day reached."),
    Reason.NO_CREDITS: (429, "insufficient_quota", "insufficient_quota", "You exceeded your current quota."),
    Reason.TOO_LARGE: (413, _BAD, "request_too_large", "The request is too large."),
    Reason.GONE: (404, _BAD, "not_found", "No video was found with this id."),
}
"""HTTP status, type, code, message."""


def refusal_body(refusal: Refusal) -> tuple[int, Mapping[str, Any]]:
    """HTTP status and JSON."""
    param = None
    match refusal.reason:
        case Reason.INVALID:
            issue = refusal.issues[0]
            param, code = issue["path"][0], issue["code"]
            told = (404 if code == "model_not_found" else 400, _BAD, code, refusal.detail)
        case Reason.BROKEN:
            told = (refusal.status, "server_error", "server_error", "The server had an error.")
        case reason:
            told = _WORDS[reason]
    status, kind, code, message = told
    error = {"message": refusal.detail or message, "type": kind, "param": param, "code": code}
    return status, {"error": error}


def video_body(task: Task, status: str) -> dict[str, Any]:
    """``status`` is what this look is told."""
    said = _STATUSES.get(status, status.lower())
    ended = None if task.ended_at is None else int(task.ended_at)
    is_completed = said == "completed"
    return {
        "id": task.id,
        "object": "video",
        "created_at": int(task.created_at),
        "completed_at": ended if is_completed else None,
        "expires_at": (ended or 0) + _LIFE if is_completed else None,
        "status": said,
        "model": task.order.model,
        "progress": 100 if is_completed else _percents(task),
        "prompt": task.order.prompt,
        **task.order.asked,
        "remixed_from_video_id": None,
        "error": _error(task) if said == "failed" else None,
    }


def routes() -> list[web.RouteDef]:
    one = f"{CREATION}/{{id}}"
    return [
        web.post(CREATION, _create),
        web.get(CREATION, _list, allow_head=False),
        web.get(one, _look, allow_head=False),
        web.delete(one, _delete),
        web.get(f"{one}/content", _content),
    ]


async def _create(request: web.Request) -> web.Response:
    task = await request.app[VENDOR].create(await place_order(request))
    return web.json_response(video_body(task, Status.PENDING))


async def _list(request: web.Request) -> web.Response:
    """The latest first."""
    limit, after = request.query.get("limit", "20"), request.query.get("after")
    if not (limit.isascii() and limit.isdecimal() and 0 < int(limit[:4]) <= _MOST_LISTED):
        raise invalid(f"'limit' must be a whole number from 1 to {_MOST_LISTED}.", "limit")
    tasks = [task for task in request.app[VENDOR].tasks.values() if _is_ours(task)][::-1]
    ids = [task.id for task in tasks]
    first = ids.index(after) + 1 if after in ids else 0
    page = tasks[first : first + int(limit)]
    return web.json_response(
        {
            "object": "list",
            "data": [video_body(task, task.status) for task in page],
            "first_id": page[0].id if page else None,
            "last_id": page[-1].id if page else None,
            "has_more": len(tasks) > first + len(page),
        }
    )


async def _look(request: web.Request) -> web.Response:
    _find(request)
    look = request.app[VENDOR].look(request.match_info["id"])
    return web.json_response(video_body(look.task, look.status))


async def _delete(request: web.Request) -> web.Response:
    task = _find(request)
    request.app[VENDOR].delete(task.id)
    return web.json_response({"id": task.id, "object": "video.deleted", "deleted": True})


async def _content(request: web.Request) -> web.StreamResponse:
    task = _find(request)
    if request.query.get("variant", "video") != "video":
        raise invalid("The emulator has the video alone: leave 'variant' out.", "variant")
    if task.clip is None:
        raise Refusal(Reason.GONE, "The video is not ready yet.")
    task.links += 1
    if task.faults.expire and task.links == 1:
        raise Refusal(Reason.GONE, "The video's content cannot be had at the moment.")
    return await downloads.serve(request, task)


def _find(request: web.Request) -> Task:
    """Raises `Refusal`; what was made over another protocol is none of this one's."""
    task = request.app[VENDOR].find(request.match_info["id"])
    if not _is_ours(task):
        raise Refusal(Reason.GONE)
    return task


def _is_ours(task: Task) -> bool:
    return task.order.flavor == "videos" and not task.deleted


def _percents(task: Task) -> int:
    return round(100 * task.progress(time.time()))


def _error(task: Task) -> dict[str, str]:
    code = task.failure_code or "cancelled"
    if "SAFETY" in code:
        return {"code": "moderation_blocked", "message": "The request was blocked by the moderation system."}
    if code.startswith("INTERNAL"):
        code = "server_error" if code == "INTERNAL" else "video_generation_failed"
    return {"code": code, "message": "The video could not be made."}
