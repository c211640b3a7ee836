"""Flavor ``tasks``: what Runway's live API speaks (version 2024-11-06)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from cutscene.domain import VideoRequest
from cutscene.providers import AccountState, Submitted, TaskState
from cutscene.providers.connection import Call
from cutscene.providers.runway import models
from cutscene.providers.runway.flavors import Flavor
from cutscene.providers.runway.models import RunwayModel
from cutscene.providers.runway.states import Report, to_state
from cutscene.providers.values import (
    as_credits,
    as_progress,
    as_task_id,
    items,
    mapping,
    task_path,
    text,
)

__all__ = ["TASKS"]


def create(model: RunwayModel, request: VideoRequest, prompt: str) -> Call:
    if request.video is not None:
        return Call("POST", "/v1/video_to_video", _from_video(model, request, prompt))
    if request.image is not None:
        return Call("POST", "/v1/image_to_video", _from_image(model, request, prompt))
    return Call("POST", "/v1/text_to_video", _timed(model, request, prompt))


def _from_image(model: RunwayModel, request: VideoRequest, prompt: str) -> dict[str, Any]:
    frames = [{"uri": request.image, "position": "first"}]
    if request.last_image is not None:
        frames.append({"uri": request.last_image, "position": "last"})
    return {**_timed(model, request, prompt), "promptImage": frames}


def _from_video(model: RunwayModel, request: VideoRequest, prompt: str) -> dict[str, Any]:
    if model.id == "aleph2":  # length and size follow the video
        return {**_common(model, request, prompt), "videoUri": request.video}
    body = {**_timed(model, request, prompt), "promptVideo": request.video}
    if model.extends:
        del body["ratio"]  # both modes refuse it: the shape is the video's
        body["mode"] = "extend" if request.extend else "edit"
    if model.edits_whole and not request.extend:
        body["duration"] = "auto"
    return body


def _timed(model: RunwayModel, request: VideoRequest, prompt: str) -> dict[str, Any]:
    width, height = model.size(request)
    return {
        **_common(model, request, prompt),
        "ratio": f"{width}:{height}",
        "duration": int(model.length(request.duration)),
    }


def _common(model: RunwayModel, request: VideoRequest, prompt: str) -> dict[str, Any]:
    """Validators are strict per model: not a key that it does not take."""
    body: dict[str, Any] = {"model": model.id, "promptText": prompt}
    if model.takes_seed and request.seed is not None:
        body["seed"] = request.seed
    if model.takes_audio:
        body["audio"] = False  # clips are silent, and sound costs extra
    return body


def read_created(answer: Any) -> Submitted | None:
    task_id = as_task_id(answer)
    if task_id is None:
        return None
    return Submitted(task_id, as_credits(mapping(answer.get("estimatedCost")).get("credits")))


def look(task_id: str) -> Call:
    return Call("GET", task_path("/v1/tasks", task_id))


def cancel(task_id: str) -> Call:
    return Call("DELETE", task_path("/v1/tasks", task_id))


def read_state(answer: Any, pause: float) -> TaskState | None:
    if not isinstance(answer, Mapping) or not text(answer.get("status")):
        return None
    report = Report(
        status=answer["status"],
        progress=as_progress(answer.get("progress")),
        links=tuple(link for link in items(answer.get("output")) if isinstance(link, str)),
        charged=as_credits(mapping(answer.get("cost")).get("credits")),
        code=text(answer.get("failureCode")),
        reason=text(answer.get("failure")),
        raw=answer,
    )
    return to_state(report, pause=pause)


def read_account(answer: Any) -> AccountState:
    tier = mapping(mapping(mapping(answer).get("tier")).get("models"))
    places = [mapping(tier.get(model.id)).get("maxConcurrentGenerations") for model in models.TASKS]
    known = [place for place in places if isinstance(place, int) and place > 0]
    balance = mapping(answer).get("creditBalance")
    return AccountState(
        credits=as_credits(max(0, balance) if isinstance(balance, int) else balance),
        concurrency=min(known, default=None),
    )


TASKS: Final = Flavor(
    id="tasks",
    headers={"X-Runway-Version": "2024-11-06"},
    create=create,
    read_created=read_created,
    look=look,
    read_state=read_state,
    cancel=cancel,
    account=Call("GET", "/v1/organization"),
    read_account=read_account,
)
