"""Draws the frames of a shot beside the encoder and puts the finished file in place."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final

import av

from cutscene.media.encode import Encoder, to_yuv
from cutscene.providers.local.renderer.path import Moves
from cutscene.providers.local.renderer.stage import Shot, Stage

__all__ = ["Moves", "Shot", "render"]

_WORKERS: Final = 2
_AHEAD: Final = 4
"""Frames drawn before the encoder takes them: what a long shot holds in memory."""


def render(
    shot: Shot,
    path: Path,
    *,
    on_progress: Callable[[float], None] = lambda _: None,
    stopped: Callable[[], bool] = lambda: False,
) -> bool:
    """Write ``shot`` to ``path`` (MP4). False when ``stopped`` said so: then nothing is left behind.

    ``on_progress`` is told the finished part, 0 to 1, after every frame. Blocks; meant for a worker thread.
    """
    unfinished = path.with_name(f".{path.name}.part")
    try:
        if not _write(shot, unfinished, on_progress, stopped):
            return False
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return True


def _write(shot: Shot, path: Path, on_progress: Callable[[float], None], stopped: Callable[[], bool]) -> bool:
    if stopped():
        return False
    stage = Stage(shot)
    with (
        Encoder(path, width=shot.width, height=shot.height, loop=shot.loop) as encoder,
        ThreadPoolExecutor(_WORKERS) as workers,
    ):
        for number, frame in enumerate(_drawn(stage, shot.frames, workers), start=1):
            if stopped():
                workers.shutdown(cancel_futures=True)
                return False
            encoder.write(frame)
            on_progress(number / shot.frames)
    return True


def _drawn(stage: Stage, frames: int, workers: ThreadPoolExecutor) -> Iterator[av.VideoFrame]:
    """The frames in order, a few of them drawn ahead."""
    ahead: deque[Future[av.VideoFrame]] = deque()
    for number in range(frames):
        ahead.append(workers.submit(_draw, stage, number))
        if len(ahead) >= _AHEAD:
            yield ahead.popleft().result()
    while ahead:
        yield ahead.popleft().result()


def _draw(stage: Stage, number: int) -> av.VideoFrame:
    return to_yuv(stage.frame(number))
