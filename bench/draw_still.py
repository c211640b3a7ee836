"""Draws the still that ships with the package: a castle above a valley at sunset.

python bench/draw_still.py [FILE]
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from cutscene.providers.local.renderer.palette import PaletteName
from cutscene.providers.local.renderer.scenes import paint
from cutscene.providers.local.renderer.words import Brief, Mood, SceneName

SIZE = (1600, 1000)
SEED = 19
MAX_BYTES = 200_000
TARGET = Path(__file__).parents[1] / "src/cutscene/assets/intro-still.jpg"


def main() -> None:
    brief = Brief(mood=Mood.INTRO, scene=SceneName.CASTLE, palette=PaletteName.SUNSET, dragon=False)
    backdrop = paint(brief, *SIZE, np.random.default_rng(SEED))
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET
    picture = Image.fromarray(np.ascontiguousarray(backdrop.picture[..., ::-1]))
    for quality in range(92, 60, -2):
        picture.save(path, "JPEG", quality=quality, optimize=True, progressive=True, subsampling=0)
        if path.stat().st_size < MAX_BYTES:
            break
    print(f"{path}: {path.stat().st_size} bytes, quality {quality}")


if __name__ == "__main__":
    main()
