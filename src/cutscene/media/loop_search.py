"""Where in a clip a loop lies: all cuts are ranked roughly, the likeliest judged like a finished file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from cutscene.media.change import Thumbnail, View, change, flow, turn
from cutscene.media.seam import UNMIXED, Mixed, Seam, judge

__all__ = ["Cut", "Footage", "likely_cuts"]

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


class Footage:
    """A clip as it is searched; what is measured between two neighbours is measured once."""

    def __init__(self, thumbnails: Sequence[Thumbnail]) -> None:
        self.pictures = thumbnails
        self._views = [View.of(picture) for picture in thumbnails]
        self._changes: dict[int, float] = {}
        self._flows: dict[int, Flow] = {}
        self._turns: dict[int, float] = {}

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

    def _change(self, before: _Shown, after: _Shown) -> float:
        if not before.leads_to(after):
            return change(self._view(before), self._view(after))
        assert before.number is not None
        if before.number not in self._changes:
            self._changes[before.number] = change(self._view(before), self._view(after))
        return self._changes[before.number]

    def _cycle_turns(self, cycle: Sequence[_Shown]) -> Iterator[float]:
        flows: dict[int, Flow] = {}

        def flow_from(index: int) -> Flow:
            if index not in flows:
                flows[index] = self._flow(cycle[index], cycle[index + 1])
            return flows[index]

        for index in range(1, len(cycle) - 1):
            before, here, after = cycle[index - 1 : index + 2]
            if before.leads_to(here) and here.leads_to(after):
                assert here.number is not None
                if here.number not in self._turns:
                    self._turns[here.number] = turn(flow_from(index - 1), flow_from(index))
                yield self._turns[here.number]
            else:
                yield turn(flow_from(index - 1), flow_from(index))
            flows.pop(index - 1, None)

    def _flow(self, before: _Shown, after: _Shown) -> Flow:
        if not before.leads_to(after):
            return flow(self._view(before), self._view(after))
        assert before.number is not None
        if before.number not in self._flows:
            self._flows[before.number] = flow(self._view(before), self._view(after))
        return self._flows[before.number]

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


_APART: Final = 6
"""Frames by which two cuts differ at least, or they are one."""


def likely_cuts(footage: Footage, lengths: Sequence[int], blend: int, count: int) -> list[Cut]:
    """The ``count`` cuts that a blend of so many frames closes best, by small pictures alone."""
    distances, speeds = footage.distances
    ranked: list[tuple[float, Cut]] = []
    for frames in lengths:
        costs = _costs(distances, speeds, frames, blend)
        likeliest = np.argsort(costs)[: 4 * count]
        ranked += [(float(costs[at]), Cut(start=int(at), frames=frames, blend=blend)) for at in likeliest]
    kept: list[Cut] = []
    for _, cut in sorted(ranked, key=lambda entry: entry[0]):
        if len(kept) < count and all(_differ(cut, other) for other in kept):
            kept.append(cut)
    return kept


def _differ(one: Cut, other: Cut) -> bool:
    ends = one.start + one.frames - other.start - other.frames
    return abs(one.start - other.start) + abs(ends) > _APART


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
