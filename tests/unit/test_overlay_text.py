from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from cutscene.errors import InputValidationError
from cutscene.media.frames import Frame, from_picture, planes, to_picture
from cutscene.media.overlay import Overlays, check_overlays
from cutscene.media.overlay.colors import parse_color
from cutscene.media.overlay.layout import lay_out
from cutscene.media.overlay.lines import fit
from cutscene.overlays import Animation, Overlay, PictureOverlay, Place, Position, TextOverlay

SIZES = [(1280, 720), (720, 1280), (768, 768), (480, 480), (4096, 2304)]
LONG = (
    "The dragon sleeps, the gate is open and the kingdom is yours: gather what you have found on "
    "the way and come back tomorrow for the next chapter of the tale."
)
MOVING = [animation for animation in Animation if animation is not Animation.NONE]
GRAY = np.full((360, 640, 3), 128, np.uint8)
RNG = np.random.default_rng(1)
BACKGROUNDS = {
    "black": np.zeros((720, 1280, 3), np.uint8),
    "white": np.full((720, 1280, 3), 255, np.uint8),
    "busy": RNG.integers(0, 256, (720, 1280, 3), np.uint8),
}
SMALL = np.ascontiguousarray(BACKGROUNDS["busy"][:360, :640])


def steps(
    overlays: Sequence[Overlay], background: NDArray[np.uint8], numbers: Iterable[int], *, loop: bool = False
) -> list[Frame]:
    height, width = background.shape[:2]
    before = from_picture(background)
    overlay = Overlays(overlays, width=width, height=height, fps=24, frames=96, loop=loop, pictures={})
    frames = [(number, before.copy()) for number in numbers]
    for number, frame in frames:
        overlay.draw(frame, number)
    return [frame for _, frame in frames]


def drawn(overlays: Sequence[Overlay], background: NDArray[np.uint8], number: int = 95) -> Frame:
    return steps(overlays, background, [number])[0]


def gray(width: int, height: int) -> NDArray[np.uint8]:
    return np.full((height, width, 3), 128, np.uint8)


def changed(before: Frame, after: Frame, levels: int = 0) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what differs by more than so many levels of luma, pixels."""
    difference = np.abs(planes(before)[0].astype(np.int16) - planes(after)[0])
    rows, columns = np.nonzero(difference > levels)
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("position", Position)
@pytest.mark.parametrize("text", ["You Win!", LONG])
def test_words_stay_inside_the_safe_area(text: str, position: Position, width: int, height: int) -> None:
    before = from_picture(gray(width, height))
    after = drawn([TextOverlay(text=text, position=position)], gray(width, height))
    # The shadow's last breath may reach a little further.
    left, top, right, bottom = changed(before, after, levels=24)
    assert left >= 0.05 * width
    assert right <= 0.95 * width
    assert top >= 0.05 * height
    assert bottom <= 0.95 * height
    assert abs(left + right - width) <= 0.02 * width, "centred"
    middle = (top + bottom) / 2 / height
    wanted = {Position.TOP: (0, 0.45), Position.CENTER: (0.45, 0.55), Position.BOTTOM: (0.55, 1)}[position]
    assert wanted[0] <= middle <= wanted[1]


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_lines_are_wrapped_and_of_about_one_length(width: int, height: int) -> None:
    layout = lay_out(TextOverlay(text=LONG), width, height)
    font = layout.font.at(layout.size)
    lengths = [font.getlength(line) for line in layout.lines]
    assert " ".join(layout.lines) == LONG
    assert len(lengths) >= 3
    assert max(lengths) <= 0.8 * width + 1
    assert min(lengths) >= 0.6 * max(lengths)


def test_a_title_is_large_and_its_last_word_is_not_alone() -> None:
    layout = lay_out(TextOverlay(text="Congratulations! You Win!"), 1280, 720)
    assert layout.lines == ("Congratulations!", "You Win!")
    assert layout.size > 0.12 * 720
    assert lay_out(TextOverlay(text="one two three four five six"), 720, 1280).lines[-1].count(" ") > 0


def test_own_line_breaks_are_kept_and_blanks_are_not() -> None:
    layout = lay_out(TextOverlay(text="  one\ttwo  \r\n\r\nthree ", size=40), 1280, 720)
    assert layout.lines == ("one two", "", "three")


def test_text_without_blanks_breaks_where_its_script_does() -> None:
    # No font for it comes with us: what is tested is where lines may break.
    found = fit("\u304a\u3081\u3067\u3068\u3046\u3002" * 3, [1.0], len, lambda _size, _lines: True, 8)
    assert found is not None
    assert len(found.lines) == 3
    assert all(not line.startswith("\u3002") for line in found.lines)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_a_size_is_of_720_lines(width: int, height: int) -> None:
    size = lay_out(TextOverlay(text="Win", size=60), width, height).size
    assert size == pytest.approx(60 * min(width, height) / 720)


def test_a_long_word_makes_the_words_smaller() -> None:
    layout = lay_out(TextOverlay(text="Donaudampfschifffahrtsgesellschaft", size=120), 1280, 720)
    assert len(layout.lines) == 1
    assert 30 < layout.size < 120


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"text": "You win \U0001f389 \u65e5"}, r"cannot draw \U0001f389 \(U\+1F389\), \u65e5 \(U\+65E5\)"),
        ({"text": "\u200b\u200d"}, "nothing to be seen"),
        ({"text": "x" * 400}, "does not fit"),
        ({"text": "x", "font": "No Such Font"}, "No font 'No Such Font' is installed"),
        ({"text": "x", "color": "bluish"}, "Unknown color 'bluish'"),
    ],
)
def test_what_cannot_be_drawn_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(InputValidationError, match=message):
        check_overlays([TextOverlay(**fields)], 1280, 720)


@pytest.mark.parametrize(
    "text", ["Žluťoučký kůň", "Ещё раз!", "Ελλάδα", "e\u0301 \u2764\ufe0f", "tab\there", "a\ud800b"]
)
def test_what_can_be_drawn_is_not(text: str) -> None:
    check_overlays([TextOverlay(text=text)], 480, 480)


@pytest.mark.parametrize("animation", MOVING)
def test_every_animation_moves_and_ends_at_the_same_picture(animation: Animation) -> None:
    still, moving = (TextOverlay(text="You Win!", animation=kind) for kind in (Animation.NONE, animation))
    standing = drawn([still], SMALL, 0)
    frames = steps([moving], SMALL, range(24))
    assert np.array_equal(frames[0], from_picture(SMALL)), "nothing is there yet"
    assert np.array_equal(frames[22], standing)
    assert np.array_equal(frames[23], standing)
    assert len({frame.tobytes() for frame in frames[:12]}) == 12, "it moves in every frame"


def test_bounce_overshoots_and_scale_does_not() -> None:
    def widths(animation: Animation) -> list[int]:
        overlay = TextOverlay(text="You Win!", animation=animation)
        boxes = [changed(from_picture(GRAY), frame) for frame in steps([overlay], GRAY, range(2, 24))]
        return [right - left for left, _, right, _ in boxes]

    bounce, scale = widths(Animation.BOUNCE), widths(Animation.SCALE_IN)
    assert max(bounce) > 1.08 * bounce[-1]
    assert min(bounce[bounce.index(max(bounce)) :]) < bounce[-1], "it swings back"
    assert max(scale) <= scale[-1] + 2
    assert scale[0] < 0.9 * scale[-1]


def test_a_slide_comes_from_the_nearer_edge_without_a_tremble() -> None:
    def tops(position: Position) -> list[int]:
        overlay = TextOverlay(text="You Win!", position=position, animation=Animation.SLIDE_IN)
        return [changed(from_picture(GRAY), frame)[1] for frame in steps([overlay], GRAY, range(2, 20))]

    from_below, from_above = tops(Position.BOTTOM), tops(Position.TOP)
    assert from_below == sorted(from_below, reverse=True)
    assert from_below[0] > from_below[-1] + 10
    assert from_above[0] < from_above[-1] - 10


def test_in_a_loop_words_stand_from_the_first_frame_to_the_last() -> None:
    overlay = TextOverlay(text="You Win!", animation=Animation.BOUNCE)
    first, last = steps([overlay], SMALL, (0, 95), loop=True)
    assert np.array_equal(first, last)
    assert not np.array_equal(first, from_picture(SMALL))


@pytest.mark.parametrize("background", BACKGROUNDS)
@pytest.mark.parametrize("color", ["white", "black", "gold", "#808080", "navy", "red"])
def test_letters_stand_out_from_what_is_around_them(color: str, background: str) -> None:
    """Around a letter lies an outline of the other brightness, whatever the picture is."""
    overlay, solid = TextOverlay(text="You Win!", color=color), np.array(parse_color(color), int)
    black, white, seen = (
        to_picture(drawn([overlay], BACKGROUNDS[name])).astype(int) for name in ("black", "white", background)
    )
    unlike = np.maximum(np.abs(black - solid), np.abs(white - solid)).max(axis=2)
    row = 360
    inside = np.flatnonzero(unlike[row] <= 12)
    ends = inside[np.flatnonzero(np.diff(inside, append=1280) > 4)]
    assert len(ends) >= 7, "a row through seven letters or more"
    contrasts = [np.abs(seen[row, end + 1 : end + 9] - solid).max() for end in ends]
    assert min(contrasts) > 90


@pytest.mark.parametrize("color", ["#ff0000", "lime", "#00f", "gold"])
def test_a_colour_is_what_was_asked_for(color: str) -> None:
    frame = drawn([TextOverlay(text="I", color=color, size=200)], gray(1280, 720))
    middle = to_picture(frame)[360, 640]
    assert np.abs(middle.astype(int) - parse_color(color)).max() <= 3


def test_edges_are_crisp() -> None:
    """From letter to outline it takes one or two pixels, also where a frame is small."""
    frame = drawn([TextOverlay(text="HHHH", size=90)], np.zeros((720, 1280, 3), np.uint8))
    row = planes(frame)[0][360].astype(int)
    between = (row > 60) & (row < 215)
    edges = np.count_nonzero(np.diff(row > 128))
    assert edges == 8, "the bar joins both stems"
    assert np.count_nonzero(between) <= 2 * edges


def test_nothing_else_is_touched() -> None:
    before, background = from_picture(BACKGROUNDS["busy"]), BACKGROUNDS["busy"]
    after = drawn([TextOverlay(text="You Win!", position=Position.BOTTOM)], background, 6)
    for old, new in zip(planes(before), planes(after), strict=True):
        height, width = old.shape
        assert np.array_equal(old[: height // 2], new[: height // 2])
        assert np.array_equal(old[:, : width // 10], new[:, : width // 10])
        assert not np.array_equal(old, new)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_words_at_the_top_make_room_for_a_logo(width: int, height: int) -> None:
    text = TextOverlay(text="Chapter twelve", position=Position.TOP)
    logo = PictureOverlay(image="logo", place=Place.LOGO)
    with_logo, without = (lay_out(text, width, height, logos=logos).box for logos in (1, 0))
    check_overlays([logo, text], width, height)
    assert with_logo.right < without.right or with_logo.top > without.top
