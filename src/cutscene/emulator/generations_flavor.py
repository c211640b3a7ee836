"""The documented protocol of Gen-3 Alpha: bodies in snake_case, one model, four seconds."""

from __future__ import annotations

import asyncio
import base64
import binascii
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

from aiohttp import web

from cutscene.emulator.faults import read_faults
from cutscene.emulator.issues import kind_of
from cutscene.emulator.media import BadMedia, check_picture
from cutscene.emulator.refusals import Reason, Refusal
from cutscene.emulator.shots import shot_of
from cutscene.emulator.task import Order, Status, Task
from cutscene.emulator.tasks_flavor import failure_of
from cutscene.emulator.wire import VENDOR, origin, read_json

__all__ = ["CREATION", "MODEL", "generation_body", "order_of", "problems_of", "refusal_body", "routes"]

CREATION: Final = "/v1/generations"
MODEL: Final = "gen3a"
PRICE: Final = 40
"""Credits per generation."""
_SECONDS: Final = 4
_LONGEST_PROMPT: Final = 500
_SIZES: Final = {"16:9": (1280, 768), "9:16": (768, 1280), "1:1": (1280, 768)}
"""There is no square one: whoever wants it cuts it from the landscape."""
_REQUIRED: Final = ("prompt_text", "duration", "aspect_ratio")
_KNOWN: Final = frozenset({*_REQUIRED, "prompt_image", "seed"})

_WORDS: Final[Mapping[Reason, tuple[int, str, str]]] = {
    Reason.UNAUTHORIZED: (401, "unauthorized", "The API key is missing or not valid."),
    Reason.NO_PATH: (404, "not_found", "There is nothing at this path."),
    Reason.NO_METHOD: (405, "method_not_allowed", "This path does not take this method."),
    Reason.NOT_JSON: (400, "invalid_json", "The body is not valid JSON."),
    Reason.DAILY_CAP: (429, "daily_limit", "Your daily task limit has been reached."),
    Reason.NO_CREDITS: (402, "insufficient_credits", "You do not have enough credits to run this task."),
    Reason.GONE: (404, "not_found", "Could not find the generation."),
}


def refusal_body(refusal: Refusal) -> tuple[int, Mapping[str, Any]]:
    """HTTP status and JSON."""
    match refusal.reason:
        case Reason.BUSY:
            return 429, {"message": "Too Many Requests"}  # the gateway's words, whatever is behind it
        case Reason.INVALID:
            told = (422, "invalid_request", refusal.detail)
        case Reason.TOO_LARGE:
            told = (413, "too_large", refusal.detail)
        case Reason.BROKEN:
            told = (refusal.status, "unavailable", "The service cannot answer now.")
        case reason:
            told = _WORDS[reason]
    status, code, message = told
    return status, {"error": {"code": code, "message": message}}


def problems_of(body: Any) -> Iterator[str]:
    """All that is wrong with a body, but for its picture's content."""
    if not isinstance(body, dict):
        yield f"The body must be an object, not {kind_of(body)}."
        return
    yield from (f"{name} is required." for name in _REQUIRED if name not in body)
    yield from (f"{name} is not a field of this request." for name in body if name not in _KNOWN)
    prompt, seed = body.get("prompt_text", "x"), body.get("seed", 0)
    if not isinstance(prompt, str) or not 1 <= len(prompt) <= _LONGEST_PROMPT:
        yield f"prompt_text must be a string of 1 to {_LONGEST_PROMPT} characters."
    if isinstance(duration := body.get("duration", _SECONDS), bool) or duration != _SECONDS:
        yield f"duration must be {_SECONDS}."
    if (ratio := body.get("aspect_ratio", "1:1")) not in tuple(_SIZES) or not isinstance(ratio, str):
        yield f"aspect_ratio must be one of {', '.join(_SIZES)}."
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**32:
        yield "seed must be an integer from 0 to 4294967295."


def order_of(body: Mapping[str, Any], picture: bytes | None) -> Order:
    """Of a body in which nothing is wrong."""
    text, faults = read_faults(body["prompt_text"])
    shot = shot_of(
        text,
        faults,
        picture=picture,
        size=_SIZES[body["aspect_ratio"]],
        seconds=_SECONDS,
        seed=body.get("seed"),
    )
    return Order(
        flavor="generations",
        endpoint="generations",
        model=MODEL,
        prompt=body["prompt_text"],
        faults=faults,
        shot=shot,
        estimated=PRICE,
        cost=PRICE,
    )


def generation_body(task: Task, status: str, now: float, link: str | None) -> dict[str, Any]:
    """``status`` is what this look is told; ``link`` leads to the clip of a generation that succeeded."""
    body: dict[str, Any] = {"id": task.id, "status": status}
    if status == Status.RUNNING:
        body["progress"] = task.progress(now)
    if status == Status.SUCCEEDED:
        body["output"] = [{"url": link}]
    if status == Status.FAILED:
        body |= {"failure": failure_of(task), "failure_code": task.failure_code}
    final = status in (Status.SUCCEEDED, Status.FAILED, Status.CANCELLED)
    if final and not task.faults.silent:
        body["credits_used"] = task.charged
    return body


def routes() -> list[web.RouteDef]:
    return [
        web.post(CREATION, _create),
        web.get(f"{CREATION}/{{id}}", _look, allow_head=False),
        web.delete(f"{CREATION}/{{id}}", _delete),
    ]


async def _create(request: web.Request) -> web.Response:
    body = await read_json(request)
    problems = list(problems_of(body))
    picture = None
    if isinstance(body, dict) and "prompt_image" in body:
        try:
            picture = await asyncio.to_thread(_picture, body["prompt_image"])
        except BadMedia as bad:
            problems.append(str(bad))
    if problems:
        raise Refusal(Reason.INVALID, " ".join(problems))
    task = await request.app[VENDOR].create(order_of(body, picture))
    return web.json_response({"id": task.id, "status": Status.PENDING})


async def _look(request: web.Request) -> web.Response:
    vendor = request.app[VENDOR]
    look = vendor.look(request.match_info["id"])
    succeeded = look.status == Status.SUCCEEDED
    link = vendor.link(look.task, origin(request)) if succeeded else None
    return web.json_response(generation_body(look.task, look.status, time.time(), link))


async def _delete(request: web.Request) -> web.Response:
    """Not a thing that this protocol knows; that it was tried is seen."""
    if task := request.app[VENDOR].tasks.get(request.match_info["id"]):
        task.cancelled = True
    raise Refusal(Reason.NO_METHOD)


def _picture(value: Any) -> bytes:
    """The bytes of ``prompt_image``. Raises `BadMedia`."""
    if not isinstance(value, str):
        raise BadMedia("prompt_image must be a string.")
    if value[:5].lower() == "data:":
        raise BadMedia("prompt_image is plain base64: leave out the data: prefix.")
    try:
        data = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise BadMedia("prompt_image must be valid base64.") from None
    check_picture(data)
    return data
