"""Flavor ``generations``: the documented Gen-3 flow, as gateways and in-house proxies speak it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from cutscene.domain import VideoRequest
from cutscene.providers import AccountState, Submitted, TaskState
from cutscene.providers.connection import Call
from cutscene.providers.runway.flavors import Flavor
from cutscene.providers.runway.models import RunwayModel
from cutscene.providers.runway.states import Report, to_state
from cutscene.providers.values import (
    as_credits,
    as_progress,
    as_task_id,
    items,
    task_path,
    text,
)

__all__ = ["GENERATIONS"]


def create(model: RunwayModel, request: VideoRequest, prompt: str) -> Call:
    body: dict[str, Any] = {
        "prompt_text": prompt,
        "duration": int(model.length(request.duration)),
        "aspect_ratio": request.aspect.value,
    }
    if request.image is not None:
        body["prompt_image"] = request.image.partition(",")[2]  # the base64 of the data URI alone
    if request.seed is not None:
        body["seed"] = request.seed
    return Call("POST", "/v1/generations", body)


def read_created(answer: Any) -> Submitted | None:
    task_id = as_task_id(answer)
    return None if task_id is None else Submitted(task_id)


def look(task_id: str) -> Call:
    return Call("GET", task_path("/v1/generations", task_id))


def cancel(task_id: str) -> Call:
    """Documented nowhere, and worth a try: whoever does not know it says 404 or 405."""
    return Call("DELETE", task_path("/v1/generations", task_id))


def read_state(answer: Any, pause: float) -> TaskState | None:
    if not isinstance(answer, Mapping) or not text(answer.get("status")):
        return None
    report = Report(
        status=answer["status"],
        progress=as_progress(answer.get("progress")),
        links=tuple(_links(items(answer.get("output")))),
        charged=as_credits(answer.get("credits_used")),
        code=text(answer.get("failure_code")),
        reason=text(answer.get("failure")),
        raw=answer,
    )
    return to_state(report, pause=pause)


def _links(output: list[Any]) -> Iterator[str]:
    """Objects as documented, or plain links as some proxies have them."""
    for item in output:
        link = item.get("url") if isinstance(item, Mapping) else item
        if isinstance(link, str):
            yield link


def read_account(_answer: Any) -> AccountState:
    """Nothing but that the key was not refused: this protocol has no call for more."""
    return AccountState()


GENERATIONS: Final = Flavor(
    id="generations",
    headers={},
    create=create,
    read_created=read_created,
    look=look,
    read_state=read_state,
    cancel=cancel,
    account=Call("GET", "/v1/generations/none"),
    read_account=read_account,
)
