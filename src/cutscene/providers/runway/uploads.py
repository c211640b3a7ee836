"""Files too large for a request: handed over beforehand, at no cost."""

from __future__ import annotations

from io import BytesIO
from typing import Final

import aiohttp
from yarl import URL

from cutscene.providers.connection import Call, Connection, reason_of
from cutscene.providers.refusals import is_conclusive
from cutscene.providers.runway.refusals import read_refusal, unreachable

__all__ = ["upload"]

_BOUNDS: Final = aiohttp.ClientTimeout(total=300.0, connect=30.0, sock_connect=10.0)


async def upload(connection: Connection, data: bytes, filename: str, media_type: str) -> str:
    """Returns the file's name there. Raises `NotSubmitted`.

    Nothing has been asked for yet, so whatever fails may be tried again.
    """
    call = Call("POST", "/v1/uploads", {"filename": filename, "type": "ephemeral"})
    try:
        answer = await connection.send(call, _BOUNDS)
        if is_conclusive(answer.status):
            raise read_refusal(answer.status, answer.headers, answer.body, host=connection.host)
        form = aiohttp.FormData({str(name): str(value) for name, value in answer.body["fields"].items()})
        form.add_field("file", BytesIO(data), filename=filename, content_type=media_type)
        await connection.post_elsewhere(URL(answer.body["uploadUrl"], encoded=True), form, _BOUNDS)
        return str(answer.body["runwayUri"])
    except (aiohttp.ClientError, OSError) as error:
        raise unreachable(connection.host, reason_of(error)) from error
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise unreachable(connection.host, f"its answer to an upload was {answer.status}") from error
