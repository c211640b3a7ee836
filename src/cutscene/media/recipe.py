"""What is done to fetched footage: joined, shaped, drawn on, all in one decoding and one encoding.

What already is what was asked for is copied, or remuxed where only sound or the order of the file
is in the way.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Self

import av
import numpy as np

from cutscene.domain import VideoRequest
from cutscene.media import sound
from cutscene.media.ahead import ahead
from cutscene.media.boxes import DEFAULT_LIMITS, Limits, UnplayableVideo
from cutscene.media.change import thumbnail_size
from cutscene.media.encode import Encoder
from cutscene.media.frames import Frame, to_picture, to_video
from cutscene.media.join import Part, Timing, joined
from cutscene.media.loop import LoopPlan, looped, plan_loop
from cutscene.media.overlay import Overlays
from cutscene.media.poster import draw_poster
from cutscene.media.probe import Facts, open_video, probe
from cutscene.media.seam import UNMIXED, Seam, measure_seam
from cutscene.overlays import Overlay
from cutscene.specs import FPS, Codec, Container, LoopStyle

__all__ = ["Made", "Piece", "Recipe", "make_clip", "shape_clip"]

_MAX_STRETCH: Final = 1.25
"""Footage much shorter than asked for is a failed generation, not a matter of timing."""
_SEARCHED: Final = 1.5
"""Seconds more than asked for in which the best loop is looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A file of footage; ``repeats``: it begins with the last frame of the piece before."""

    path: Path
    repeats: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """The finished clip, as plain values."""

    width: int
    height: int
    """Pixels, even."""
    frames: int
    fps: int = FPS
    container: Container = Container.MP4
    codec: Codec = Codec.H264
    bitrate_kbps: int | None = None
    audio: bool = False
    loop: LoopStyle | None = None
    """None: it need not be one."""
    overlays: tuple[Overlay, ...] = ()
    pictures: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """Of overlays, by what they are called there."""

    @property
    def seconds(self) -> float:
        return self.frames / self.fps

    @classmethod
    def of(cls, request: VideoRequest, pictures: Mapping[str, bytes]) -> Self:
        width, height = request.size
        return cls(
            width=width,
            height=height,
            frames=request.frames,
            fps=request.specs.fps,
            container=request.specs.container,
            codec=request.specs.coded,
            bitrate_kbps=request.specs.bitrate_kbps,
            audio=request.specs.audio,
            loop=request.loop_style if request.loop else None,
            overlays=request.overlays,
            pictures=pictures,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """The finished clip as measured: nothing of it is echoed."""

    facts: Facts
    seam: Seam
    loop: dict[str, Any] | None
    """How it was made to loop, where that was asked for."""
    poster: bytes = field(repr=False)
    """JPEG."""


def make_clip(pieces: Sequence[Piece], target: Path, recipe: Recipe, limits: Limits = DEFAULT_LIMITS) -> Made:
    """Write the clip and measure it; raises `UnplayableVideo`, also where there is far too little footage."""
    plan = _write(pieces, target, recipe, limits)
    ours = _ours(recipe, limits)
    return Made(
        facts=probe(target, ours),
        seam=measure_seam(target, ours, mixed=UNMIXED if plan is None else plan.mixed),
        loop=None if plan is None else plan.facts(),
        poster=draw_poster(target, limits=ours),
    )


def shape_clip(
    pieces: Sequence[Piece], target: Path, recipe: Recipe, limits: Limits = DEFAULT_LIMITS
) -> Facts:
    """Write the clip, and measure no more than what it is; raises `UnplayableVideo`."""
    _write(pieces, target, recipe, limits)
    return probe(target, _ours(recipe, limits))


def _write(pieces: Sequence[Piece], target: Path, recipe: Recipe, limits: Limits) -> LoopPlan | None:
    parts = [
        Part(path=piece.path, facts=probe(piece.path, limits), repeats=piece.repeats) for piece in pieces
    ]
    _check_length(parts, recipe)
    timing, plan = _timing(parts, recipe), None
    if recipe.loop is not None:
        timing = _all_of(parts, recipe)
        plan = _plan(parts, timing, recipe, recipe.loop, limits)
    if _needs_nothing(parts, plan, recipe) and _is_carried_over(parts[0], target, recipe, limits):
        return plan
    frames = joined(parts, timing, recipe.width, recipe.height, limits)
    if plan is not None:
        frames = looped(frames, plan)
    if recipe.overlays:
        frames = _drawn_on(frames, recipe, timing.frames if plan is None else plan.frames)
    _encode(frames, target, recipe, sound=_sound(parts, timing, plan, recipe, limits))
    return plan


def _check_length(parts: Sequence[Part], recipe: Recipe) -> None:
    seconds = sum(part.seconds for part in parts)
    if seconds * _MAX_STRETCH < recipe.seconds:
        raise UnplayableVideo(f"The video lasts {seconds:.1f} seconds, {recipe.seconds:.1f} were asked for.")


def _all_of(parts: Sequence[Part], recipe: Recipe) -> Timing:
    """Every moment there is, within reason: a loop is searched in them."""
    there = round(sum(part.seconds for part in parts) * recipe.fps)
    return Timing(frames=min(there, recipe.frames + round(_SEARCHED * recipe.fps)), step=1 / recipe.fps)


def _plan(
    parts: Sequence[Part], timing: Timing, recipe: Recipe, style: LoopStyle, limits: Limits
) -> LoopPlan:
    width, height = (side // 2 * 2 for side in thumbnail_size(recipe.width, recipe.height))
    thumbnails = [to_picture(frame) for frame in joined(parts, timing, width, height, limits)]
    return plan_loop(thumbnails, recipe.frames, fps=recipe.fps, style=style)


def _needs_nothing(parts: Sequence[Part], plan: LoopPlan | None, recipe: Recipe) -> bool:
    facts = parts[0].facts
    loops = plan is None or (plan.method, plan.frames, plan.cut.frames) == (
        "as_is",
        facts.frames,
        facts.frames,
    )
    return len(parts) == 1 and loops and _is_exact(facts, recipe)


def _ours(recipe: Recipe, limits: Limits) -> Limits:
    """For the file that is being made: of any codec and container that we write."""
    return replace(limits, codecs=(*limits.codecs, "vp9", "libvpx-vp9"), container=recipe.container)


def _timing(parts: Sequence[Part], recipe: Recipe) -> Timing:
    """A little too short is stretched, by showing a few pictures twice.

    One frame less is delivered as it is: a picture shown twice would be seen.
    """
    seconds = sum(part.seconds for part in parts)
    if math.isclose(seconds * recipe.fps, recipe.frames - 1, abs_tol=0.02):
        return Timing(frames=recipe.frames - 1, step=1 / recipe.fps)
    return Timing(frames=recipe.frames, step=min(recipe.seconds, seconds) / recipe.frames)


def _drawn_on(frames: Iterator[Frame], recipe: Recipe, count: int) -> Iterator[Frame]:
    overlays = Overlays(
        recipe.overlays,
        width=recipe.width,
        height=recipe.height,
        fps=recipe.fps,
        frames=count,
        loop=recipe.loop is not None,
        pictures=recipe.pictures,
    )
    for number, frame in enumerate(frames):
        drawn = frame.copy()  # a frame that is shown twice must not be drawn on twice
        overlays.draw(drawn, number)
        yield drawn


def _encode(frames: Iterable[Frame], target: Path, recipe: Recipe, *, sound: sound.Sound | None) -> None:
    with Encoder(
        target,
        width=recipe.width,
        height=recipe.height,
        fps=recipe.fps,
        container=recipe.container,
        codec=recipe.codec,
        bitrate_kbps=recipe.bitrate_kbps,
        loop=recipe.loop is not None,
        sound=sound,
    ) as encoder:
        for frame in ahead(frames):
            encoder.write(to_video(frame))


def _sound(
    parts: Sequence[Part], timing: Timing, plan: LoopPlan | None, recipe: Recipe, limits: Limits
) -> sound.Sound | None:
    """From where the pictures begin; of a loop, it is cut where they are blended."""
    if not recipe.audio or not any(part.facts.has_audio for part in parts):
        return None
    heard = [sound.fitted(sound.read_sound(part.path, limits), part.seconds) for part in parts]
    start, frames = (0, timing.frames) if plan is None else (plan.cut.start, plan.frames)
    whole = np.concatenate(heard, axis=1)[:, round(start / recipe.fps * sound.RATE) :]
    return sound.fitted(whole, frames / recipe.fps)


def _is_exact(facts: Facts, recipe: Recipe) -> bool:
    return (
        (recipe.container, recipe.bitrate_kbps, recipe.overlays) == (Container.MP4, None, ())
        and (facts.codec, facts.pix_fmt) == (recipe.codec, "yuv420p")
        and (facts.width, facts.height) == (recipe.width, recipe.height)
        and 0 <= recipe.frames - facts.frames <= 1
        and facts.constant_rate
        and facts.bt709
        and not facts.turned
        and facts.pixel_aspect == 1
        and math.isclose(facts.fps, recipe.fps, rel_tol=1e-6)
    )


def _is_carried_over(part: Part, target: Path, recipe: Recipe, limits: Limits) -> bool:
    """Whether the file could be copied, or its coded pictures and sound."""
    if part.facts.faststart and part.facts.has_audio <= recipe.audio:
        shutil.copyfile(part.path, target)
        return True
    return _remux(part.path, target, recipe, limits) == part.facts.frames


def _remux(source: Path, target: Path, recipe: Recipe, limits: Limits) -> int:
    """Copy what is coded, index first; returns how many pictures.

    More than were shown come out where an edit list hid some of them.
    """
    count = 0
    with (
        open_video(source, limits) as (container, stream),
        av.open(str(target), "w", format="mp4", options={"movflags": "+faststart"}) as output,
    ):
        kept = [stream, *(container.streams.audio[:1] if recipe.audio else ())]
        copies = {kept_stream: output.add_stream_from_template(kept_stream) for kept_stream in kept}
        for packet in container.demux(*kept):
            if packet.size:
                count += packet.stream is stream
                packet.stream = copies[packet.stream]
                output.mux(packet)
    return count
