"""What every request and answer shares: JSON in, JSON out, and keys that belong to the application."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Final

from aiohttp import web

from cutscene.emulator.refusals import Reason, Refusal
from cutscene.emulator.vendor import Vendor

__all__ = ["PROMPT", "VENDOR", "iso", "origin", "read_json", "read_prompt"]

VENDOR: Final = web.AppKey("vendor", Vendor)
PROMPT: Final = web.RequestKey("prompt", str)
"""Of a form, which can be read once only."""


async def read_json(request: web.Request) -> Any:
    """The body. Raises `Refusal`."""
    try:
        return json.loads(await request.read(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise Refusal(Reason.NOT_JSON) from None


async def read_prompt(request: web.Request) -> str | None:
    """The prompt in the body, as far as there is one."""
    if PROMPT in request:
        return request[PROMPT]
    try:
        body = await read_json(request)
    except (Refusal, web.HTTPException):
        return None
    prompt = body.get("promptText", body.get("prompt_text")) if isinstance(body, dict) else None
    return prompt if isinstance(prompt, str) else None


def origin(request: web.Request) -> str:
    """The server as this client reaches it."""
    return f"{request.scheme}://{request.host}"


def iso(seconds: float) -> str:
    """Seconds since 1970 as JavaScript writes them."""
    written = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return written.replace("+00:00", "Z")


def _refuse_constant(name: str) -> None:
    raise ValueError(name)
