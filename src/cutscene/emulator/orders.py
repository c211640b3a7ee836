"""From the body of a creation (today's API) to an order, or to everything that is wrong with it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from cutscene.emulator.addresses import MOST_ENCODED, Asset
from cutscene.emulator.faults import read_faults
from cutscene.emulator.forms import Form
from cutscene.emulator.issues import Issue, custom, invalid_model
from cutscene.emulator.media import BadMedia, Medium, load
from cutscene.emulator.models import FORMS
from cutscene.emulator.prices import LONGEST, price
from cutscene.emulator.refusals import Reason, Refusal
from cutscene.emulator.rules import Findings
from cutscene.emulator.shots import shot_of
from cutscene.emulator.sizes import Size, evened, nearest, parsed, resized, tier
from cutscene.emulator.task import Order, Status, Task
from cutscene.emulator.uploads import Uploads

__all__ = ["check_body", "order_of", "place_order"]

Body = Mapping[str, Any]

_DEFAULT_SECONDS: Final = {"veo3.1": 8, "veo3.1_fast": 8}
_USUAL_SECONDS: Final = 5
_LONGEST_VIDEO: Final = 30
"""Seconds of an input."""
_DRAFT_LIFE: Final = 7 * 24 * 3600.0


def check_body(endpoint: str, body: Any) -> Findings:
    """All that can be said without looking at the media. Pure."""
    forms, found = FORMS[endpoint], Findings()
    if not isinstance(body, dict):
        Form().check(body, (), found)
    elif not isinstance(model := body.get("model"), str) or model not in forms:
        found.issues.append(invalid_model(list(forms), ("model",)))
    else:
        forms[model].check({name: body[name] for name in body if name != "model"}, (), found)
    return found


async def place_order(
    endpoint: str, body: Any, uploads: Uploads, find_task: Callable[[str], Task | None]
) -> Order:
    """Raises `Refusal` with all the issues there are."""
    found = check_body(endpoint, body)
    if any(asset.uri[:5].lower() == "data:" and len(asset.uri) > MOST_ENCODED for asset in found.assets):
        raise Refusal(Reason.TOO_LARGE, "A data URI may contain at most 5 MB.")
    media, troubles = await _load(found.assets, uploads)
    issues = [*found.issues, *troubles]
    if not issues:
        issues = list(_unfit_videos(body, media))
    if issues:
        raise Refusal(Reason.INVALID, issues=issues)
    if "draftTaskId" in body:
        return _enhanced(body["draftTaskId"], find_task)
    return order_of(endpoint, body, media)


async def _load(assets: Sequence[Asset], uploads: Uploads) -> tuple[list[Medium], list[Issue]]:
    media, issues = [], []
    for asset in assets:
        try:
            media.append(await asyncio.to_thread(load, asset, uploads.read(asset.uri)))
        except BadMedia as bad:
            issues.append(custom(str(bad), asset.path))
    return media, issues


def order_of(endpoint: str, body: Body, media: Sequence[Medium]) -> Order:
    """Of a body in which nothing is wrong. Pure."""
    model, prompt = body["model"], _prompt(body)
    text, faults = read_faults(prompt)
    source = _source(body, media)
    size, seconds = _size(endpoint, body, source), _seconds(body, source)
    input_seconds = sum(medium.seconds for medium in media)
    most = LONGEST[model] if body.get("duration") == "auto" else seconds
    resolution = tier(model, size)
    return Order(
        flavor="tasks",
        endpoint=endpoint,
        model=model,
        prompt=prompt,
        faults=faults,
        shot=shot_of(
            text,
            faults,
            picture=source.picture if source else None,
            size=size,
            seconds=seconds,
            seed=int(body["seed"]) if "seed" in body else None,
            extra_frames=1 if model.startswith("seedance") else 0,
        ),
        estimated=price(model, resolution, most, body, input_seconds=input_seconds),
        cost=price(model, resolution, seconds, body, input_seconds=input_seconds),
        draft=body.get("draft") is True,
    )


def _prompt(body: Body) -> str:
    segments = body.get("providerSettings", {}).get("multiPrompt", [])
    prompt: str = body.get("promptText") or " ".join(segment["prompt"] for segment in segments)
    return prompt


def _source(body: Body, media: Sequence[Medium]) -> Medium | None:
    """The picture or video that the clip is made from; of several pictures the first frame, if one is."""
    pictures = body.get("promptImage")
    path: tuple[str | int, ...] = ("promptImage",)
    if isinstance(pictures, list):
        positions = [picture.get("position") for picture in pictures]
        path = ("promptImage", positions.index("first") if "first" in positions else 0, "uri")
    paths = (path, ("promptVideo",), ("videoUri",))
    return next((medium for medium in media if medium.path in paths), None)


def _size(endpoint: str, body: Body, source: Medium | None) -> Size:
    model = body["model"]
    if model == "aleph2":
        assert source is not None
        return evened((source.width, source.height))
    if "ratio" in body and not _follows_first_frame(body):
        size = parsed(body["ratio"])
    elif source is not None and (endpoint == "image_to_video" or body.get("mode") in ("extend", "edit")):
        size = nearest(model, (source.width, source.height))
    else:
        size = nearest(model, (1280, 720))
    return resized(model, size, 480) if body.get("draft") is True else size


def _follows_first_frame(body: Body) -> bool:
    """Kling does, where both frames are given."""
    pictures = body.get("promptImage")
    return body["model"].startswith("kling") and isinstance(pictures, list) and len(pictures) == 2


def _seconds(body: Body, source: Medium | None) -> float:
    model = body["model"]
    if source is not None and (model == "aleph2" or body.get("mode") == "edit"):
        return source.seconds
    if segments := body.get("providerSettings", {}).get("multiPrompt"):
        return float(sum(segment["duration"] for segment in segments))
    seconds = body.get("duration", "auto")
    return float(_DEFAULT_SECONDS.get(model, _USUAL_SECONDS) if seconds == "auto" else seconds)


def _unfit_videos(body: Body, media: Sequence[Medium]) -> list[Issue]:
    issues = []
    for medium in media:
        if not medium.seconds:
            continue
        aleph, path = body["model"] == "aleph2", medium.path
        least = 2 if aleph else 1
        if medium.seconds < least:
            issues.append(custom(f"Asset duration must be at least {least} seconds.", path))
        if medium.seconds > _LONGEST_VIDEO:
            issues.append(custom(f"Asset duration must be at most {_LONGEST_VIDEO} seconds.", path))
        if aleph and medium.fps > 30.01:
            issues.append(custom(f"Asset frame rate must be at most 30. Got {medium.fps:g}.", path))
        if aleph and (max(medium.width, medium.height) > 1920 or min(medium.width, medium.height) > 1080):
            got = f"{medium.width}x{medium.height}"
            issues.append(custom(f"Asset dimensions must be at most 1920x1080. Got {got}.", path))
    return issues


def _enhanced(task_id: str, find_task: Callable[[str], Task | None]) -> Order:
    """A draft once more, in full quality."""
    task = find_task(task_id)
    if task is None or not _can_be_enhanced(task):
        issue = custom("Could not find a succeeded draft task with this ID.", ("draftTaskId",))
        raise Refusal(Reason.INVALID, issues=[issue])
    order, shot = task.order, task.order.shot
    size = (shot.width, shot.height)
    width, height = size if order.faults.size else resized(order.model, size, 1080)
    cost = price(order.model, 1080, shot.frames // 24, {})
    return replace(
        order, shot=replace(shot, width=width, height=height), estimated=cost, cost=cost, draft=False
    )


def _can_be_enhanced(task: Task) -> bool:
    is_fresh = time.time() - task.created_at < _DRAFT_LIFE
    return task.order.draft and task.status is Status.SUCCEEDED and is_fresh and not task.deleted
