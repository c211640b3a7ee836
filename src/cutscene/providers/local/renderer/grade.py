"""Colour grading: what a mood does to a backdrop, and the vignette over everything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from cutscene.providers.local.renderer.arrays import Picture, Rng, coordinates, smoothstep
from cutscene.providers.local.renderer.words import Mood


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    saturation: float
    contrast: float
    gain: tuple[float, float, float]
    lift: tuple[float, float, float]
    """Blue, green, red: of the lights, and of the shadows."""
    darkest: float
    brightest: float
    """The mean level, 0-1, is brought between these."""
    vignette: float


GRADES: Final = {
    Mood.INTRO: Grade(
        saturation=1.06, contrast=0.55, gain=(1, 1, 1), lift=(0.012, 0.008, 0.01),
        darkest=0.24, brightest=0.62, vignette=0.42,
    ),
    Mood.CELEBRATION: Grade(
        saturation=1.14, contrast=0.6, gain=(0.90, 1.0, 1.07), lift=(0.015, 0.03, 0.05),
        darkest=0.30, brightest=0.56, vignette=0.36,
    ),
    Mood.CONSOLATION: Grade(
        saturation=0.78, contrast=0.4, gain=(0.95, 0.93, 0.94), lift=(0.05, 0.035, 0.035),
        darkest=0.28, brightest=0.44, vignette=0.46,
    ),
}  # fmt: skip


def graded(picture: Picture, grade: Grade) -> Picture:
    """``picture`` in the colours of a mood, not too dark and not too bright."""
    gray = cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    toned = cv2.addWeighted(picture, grade.saturation, gray, 1 - grade.saturation, 0)
    mean = float(picture.mean()) / 255
    target = min(max(mean, grade.darkest), grade.brightest)
    # Halfway: a night stays a night.
    gamma = (np.log(target) / np.log(np.clip(mean, 0.02, 0.98))) ** 0.8
    level = (np.arange(256) / 255) ** gamma
    curve = level + grade.contrast * level * (1 - level) * (level - 0.5) * 1.6
    table = np.zeros((1, 256, 3), np.uint8)
    for channel in range(3):
        tone = curve * grade.gain[channel] + grade.lift[channel] * (1 - curve)
        table[0, :, channel] = np.clip(tone * 255 + 0.5, 0, 255)
    return np.asarray(cv2.LUT(toned, table), np.uint8)


def vignette(width: int, height: int, strength: float, rng: Rng) -> Picture:
    """(height, width, 3) to multiply with, 255 in the middle; its noise keeps gradients from banding."""
    x, y = coordinates(width, height)
    away = ((x / width - 0.5) ** 2 * 1.1 + (y / height - 0.5) ** 2) * 4
    shade = (1 - smoothstep(0.35, 2.2, away) * strength) * 254
    noise = rng.random((height, width), np.float32) * 1.6 - 0.8
    return np.repeat(np.clip(shade + noise, 0, 255).astype(np.uint8)[..., None], 3, axis=2)
