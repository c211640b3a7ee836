"""The local renderer: exact loops, the same bytes per seed, words that matter."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from cutscene.providers.local.renderer import Shot, render
from cutscene.providers.local.renderer.palette import PaletteName
from cutscene.providers.local.renderer.stage import Stage
from cutscene.providers.local.renderer.still import backdrop_of
from cutscene.providers.local.renderer.timeline import Timeline
from cutscene.providers.local.renderer.words import Mood, SceneName, read

SMALL = Shot(prompt="castle", image=None, width=160, height=96, frames=48, seed=3, loop=True)
PROMPTS = {
    SceneName.CASTLE: "an old castle and a dragon",
    SceneName.CITY: "a neon city",
    SceneName.SPACE: "a planet in deep space",
    SceneName.VOLCANO: "lava and fire",
    SceneName.ICE: "a frozen glacier",
    SceneName.SEA: "a ship at sea",
    SceneName.DESERT: "pyramids in the desert",
    SceneName.VILLAGE: "a village in the meadows",
    SceneName.FOREST: "an enchanted forest",
    SceneName.MOUNTAINS: "snowless peaks at dawn",
}
MOODS = {Mood.INTRO: "{}", Mood.CELEBRATION: "victory: {}", Mood.CONSOLATION: "better luck next time: {}"}


def picture_of(width: int, height: int, kind: str = "PNG") -> bytes:
    """A test picture: sky over ground, a red disc in the right third."""
    y, x = np.mgrid[0:height, 0:width]
    pixels = np.where((y < height * 0.5)[..., None], (120, 170, 230), (60, 110, 70)).astype(np.uint8)
    pixels[np.hypot(x - width * 0.75, y - height * 0.5) < height * 0.2] = (220, 30, 30)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


def difference(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    return float(np.abs(first.astype(int) - second.astype(int)).mean())


def coarse(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture without its drops and sparks: means of 16 x 16 pixels."""
    rows, columns = frame.shape[0] // 16, frame.shape[1] // 16
    blocks = frame[: rows * 16, : columns * 16].reshape(rows, 16, columns, 16, 3)
    return np.asarray(blocks.mean(axis=(1, 3)), np.uint8)


@pytest.mark.parametrize("mood", Mood)
@pytest.mark.parametrize("scene", SceneName)
def test_frame_n_is_frame_0_to_the_last_bit(scene: SceneName, mood: Mood) -> None:
    stage = Stage(replace(SMALL, prompt=MOODS[mood].format(PROMPTS[scene])))
    first = stage.frame(0)
    assert np.array_equal(stage.frame(SMALL.frames), first)
    assert np.array_equal(stage.frame(SMALL.frames + 7), stage.frame(7))
    assert difference(stage.frame(SMALL.frames // 2), first) > 1


@pytest.mark.parametrize("frames", [24, 25, 97, 230, 720])
@pytest.mark.parametrize("mood", Mood)
def test_any_length_is_periodic_and_the_seam_is_an_ordinary_step(mood: Mood, frames: int) -> None:
    stage = Stage(replace(SMALL, prompt=MOODS[mood].format("ice and snow"), frames=frames))
    assert np.array_equal(stage.frame(frames), stage.frame(0))
    steps = [
        difference(stage.frame(at), stage.frame(at + 1)) for at in range(0, frames - 1, max(1, frames // 12))
    ]
    seam = difference(stage.frame(frames - 1), stage.frame(0))
    assert 0.5 * min(steps) <= seam <= 1.5 * max(steps)


@pytest.mark.parametrize("mood", Mood)
def test_long_loops_move_as_fast_as_short_ones(mood: Mood) -> None:
    def speed(frames: int) -> float:
        stage = Stage(replace(SMALL, prompt=MOODS[mood].format("desert"), frames=frames))
        return float(np.mean([difference(stage.frame(at), stage.frame(at + 1)) for at in range(0, 90, 9)]))

    assert speed(480) > 0.5 * speed(96)


def test_a_still_loops_too() -> None:
    stage = Stage(replace(SMALL, image=picture_of(320, 200), prompt="intro"))
    assert np.array_equal(stage.frame(SMALL.frames), stage.frame(0))
    assert difference(stage.frame(12), stage.frame(0)) > 1


@pytest.mark.parametrize("mood", Mood)
@pytest.mark.parametrize("image", [None, picture_of(320, 200)], ids=["words", "still"])
def test_an_ordinary_shot_does_not_come_back(mood: Mood, image: bytes | None) -> None:
    shot = replace(SMALL, prompt=MOODS[mood].format("castle"), image=image, frames=96, loop=False)
    stage = Stage(shot)
    first, *steps, last = (coarse(stage.frame(at)) for at in (0, 60, 61, 70, 71, 95))
    usual = max(difference(steps[0], steps[1]), difference(steps[2], steps[3]))
    assert difference(last, first) > 4 * usual


def test_frames_do_not_depend_on_the_order_they_are_drawn_in() -> None:
    forward, backward = Stage(SMALL), Stage(SMALL)
    drawn = [forward.frame(at) for at in (0, 5, 11)]
    assert all(np.array_equal(backward.frame(at), drawn.pop()) for at in (11, 5, 0))


@pytest.mark.parametrize("prompt", ["castle", "you win", "you lose"])
def test_the_same_shot_makes_the_same_bytes(tmp_path: Path, prompt: str) -> None:
    shot = replace(SMALL, prompt=prompt, frames=24)
    files = [tmp_path / name for name in ("first.mp4", "second.mp4", "third.mp4")]
    assert render(shot, files[0])
    assert not render(shot, files[1], stopped=stop_after(5))
    assert render(shot, files[1])
    assert render(replace(shot, seed=4), files[2])
    first, second, third = (file.read_bytes() for file in files)
    assert first == second
    assert first != third


def test_another_process_makes_the_same_bytes(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from cutscene.providers.local.renderer import Shot, render;"
        "shot = Shot(prompt='you win', image=None, width=96, height=64, frames=24, seed=1, loop=True);"
        "render(shot, Path(sys.argv[1]))"
    )
    for name in ("1", "2"):
        subprocess.run(
            [sys.executable, "-c", program, tmp_path / name], check=True, env={"PYTHONHASHSEED": name}
        )
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()


def stop_after(frames: int) -> Callable[[], bool]:
    asked = iter(range(1_000))
    return lambda: next(asked) > frames


def test_stopping_leaves_nothing_behind(tmp_path: Path) -> None:
    assert not render(SMALL, tmp_path / "clip.mp4", stopped=stop_after(4))
    assert not render(SMALL, tmp_path / "clip.mp4", stopped=lambda: True)
    assert list(tmp_path.iterdir()) == []


def test_stopping_leaves_an_older_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"older")
    assert not render(SMALL, path, stopped=stop_after(4))
    assert path.read_bytes() == b"older"


def test_an_error_leaves_nothing_behind(tmp_path: Path) -> None:
    def fail(_: float) -> None:
        raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"):
        render(SMALL, tmp_path / "clip.mp4", on_progress=fail)
    with pytest.raises(OSError, match="image"):
        render(replace(SMALL, image=b"not a picture"), tmp_path / "clip.mp4")
    assert list(tmp_path.iterdir()) == []


def test_progress_is_told_after_every_frame(tmp_path: Path) -> None:
    told: list[float] = []
    assert render(replace(SMALL, frames=24), tmp_path / "clip.mp4", on_progress=told.append)
    assert told == pytest.approx([(number + 1) / 24 for number in range(24)])


@pytest.mark.parametrize("size", [(256, 144), (144, 256), (160, 160), (256, 154), (154, 256)])
@pytest.mark.parametrize("image", [None, picture_of(320, 200)], ids=["words", "still"])
def test_every_aspect_is_delivered_exactly(
    tmp_path: Path, size: tuple[int, int], image: bytes | None
) -> None:
    width, height = size
    path = tmp_path / "clip.mp4"
    assert render(replace(SMALL, width=width, height=height, frames=24, image=image), path)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height, stream.frames) == (width, height, 24)
        assert stream.average_rate == 24
        assert stream.codec_context.sample_aspect_ratio in (None, 0, 1)


@pytest.mark.parametrize("size", [(144, 256), (256, 144), (200, 200)])
def test_a_still_is_cropped_around_its_subject_and_never_squeezed(size: tuple[int, int]) -> None:
    backdrop = backdrop_of(picture_of(640, 320), *size, np.zeros(3, np.float32))
    assert backdrop.picture.shape == (size[1], size[0], 3)
    red = (backdrop.picture[..., 2] > 150) & (backdrop.picture[..., 1] < 90)
    rows, columns = np.flatnonzero(red.any(axis=1)), np.flatnonzero(red.any(axis=0))
    high, wide = rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1
    assert wide == pytest.approx(high, abs=3)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_usual_kinds_of_pictures_are_taken(kind: str) -> None:
    picture = backdrop_of(picture_of(160, 96, kind), 160, 96, np.zeros(3, np.float32)).picture
    assert np.abs(picture[10, 10].astype(int) - (230, 170, 120)).max() < 12


def test_transparency_and_orientation_are_honoured() -> None:
    stream, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6
    pixels = np.zeros((40, 80, 3), np.uint8)
    pixels[:, :40] = (255, 0, 0)
    Image.fromarray(pixels).save(stream, "PNG", exif=exif)
    upright = backdrop_of(stream.getvalue(), 40, 80, np.zeros(3, np.float32)).picture
    assert upright[10, 20].tolist() == [0, 0, 255]
    assert upright[70, 20].tolist() == [0, 0, 0]
    stream = io.BytesIO()
    Image.new("RGBA", (40, 40), (255, 255, 255, 0)).save(stream, "PNG")
    assert backdrop_of(stream.getvalue(), 40, 40, np.zeros(3, np.float32)).picture.max() == 0


@pytest.mark.parametrize(
    ("prompt", "mood"),
    [
        ("You WIN!", Mood.CELEBRATION),
        ("a champion's triumph", Mood.CELEBRATION),
        ("celebration with confetti", Mood.CELEBRATION),
        ("Congratulations, hero", Mood.CELEBRATION),
        ("you lose", Mood.CONSOLATION),
        ("better  luck next time", Mood.CONSOLATION),
        ("an encouraging, sympathetic scene after a defeat", Mood.CONSOLATION),
        ("a window over the wind, winter and wine", Mood.INTRO),
        ("close the closet, a loose glossary", Mood.INTRO),
        ("a castle", Mood.INTRO),
        ("you lost: the defeat before the next win", Mood.CONSOLATION),
    ],
)
def test_words_choose_the_mood(prompt: str, mood: Mood) -> None:
    assert read(prompt, np.random.default_rng(1)).mood is mood


@pytest.mark.parametrize(
    ("prompt", "scene", "palette"),
    [
        ("a castle at night", SceneName.CASTLE, PaletteName.NIGHT),
        ("a castle at sunset by the sea", SceneName.CASTLE, PaletteName.SUNSET),
        ("neon city", SceneName.CITY, PaletteName.NEON),
        ("a city in the morning", SceneName.CITY, PaletteName.DAWN),
        ("dragon-fire over lava", SceneName.VOLCANO, PaletteName.FIRE),
        ("pirate ship on the ocean in a storm", SceneName.SEA, PaletteName.STORM),
        ("an elven forest", SceneName.FOREST, PaletteName.VERDANT),
        ("frozen tundra", SceneName.ICE, PaletteName.ICE),
        ("sand dunes", SceneName.DESERT, PaletteName.SAND),
        ("alien planets", SceneName.SPACE, PaletteName.COSMOS),
        ("a sunny village", SceneName.VILLAGE, PaletteName.DAY),
        ("golden alpine peaks", SceneName.MOUNTAINS, PaletteName.SUNSET),
        ("an icon, a device and a season", None, None),
    ],
)
def test_words_choose_the_scene_and_the_palette(
    prompt: str, scene: SceneName | None, palette: PaletteName | None
) -> None:
    briefs = {
        (brief.scene, brief.palette)
        for seed in range(24)
        for brief in [read(prompt, np.random.default_rng(seed))]
    }
    assert briefs == {(scene, palette)} if scene else len(briefs) > 3


def test_dragons_fly_where_they_are_named() -> None:
    assert read("a dragon over a castle", np.random.default_rng(1)).dragon
    assert not read("a snapdragon", np.random.default_rng(1)).dragon


def test_every_scene_looks_different() -> None:
    frames = [Stage(replace(SMALL, prompt=prompt)).frame(0) for prompt in PROMPTS.values()]
    for index, frame in enumerate(frames):
        assert all(difference(frame, other) > 12 for other in frames[index + 1 :])


def test_frames_are_neither_black_nor_burnt_out() -> None:
    for prompt in PROMPTS.values():
        for mood in MOODS.values():
            frame = Stage(replace(SMALL, prompt=mood.format(prompt))).frame(9)
            assert 35 < frame.mean() < 190
            assert (frame.min(axis=2) > 250).mean() < 0.06


def test_a_timeline_bends_periods_to_whole_cycles() -> None:
    loop = Timeline(100, loop=True)
    assert [loop.cycles(period) for period in (1.0, 4.0, 30.0)] == [4, 1, 1]
    assert loop.turn(100, 1.3) == loop.turn(0, 1.3) == 0
    assert sorted(loop.ages(100, 12.0)) == sorted(loop.ages(0, 12.0))
    assert len(loop.ages(0, 12.0)) == 3
    assert loop.scroll(100, 37, 55.0) == 0
    shot = Timeline(100, loop=False)
    assert shot.turn(24, 2.0) == 0.5
    assert shot.turn(96, 2.0) == 2.0


@pytest.mark.parametrize(("width", "height"), [(640, 360), (360, 640), (384, 384)])
def test_an_ordinary_shot_begins_with_the_very_picture_it_was_given(width: int, height: int) -> None:
    whole = Stage(Shot(prompt="ice", image=None, width=width, height=height, frames=24, seed=3, loop=False))
    given = whole.frame(12)
    png = cv2.imencode(".png", given)[1].tobytes()
    stage = Stage(
        Shot(prompt="you win", image=png, width=width, height=height, frames=48, seed=4, loop=False)
    )
    first, second, later = (stage.frame(number) for number in (0, 1, 47))
    assert np.abs(first.astype(int) - given).mean() < 2.5  # it was scaled up and down again
    assert np.abs(second.astype(int) - first).mean() < 2.5
    assert np.abs(later.astype(int) - first).mean() > 8
