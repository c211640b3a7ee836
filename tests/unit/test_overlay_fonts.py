from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest

from cutscene.errors import InputValidationError
from cutscene.media.overlay.fonts import MAX_BYTES, find_font

OWN = files("cutscene") / "assets" / "fonts" / "InterDisplay-Black.otf"


@pytest.fixture
def font_file(tmp_path: Path) -> Path:
    path = tmp_path / "a font.otf"
    path.write_bytes(OWN.read_bytes())
    return path


def test_ours_draws_latin_greek_and_cyrillic_and_its_license_is_beside_it() -> None:
    letters = "ABCxyz0189 ÄÖÜß ñçåøœ ąęłńśźż čďěňřšťůž ğış ΑΒΓαβγω АБВгдежэюя їєґ €£¥ «»“”…!?"
    assert find_font(None).missing(letters) == ""
    license_text = (files("cutscene") / "assets" / "fonts" / "InterDisplay-LICENSE.txt").read_text()
    assert "SIL OPEN FONT LICENSE" in license_text


def test_what_a_font_lacks_is_named_once() -> None:
    assert find_font(None).missing("a\u65e5b\u65e5 \u0e01\n") == "\u65e5\u0e01"


def test_a_font_is_taken_from_a_file(font_file: Path) -> None:
    font = find_font(str(font_file))
    assert font.at(80).getname() == ("Inter Display", "Black")
    assert font.data == OWN.read_bytes()


@pytest.mark.parametrize("content", [b"", b"no font at all", OWN.read_bytes()[:5000], bytes(10_000)])
def test_a_damaged_font_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.ttf"
    path.write_bytes(content)
    with pytest.raises(InputValidationError, match="undamaged"):
        find_font(str(path))


def test_what_is_no_file_or_too_large_is_refused(tmp_path: Path) -> None:
    huge = tmp_path / "huge.ttf"
    with huge.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    for name in (str(tmp_path), str(tmp_path / "none.ttf"), str(huge), "/dev/zero", "x\x00.ttf"):
        with pytest.raises(InputValidationError, match="no readable file"):
            find_font(name)


def test_an_installed_font_is_found_by_its_family_bold_first() -> None:
    try:
        font = find_font("dejavu sans")
    except InputValidationError:
        pytest.skip("DejaVu is not installed here")
    assert font.at(40).getname() == ("DejaVu Sans", "Bold")
    assert find_font("DejaVu Sans Oblique").at(40).getname() == ("DejaVu Sans", "Oblique")


def test_a_font_that_is_nowhere_is_refused_with_advice() -> None:
    with pytest.raises(InputValidationError, match="give the path of a TTF or OTF file"):
        find_font("Comic Nonsense")
