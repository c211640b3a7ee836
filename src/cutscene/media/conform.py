"""Any delivered size, rate and length into exactly what was asked for, at one encoding at most."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator
from itertools import chain, pairwise
from pathlib import Path
from typing import Final

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from cutscene.media.boxes import DEFAULT_LIMITS, Limits, UnplayableVideo
from cutscene.media.encode import Encoder, to_yuv
from cutscene.media.frames import from_video, to_picture
from cutscene.media.probe import Facts, decode, open_video, probe

__all__ = ["conform"]

_MAX_STRETCH: Final = 1.25
"""A clip much shorter than asked for is a failed generation, not a matter of timing."""


def conform(
    source: Path,
    target: Path,
    *,
    width: int,
    height: int,
    frames: int,
    fps: int = 24,
    facts: Facts | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> bool:
    """Write ``source`` to ``target`` as exactly ``frames`` pictures of ``width`` x ``height`` at ``fps``.

    What is already so is copied, or remuxed where only sound or the order of the file is in the way.
    All else is cropped around its centre (never squeezed), retimed, cut or slightly stretched, and
    encoded once. ``facts`` saves a decoding pass where the caller has probed. Returns whether
    pictures were encoded anew. Raises `UnplayableVideo`, also where the clip is far too short.
    """
    facts = facts or probe(source, limits)
    if _is_exact(facts, width, height, frames, fps):
        if facts.faststart and not facts.has_audio:
            shutil.copyfile(source, target)
            return False
        if _remux(source, target, limits) == frames:
            return False
    seconds, wanted = facts.frames / facts.fps, frames / fps
    if seconds * _MAX_STRETCH < wanted:
        raise UnplayableVideo(f"The video lasts {seconds:.1f} seconds, {wanted:.1f} were asked for.")
    step = min(wanted, seconds) / frames
    with Encoder(target, width=width, height=height, fps=fps) as encoder:
        for frame, times in _retime(decode(source, limits), step, frames):
            picture = to_picture(from_video(frame, facts.pixel_aspect))
            covering = to_yuv(_cover(picture, width, height))
            for _ in range(times):
                encoder.write(covering)
    return True


def _is_exact(facts: Facts, width: int, height: int, frames: int, fps: int) -> bool:
    return (
        (facts.codec, facts.pix_fmt) == ("h264", "yuv420p")
        and (facts.width, facts.height, facts.frames) == (width, height, frames)
        and facts.constant_rate
        and facts.bt709
        and not facts.turned
        and facts.pixel_aspect == 1
        and math.isclose(facts.fps, fps, rel_tol=1e-6)
    )


def _remux(source: Path, target: Path, limits: Limits) -> int:
    """Copy the coded pictures alone, index first; returns how many.

    More than were shown come out where an edit list hid some of them.
    """
    count = 0
    with (
        open_video(source, limits) as (container, stream),
        av.open(str(target), "w", format="mp4", options={"movflags": "+faststart"}) as output,
    ):
        copy = output.add_stream_from_template(stream)
        for packet in container.demux(stream):
            if packet.size:
                packet.stream = copy
                output.mux(packet)
                count += 1
    return count


def _retime(pictures: Iterator[VideoFrame], step: float, count: int) -> Iterator[tuple[VideoFrame, int]]:
    """Which pictures make ``count`` frames, and how often each is shown.

    A frame is the picture that is on screen in the middle of its ``step`` (seconds of source time),
    which forgives timestamps that are off by up to half a frame.
    """
    shown, start = 0, None
    for picture, following in pairwise(chain(pictures, [None])):
        assert picture is not None
        start = picture.time if start is None else start
        end = math.inf if following is None else following.time - start
        before = shown
        while shown < count and (shown + 0.5) * step < end:
            shown += 1
        if shown > before:
            yield picture, shown - before
        if shown == count:
            return


def _cover(picture: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """The centre of a BGR picture, cropped to the ratio and scaled to the size in pixels."""
    scale = max(width / picture.shape[1], height / picture.shape[0])
    crop_width = min(picture.shape[1], round(width / scale))
    crop_height = min(picture.shape[0], round(height / scale))
    left, top = (picture.shape[1] - crop_width) // 2, (picture.shape[0] - crop_height) // 2
    crop = picture[top : top + crop_height, left : left + crop_width]
    if crop.shape[:2] == (height, width):
        return crop
    smooth = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(crop, (width, height), interpolation=smooth), dtype=np.uint8)
