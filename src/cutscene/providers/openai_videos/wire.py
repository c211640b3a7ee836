"""The protocol as pure functions: what is sent, and how what comes back is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from cutscene.domain import Credits, VideoRequest
from cutscene.errors import CancelledError
from cutscene.media import picture
from cutscene.providers import Done, Failed, Pending, Submitted, TaskState
from cutscene.providers.connection import Call, File
from cutscene.providers.failures import read_failure
from cutscene.providers.openai_videos.failures import FAMILIES
from cutscene.providers.openai_videos.models import CREDITS_PER_USD, VideosModel
from cutscene.providers.values import as_credits, as_progress, as_task_id, mapping, task_path, text

__all__ = [
    "ACCOUNT",
    "cancel",
    "content_path",
    "create",
    "look",
    "read_created",
    "read_deleted",
    "read_state",
]

_VIDEOS: Final = "/v1/videos"
ACCOUNT: Final = Call("GET", f"{_VIDEOS}?limit=1")
"""Asks whether the key works, at no cost: the protocol has no call for more."""
_STATUSES: Final[Mapping[str, str]] = {
    "queued": "queued",
    "pending": "queued",
    "submitted": "queued",
    "in_progress": "in_progress",
    "in-progress": "in_progress",
    "processing": "in_progress",
    "running": "in_progress",
    "completed": "completed",
    "succeeded": "completed",
    "failed": "failed",
    "error": "failed",
    "cancelled": "cancelled",
    "canceled": "cancelled",
}
"""What servers say, by what the protocol says; it has no word for what was cancelled."""


def create(model: VideosModel, request: VideoRequest, prompt: str) -> Call:
    dialect, (width, height) = model.dialect, model.size(request)
    fields = {
        "prompt": prompt,
        dialect.seconds: f"{model.length(request.duration):g}",
        dialect.size: f"{width}x{height}",
    }
    if dialect.names_model:
        fields["model"] = model.id
    if not dialect.multipart:
        return Call("POST", _VIDEOS, {**fields, **_json_only(model, request)})
    form: dict[str, str | File] = dict(fields)
    if dialect.seed is not None and request.seed is not None:
        form[dialect.seed] = str(request.seed)
    if request.image is not None:
        form[dialect.picture] = _file(request.image)
    return Call("POST", _VIDEOS, form=form)


def _json_only(model: VideosModel, request: VideoRequest) -> dict[str, Any]:
    dialect, body = model.dialect, dict[str, Any]()
    if dialect.seed is not None and request.seed is not None:
        body[dialect.seed] = request.seed
    if request.image is not None:
        body[dialect.picture] = {"image_url": request.image}
    return body


def _file(uri: str) -> File:
    media_type = uri.partition(";")[0].removeprefix("data:")
    name = f"picture.{media_type.rpartition('/')[2].replace('jpeg', 'jpg')}"
    return File(picture.from_data_uri(uri), name, media_type)


def read_created(answer: Any) -> Submitted | None:
    """None where the answer names no video: then nobody knows what was accepted."""
    task_id = as_task_id(answer)
    return None if task_id is None else Submitted(task_id)


def look(task_id: str) -> Call:
    return Call("GET", task_path(_VIDEOS, task_id))


def cancel(task_id: str) -> Call:
    return Call("DELETE", task_path(_VIDEOS, task_id))


def content_path(task_id: str) -> str:
    return f"{task_path(_VIDEOS, task_id)}/content"


def read_deleted(answer: Any) -> bool:
    """Whether a success says that the video is gone; a server that says nothing means it."""
    return mapping(answer).get("deleted", True) is not False


def read_state(
    answer: Any, link: str, headers: Mapping[str, str], *, unsaid: Credits | None, pause: float
) -> TaskState | None:
    """None where the answer is none. ``link`` leads to the content, ``headers`` are what it asks for.

    ``unsaid``: what is charged where the answer does not say; None: nobody knows.
    ``pause``: seconds after which a passing fault may be tried again.
    """
    answer = mapping(answer)
    status, charged = text(answer.get("status")), _charged(answer)
    charged = unsaid if charged is None else charged
    if not status:
        return None
    match _STATUSES.get(status.lower()):
        case ("queued" | "in_progress") as stage:
            return Pending(as_progress(answer.get("progress"), whole=100), queued=stage == "queued")
        case "completed":
            return Done((link,), charged, _facts(answer), headers)
        case "failed":
            return _failed(answer, charged, pause)
        case "cancelled":
            return Failed(CancelledError("The generation was cancelled at the server."), charged)
        case _:  # whatever it means, the task has not ended: its deadline decides
            return Pending(note=f"unknown status {status[:80]!r}")


def _failed(answer: Mapping[str, Any], charged: Credits | None, pause: float) -> Failed:
    error = mapping(answer.get("error"))
    reason = text(error.get("message")) or text(answer.get("error"))
    return read_failure(FAMILIES, text(error.get("code")), reason, charged, pause=pause)


def _charged(answer: Mapping[str, Any]) -> Credits | None:
    """Gateways that price say so in USD, the protocol itself says nothing."""
    return as_credits(mapping(answer.get("usage")).get("cost"), per_unit=CREDITS_PER_USD)


def _facts(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Its single values and those of ``usage``, without links: servers put them anywhere, perhaps signed."""
    usage = _single_values(mapping(answer.get("usage")))
    return {**_single_values(answer), **({"usage": usage} if usage else {})}


def _single_values(of: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value
        for name, value in of.items()
        if not isinstance(value, (Mapping, list)) and not _is_link(value)
    }


def _is_link(value: Any) -> bool:
    return isinstance(value, str) and ("://" in value or value.startswith("/"))
