from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from cutscene.errors import InputValidationError
from cutscene.media.frames import Frame, from_picture, planes, to_picture
from cutscene.media.overlay import Overlays, check_overlays
from cutscene.overlays import LayerOverlay, Weather, overlay_from_json

DUSK = np.full((360, 640, 3), (90, 50, 60), np.uint8)


def clip(
    weather: Weather, *, frames: int = 48, loop: bool, seed: int = 1, fps: int = 24, **fields: Any
) -> list[Frame]:
    """A whole clip, and one frame more."""
    layer = LayerOverlay(weather=weather, **fields)
    overlays = Overlays(
        [layer], width=640, height=360, fps=fps, frames=frames, loop=loop, pictures={}, seed=seed
    )
    drawn = [from_picture(DUSK) for _ in range(frames + 1)]
    for number, frame in enumerate(drawn):
        overlays.draw(frame, number)
    return drawn


def distance(first: Frame, second: Frame) -> float:
    return float(np.abs(first.astype(int) - second).mean())


@pytest.mark.parametrize("weather", Weather)
@pytest.mark.parametrize("loop", [True, False])
def test_the_same_seed_gives_the_same_frames(weather: Weather, loop: bool) -> None:
    first, second = (clip(weather, loop=loop) for _ in range(2))
    other = clip(weather, loop=loop, seed=2)
    assert all(map(np.array_equal, first, second))
    assert not np.array_equal(first[40], other[40])


@pytest.mark.parametrize("weather", Weather)
@pytest.mark.parametrize(("frames", "fps"), [(24, 24), (96, 24), (50, 15), (60, 60)])
def test_a_loop_flows_into_its_beginning(weather: Weather, frames: int, fps: int) -> None:
    drawn = clip(weather, frames=frames, fps=fps, loop=True)
    assert np.array_equal(drawn[0], drawn[frames])
    steps = [distance(*pair) for pair in pairwise(drawn)]
    assert steps[-1] <= 1.25 * np.percentile(steps, 90), "the seam is a step like all others"
    assert min(steps) > 0, "it never stands still"


def test_confetti_of_a_clip_begins_with_nothing_and_then_fills_the_frame() -> None:
    drawn = clip(Weather.CONFETTI, frames=96, loop=False)
    still = from_picture(DUSK)
    assert np.array_equal(drawn[0], still)
    seen = planes(drawn[80])[0] != planes(still)[0]
    thirds = [part.mean() for part in np.array_split(seen, 3)]
    assert min(thirds) > 0.004
    burst = planes(drawn[8])[0] != planes(still)[0]
    assert burst[180:].mean() > 2 * burst[:90].mean(), "it comes from below"


def test_confetti_falls() -> None:
    white = clip(Weather.CONFETTI, loop=True, colors=("white",))
    before, after = (planes(white[at])[0].astype(float) for at in (10, 11))
    rows = np.arange(1, 12)
    fits = [-np.abs(after[row:] - before[:-row]).mean() for row in rows]
    rises = [-np.abs(after[:-row] - before[row:]).mean() for row in rows]
    assert max(fits) > max(rises)


def test_particles_only_add_light() -> None:
    for frame in clip(Weather.PARTICLES, loop=False):
        assert (planes(frame)[0] >= planes(from_picture(DUSK))[0]).all()
    bright = planes(clip(Weather.PARTICLES, loop=False)[30])[0]
    assert bright.max() > planes(from_picture(DUSK))[0].max() + 60


@pytest.mark.parametrize("weather", Weather)
def test_colors_are_those_that_were_asked_for(weather: Weather) -> None:
    picture = to_picture(clip(weather, loop=True, colors=("#00ff00",))[20]).astype(int)
    touched = np.abs(picture - DUSK).max(axis=2) > 60
    assert touched.any()
    assert (picture[touched][:, 1] >= picture[touched][:, (0, 2)].max(axis=1) - 40).mean() > 0.9


@pytest.mark.parametrize("weather", Weather)
def test_opacity_lets_the_picture_through(weather: Weather) -> None:
    still = from_picture(DUSK).astype(int)
    whole, half, none = (clip(weather, loop=True, opacity=opacity)[20] for opacity in (1, 0.5, 0))
    assert np.abs(half - (still + whole) / 2).max() <= 1
    assert np.array_equal(none, still)


@pytest.mark.parametrize("opacity", [-0.1, 1.1, True, "half"])
def test_an_opacity_out_of_range_is_refused(opacity: object) -> None:
    with pytest.raises(InputValidationError, match="opacity"):
        overlay_from_json({"kind": "layer", "opacity": opacity})


def test_an_unknown_color_is_refused() -> None:
    with pytest.raises(InputValidationError, match="'bluish'"):
        check_overlays([LayerOverlay(colors=("red", "bluish"))], 640, 360)


@pytest.mark.parametrize("font", ["", "x" * 301, 7, "a\x00b"])
def test_a_malformed_font_is_refused(font: object) -> None:
    with pytest.raises(InputValidationError, match="font is malformed"):
        overlay_from_json({"kind": "text", "text": "x", "font": font})
