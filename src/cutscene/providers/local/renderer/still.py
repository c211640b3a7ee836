"""A given picture as a backdrop: decoded, cropped around what matters, with a guess at its depth."""

from __future__ import annotations

import io
import math

import cv2
import numpy as np
from PIL import Image, ImageOps

from cutscene.providers.local.renderer.arrays import Picture, Plane, blurred, resized, smoothstep
from cutscene.providers.local.renderer.canvas import Backdrop

_SMALL = (180, 108)


def backdrop_of(image: bytes, width: int, height: int, accent: Plane) -> Backdrop:
    """``image`` (PNG, JPEG or WebP) as a backdrop of ``width`` x ``height`` pixels, never squeezed."""
    picture = _covering(_decoded(image), width, height)
    return Backdrop(picture=picture, depth=guessed_depth(picture), light=_brightest(picture), accent=accent)


def _decoded(image: bytes) -> Picture:
    with Image.open(io.BytesIO(image)) as opened:
        upright = ImageOps.exif_transpose(opened).convert("RGBA")
    ground = Image.new("RGBA", upright.size, (0, 0, 0, 255))
    ground.alpha_composite(upright)
    return np.ascontiguousarray(np.asarray(ground.convert("RGB"), np.uint8)[..., ::-1])


def _covering(picture: Picture, width: int, height: int) -> Picture:
    """Scaled to cover, then cropped where the most is going on."""
    rows, columns = picture.shape[:2]
    scale = max(width / columns, height / rows)
    size = (max(width, math.ceil(columns * scale)), max(height, math.ceil(rows * scale)))
    scaled = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    if scale > 1.15:
        # Enlarging softens: give some of the edges back.
        scaled = cv2.addWeighted(scaled, 1.4, cv2.GaussianBlur(scaled, (0, 0), scale), -0.4, 0)
    left = _window(_interest(scaled).sum(axis=0), width * _SMALL[0] / size[0]) * size[0] / _SMALL[0]
    top = _window(_interest(scaled).sum(axis=1), height * _SMALL[1] / size[1]) * size[1] / _SMALL[1]
    x, y = min(round(left), size[0] - width), min(round(top), size[1] - height)
    return np.ascontiguousarray(np.asarray(scaled, np.uint8)[y : y + height, x : x + width])


def _interest(picture: cv2.typing.MatLike) -> Plane:
    """(108, 180): fine detail and strong colours, less of the rim and of the ground."""
    lab = _small_lab(picture)
    chroma = np.hypot(lab[..., 1] - 128, lab[..., 2] - 128)
    chroma = np.abs(chroma - np.median(chroma))
    # Clouds and haze have contrast too; what somebody drew or built has fine edges.
    fine = cv2.resize(picture, (_SMALL[0] * 4, _SMALL[1] * 4), interpolation=cv2.INTER_AREA)
    edges = np.abs(cv2.Laplacian(cv2.cvtColor(fine, cv2.COLOR_BGR2GRAY), cv2.CV_32F))
    detail = resized(np.asarray(edges, np.float32), *_SMALL, cv2.INTER_AREA)
    x, y = np.linspace(-1, 1, _SMALL[0])[None, :], np.linspace(-1, 1, _SMALL[1])[:, None]
    centred = (1.1 - 0.4 * x * x) * np.exp(-(((y + 0.1) / 0.6) ** 2))
    return np.asarray((2.5 * detail + 0.35 * chroma) * centred, np.float32)


def _window(interest: Plane, length: float) -> float:
    """Start of the stretch of ``length`` with the most interest, most of all in its middle."""
    taken = max(1, round(length))
    if taken >= len(interest):
        return 0.0
    weights = 0.15 + np.sin(np.pi * (np.arange(taken) + 0.5) / taken) ** 2
    return float(np.argmax(np.convolve(interest, weights, "valid")))


def _small_lab(picture: cv2.typing.MatLike) -> Plane:
    small = cv2.resize(picture, _SMALL, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2Lab), np.float32)


def _edges(lab: Plane) -> Plane:
    total = np.zeros(lab.shape[:2], np.float32)
    for channel in range(3):
        plane = blurred(np.ascontiguousarray(lab[..., channel]), 1.2)
        across, down = cv2.Sobel(plane, cv2.CV_32F, 1, 0), cv2.Sobel(plane, cv2.CV_32F, 0, 1)
        total += np.abs(across) + np.abs(down)
    return total


def guessed_depth(picture: Picture) -> Plane:
    """(108, 180), 0 far to 1 near: sky above, ground that comes closer below, dark things a little nearer."""
    lab = _small_lab(picture)
    columns, rows = _SMALL
    edges = _edges(lab)
    busy = np.maximum(0, edges - np.percentile(edges, 35))
    gathered = np.cumsum(busy, axis=0)
    gathered /= gathered[-1:] + 1e-3
    skyline = (gathered < 0.07).sum(axis=0).astype(np.uint8)[None]
    smooth = blurred(np.asarray(cv2.medianBlur(skyline, 5), np.float32), 6)
    skyline_rows = np.clip(smooth, rows * 0.06, rows * 0.62)
    y = np.arange(rows, dtype=np.float32)[:, None]
    ground = np.clip((y - skyline_rows) / (rows - skyline_rows), 0, 1) ** 0.85
    dark = blurred(np.clip(0.5 - lab[..., 0] / 255, -0.3, 0.3), 3)
    depth = np.clip(0.08 + 0.82 * ground + 0.30 * dark * smoothstep(0, 0.25, ground), 0, 1)
    assert depth.shape == (rows, columns)
    return blurred(depth.astype(np.float32), 3.2)


def _brightest(picture: Picture) -> tuple[float, float]:
    """Where the light seems to come from, pixels: the brightest soft spot, rather above than below."""
    gray = _small_lab(picture)[..., 0]
    soft = blurred(np.ascontiguousarray(gray), 7)
    soft[_SMALL[1] // 2 :] *= 0.6
    row, column = np.unravel_index(int(soft.argmax()), soft.shape)
    height, width = picture.shape[:2]
    return float(column) / _SMALL[0] * width, float(row) / _SMALL[1] * height
