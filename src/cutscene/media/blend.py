"""Two pictures into one: how the end of a loop is led over into its beginning.

The same code mixes thumbnails, to see which way is best, and frames, to do it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from cutscene.media.change import View, detail
from cutscene.media.warp import Morph, Picture, layers, mixed, rounded
from cutscene.specs import Easing

__all__ = ["Blend", "crossing", "ease", "ghost"]

Map = NDArray[np.float32]
"""(height, width) of a thumbnail."""
Pair = tuple[Picture, Picture]
"""What ends and what begins."""
Time = TypeVar("Time", float, Map)

_RAMP: Final = 0.25
"""Share of the blend in which one spot crosses over, where spots do not do so together."""
_TEAR_COST: Final = 3.0
"""Chopped figures look as bad as figures through each other, and are fewer pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blend:
    """How ``frames`` pictures become as many others."""

    frames: int
    easing: Easing = Easing.EASE_IN_OUT
    morph: bool = False
    """Contents are moved towards each other first, so that less of them is seen twice."""
    crossing: Map | None = field(default=None, compare=False, repr=False)
    """When each spot crosses over, 0-1 of the blend; None: all together."""

    def mix(self, tail: Picture, head: Picture, index: int, morph: Morph) -> Picture:
        """Picture number ``index`` of the blend; before 0 it is all tail, at ``frames`` all head."""
        return self.mix_aligned(*self.align(tail, head, index, morph), index)

    def align(self, tail: Picture, head: Picture, index: int, morph: Morph) -> Pair:
        """Both as they are mixed; ``morph`` is the same for all pictures of a blend."""
        if not self.morph:
            return tail, head
        return morph.moved(tail, head, ease(self._time(index), self.easing))

    def mix_aligned(self, tail: Picture, head: Picture, index: int) -> Picture:
        if self.crossing is None:
            weight = ease(self._time(index), self.easing)
            return mixed(tail, head, weight)
        weights, target = self.weights(index, self.crossing), np.empty_like(tail)
        for one, other, into in zip(layers(tail), layers(head), layers(target), strict=True):
            local = cv2.resize(weights, into.shape[1::-1], interpolation=cv2.INTER_LINEAR)
            exact = cv2.blendLinear(one.astype(np.float32), other.astype(np.float32), 1 - local, local)
            into[...] = rounded(np.asarray(exact, np.float32))
        return target

    def weights(self, index: int, crossing: Map) -> Map:
        """Of the head at every spot."""
        local = np.clip((self._time(index) - crossing) / _RAMP + 0.5, 0, 1)
        return ease(np.asarray(local, np.float32), self.easing)

    def ghost(self, tail: Picture, head: Picture, index: int) -> float:
        """How much of a double exposure the mix of two aligned thumbnails is, as `ghost` says."""
        if self.crossing is None:
            return ghost(
                tail, head, np.full(tail.shape[:2], ease(self._time(index), self.easing), np.float32)
            )
        return ghost(tail, head, self.weights(index, self.crossing))

    def _time(self, index: int) -> float:
        return (index + 1) / (self.frames + 1)


def ease(time: Time, easing: Easing) -> Time:
    """Weight of what comes, at a time of 0 to 1."""
    match easing:
        case Easing.LINEAR:
            return time
        case Easing.EASE_IN:
            return time * time
        case Easing.EASE_OUT:
            return time * (2 - time)
        case Easing.EASE_IN_OUT:
            return time * time * (3 - 2 * time)


def ghost(tail: Picture, head: Picture, weights: Map) -> float:
    """What is wrong with a mix of two thumbnails: 0 where they agree, 1 where all is seen twice.

    With *detail* a picture less its blur, ``w`` the weight of the head at each spot and means over
    all pixels::

        twice = mean(4 w (1 - w) |detail(tail) - detail(head)|)
        torn  = mean(|detail(mix) - (1 - w) detail(tail) - w detail(head)|)
        ghost = (twice + 3 torn) / mean(|detail(tail)|, |detail(head)|)

    *twice* is two pictures seen through each other, *torn* are edges that neither of them has.
    """
    one, other = detail(tail), detail(head)
    twice = 4 * weights * (1 - weights) * np.abs(one - other)
    blend = weights[..., None]
    torn = detail(tail * (1 - blend) + head * blend) - one * (1 - weights) - other * weights
    own = (np.abs(one).mean() + np.abs(other).mean()) / 2 + 1  # a level of noise is no detail
    return float((twice.mean() + _TEAR_COST * np.abs(torn).mean()) / own)


def crossing(pairs: Sequence[Pair]) -> Map:
    """When each spot best crosses over, 0-1 of a blend of these aligned thumbnails.

    Each spot wants to do so while both pictures are alike there. Where they differ much, a whole
    neighbourhood goes at one time: figures are not to be chopped. And as much is to change early
    as late, so that nothing jumps.
    """
    gaps = np.stack([_soft(_gap(*pair), 3) for pair in pairs])
    votes = np.exp((gaps.min(axis=0) - gaps) / (0.15 * gaps.mean(axis=0) + 0.5))
    times = np.linspace(0, 1, len(pairs), dtype=np.float32)[:, None, None]
    wish = (votes * times).sum(axis=0) / votes.sum(axis=0)
    stakes = gaps.mean(axis=0) + 1e-3
    together = _soft(wish * stakes, 16) / _soft(stakes, 16)
    return np.asarray(_RAMP / 2 + _soft(_spread(together, stakes), 2) * (1 - _RAMP), np.float32)


def _gap(tail: Picture, head: Picture) -> Map:
    return np.asarray(np.linalg.norm(View.of(tail).lab - View.of(head).lab, axis=-1), np.float32)


def _spread(values: Map, weights: Map) -> Map:
    """The order of ``values`` kept, their weight spread evenly from 0 to 1."""
    order = np.argsort(values, axis=None)
    ranks = np.empty(values.size, np.float32)
    total = np.cumsum(weights.reshape(-1)[order])
    ranks[order] = total / total[-1]
    return ranks.reshape(values.shape)


def _soft(values: Map, sigma: float) -> Map:
    return np.asarray(cv2.GaussianBlur(values.astype(np.float32), (0, 0), sigma), np.float32)
