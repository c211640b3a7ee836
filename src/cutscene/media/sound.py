"""Sound that came with the footage: kept only where somebody asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

from cutscene.media.boxes import DEFAULT_LIMITS, Limits

__all__ = ["RATE", "Sound", "fitted", "read_sound", "silence", "sound_frames"]

RATE: Final = 48_000
"""Samples per second."""
Sound = NDArray[np.float32]
"""(2, samples), -1 to 1."""

_CODECS: Final = "aac,mp3,opus,libopus,flac"
_FRAME: Final = 960
"""Samples that Opus takes at once; AAC gathers its own."""


def silence(seconds: float) -> Sound:
    return np.zeros((2, round(seconds * RATE)), np.float32)


def fitted(sound: Sound, seconds: float) -> Sound:
    """Cut, or filled up with silence, to a length."""
    wanted = round(seconds * RATE)
    missing = max(0, wanted - sound.shape[1])
    return np.pad(sound[:, :wanted], ((0, 0), (0, missing)))


def read_sound(path: Path, limits: Limits = DEFAULT_LIMITS) -> Sound:
    """The whole of an MP4's first track of sound, in stereo; empty where there is none that can be read.

    Only for files that `check_boxes` has passed.
    """
    try:
        chunks = list(_chunks(path, round(limits.max_seconds * RATE)))
    except av.FFmpegError:  # the pictures are what was paid for
        chunks = []
    return np.concatenate(chunks, axis=1) if chunks else silence(0)


def _chunks(path: Path, most: int) -> Iterator[Sound]:
    options = {"protocol_whitelist": "file", "codec_whitelist": _CODECS}
    with av.open(str(path.absolute()), format="mp4", options=options, metadata_errors="replace") as container:
        if not container.streams.audio or container.streams.audio[0].codec_context is None:
            return
        resampler, count = AudioResampler(format="fltp", layout="stereo", rate=RATE), 0
        for frame in container.decode(container.streams.audio[0]):
            for resampled in resampler.resample(frame):
                count += resampled.samples
                if count > most:
                    return
                yield np.asarray(resampled.to_ndarray(), np.float32)


def sound_frames(sound: Sound) -> Iterator[AudioFrame]:
    """As an encoder takes it."""
    for start in range(0, sound.shape[1], _FRAME):
        samples = np.ascontiguousarray(sound[:, start : start + _FRAME])
        frame = AudioFrame.from_ndarray(samples, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
        yield frame
