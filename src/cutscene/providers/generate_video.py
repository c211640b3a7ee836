"""The thin face that game platforms expect of any provider: one call in, one answer out.

It keeps nothing and accounts for nothing. Whoever needs that uses the studio.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from cutscene.domain import Credits, VideoRequest
from cutscene.errors import (
    CutsceneError,
    GenerationTimeoutError,
    InputValidationError,
    ProviderError,
    SubmissionUnknownError,
)
from cutscene.media.source import with_data_uris
from cutscene.media.workbench import Workbench
from cutscene.providers import (
    Done,
    Failed,
    Gone,
    Model,
    NotSubmitted,
    Pending,
    Provider,
    TaskState,
)

__all__ = ["generate_video", "short_form"]

_SUBMITTING: Final = 60.0
"""Seconds that a provider has to answer a submission."""


async def generate_video(provider: Provider, params: Mapping[str, Any]) -> dict[str, Any]:
    """Submit, wait, answer ``{uri, metadata}``; never submits twice.

    ``params`` are the fields of `VideoRequest`. The metadata is what the provider declares
    (nothing is downloaded here): provider_id, model, duration_sec, resolution, fps, format,
    cost_usd, raw_response. A link to a server that asks for its key is of use with that key alone,
    which is not in the answer. Raises a `CutsceneError`.
    """
    async with Workbench() as workbench:
        request = await with_data_uris(workbench, VideoRequest.from_json(params))
    model = provider.check(request)
    if request.extend or request.duration > model.longest:
        raise InputValidationError(
            f"Model {model.id!r} makes {model.longest:g} seconds at once: longer is for the studio."
        )
    try:
        prepared = await provider.prepare(request)
        async with asyncio.timeout(_SUBMITTING):
            submitted = await provider.submit(prepared)
    except NotSubmitted as refusal:
        raise refusal.error from refusal
    except Exception as lost:
        raise SubmissionUnknownError(f"The answer of {provider.id} was lost: it may be paid for.") from lost
    done = await _wait(provider, submitted.task_id)
    if not done.urls:
        raise ProviderError(f"{provider.id} finished without footage.")
    charged = done.credits if done.credits is not None else provider.estimate(request)
    return {"uri": done.urls[0], "metadata": _metadata(provider, model, request, charged, done)}


def short_form(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The same success as ``{video_url, duration_ms, credits_used}``."""
    metadata = answer["metadata"]
    return {
        "video_url": answer["uri"],
        "duration_ms": round(metadata["duration_sec"] * 1000),
        "credits_used": metadata["credits_used"],
    }


async def _wait(provider: Provider, task_id: str) -> Done:
    """Until it has ended; whoever stops waiting, or waits too long, stops the task."""
    pace = provider.capabilities()
    deadline = asyncio.get_running_loop().time() + pace.timeout
    try:
        while asyncio.get_running_loop().time() < deadline:
            match await _look(provider, task_id):
                case Done() as done:
                    return done
                case Failed(error=error):
                    raise error
                case Pending() | Gone():
                    await asyncio.sleep(pace.poll_interval)
    except asyncio.CancelledError:
        await _stop(provider, task_id)
        raise
    match await _look(provider, task_id):
        case Done() as done:
            return done
        case Failed(error=error):
            raise error
        case Pending() | Gone():
            stopped = await _stop(provider, task_id)
    known = "it was stopped" if stopped else f"{provider.id} does not say that it has stopped"
    raise GenerationTimeoutError(f"Not done after {pace.timeout:g} s: {known}.")


async def _look(provider: Provider, task_id: str) -> TaskState:
    """A look that failed says nothing of the task."""
    try:
        return await provider.poll(task_id)
    except CutsceneError:
        return Pending()


async def _stop(provider: Provider, task_id: str) -> bool:
    try:
        return await provider.cancel(task_id)
    except CutsceneError:
        return False


def _metadata(
    provider: Provider, model: Model, request: VideoRequest, charged: Credits, done: Done
) -> dict[str, Any]:
    width, height = model.size(request)
    usd = charged.amount * Decimal(provider.capabilities().usd_per_credit)
    return {
        "provider_id": provider.id,
        "model": model.id,
        "duration_sec": model.length(request.duration),
        "resolution": f"{width}x{height}",
        "fps": model.fps,
        "format": "mp4",
        "credits_used": float(charged.amount),
        "cost_usd": float(usd),
        "raw_response": dict(done.raw),
    }
