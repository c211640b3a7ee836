"""Uploads over HTTP: the placeholder, and the form that brings the file, as to a bucket."""

from __future__ import annotations

from typing import Final

from aiohttp import BodyPartReader, web

from cutscene.emulator.forms import Form
from cutscene.emulator.refusals import Reason, Refusal
from cutscene.emulator.rules import Choice, Findings, Text
from cutscene.emulator.uploads import LARGEST, SMALLEST, Uploads
from cutscene.emulator.wire import VENDOR, origin, read_json

__all__ = ["routes"]

_PLACEHOLDER: Final = Form(required={"filename": Text(255), "type": Choice(("ephemeral",))})
_LONGEST_FIELD: Final = 2**16


def routes() -> list[web.RouteDef]:
    return [web.post("/v1/uploads", _announce), web.post("/emulator/uploads/{id}", _receive)]


async def _announce(request: web.Request) -> web.Response:
    body, found = await read_json(request), Findings()
    _PLACEHOLDER.check(body, (), found)
    if found.issues:
        raise Refusal(Reason.INVALID, issues=found.issues)
    upload_id, upload = request.app[VENDOR].uploads.announce(body["filename"])
    return web.json_response(
        {
            "uploadUrl": f"{origin(request)}/emulator/uploads/{upload_id}",
            "fields": upload.fields,
            "runwayUri": Uploads.uri(upload_id),
        }
    )


async def _receive(request: web.Request) -> web.Response:
    upload = request.app[VENDOR].uploads.get(request.match_info["id"])
    if upload is None or upload.data is not None:
        return _no(404, "NoSuchKey")
    if request.content_type != "multipart/form-data":
        return _no(412, "PreconditionFailed")
    fields, data = await _form(request)
    if any(fields.get(name) != value for name, value in upload.fields.items()):
        return _no(403, "AccessDenied")
    if data is None or len(data) < SMALLEST:
        return _no(400, "EntityTooSmall")
    if len(data) > LARGEST:
        return _no(400, "EntityTooLarge")
    upload.data = data
    return web.Response(status=204)


async def _form(request: web.Request) -> tuple[dict[str, str], bytes | None]:
    """The fields, and the file as far as it is allowed to be long."""
    fields: dict[str, str] = {}
    data: bytes | None = None
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader):
            continue
        content = await _bounded(part, LARGEST if part.name == "file" else _LONGEST_FIELD)
        if part.name == "file":
            data = content
        elif part.name is not None:
            fields[part.name] = content.decode(errors="replace")
    return fields, data


async def _bounded(part: BodyPartReader, most: int) -> bytes:
    content = bytearray()
    while chunk := await part.read_chunk(2**16):
        if len(content) <= most:
            content += chunk
    return bytes(content)


def _no(status: int, code: str) -> web.Response:
    """As a bucket says it."""
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code></Error>'
    return web.Response(status=status, text=text, content_type="application/xml")
