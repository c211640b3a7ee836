"""What stands in front of all protocols: who may come in, and how a refusal is put into words."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Mapping
from types import ModuleType
from typing import Any, Final

from aiohttp import web

from cutscene.emulator import (
    downloads,
    generations_flavor,
    organization,
    receiving,
    tasks_flavor,
    videos_flavor,
)
from cutscene.emulator.refusals import CutOff, Reason, Refusal
from cutscene.emulator.state import state_of
from cutscene.emulator.vendor import Vendor
from cutscene.emulator.wire import VENDOR, read_prompt

__all__ = ["application"]

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_LARGEST_BODY: Final = 64 * 2**20
"""Bytes."""
_CREATIONS: Final = frozenset({*tasks_flavor.CREATIONS, generations_flavor.CREATION, videos_flavor.CREATION})


def application(vendor: Vendor) -> web.Application:
    app = web.Application(middlewares=[_words, _doorman], client_max_size=_LARGEST_BODY)
    app[VENDOR] = vendor
    for module in (tasks_flavor, generations_flavor, videos_flavor, organization, receiving, downloads):
        app.router.add_routes(module.routes())
    app.router.add_get("/emulator/state", _state)
    return app


async def _state(request: web.Request) -> web.Response:
    return web.json_response(state_of(request.app[VENDOR]))


@web.middleware
async def _words(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Turns refusals into answers, and cuts the connection where that is the answer."""
    try:
        return await handler(request)
    except CutOff as cut:
        if not cut.accepted:
            await _note(request, None, "The connection was cut.")
        if request.transport is not None:
            request.transport.abort()
        return web.Response()
    except Refusal as refusal:
        return await _answer(request, refusal)
    except web.HTTPRequestEntityTooLarge:
        return await _answer(request, Refusal(Reason.TOO_LARGE, "A body may contain at most 64 MB."))
    except web.HTTPNotFound:
        return await _answer(request, Refusal(Reason.NO_PATH))
    except web.HTTPMethodNotAllowed as error:
        answer = await _answer(request, Refusal(Reason.NO_METHOD))
        answer.headers["Allow"] = error.headers["Allow"]
        return answer


@web.middleware
async def _doorman(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Asks for the key, and for the version where the protocol has one."""
    if request.path.startswith("/v1/") and request.match_info.http_exception is None:
        key = request.app[VENDOR].behaviour.key
        shown = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(shown, f"Bearer {key}".encode()):
            raise Refusal(Reason.UNAUTHORIZED)
        if _flavor(request) is tasks_flavor:
            _check_version(request.headers.get("X-Runway-Version"))
    return await handler(request)


def _check_version(version: str | None) -> None:
    if version is None:
        raise Refusal(Reason.NO_VERSION, "The X-Runway-Version header is required.")
    if version not in tasks_flavor.VERSIONS:
        raise Refusal(Reason.NO_VERSION, "The X-Runway-Version header names no version of this API.")


async def _answer(request: web.Request, refusal: Refusal) -> web.Response:
    status, body = _flavor(request).refusal_body(refusal)
    await _note(request, status, _sentence(body))
    headers = {"Retry-After": "1"} if refusal.reason is Reason.BUSY else {}
    return web.json_response(body, status=status, headers=headers)


async def _note(request: web.Request, status: int | None, error: str) -> None:
    if request.method == "POST" and request.path in _CREATIONS:
        request.app[VENDOR].note_refused(status, await read_prompt(request), error)


def _flavor(request: web.Request) -> ModuleType:
    """The protocol that the path belongs to."""
    path = request.path
    if path == videos_flavor.CREATION or path.startswith(f"{videos_flavor.CREATION}/"):
        return videos_flavor
    return generations_flavor if path.startswith(generations_flavor.CREATION) else tasks_flavor


def _sentence(body: Mapping[str, Any]) -> str:
    error = body.get("error", body.get("message"))
    issues = "; ".join(
        f"{'.'.join(map(str, issue['path'])) or 'body'}: {issue['message']}"
        for issue in body.get("issues", ())
    )
    sentence = error["message"] if isinstance(error, dict) else str(error)
    return f"{sentence}: {issues}" if issues else sentence
