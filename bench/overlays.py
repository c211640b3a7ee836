"""Draws contact sheets of the overlays and times them.

    python bench/overlays.py [FOLDER]

FOLDER is bench/out unless given. Times are of one core, the best of three rounds.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from cutscene.media.frames import Frame, from_picture, to_picture
from cutscene.media.overlay import Overlays
from cutscene.overlays import (
    Animation,
    LayerOverlay,
    Overlay,
    PictureOverlay,
    Place,
    Position,
    TextOverlay,
    Weather,
)
from cutscene.providers.local.renderer.palette import PaletteName
from cutscene.providers.local.renderer.scenes import paint
from cutscene.providers.local.renderer.words import Brief, Mood, SceneName

FPS, FRAMES = 24, 96
SIZES = ((1280, 720), (720, 1280), (768, 768))
WIN = "Congratulations! You Win!"
LONG = (
    "The dragon sleeps, the gate is open and the kingdom is yours: gather what you have found on the "
    "way and come back tomorrow for the next chapter of the tale."
)
BGR = NDArray[np.uint8]


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "out"
    folder.mkdir(parents=True, exist_ok=True)
    cv2.setNumThreads(1)
    scenes = backgrounds(1280, 720)
    for animation in Animation:
        if animation is not Animation.NONE:
            words = [TextOverlay(text=WIN, animation=animation)]
            steps = [shot(scenes["castle"], words, number) for number in (1, 3, 5, 7, 9, 12, 16, 30)]
            save(folder / f"animation-{animation}.png", steps, 2)
    save(folder / "contrast.png", [shot(scene, texts(), 48) for scene in scenes.values()], 2)
    for width, height in SIZES:
        scene = backgrounds(width, height)["castle"]
        for name, overlays in whole().items():
            pictures = [shot(scene, overlays, number) for number in (8, 24, 48, 72)]
            save(folder / f"{name}-{width}x{height}.png", pictures, 2 if width > height else 4)
    save(folder / "detail.png", [shot(scenes["castle"], texts(), 48)], 1)
    for name, overlays in timed().items():
        print(f"{name:24} {milliseconds(scenes['castle'], overlays):6.2f} ms per frame at 1280x720")


def texts() -> list[Overlay]:
    return [
        TextOverlay(text="Level 12: the sunken gate", position=Position.TOP, color="gold"),
        TextOverlay(text=WIN),
        TextOverlay(text=LONG, position=Position.BOTTOM, size=26, color="#16324f"),
    ]


def whole() -> dict[str, list[Overlay]]:
    logo = PictureOverlay(image="logo", place=Place.LOGO)
    mascot = PictureOverlay(image="mascot", place=Place.MASCOT)
    confetti, particles = LayerOverlay(), LayerOverlay(weather=Weather.PARTICLES)
    title = TextOverlay(text=WIN, animation=Animation.BOUNCE)
    calm = TextOverlay(text="Better luck next time!", position=Position.BOTTOM, color="#ffe9c4")
    return {
        "win": [confetti, logo, mascot, title],
        "lose": [particles, logo, calm],
        "long": [TextOverlay(text=LONG), TextOverlay(text="Chapter one", position=Position.TOP), logo],
        "shade": [PictureOverlay(image="shade", opacity=0.8), TextOverlay(text="Once upon a time", size=60)],
    }


def timed() -> dict[str, list[Overlay]]:
    text, logo = (
        TextOverlay(text=WIN, animation=Animation.BOUNCE),
        PictureOverlay(image="logo", place=Place.LOGO),
    )
    return {
        "text": [text],
        "logo": [logo],
        "confetti": [LayerOverlay()],
        "particles": [LayerOverlay(weather=Weather.PARTICLES)],
        "full picture": [PictureOverlay(image="shade")],
        "text, logo, confetti": [text, logo, LayerOverlay()],
    }


def milliseconds(scene: BGR, overlays: Sequence[Overlay]) -> float:
    drawn, frame = prepared(overlays, scene), from_picture(scene)
    return min(one_round(drawn, frame) for _ in range(3))


def one_round(drawn: Overlays, frame: Frame) -> float:
    start = time.process_time()
    for number in range(FRAMES):
        drawn.draw(frame, number)
    return (time.process_time() - start) / FRAMES * 1000


def prepared(overlays: Sequence[Overlay], scene: BGR) -> Overlays:
    height, width = scene.shape[:2]
    return Overlays(
        overlays, width=width, height=height, fps=FPS, frames=FRAMES, loop=False, pictures=pictures()
    )


def shot(scene: BGR, overlays: Sequence[Overlay], number: int) -> BGR:
    frame = from_picture(scene)
    prepared(overlays, scene).draw(frame, number)
    return to_picture(frame)


def save(path: Path, shots: Sequence[BGR], columns: int) -> None:
    rows = [np.hstack(shots[at : at + columns]) for at in range(0, len(shots), columns)]
    cv2.imwrite(str(path), np.vstack(rows))
    print(path)


def backgrounds(width: int, height: int) -> dict[str, BGR]:
    brief = Brief(mood=Mood.INTRO, scene=SceneName.CASTLE, palette=PaletteName.SUNSET, dragon=False)
    castle = paint(brief, width, height, np.random.default_rng(1)).picture
    noise = np.random.default_rng(1).integers(0, 256, (height // 4, width // 4, 3), np.uint8)
    return {
        "castle": np.ascontiguousarray(castle, np.uint8),
        "bright": np.full((height, width, 3), 245, np.uint8),
        "dark": np.full((height, width, 3), 8, np.uint8),
        "busy": np.asarray(cv2.resize(noise, (width, height)), np.uint8),
    }


def pictures() -> dict[str, bytes]:
    return {"logo": drawn_logo(), "mascot": drawn_mascot(), "shade": drawn_shade()}


def drawn_logo() -> bytes:
    image = Image.new("RGBA", (900, 420))
    pen = ImageDraw.Draw(image)
    pen.rounded_rectangle((40, 60, 860, 360), 90, fill="#e4002b", outline="white", width=24)
    pen.regular_polygon((450, 205, 110), 5, fill="#ffd24a")
    return png(image)


def drawn_mascot() -> bytes:
    image = Image.new("RGBA", (600, 900))
    pen = ImageDraw.Draw(image)
    pen.ellipse((90, 330, 510, 880), fill="#4b8f3a")
    pen.ellipse((130, 60, 470, 420), fill="#6cc24a")
    for x in (210, 330):
        pen.ellipse((x, 160, x + 70, 250), fill="white")
        pen.ellipse((x + 22, 190, x + 52, 230), fill="black")
    pen.arc((210, 220, 390, 350), 20, 160, fill="#20401a", width=12)
    return png(image)


def drawn_shade() -> bytes:
    """Dark corners, clear in the middle."""
    y, x = np.mgrid[-1:1:360j, -1:1:640j]
    pixels = np.zeros((360, 640, 4), np.uint8)
    pixels[..., 3] = np.clip((x * x + y * y - 0.4) * 255, 0, 230)
    return png(Image.fromarray(pixels))


def png(image: Image.Image) -> bytes:
    buffer = BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


if __name__ == "__main__":
    main()
