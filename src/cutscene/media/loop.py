"""A clip that can be played again and again, out of one that was not made for it.

What loops already is left alone. Otherwise all places where the clip nearly comes back to itself are
searched on thumbnails, the end of each is led over into its beginning in several ways, and the one
that scores best is made. Frames of full size pass through one at a time.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Any, Final

import numpy as np

from cutscene.media.blend import Blend, crossing
from cutscene.media.change import Thumbnail
from cutscene.media.loop_search import THREADS, Cut, Footage, likeliest_cut
from cutscene.media.seam import UNMIXED, Mixed, Seam
from cutscene.media.warp import Morph, Picture, between
from cutscene.specs import LoopStyle

__all__ = ["LoopPlan", "looped", "plan_loop"]

_GOOD: Final = 90.0
"""A score that needs no search for a better one."""
_LONGEST_BLEND: Final = 4 / 3
"""Seconds, where the caller does not say."""
_BLENDS: Final = (0.2, 0.4, 0.7, 1.0)
"""Shares of the longest blend that are tried."""
_LEAST_KEPT: Final = 0.8
"""A loop is played slower at most by this factor, and faster at most by its inverse."""
_STRETCH_COST: Final = 7.0
"""Points by which a stretched loop must be better: drawing its frames costs about as many."""
_DOUBLED: Final = 0.35
"""Share of the clip's usual change below which its end repeats its beginning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopPlan:
    """How a loop is made of a clip's frames."""

    cut: Cut
    frames: int
    """Of the loop that comes out."""
    wanted: int
    """Frames asked for."""
    blend: Blend | None = None
    ping_pong: bool = False
    seam: Seam
    """As predicted on thumbnails, before it is stretched and before any codec."""
    ghost: float = 0.0

    @property
    def method(self) -> str:
        """``as_is``, ``cut``, ``crossfade``, ``flow_morph`` or ``ping_pong``."""
        if self.ping_pong:
            return "ping_pong"
        if self.blend is None:
            return "cut" if self.cut.start else "as_is"
        return "flow_morph" if self.blend.morph else "crossfade"

    @property
    def stretch(self) -> float:
        """Above 1 the loop is played slower than it was shot."""
        return 1.0 if self.ping_pong else self.frames / self.cut.frames

    @property
    def mixed(self) -> Mixed:
        """What whoever scores the finished file has to know."""
        return (
            Mixed(frames=math.ceil(self.cut.blend * self.stretch), ghost=self.ghost)
            if self.blend
            else UNMIXED
        )

    def facts(self) -> dict[str, Any]:
        """For the record, as plain JSON values."""
        return {
            "method": self.method,
            "spotwise": self.blend is not None and self.blend.crossing is not None,
            "start": self.cut.start,
            "frames": self.frames,
            "blend": self.cut.blend,
            "stretch": round(self.stretch, 3),
            "kept": round(min(1.0, self.cut.frames / self.wanted), 3),
            "shortened": self.frames < self.wanted - 1,
            "ghost": round(self.ghost, 3),
            "seam": round(self.seam.score, 1),
        }


def plan_loop(thumbnails: Sequence[Thumbnail], frames: int, *, fps: float, style: LoopStyle) -> LoopPlan:
    """The best loop of ``frames`` frames in a clip, given `seam.thumbnail` of all its frames.

    A longer clip leaves a choice: about ``fps`` frames more are worth asking for. The loop has one
    frame less where the clip ends with its own beginning, and fewer only where the clip is shorter
    than 80% of ``frames``. Raises `ValueError` where there is no picture.
    """
    if not thumbnails or frames < 1:
        raise ValueError("no pictures, no loop")
    footage = Footage(thumbnails)
    if style.ping_pong:
        return _ping_pong(footage, frames)
    best = _as_it_is(footage, frames)
    if best.seam.score >= _GOOD:
        return best
    return _searched(footage, best, fps, style)


def looped(frames: Iterator[Picture], plan: LoopPlan) -> Iterator[Picture]:
    """The loop's frames, of the same clip's frames in display order; thumbnails are looped as well.

    Holds the frames of one blend in memory; of a ping-pong, half the loop in a file without a name.
    """
    taken = islice(frames, plan.cut.start, None)
    if plan.ping_pong:
        return _back_and_forth(taken, plan)
    closed = _closed(taken, plan.cut, plan.blend)
    return closed if plan.frames == plan.cut.frames else _retimed(closed, plan.cut.frames, plan.frames)


def _as_it_is(footage: Footage, wanted: int) -> LoopPlan:
    """The whole clip or its beginning, whichever loops better; a doubled frame at the end is left out."""
    whole = _without_doubled_end(footage)
    lengths = {min(wanted, len(footage.pictures))}
    if _LEAST_KEPT <= whole / wanted <= 1 / _LEAST_KEPT:
        lengths.add(whole)
    plans = [_plain(footage, Cut(start=0, frames=length), wanted) for length in lengths]
    return max(plans, key=_value)


def _without_doubled_end(footage: Footage) -> int:
    """How many frames there are before the clip shows its first one again."""
    count = len(footage.pictures)
    alike = max(0.12, _DOUBLED * float(np.median(footage.steps))) if footage.steps else 0.0
    end = count
    while end > count * 0.85 and end > 2 and footage.change(end - 1, 0) < alike:
        end -= 1
    # Of a still picture nothing is left out.
    return end if end > count * 0.85 else count


def _plain(footage: Footage, cut: Cut, wanted: int) -> LoopPlan:
    return LoopPlan(cut=cut, frames=_length(cut, wanted), wanted=wanted, seam=footage.judge(cut.plain))


def _length(cut: Cut, wanted: int) -> int:
    """What comes out: as asked, unless it is one frame less or far too short."""
    return cut.frames if cut.frames == wanted - 1 else min(wanted, round(cut.frames / _LEAST_KEPT))


def _value(plan: LoopPlan) -> float:
    return plan.seam.score - (_STRETCH_COST if plan.frames != plan.cut.frames else 0)


def _searched(footage: Footage, best: LoopPlan, fps: float, style: LoopStyle) -> LoopPlan:
    """The best of all ways to close the likeliest cuts, if it beats what is there."""
    cuts = list(_cuts(footage, best.wanted, _blend_lengths(best.wanted, fps, style)))
    with ThreadPoolExecutor(THREADS) as threads:
        found = threads.map(lambda cut: list(_closings(footage, cut, best.wanted, style)), cuts)
        closings = sorted(chain.from_iterable(found), key=lambda one: _value(one.plan), reverse=True)
        for start in range(0, len(closings), THREADS):
            if _value(closings[start].plan) <= _value(best):
                break  # what comes now is worse even at its best
            judged = threads.map(lambda one: _judged(footage, one), closings[start : start + THREADS])
            best = max(best, *judged, key=_value)
    return best


def _cuts(footage: Footage, wanted: int, blends: Sequence[int]) -> Iterator[Cut]:
    """Of the asked length, and of others that can be stretched to it."""
    count = len(footage.pictures)
    wanted = min(wanted, round(count / _LEAST_KEPT))
    others = range(math.ceil(wanted * _LEAST_KEPT), math.floor(wanted / _LEAST_KEPT) + 1)
    for lengths in ([wanted], [length for length in others if length != wanted]):
        for blend in blends:
            fitting = (length for length in lengths if length + blend <= count)
            cut = likeliest_cut(footage, fitting, blend)
            if cut is not None:
                yield cut


def _blend_lengths(frames: int, fps: float, style: LoopStyle) -> list[int]:
    """In frames, longest first: they are mostly best, and what is better is soon found no more."""
    longest = min((style.longest_blend or _LONGEST_BLEND) * fps, frames / 3)
    return sorted({0, *(round(share * longest) for share in _BLENDS)}, reverse=True)


@dataclass(frozen=True, slots=True)
class _Closing:
    """A way to close a cut; its plan's seam is what it can score at best."""

    plan: LoopPlan
    pictures: list[Thumbnail]
    """The mixed ones."""


def _closings(footage: Footage, cut: Cut, wanted: int, style: LoopStyle) -> Iterator[_Closing]:
    for blend, pictures, ghost in _blends(footage, cut, style):
        best = footage.bound(cut.plain, pictures, Mixed(frames=cut.blend, ghost=ghost))
        plan = LoopPlan(
            cut=cut, frames=_length(cut, wanted), wanted=wanted, blend=blend, ghost=ghost, seam=best
        )
        yield _Closing(plan, pictures)


def _blends(
    footage: Footage, cut: Cut, style: LoopStyle
) -> Iterator[tuple[Blend | None, list[Thumbnail], float]]:
    """How to mix, the mixed thumbnails, and their worst ghost."""
    if not cut.blend:
        yield None, [], 0.0
        return
    for morph in (False, True):
        blend, moving = Blend(frames=cut.blend, easing=style.easing, morph=morph), Morph()
        pairs = [
            blend.align(footage.pictures[tail], footage.pictures[head], index, moving)
            for index, (tail, head) in enumerate(cut.pairs)
        ]
        for way in (blend, replace(blend, crossing=crossing(pairs[:: _every(cut)]))):
            mixed = [way.mix_aligned(*pair, index) for index, pair in enumerate(pairs)]
            looked_at = range(_every(cut) // 2, cut.blend, _every(cut))
            yield way, mixed, max(way.ghost(*pairs[index], index) for index in looked_at)


def _every(cut: Cut) -> int:
    """Neighbours in a blend are much alike: about six of them tell enough."""
    return max(1, round(cut.blend / 6))


def _judged(footage: Footage, closing: _Closing) -> LoopPlan:
    """With the seam that it has before it is stretched."""
    plan = closing.plan
    mixed = Mixed(frames=plan.cut.blend, ghost=plan.ghost)
    return replace(plan, seam=footage.judge(plan.cut.plain, closing.pictures, mixed))


def _ping_pong(footage: Footage, wanted: int) -> LoopPlan:
    """Forward and backward over the stretch that stands stillest at both its ends."""
    span = min(wanted // 2 + 1, len(footage.pictures))
    moves = [*footage.steps, 0.0]
    starts = range(len(footage.pictures) - span + 1)
    start = min(starts, key=lambda index: moves[index] + moves[index + span - 2])
    cut = Cut(start=start, frames=span)
    plan = LoopPlan(cut=cut, frames=wanted, wanted=wanted, ping_pong=True, seam=footage.judge(cut.plain))
    return replace(plan, seam=footage.judge((), looped(iter(footage.pictures), plan)))


def _closed(taken: Iterator[Picture], cut: Cut, blend: Blend | None) -> Iterator[Picture]:
    """The loop at the speed it was shot."""
    heads = list(islice(taken, cut.blend))
    yield from islice(taken, cut.frames - cut.blend)
    if blend is not None:
        moving = Morph()
        for index, (head, tail) in enumerate(zip(heads, taken, strict=False)):
            yield blend.mix(tail, head, index, moving)


def _retimed(loop: Iterator[Picture], count: int, wanted: int) -> Iterator[Picture]:
    """``wanted`` frames of a loop of ``count``; what lies between two frames is drawn."""
    first = before = next(loop)
    after, number = next(loop, first), 0
    for index in range(wanted):
        position = index * count / wanted
        while number < int(position):
            before, after, number = after, next(loop, first), number + 1
        yield between(before, after, position - number)


def _back_and_forth(taken: Iterator[Picture], plan: LoopPlan) -> Iterator[Picture]:
    """There and back on a cosine, which makes the turns soft."""
    turn = (plan.frames + 1) // 2
    before = next(taken)
    after, number = next(taken, before), 0
    with tempfile.TemporaryFile() as shown:
        for index in range(turn + (plan.frames % 2 == 0)):
            position = (plan.cut.frames - 1) * (1 - math.cos(2 * math.pi * index / plan.frames)) / 2
            while number < int(position):
                before, after, number = after, next(taken, after), number + 1
            picture = between(before, after, position - number)
            shown.write(picture.tobytes())
            yield picture
        for index in range(turn - 1, 0, -1):
            shown.seek(index * before.nbytes)
            flat = np.frombuffer(shown.read(before.nbytes), np.uint8)
            yield flat.reshape(before.shape).copy()
