"""From an order to what is drawn for it."""

from __future__ import annotations

import hashlib

from cutscene.emulator.faults import Faults
from cutscene.emulator.sizes import Size
from cutscene.providers.local.renderer import Shot

__all__ = ["shot_of"]

_FPS = 24


def shot_of(
    text: str,
    faults: Faults,
    *,
    picture: bytes | None,
    size: Size,
    seconds: float,
    seed: int | None,
    extra_frames: int = 0,
) -> Shot:
    """``text`` is the prompt without its tags. Without a seed, the words decide."""
    if faults.length is not None:
        frames = max(1, round(faults.length * _FPS))
    else:
        frames = round(seconds * _FPS) + extra_frames
    width, height = faults.size or size
    drawable = text.encode("utf-8", "replace").decode()  # half an emoji is valid JSON
    words = hashlib.sha256(drawable.encode()).digest()
    return Shot(
        prompt=drawable,
        image=picture,
        width=width,
        height=height,
        frames=frames,
        seed=int.from_bytes(words[:4], "big") if seed is None else seed,
        loop=faults.seamless,
    )
