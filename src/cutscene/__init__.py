"""Cutscene: a request in, a verified and permanently stored clip out; no job lost, nothing paid twice.

``async with cutscene.open() as studio: ...`` for services, `cutscene.generate` for scripts.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from cutscene.domain import Aspect, Clip, Credits, Job, JobState, Stage, VideoRequest
from cutscene.errors import CutsceneError
from cutscene.motion import Motion
from cutscene.overlays import LayerOverlay, PictureOverlay, TextOverlay
from cutscene.specs import LoopStyle, Specs

if TYPE_CHECKING:
    from cutscene.script import generate
    from cutscene.settings import Settings
    from cutscene.studio import Studio
    from cutscene.studio import open_studio as open  # noqa: A004 -- read as cutscene.open

__all__ = [
    "Aspect",
    "Clip",
    "Credits",
    "CutsceneError",
    "Job",
    "JobState",
    "LayerOverlay",
    "LoopStyle",
    "Motion",
    "PictureOverlay",
    "Settings",
    "Specs",
    "Stage",
    "Studio",
    "TextOverlay",
    "VideoRequest",
    "generate",
    "open",
]

_LATER = {
    "Settings": ("cutscene.settings", "Settings"),
    "Studio": ("cutscene.studio", "Studio"),
    "generate": ("cutscene.script", "generate"),
    "open": ("cutscene.studio", "open_studio"),
}


def __getattr__(name: str) -> Any:
    """Import what takes seconds only when it is used."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _LATER[name]
    return getattr(import_module(module), attribute)
