"""Where in a clip a loop lies: all cuts are ranked roughly, the likeliest judged like a finished file."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from cutscene.media.change import Thumbnail, View, change, flow, turn
from cutscene.media.seam import UNMIXED, Mixed, Seam, judge

__all__ = ["THREADS", "Cut", "Footage", "likeliest_cut"]

Flow = NDArray[np.float32]
Distances = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A loop of ``frames`` pictures, the last ``blend`` of them mixed.

    First come the clip's frames from ``start + blend`` on, then those after them, each mixed with
    the one that is ``frames`` earlier: where the mix is all head, it is where the loop began.
    """

    start: int
    frames: int
    blend: int = 0

    @property
    def plain(self) -> range:
        """Frames of the clip that are shown as they are."""
        return range(self.start + self.blend, self.start + self.frames)

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """Tail and head of every mixed picture."""
        heads = range(self.start, self.start + self.blend)
        return [(head + self.frames, head) for head in heads]


THREADS: Final = 2
"""Over which the search is spread."""


class Footage:
    """A clip as it is searched; what is measured between two neighbours is measured once."""

    def __init__(self, thumbnails: Sequence[Thumbnail]) -> None:
        self.pictures = thumbnails
        self._views = [View.of(picture) for picture in thumbnails]

    def change(self, before: int, after: int) -> float:
        """In Lab units, between any two frames."""
        return change(self._views[before], self._views[after])

    def judge(self, plain: Sequence[int], added: Iterable[Thumbnail] = (), mixed: Mixed = UNMIXED) -> Seam:
        """The seam of a loop of the clip's frames and pictures ``added`` to them, as `seam.seam` has it."""
        cycle = self._cycle(plain, added)
        return judge(self._cycle_changes(cycle), list(self._cycle_turns(cycle)), mixed)

    def bound(self, plain: Sequence[int], added: Iterable[Thumbnail], mixed: Mixed) -> Seam:
        """What `judge` can say at best: without looking at motion, which takes most of the time."""
        changes = self._cycle_changes(self._cycle(plain, added))
        return judge(changes, [0.0] * len(changes), mixed)

    @cached_property
    def steps(self) -> list[float]:
        """Change from every picture to the next."""
        return [change(*step) for step in pairwise(self._views)]

    @cached_property
    def distances(self) -> tuple[Distances, Distances]:
        """How far any two pictures are apart, and how far their motion: (frames, frames) each."""
        small = [cv2.resize(view.lab, (32, 20), interpolation=cv2.INTER_AREA) for view in self._views]
        vectors = np.stack(small).reshape(len(small), -1).astype(np.float32)
        moves = np.asarray(np.gradient(vectors, axis=0) if len(small) > 1 else vectors, np.float32)
        return _distances(vectors), _distances(moves)

    @staticmethod
    def _cycle(plain: Sequence[int], added: Iterable[Thumbnail]) -> list[_Shown]:
        """The loop, and its first two pictures once more."""
        shown = [*map(_Shown, plain), *(_Shown(None, View.of(picture)) for picture in added)]
        return [*shown, shown[0], shown[min(1, len(shown) - 1)]]

    def _cycle_changes(self, cycle: Sequence[_Shown]) -> list[float]:
        return [self._change(*step) for step in pairwise(cycle)]

    @cached_property
    def _flows(self) -> list[Flow]:
        with ThreadPoolExecutor(THREADS) as threads:
            return list(threads.map(flow, self._views, self._views[1:]))

    @cached_property
    def _turns(self) -> list[float]:
        """At every picture from the second on."""
        return [turn(*flows) for flows in pairwise(self._flows)]

    def _change(self, before: _Shown, after: _Shown) -> float:
        if before.number is not None and before.leads_to(after):
            return self.steps[before.number]
        return change(self._view(before), self._view(after))

    def _cycle_turns(self, cycle: Sequence[_Shown]) -> Iterator[float]:
        flows: dict[int, Flow] = {}

        def flow_from(index: int) -> Flow:
            if index not in flows:
                flows[index] = self._flow(cycle[index], cycle[index + 1])
            return flows[index]

        for index in range(1, len(cycle) - 1):
            before, here, after = cycle[index - 1 : index + 2]
            if before.number is not None and before.leads_to(here) and here.leads_to(after):
                yield self._turns[before.number]
            else:
                yield turn(flow_from(index - 1), flow_from(index))
            flows.pop(index - 1, None)

    def _flow(self, before: _Shown, after: _Shown) -> Flow:
        if before.number is not None and before.leads_to(after):
            return self._flows[before.number]
        return flow(self._view(before), self._view(after))

    def _view(self, shown: _Shown) -> View:
        if shown.view is not None:
            return shown.view
        assert shown.number is not None
        return self._views[shown.number]


@dataclass(frozen=True, slots=True)
class _Shown:
    """A frame of the clip, or a new picture."""

    number: int | None
    view: View | None = None

    def leads_to(self, after: _Shown) -> bool:
        """Whether it does so in the clip."""
        return self.number is not None and after.number == self.number + 1


def likeliest_cut(footage: Footage, lengths: Iterable[int], blend: int) -> Cut | None:
    """The cut that a blend of so many frames closes best, by small pictures alone."""
    distances, speeds = footage.distances
    best, least = None, math.inf
    for frames in lengths:
        costs = _costs(distances, speeds, frames, blend)
        if len(costs) and costs.min() < least:
            best, least = Cut(start=int(costs.argmin()), frames=frames, blend=blend), costs.min()
    return best


def _distances(vectors: NDArray[np.float32]) -> Distances:
    squares = (vectors * vectors).sum(axis=1)
    apart = squares[:, None] + squares - 2 * vectors @ vectors.T
    return np.asarray(np.sqrt(np.maximum(0, apart) / (vectors.shape[1] / 3)), np.float32)


def _costs(distances: Distances, speeds: Distances, frames: int, blend: int) -> NDArray[np.float32]:
    """Of every start at which a loop of that length can begin."""
    apart, faster = np.diagonal(distances, frames), np.diagonal(speeds, frames)
    if not blend:
        # Nothing is known of the frame behind the clip's end: taken to be as the one before it.
        return np.pad(apart + 2 * faster, (0, 1), mode="edge") if len(apart) else np.zeros(1, np.float32)
    gap, pace = _windows(apart, blend), _windows(faster, blend)
    return np.asarray(gap / (blend + 1) + gap * 0.04 + pace * 0.5, np.float32)


def _windows(values: NDArray[np.float32], length: int) -> NDArray[np.float32]:
    """Means of all stretches of that length."""
    if len(values) < length:
        return np.zeros(0, np.float32)
    return np.asarray(np.lib.stride_tricks.sliding_window_view(values, length).mean(axis=1), np.float32)
