"""The clips over HTTP, whole or in parts, and all that can go wrong on the way."""

from __future__ import annotations

import asyncio
import hashlib
import random
import time
from typing import Final

from aiohttp import web

from cutscene.emulator.ranges import Span, asked_span
from cutscene.emulator.task import Task
from cutscene.emulator.wire import VENDOR

__all__ = ["routes", "serve"]

_CHUNK: Final = 2**16
_STALL: Final = 60.0
"""Seconds, at most."""
_SLOW_STEPS: Final = 20
_BAD_SIZE: Final = 200_000
_PAGE: Final = "<!doctype html><title>Sign in</title><p>Please sign in to see this file.\n"


def routes() -> list[web.RouteDef]:
    return [web.get("/emulator/footage/{id}.mp4", _serve)]


async def _serve(request: web.Request) -> web.StreamResponse:
    vendor, task_id = request.app[VENDOR], request.match_info["id"]
    task = vendor.tasks.get(task_id)
    if task is None or task.deleted or task.clip is None:
        return _no(404, "NoSuchKey")
    if not vendor.links.admits(task_id, request.query.get("_jwt", ""), time.time()):
        return _no(403, "AccessDenied")
    return await serve(request, task)


async def serve(request: web.Request, task: Task) -> web.StreamResponse:
    """The clip of a task that has one, to whoever may have it."""
    if request.method != "HEAD":
        task.downloads += 1
    if task.faults.html:
        return web.Response(text=_PAGE, content_type="text/html")
    return await _send(request, task, *await asyncio.to_thread(_content, task))


def _content(task: Task) -> tuple[bytes, str]:
    """What there is to download, and its ETag."""
    if task.faults.badfile:
        content = random.Random(task.id).randbytes(_BAD_SIZE)  # noqa: S311 -- the same at each download
    else:
        assert task.clip is not None
        content = task.clip.read_bytes()
    return content, f'"{hashlib.sha256(content).hexdigest()[:32]}"'


async def _send(request: web.Request, task: Task, content: bytes, etag: str) -> web.StreamResponse:
    headers = {"ETag": etag, "Accept-Ranges": "bytes", "Content-Type": "video/mp4"}
    whole, span = Span(0, len(content)), None
    if request.method == "GET":
        span = asked_span(request.headers.get("Range"), request.headers.get("If-Range"), etag, whole.end)
    if span is not None and span.is_empty:
        return web.Response(status=416, headers={**headers, "Content-Range": f"bytes */{whole.end}"})
    if span is not None:
        headers["Content-Range"] = f"bytes {span.start}-{span.end - 1}/{whole.end}"
    part = span or whole
    response = web.StreamResponse(status=200 if span is None else 206, headers=headers)
    response.content_length = part.end - part.start
    await response.prepare(request)
    if request.method == "GET":
        await _pour(request, response, task, memoryview(content)[part.start : part.end])
    return response


async def _pour(request: web.Request, response: web.StreamResponse, task: Task, content: memoryview) -> None:
    half = len(content) // 2
    if task.troubles.due("truncate"):
        await response.write(bytes(content[:half]))
        _hang_up(request)
    elif task.troubles.due("stall"):
        await response.write(bytes(content[:half]))
        await _wait_for_leaving(request)
        _hang_up(request)
    else:
        seconds = task.faults.slow_download
        chunk = max(len(content) // _SLOW_STEPS, 1) if seconds else _CHUNK
        for start in range(0, len(content), chunk):
            await response.write(bytes(content[start : start + chunk]))
            await asyncio.sleep(seconds / _SLOW_STEPS)


def _hang_up(request: web.Request) -> None:
    """After what has been written."""
    if request.transport is not None:
        request.transport.close()


async def _wait_for_leaving(request: web.Request) -> None:
    until = time.monotonic() + _STALL
    while not _has_left(request) and time.monotonic() < until:  # noqa: ASYNC110 -- nobody tells us
        await asyncio.sleep(0.05)


def _has_left(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()


def _no(status: int, code: str) -> web.Response:
    """As a content network says it."""
    text = f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code></Error>'
    return web.Response(status=status, text=text, content_type="application/xml")
