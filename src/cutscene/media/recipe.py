"""From delivered footage to a finished clip, and what it is. Blocking: for a `Workbench`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cutscene.domain import VideoRequest
from cutscene.media.boxes import DEFAULT_LIMITS, Limits
from cutscene.media.conform import conform
from cutscene.media.loop import Seam, measure_seam
from cutscene.media.poster import draw_poster
from cutscene.media.probe import Facts, probe, sha256
from cutscene.specs import FPS

__all__ = ["Measured", "make_clip"]


@dataclass(frozen=True, slots=True)
class Measured:
    """A finished clip as it was measured: nothing is echoed from the request."""

    facts: Facts
    seam: Seam
    poster: bytes
    """JPEG."""


def make_clip(
    footage: Path, target: Path, request: VideoRequest, limits: Limits = DEFAULT_LIMITS
) -> Measured:
    """Write exactly the asked size and length; raises `UnplayableVideo`."""
    width, height = request.aspect.size
    facts = probe(footage, limits)
    conform(
        footage,
        target,
        width=width,
        height=height,
        frames=request.frames,
        fps=FPS,
        facts=facts,
        limits=limits,
    )
    if sha256(target) != facts.sha256:  # the same bytes are the same facts
        facts = probe(target, limits)
    return Measured(facts, measure_seam(target, limits), draw_poster(target, limits=limits))
