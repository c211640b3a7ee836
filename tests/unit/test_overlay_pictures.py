from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from cutscene.errors import InputValidationError
from cutscene.media.frames import Frame, from_picture, planes, to_picture
from cutscene.media.overlay import Overlays
from cutscene.media.picture import take_overlay
from cutscene.overlays import Overlay, PictureOverlay, Place

SIZES = [(1280, 720), (720, 1280), (768, 768), (480, 480), (4096, 2304)]
BUSY = np.random.default_rng(1).integers(0, 256, (720, 1280, 3), np.uint8)


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def drawn(
    *overlays: Overlay, background: NDArray[np.uint8] = BUSY, **pictures: Image.Image
) -> tuple[Frame, Frame]:
    """Before and after."""
    height, width = background.shape[:2]
    data = {name: take_overlay(encoded(image)) for name, image in pictures.items()}
    before = from_picture(background)
    after = before.copy()
    Overlays(overlays, width=width, height=height, fps=24, frames=48, loop=False, pictures=data).draw(
        after, 0
    )
    return before, after


def changed(before: Frame, after: Frame) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what differs in luma, pixels."""
    rows, columns = np.nonzero(planes(before)[0] != planes(after)[0])
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


def solid(width: int, height: int, color: str) -> Image.Image:
    return Image.new("RGBA", (width, height), color)


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("place", [Place.LOGO, Place.MASCOT])
@pytest.mark.parametrize("shape", [(600, 200), (200, 600), (333, 333)])
def test_logo_and_mascot_stand_in_their_corners(
    shape: tuple[int, int], place: Place, width: int, height: int
) -> None:
    background = np.zeros((height, width, 3), np.uint8)
    picture = solid(*shape, "white")
    before, after = drawn(PictureOverlay(image="x", place=place), background=background, x=picture)
    left, top, right, bottom = changed(before, after)
    assert 0.9 * width <= right <= 0.95 * width
    assert left >= 0.05 * width
    wanted = (right - left) / (bottom - top)
    assert wanted == pytest.approx(shape[0] / shape[1], rel=0.05), "never squeezed"
    if place is Place.LOGO:
        assert 0.05 * height <= top <= 0.1 * height
        assert bottom <= 0.25 * height
    else:
        assert 0.9 * height <= bottom <= 0.95 * height
        assert top >= 0.3 * height


def test_a_second_one_stands_on_the_other_side() -> None:
    logos = [PictureOverlay(image=name, place=Place.LOGO) for name in ("one", "two")]
    picture = solid(300, 100, "white")
    left, _, right, _ = changed(*drawn(*logos, one=picture, two=picture))
    assert left < 0.1 * 1280
    assert right > 0.9 * 1280


def test_transparent_borders_do_not_count() -> None:
    bordered = Image.new("RGBA", (900, 900))
    bordered.paste(solid(300, 100, "white"), (500, 700))
    logo = PictureOverlay(image="x", place=Place.LOGO)
    assert np.array_equal(drawn(logo, x=bordered)[1], drawn(logo, x=solid(300, 100, "white"))[1])


def test_a_small_picture_is_not_blown_up() -> None:
    left, top, right, bottom = changed(
        *drawn(PictureOverlay(image="x", place=Place.LOGO), x=solid(20, 20, "red"))
    )
    assert right - left <= 42
    assert bottom - top <= 42


@pytest.mark.parametrize("size", [(1280, 720), (400, 400), (3000, 1000), (100, 900)])
def test_an_overlay_covers_the_whole_frame_around_its_centre(size: tuple[int, int]) -> None:
    picture = solid(*size, "blue")
    _, after = drawn(PictureOverlay(image="x"), x=picture)
    flat = from_picture(np.full((720, 1280, 3), (255, 0, 0), np.uint8))
    assert np.abs(after.astype(int) - flat).max() <= 1


@pytest.mark.parametrize("color", ["red", "lime", "blue", "white", "black", "#c08040"])
def test_an_opaque_colour_is_exact_and_half_of_it_is_half(color: str) -> None:
    bgr = solid(1, 1, color).convert("RGB").getpixel((0, 0))
    assert isinstance(bgr, tuple)
    wanted = from_picture(np.full((720, 1280, 3), bgr[::-1], np.uint8)).astype(float)
    before, opaque = drawn(PictureOverlay(image="x"), x=solid(64, 36, color))
    assert np.abs(opaque - wanted).max() <= 1
    _, half = drawn(PictureOverlay(image="x", opacity=0.5), x=solid(64, 36, color))
    assert np.abs(half - (before + wanted) / 2).max() <= 2


def test_opacity_multiplies_what_the_picture_has_of_its_own() -> None:
    quarter = solid(64, 36, "white")
    quarter.putalpha(64)
    before, seen = drawn(PictureOverlay(image="x", opacity=0.5), x=quarter)
    wanted = before + (from_picture(np.full((720, 1280, 3), 255, np.uint8)).astype(float) - before) / 8
    assert np.abs(seen - wanted).max() <= 2
    before, unseen = drawn(PictureOverlay(image="x", opacity=0), x=quarter)
    assert np.array_equal(before, unseen)


@pytest.mark.parametrize("hidden", [(0, 0, 0, 0), (0, 255, 0, 0)])
def test_edges_have_no_fringe_of_what_is_transparent(hidden: tuple[int, int, int, int]) -> None:
    """A white disc on white stays white, whatever colour its transparent surroundings have."""
    y, x = np.mgrid[-1:1:500j, -1:1:500j]
    pixels = np.full((500, 500, 4), 255, np.uint8)
    pixels[x * x + y * y > 0.8] = hidden
    white = np.full((720, 1280, 3), 255, np.uint8)
    mascot = PictureOverlay(image="x", place=Place.MASCOT)
    _, after = drawn(mascot, background=white, x=Image.fromarray(pixels))
    assert to_picture(after).min() >= 252


def test_what_is_outside_of_a_picture_is_not_touched() -> None:
    before, after = drawn(PictureOverlay(image="x", place=Place.LOGO), x=solid(300, 100, "white"))
    for old, new in zip(planes(before), planes(after), strict=True):
        height, width = old.shape
        assert np.array_equal(old[height // 4 :], new[height // 4 :])
        assert np.array_equal(old[:, : width // 2], new[:, : width // 2])
        assert not np.array_equal(old, new)


def test_later_overlays_lie_on_top() -> None:
    layers = [PictureOverlay(image="red"), PictureOverlay(image="blue")]
    both = [
        drawn(*order, red=solid(16, 9, "red"), blue=solid(16, 9, "blue")) for order in (layers, layers[::-1])
    ]
    blue, red = (to_picture(after)[360, 640] for _, after in both)
    assert blue[0] > 240
    assert red[2] > 240


def taken(data: bytes) -> Image.Image:
    image = Image.open(BytesIO(take_overlay(data)))
    assert (image.format, image.mode) == ("PNG", "RGBA")
    return image


def test_a_picture_is_taken_with_its_transparency_of_any_mode() -> None:
    clear = Image.new("RGBA", (4, 2), (255, 0, 0, 128))
    assert taken(encoded(clear)).getpixel((0, 0)) == (255, 0, 0, 128)
    assert taken(encoded(clear.getchannel("R"))).getpixel((0, 0)) == (255, 255, 255, 255)
    palette = Image.new("P", (4, 2), 1)
    palette.putpalette([0, 0, 0, 0, 0, 255])
    assert taken(encoded(palette, transparency=1)).getpixel((0, 0)) == (0, 0, 255, 0)
    cmyk = taken(encoded(Image.new("CMYK", (4, 2), (0, 255, 255, 0)), "JPEG"))
    assert cmyk.getpixel((0, 0)) == pytest.approx((255, 0, 0, 255), abs=6)
    deep = Image.fromarray(np.full((2, 4), 0x8000, np.uint16))
    assert taken(encoded(deep)).getpixel((0, 0)) == (128, 128, 128, 255)


def test_a_picture_is_taken_upright_and_the_first_of_an_animation() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    assert taken(encoded(Image.new("RGB", (40, 20)), "JPEG", exif=exif)).size == (20, 40)
    first, second = (Image.new("RGB", (4, 2), color) for color in ("red", "blue"))
    moving = encoded(first, "GIF", save_all=True, append_images=[second])
    assert taken(moving).getpixel((0, 0)) == (255, 0, 0, 255)


def test_a_huge_picture_is_scaled_down() -> None:
    assert taken(encoded(Image.new("RGB", (5000, 1000), "red"))).size == (4096, 819)


def test_no_picture_is_refused() -> None:
    bomb = encoded(Image.new("1", (8000, 8000)))
    for data, message in ((b"", "empty"), (b"GIF89a?", "damaged|not a picture"), (bomb, "million pixels")):
        with pytest.raises(InputValidationError, match=message):
            take_overlay(data)
