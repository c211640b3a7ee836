from __future__ import annotations

import base64
import os
import struct
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from cutscene.errors import InputValidationError
from cutscene.media.picture import (
    MAX_BYTES,
    Picture,
    crop_to,
    from_data_uri,
    read_picture,
    shrink_to,
    to_data_uri,
    widen_to,
)


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def pixels(picture: Picture) -> Any:
    return np.asarray(Image.open(BytesIO(picture.data)))


def png_of_size(width: int, height: int) -> bytes:
    """The head of a PNG that claims a size, and nothing behind it."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(100)))


@pytest.fixture
def photo(texture: Any) -> Image.Image:
    return Image.fromarray(texture(480, 360))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_the_accepted_formats_are_read_as_they_are(tmp_path: Path, photo: Image.Image, kind: str) -> None:
    data = encoded(photo, kind)
    path = tmp_path / "photo.img"
    path.write_bytes(data)
    assert read_picture(str(path)) == data
    assert read_picture(f"data:image/x;base64,{base64.b64encode(data).decode()}") == data
    assert (crop_to(data, 160, 90).width, crop_to(data, 160, 90).height) == (160, 90)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("photo.txt", b"hello", "photo.txt is not a picture: give a JPEG, PNG or WebP file."),
        ("photo.png", b"", "photo.png is empty: give a JPEG, PNG or WebP file."),
        ("photo.bmp", b"BM" + bytes(100), "photo.bmp is not a picture: give a JPEG, PNG or WebP file."),
        ("photo.jpg", png_of_size(8000, 7000), "photo.jpg has more than 50 million pixels: give a smaller"),
        ("photo.jpg", png_of_size(60000, 60000), "photo.jpg has more than 50 million pixels: give a smaller"),
        ("photo.jpg", png_of_size(10000, 9999), "photo.jpg has more than 50 million pixels: give a smaller"),
    ],
)
def test_bad_files_are_named_and_explained(tmp_path: Path, name: str, content: bytes, sentence: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputValidationError) as caught:
        read_picture(str(path))
    assert str(caught.value).startswith(sentence)
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize(
    "kind", ["TIFF", "AVIF", "BMP", "ICO", "PPM", "TGA", "JPEG2000", "PDF", "EPS", "ICNS"]
)
def test_other_formats_are_refused_with_those_that_are_accepted(
    tmp_path: Path, photo: Image.Image, kind: str
) -> None:
    path = tmp_path / "photo"
    path.write_bytes(encoded(photo.resize((64, 64)), kind))
    with pytest.raises(
        InputValidationError, match=r"^photo is not a picture: give a JPEG, PNG or WebP file\.$"
    ):
        read_picture(str(path))


@pytest.mark.parametrize(
    "text",
    ["<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>", "%!PS-Adobe-3.0", "#EXTM3U", "P5 9 9"],
)
def test_text_is_no_picture(tmp_path: Path, text: str) -> None:
    path = tmp_path / "photo.png"
    path.write_text(text)
    with pytest.raises(InputValidationError, match="is not a picture: give a JPEG, PNG or WebP file"):
        read_picture(str(path))


def test_a_missing_file_a_directory_and_no_name_are_explained(tmp_path: Path) -> None:
    with pytest.raises(InputValidationError, match=r"^none\.png does not exist: check the path"):
        read_picture(str(tmp_path / "none.png"))
    with pytest.raises(InputValidationError, match=r"is a directory: give a JPEG"):
        read_picture(str(tmp_path))
    with pytest.raises(InputValidationError, match=r"^No picture is named"):
        read_picture(" ")
    with pytest.raises(InputValidationError, match=r"cannot be read"):
        read_picture("a\0b.png")
    with pytest.raises(InputValidationError, match=r"cannot be read"):
        read_picture("x" * 5000)


@pytest.mark.parametrize("mistyped", ["https//host/a.png?sig=secret", "//host/a.png?sig=secret"])
def test_what_was_meant_as_a_link_keeps_its_query_to_itself(mistyped: str) -> None:
    with pytest.raises(InputValidationError) as caught:
        read_picture(mistyped)
    assert str(caught.value) == "a.png does not exist: check the path of the picture."


def test_a_picture_is_called_by_the_name_it_is_given(tmp_path: Path) -> None:
    path = tmp_path / "source-0"
    for content, sentence in ((b"", "is empty"), (b"hello", "is not a picture"), (b"\x89PNG", "is not a")):
        path.write_bytes(content)
        with pytest.raises(InputValidationError, match=f"^The file from cdn.example {sentence}"):
            read_picture(str(path), name="The file from cdn.example")


def test_a_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(InputValidationError, match=r"not a regular file"):
        read_picture(str(tmp_path / "pipe.png"))


def test_a_large_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge.png"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(InputValidationError, match=r"huge\.png has more than 32 MiB"):
        read_picture(str(path))


def test_a_web_address_is_not_echoed() -> None:
    with pytest.raises(InputValidationError, match=r"web address") as caught:
        read_picture("https://example.com/a.png?signature=secret")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("uri", "word"),
    [
        ("data:", "malformed"),
        ("data:image/png,abc", "malformed"),
        ("data:image/png;base64", "malformed"),
        ("data:image/png;base64,", "empty"),
        ("data:image/png;base64,!!!!", "damaged"),
        ("data:image/png;base64,iVBOR", "damaged"),
        ("data:image/png;base64,äöü", "damaged"),
        ("image/png;base64,aGVsbG8=", "malformed"),
        ("data:image/png;base64," + "A" * (MAX_BYTES * 4 // 3 + 8), "MiB"),
    ],
)
def test_bad_data_uris_are_explained(uri: str, word: str) -> None:
    with pytest.raises(InputValidationError, match=word):
        from_data_uri(uri)


def test_a_data_uri_without_a_picture_is_refused() -> None:
    with pytest.raises(InputValidationError, match=r"^The data URI is not a picture"):
        read_picture("data:image/png;base64,aGVsbG8=")


def test_a_picture_survives_its_data_uri(photo: Image.Image) -> None:
    picture = crop_to(encoded(photo), 160, 90)
    assert from_data_uri(picture.data_uri) == picture.data
    assert picture.data_uri.startswith("data:image/jpeg;base64,")
    assert read_picture(picture.data_uri) == picture.data


@pytest.mark.parametrize(
    ("source", "wanted", "expected"),
    [
        ((480, 360), (160, 90), (160, 90)),  # far larger: scaled down
        ((480, 360), (1280, 720), (480, 270)),  # smaller: cropped alone
        ((500, 400), (1280, 720), (496, 279)),  # to the exact ratio
        ((400, 700), (1280, 720), (400, 225)),
        ((1300, 800), (1280, 720), (1296, 729)),  # a little larger: left alone
        ((200, 200), (768, 768), (200, 200)),
        ((800, 600), (854, 480), (800, 450)),  # coprime: to the nearest pixel, not to 427 x 240
        ((7, 3), (16, 9), (5, 3)),
        ((1, 1), (16, 9), (1, 1)),
    ],
)
def test_the_crop_has_the_ratio_and_is_never_enlarged(
    source: tuple[int, int], wanted: tuple[int, int], expected: tuple[int, int]
) -> None:
    picture = crop_to(encoded(Image.new("RGB", source)), *wanted)
    assert (picture.width, picture.height) == expected
    assert pixels(picture).shape[1::-1] == expected


def test_the_crop_is_around_the_centre_and_does_not_squeeze() -> None:
    image = Image.new("RGB", (300, 100), "black")
    image.paste("white", (100, 0, 200, 100))
    assert pixels(crop_to(encoded(image), 100, 100)).min() == 255


def test_photographs_become_fine_jpeg_and_drawings_png(texture: Any) -> None:
    noisy = Image.fromarray(np.random.default_rng(1).integers(0, 255, (90, 160, 3), np.uint8))
    photograph = crop_to(encoded(noisy), 160, 90)
    assert photograph.media_type == "image/jpeg"
    jpeg: Any = Image.open(BytesIO(photograph.data))
    assert all(layer[1:3] == (1, 1) for layer in jpeg.layer), "colours are not subsampled"
    assert crop_to(encoded(Image.new("RGB", (160, 90), "red")), 160, 90).media_type == "image/png"


def test_transparency_becomes_white() -> None:
    assert pixels(crop_to(encoded(Image.new("RGBA", (32, 32), (255, 0, 0, 0))), 16, 16)).min() == 255
    palette = Image.new("P", (32, 32), 0)
    assert pixels(crop_to(encoded(palette, transparency=0), 16, 16)).min() == 255


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_every_mode_comes_out_as_rgb(mode: str) -> None:
    kind = "JPEG" if mode == "CMYK" else "PNG"
    result = pixels(crop_to(encoded(Image.new(mode, (32, 32)), kind), 16, 16))
    assert result.shape == (16, 16, 3)


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("CMYK", "JPEG"), ("RGB", "JPEG"), ("P", "PNG"), ("P", "GIF"), ("RGBA", "WEBP"), ("RGBA", "PNG")],
)
def test_every_mode_keeps_its_colours(mode: str, kind: str) -> None:
    orange = Image.new("RGB", (32, 32), (230, 120, 40)).convert(mode)
    options = {"lossless": True} if kind == "WEBP" else {}
    colour = pixels(crop_to(encoded(orange, kind, **options), 16, 16)).mean((0, 1))
    assert colour.tolist() == pytest.approx([230, 120, 40], abs=4)


def test_16_bits_of_colour_are_read() -> None:
    """Pillow reads them, and writes none: a PNG by hand, half red."""
    row = b"\0" + struct.pack(">HHH", 0x8000, 0, 0) * 8

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 8, 8, 16, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    data += chunk(b"IDAT", zlib.compress(row * 8)) + chunk(b"IEND", b"")
    assert pixels(crop_to(data, 8, 8))[4, 4].tolist() == pytest.approx([128, 0, 0], abs=2)


@pytest.mark.parametrize("size", [(1, 1), (20_000, 10), (10, 20_000), (1, 5000), (3, 2)])
def test_splinters_and_specks_are_cropped(size: tuple[int, int]) -> None:
    picture = crop_to(encoded(Image.new("RGB", size, "teal")), 1280, 720)
    assert picture.width <= size[0]
    assert picture.height <= size[1]
    assert pixels(picture)[0, 0].tolist() == [0, 128, 128]


def test_as_many_pixels_as_are_set_are_accepted(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(encoded(Image.new("RGB", (1500, 1000))))
    data = read_picture(str(path), max_pixels=1_500_000)
    with pytest.raises(InputValidationError, match="more than 1 million pixels"):
        read_picture(str(path), max_pixels=1_499_999)
    with pytest.raises(InputValidationError, match="more than 1 million pixels"):
        crop_to(data, 16, 9, max_pixels=1_499_999)


def test_a_bomb_of_text_in_a_picture_is_refused(photo: Image.Image) -> None:
    """A kilobyte that unpacks to a gigabyte, in a place where nobody looks."""
    body = b"Comment\0\0" + zlib.compress(bytes(200_000_000), 9)
    chunk = struct.pack(">I", len(body)) + b"zTXt" + body + struct.pack(">I", zlib.crc32(b"zTXt" + body))
    data = encoded(photo)
    with pytest.raises(InputValidationError, match="damaged"):
        crop_to(data[:33] + chunk + data[33:], 160, 90)


def test_16_bits_are_scaled_and_not_clipped() -> None:
    gray = Image.fromarray(np.full((32, 32), 0x8000, np.uint16))
    assert pixels(crop_to(encoded(gray), 16, 16)).mean() == pytest.approx(128)


def test_a_turned_camera_is_put_upright(photo: Image.Image) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    sideways = encoded(photo.transpose(Image.Transpose.ROTATE_90), "JPEG", exif=exif, quality=95)
    picture = crop_to(sideways, 480, 360)
    assert (picture.width, picture.height) == (480, 360)
    assert np.abs(pixels(picture).astype(int) - np.asarray(photo)).mean() < 4
    assert not Image.open(BytesIO(picture.data)).getexif()


def test_nothing_but_the_picture_leaves() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    drawing = encoded(Image.new("RGB", (32, 32), "red"), icc_profile=profile)
    picture = crop_to(drawing, 16, 16)
    assert picture.media_type == "image/png"
    assert not Image.open(BytesIO(picture.data)).info


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_an_animation_gives_its_first_picture(kind: str) -> None:
    red, blue = Image.new("RGB", (32, 32), "red"), Image.new("RGB", (32, 32), "blue")
    data = encoded(red, kind, save_all=True, append_images=[blue], duration=100)
    assert pixels(crop_to(data, 16, 16))[8, 8].tolist() == pytest.approx([255, 0, 0], abs=3)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_a_truncated_picture_is_refused(photo: Image.Image, kind: str) -> None:
    data = encoded(photo, kind)
    with pytest.raises(InputValidationError, match=r"^The file is damaged: save the picture anew"):
        crop_to(data[: len(data) // 2], 160, 90)


def test_a_broken_png_is_refused(photo: Image.Image) -> None:
    """Pillow raises SyntaxError for this."""
    data = bytearray(encoded(photo))
    data[data.index(b"IDAT", data.index(b"IDAT") + 4)] = 0xFF
    with pytest.raises(InputValidationError, match=r"damaged"):
        crop_to(bytes(data), 160, 90)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    kind=st.sampled_from(["JPEG", "PNG", "WEBP", "GIF"]),
    edits=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=5),
)
def test_a_mutated_picture_is_refused_or_cropped(kind: str, edits: list[tuple[float, int]]) -> None:
    data = bytearray(encoded(Image.linear_gradient("L").resize((48, 32)).convert("RGB"), kind))
    for place, value in edits:
        data[int(place * min(len(data), 400))] = value
    try:
        picture = crop_to(bytes(data), 16, 9)
    except InputValidationError:
        return
    assert picture.width <= 20


@pytest.mark.parametrize(("ratio", "size"), [((1280, 768), (600, 360)), ((720, 1280), (360, 640))])
def test_what_surrounds_a_square_is_cut_off_again(
    photo: Image.Image, ratio: tuple[int, int], size: tuple[int, int]
) -> None:
    square = crop_to(encoded(photo), 360, 360)
    wide = widen_to(square.data, *ratio)
    assert (wide.width, wide.height) == size
    left, top = (wide.width - 360) // 2, (wide.height - 360) // 2
    middle = pixels(wide)[top : top + 360, left : left + 360].astype(int)
    assert np.abs(middle - pixels(square)).mean() < 2
    edge = pixels(wide)[: top or None, : left or None]
    assert edge.std() > 5  # blurred surroundings rather than bars


@pytest.mark.parametrize("limit", [400_000, 60_000, 4_000])
def test_a_picture_is_made_to_fit(limit: int) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (700, 900, 3), np.uint8)
    data = encoded(Image.fromarray(noise))
    small = shrink_to(data, limit)
    assert len(small.data_uri) <= limit
    assert small.media_type == "image/jpeg"
    assert small.width / small.height == pytest.approx(900 / 700, rel=0.05)
    assert pixels(small).shape == (small.height, small.width, 3)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_a_picture_that_fits_stays_as_it_is(photo: Image.Image, kind: str) -> None:
    data = encoded(photo, kind, lossless=True)
    same = shrink_to(data, 5_000_000)
    assert (same.data, same.media_type) == (data, f"image/{kind.lower()}")
    assert len(same.data_uri) == len(to_data_uri(data, same.media_type))


def test_what_is_no_picture_is_not_shrunk() -> None:
    with pytest.raises(InputValidationError, match="not a picture"):
        shrink_to(b"no picture", 1000)
