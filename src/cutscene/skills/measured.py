"""A finished job as the outputs of skills say it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from cutscene.calls import PaidCall
from cutscene.domain import Clip, Credits, Job
from cutscene.skills.contract import Artifact, Debug, ProviderCall, SteppedIn, Timings

__all__ = ["artifacts", "debug", "kept_source", "measured"]


def measured(job: Job, clip: Clip) -> dict[str, Any]:
    """The fields that every `Output` has."""
    return {
        "video_uri": clip.video_url,
        "video_url": clip.video_url,
        "duration_sec": clip.duration_ms / 1000,
        "duration_ms": clip.duration_ms,
        "width": clip.width,
        "height": clip.height,
        "fps": clip.fps,
        "format": clip.format,
        "codec": clip.codec,
        "file_size_bytes": clip.bytes,
        "credits_used": float((job.credits_used or Credits()).amount),
        "poster_uri": clip.poster_url,
    }


def kept_source(given: str, kept: str | None) -> str:
    """Where a picture can be found again: data is too long to be named, and a file may be gone.

    What an address says behind a question mark may be a signature.
    """
    is_address = given.lower().startswith("https:")
    return re.split(r"[?#]", given)[0] if is_address or kept is None else kept


def artifacts(clip: Clip, artifact_type: str) -> tuple[Artifact, ...]:
    shape = {"width": clip.width, "height": clip.height}
    video = Artifact(
        artifact_type=artifact_type,
        uri=clip.video_url,
        content_hash=clip.sha256,
        metadata={
            **shape,
            "key": clip.key,
            "media_type": f"video/{clip.format}",
            "codec": clip.codec,
            "fps": clip.fps,
            "duration_ms": clip.duration_ms,
            "file_size_bytes": clip.bytes,
        },
    )
    poster = Artifact(
        artifact_type="image/poster",
        uri=clip.poster_url,
        content_hash=clip.poster_sha256,
        metadata={**shape, "key": clip.poster_key, "media_type": "image/jpeg"},
    )
    return video, poster


def debug(job: Job, calls: Sequence[PaidCall], prepare_ms: int, now: datetime) -> Debug:
    """What the records have of a job; ``prepare_ms`` is what this very call spent before there was one."""
    return Debug(
        timings_ms=_timings(job, calls, prepare_ms, now),
        provider_calls=tuple(
            ProviderCall(
                provider=call.provider,
                model=call.model,
                task_id=call.task_id,
                duration_ms=_last_duration(job) if call is calls[-1] else None,
                credits_used=None if call.credits is None else float(call.credits.amount),
                cost_usd=None if call.usd is None else float(call.usd),
            )
            for call in calls
        ),
        attempts=max((call.attempt for call in calls), default=0),
        job_id=job.id,
        fallback=None if job.fallback is None else SteppedIn(**asdict(job.fallback)),
    )


def _last_duration(job: Job) -> int | None:
    return None if job.clip is None else _ms(0.0, job.clip.reached.get("generated"))


def _timings(job: Job, calls: Sequence[PaidCall], prepare_ms: int, now: datetime) -> Timings:
    ended = (job.finished_at or now).timestamp()
    created = job.created_at.timestamp()
    total = prepare_ms + round(1000 * (ended - created))
    if not calls:
        return Timings(total=total, prepare=prepare_ms)
    first, last = calls[0].posted_at, calls[-1].posted_at
    reached = {name: last + age for name, age in job.clip.reached.items()} if job.clip else {}
    generated, fetched, made = (reached.get(name) for name in ("generated", "fetched", "made"))
    return Timings(
        total=total,
        prepare=prepare_ms,
        queued=_ms(created, first),
        generation=_ms(first, generated),
        fetch=_ms(generated, fetched),
        finish=_ms(fetched, made),
        store=_ms(made, ended),
    )


def _ms(start: float | None, end: float | None) -> int | None:
    return None if start is None or end is None else max(0, round(1000 * (end - start)))
