"""What must hold between the fields of a body.

Each field may be missing or wrong itself: then nothing is said here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cutscene.emulator.issues import Issue, custom, missing, too_big, too_small

__all__ = ["draft_alone", "mode_of_video", "multi_shot", "plain_draft", "prores_profile"]

Body = Mapping[str, Any]


def prores_profile(body: Body) -> Iterator[Issue]:
    if "proresProfile" in body and body.get("outputFormat") not in ("prores", "hdr_prores"):
        yield custom("proresProfile is only valid when outputFormat is prores.", ("proresProfile",))


def plain_draft(body: Body) -> Iterator[Issue]:
    if body.get("draft") is True and body.get("outputFormat", "mp4") != "mp4":
        yield custom("Draft mode only supports mp4.", ("outputFormat",))


def draft_alone(body: Body) -> Iterator[Issue]:
    if "draftTaskId" in body and len(body.keys() - {"model", "draftTaskId"}):
        yield custom("No other generation fields may be provided with draftTaskId.", ("draftTaskId",))


def mode_of_video(body: Body) -> Iterator[Issue]:
    """Extending and editing follow the input video."""
    mode = body.get("mode")
    if mode not in ("extend", "edit"):
        return
    if "promptText" not in body:
        yield missing("string", ("promptText",))
    if "ratio" in body:
        yield custom(f"ratio may not be provided when mode is {mode}.", ("ratio",))
    if mode == "edit" and body.get("duration") != "auto":
        yield custom('duration must be "auto" when mode is edit.', ("duration",))


def multi_shot(body: Body) -> Iterator[Issue]:
    settings = body.get("providerSettings")
    if not isinstance(settings, dict):
        return
    if settings.get("shotType") == "intelligence" and "promptText" not in body:
        yield missing("string", ("promptText",))
    shots = settings.get("multiPrompt")
    if not isinstance(shots, list):
        return
    seconds = [shot.get("duration") for shot in shots if isinstance(shot, dict)]
    total = sum(value for value in seconds if isinstance(value, int | float))
    path = ("providerSettings", "multiPrompt")
    if total < 3:
        yield too_small("number", 3, path)
    if total > 15:
        yield too_big("number", 15, path)
