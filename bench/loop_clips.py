"""Footage that was not made to loop, for `bench/loops.py`: drawn here, rendered, or real."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from cutscene.media.frames import Frame, from_picture, read_frames, to_picture
from cutscene.providers.local.renderer import Moves, Shot, render

__all__ = ["HEIGHT", "KEYFRAMES", "WIDTH", "clips", "rendered"]

Picture = NDArray[np.uint8]
WIDTH, HEIGHT = 640, 360
_STILL: Final = files("cutscene") / "assets" / "intro-still.jpg"
_PLACES: Final = ("castle", "neon city", "sea", "volcano")
KEYFRAMES: Final = ("still", *_PLACES)
"""What the renderer can close by itself."""


def clips(count: int, footage: Path | None) -> Iterator[tuple[str, list[Frame]]]:
    """Name and ``count`` frames of every clip; ``footage`` is a folder with real ones."""
    for name, draw in _DRAWN.items():
        yield name, [from_picture(picture) for picture in draw(count)]
    for name in KEYFRAMES:  # the camera is held, as models are asked to where a loop is wanted
        yield f"{name}, held", rendered(name, count, loop=False, moves=Moves())
    for name in ("castle", "neon city"):
        yield f"{name}, travelling", rendered(name, count, loop=False)
    for path in sorted(footage.rglob("*.mp4")) if footage else ():
        frames = [_sized(frame) for frame in _first(read_frames(path), count)]
        if len(frames) == count:
            yield path.stem, frames


def rendered(name: str, count: int, *, loop: bool, moves: Moves | None = None) -> list[Frame]:
    """A shot of the local renderer, as it comes back from its encoding."""
    image = _STILL.read_bytes() if name == "still" else None
    shot = Shot(
        prompt=name,
        image=image,
        width=WIDTH,
        height=HEIGHT,
        frames=count,
        seed=3,
        loop=loop,
        moves=moves,
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "shot.mp4"
        render(shot, path)
        return list(read_frames(path))


def _first(frames: Iterator[Frame], count: int) -> Iterator[Frame]:
    for _, frame in zip(range(count), frames, strict=False):
        yield frame


def _sized(frame: Frame) -> Frame:
    picture = to_picture(frame)
    scale = max(WIDTH / picture.shape[1], HEIGHT / picture.shape[0])
    large = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    top, left = (large.shape[0] - HEIGHT) // 2, (large.shape[1] - WIDTH) // 2
    return from_picture(np.ascontiguousarray(large[top : top + HEIGHT, left : left + WIDTH]))


def _view(scale: int = 2) -> Picture:
    """A landscape larger than the frame: clouds, hills, houses, at ``scale`` times its size."""
    width, height = WIDTH * scale, HEIGHT * scale
    random = np.random.default_rng(5)
    view = np.zeros((height, width, 3), np.float32)
    view[:] = np.linspace((200, 140, 90), (120, 150, 230), height)[:, None]
    clouds = cv2.GaussianBlur(random.normal(0, 1, (height, width)).astype(np.float32), (0, 0), 25)
    view += (np.clip(clouds / clouds.std(), 0, 2) * 30)[..., None]
    for layer, shade in enumerate((0.6, 0.4, 0.25)):
        ridge = cv2.GaussianBlur(random.normal(0, 1, (1, width)).astype(np.float32), (0, 0), 60 - 15 * layer)[
            0
        ]
        line = height * (0.5 + 0.13 * layer) + ridge / ridge.std() * 25
        view[np.arange(height)[:, None] > line] = np.array((90, 120, 70)) * shade
    for _ in range(60):
        x, y = int(random.integers(0, width)), int(height * random.uniform(0.65, 0.95))
        w, h = random.integers(15, 50, 2).tolist()
        cv2.rectangle(view, (x, y - h), (x + w, y), random.integers(60, 220, 3).tolist(), -1)
        cv2.rectangle(view, (x + w // 3, y - h // 2), (x + w // 2, y - h // 4), (60, 220, 250), -1)
    view += random.normal(0, 4, view.shape)
    return np.clip(view, 0, 255).astype(np.uint8)


def _crop(view: Picture, x: float, y: float, scale: float = 1.0) -> Picture:
    """The frame whose centre is at (x, y) pixels of the view."""
    matrix = np.array([[scale, 0, WIDTH / 2 - scale * x], [0, scale, HEIGHT / 2 - scale * y]], np.float32)
    return np.asarray(cv2.warpAffine(view, matrix, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT), np.uint8)


def _shake(count: int, seed: int, size: float) -> NDArray[np.float64]:
    """A hand that does not hold still: (count, 2) pixels."""
    steps = np.random.default_rng(seed).normal(0, 1, (count + 60, 2))
    slow = _smooth(steps, 6)
    return np.asarray(slow[30 : 30 + count] / slow.std() * size, np.float64)


def _smooth(values: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    kernel = cv2.getGaussianKernel(int(sigma * 6) | 1, sigma).ravel()
    return np.stack([np.convolve(column, kernel, "same") for column in values.T], axis=1)


def _handheld_pan(count: int) -> Iterator[Picture]:
    view, shake = _view(), _shake(count, 1, 3)
    for k in range(count):
        yield _crop(view, WIDTH * 0.7 + 3 * k + shake[k, 0], HEIGHT + shake[k, 1])


def _handheld(count: int) -> Iterator[Picture]:
    view, shake = _view(), _shake(count, 2, 6)
    for k in range(count):
        yield _crop(view, WIDTH + shake[k, 0], HEIGHT + shake[k, 1])


def _zoom(count: int) -> Iterator[Picture]:
    view = _view()
    for k in range(count):
        yield _crop(view, WIDTH, HEIGHT, 0.9 * 1.0025**k)


def _sparks(count: int) -> Iterator[Picture]:
    view, random = (_crop(_view(), WIDTH, HEIGHT) * 0.4).astype(np.uint8), np.random.default_rng(6)
    places, speeds = random.uniform(0, 1, (160, 2)), random.uniform(0.003, 0.009, 160)
    sway, size = random.uniform(0, 6, 160), random.integers(2, 6, 160)
    for k in range(count):
        picture = view.copy()
        for (x, y), speed, phase, radius in zip(places, speeds, sway, size, strict=True):
            at = ((y - speed * k) % 1.0) * HEIGHT
            side = x * WIDTH + 12 * np.sin(phase + 0.11 * k)
            cv2.circle(
                picture, (int(side * 8), int(at * 8)), int(radius * 8), (90, 190, 255), -1, cv2.LINE_AA, 3
            )
        yield np.asarray(cv2.add(picture, cv2.GaussianBlur(picture, (0, 0), 4) // 2), np.uint8)


def _water(count: int) -> Iterator[Picture]:
    random = np.random.default_rng(7)
    grid_y, grid_x = np.mgrid[0:HEIGHT:2, 0:WIDTH:2].astype(np.float32)
    depth = 60 / (grid_y + 60)  # waves far away are smaller
    waves = [(random.uniform(0.02, 0.2), random.normal(1.5, 0.7), random.uniform(0, 6.3)) for _ in range(24)]
    for k in range(count):
        height = np.zeros_like(grid_x)
        for length, angle, phase in waves:
            along = grid_x * np.cos(angle) + grid_y * np.sin(angle) * 2 * (1 + depth)
            height += np.sin(along * length + phase - np.sqrt(length) * 0.5 * k) / (1 + length * 8)
        light = np.clip(height * 30 + 110, 0, 255)
        color = np.dstack([light, light * 0.75, light * 0.35 + (height > 1.6) * 120]).clip(0, 255)
        yield np.asarray(cv2.resize(color.astype(np.uint8), (WIDTH, HEIGHT)), np.uint8)


def _walkers(count: int) -> Iterator[Picture]:
    """Figures with swinging legs, before a held camera: some walk through, one stays and waves."""
    view, random = _crop(_view(), WIDTH, HEIGHT), np.random.default_rng(8)
    people = [
        (random.uniform(0, WIDTH), random.uniform(-2.2, 2.2), random.integers(40, 230, 3).tolist())
        for _ in range(5)
    ] + [(WIDTH / 2, 0.0, [60, 60, 200])]
    for k in range(count):
        picture = view.copy()
        for number, (x, speed, color) in enumerate(people):
            _draw_person(
                picture, x + speed * k, 300 + 6 * number, k * (0.12 + 0.2 * abs(speed)) + number, color
            )
        yield picture


def _draw_person(picture: Picture, x: float, foot: float, phase: float, color: list[int]) -> None:
    x = x % (WIDTH + 80) - 40

    def dot(a: float, b: float) -> tuple[int, int]:
        return int(a * 8), int(b * 8)

    swing = 14 * np.sin(phase)
    for side in (1, -1):
        cv2.line(picture, dot(x, foot - 50), dot(x + side * swing, foot), color, 9, cv2.LINE_AA, 3)
        cv2.line(picture, dot(x, foot - 95), dot(x - side * swing * 1.4, foot - 60), color, 7, cv2.LINE_AA, 3)
    cv2.ellipse(picture, dot(x, foot - 75), dot(14, 30), 0, 0, 360, color, -1, cv2.LINE_AA, 3)
    cv2.circle(picture, dot(x, foot - 118), 13 * 8, (150, 180, 220), -1, cv2.LINE_AA, 3)


def _smoke(count: int) -> Iterator[Picture]:
    """Soft noise that rises and changes while it does."""
    random = np.random.default_rng(9)
    layers = [
        cv2.GaussianBlur(random.normal(0, 1, (HEIGHT * 3, WIDTH)).astype(np.float32), (0, 0), sigma)
        for sigma in (30, 14, 7)
    ]
    ground = _crop(_view(), WIDTH, HEIGHT).astype(np.float32)
    for k in range(count):
        smoke = sum(
            np.roll(layer, int(-k * speed), axis=0)[:HEIGHT] / layer.std() / (n + 1)
            for n, (layer, speed) in enumerate(zip(layers, (1.3, 2.1, 3.4), strict=True))
        )
        share = np.clip(smoke * 0.35 + 0.2, 0, 0.9)[..., None]
        yield (ground * (1 - share) + 220 * share).astype(np.uint8)


def _trees(count: int) -> Iterator[Picture]:
    """A swaying view: it nearly comes back, but never quite."""
    view = _crop(_view(), WIDTH, HEIGHT)
    grid_y, grid_x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    for k in range(count):
        bend = 5 * np.sin(0.17 * k + grid_x * 0.02) + 3 * np.sin(0.271 * k + grid_x * 0.05 + 1)
        bent = cv2.remap(
            view,
            grid_x + bend * (1 - grid_y / HEIGHT),
            grid_y,
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REFLECT,
        )
        yield np.asarray(bent, np.uint8)


_DRAWN: Final[dict[str, Callable[[int], Iterator[Picture]]]] = {
    "handheld pan": _handheld_pan,
    "handheld": _handheld,
    "zoom": _zoom,
    "sparks": _sparks,
    "water": _water,
    "walkers": _walkers,
    "smoke": _smoke,
    "trees": _trees,
}
