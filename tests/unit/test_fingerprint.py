"""Whether two requests are one, as far as it can be said without taking their files in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cutscene.domain import VideoRequest
from cutscene.fingerprint import fingerprint, is_same
from cutscene.overlays import PictureOverlay, TextOverlay


def test_the_same_words_are_the_same_request() -> None:
    one = fingerprint(VideoRequest(prompt="waves"), None)
    assert is_same(one, fingerprint(VideoRequest(prompt="waves"), None))
    assert is_same(one, fingerprint(VideoRequest(prompt="waves", fingerprint=one), None))
    assert not is_same(one, fingerprint(VideoRequest(prompt="Waves"), None))
    assert not is_same(one, fingerprint(VideoRequest(prompt="waves"), "local"))
    assert not is_same(None, one)


def test_files_count_by_what_is_in_them_for_as_long_as_they_are_there(tmp_path: Path) -> None:
    still, logo, font = (tmp_path / name for name in ("still.png", "logo.png", "title.ttf"))
    for path in (still, logo, font):
        path.write_bytes(path.name.encode())
    request = VideoRequest(
        prompt="waves",
        image=str(still),
        overlays=(PictureOverlay(image=str(logo)), TextOverlay(text="Yes", font=str(font))),
    )
    before = fingerprint(request, None)
    for path in (still, logo, font):
        path.write_bytes(b"another")
        assert not is_same(before, fingerprint(request, None))
        path.write_bytes(path.name.encode())
        assert is_same(before, fingerprint(request, None))
    still.unlink()
    assert is_same(before, fingerprint(request, None))
    logo.write_bytes(b"another")
    assert not is_same(before, fingerprint(request, None))
    assert not is_same(before, fingerprint(replace(request, image="elsewhere.png"), None))


def test_what_is_no_file_is_known_by_its_name() -> None:
    for source in ("https://x.example/a.png", "data:image/png;base64,AAAA", "acme/default/source/0.png"):
        one = fingerprint(VideoRequest(prompt="waves", image=source), None)
        assert is_same(one, fingerprint(VideoRequest(prompt="waves", image=source), None))
        assert not is_same(one, fingerprint(VideoRequest(prompt="waves", image=source + "x"), None))


def test_a_huge_file_is_known_by_its_size(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    with clip.open("wb") as file:
        file.truncate(2**40)
    request = VideoRequest(prompt="waves", video=str(clip))
    before = fingerprint(request, None)
    assert is_same(before, fingerprint(request, None))
    with clip.open("ab") as file:
        file.write(b"more")
    assert not is_same(before, fingerprint(request, None))


def test_what_never_ends_is_not_read() -> None:
    request = VideoRequest(prompt="waves", image="/dev/zero", last_image="\x00")
    assert fingerprint(request, None).endswith(":-:-")
    nowhere = VideoRequest(prompt="waves", image="~nobody-here/a.png")
    assert fingerprint(nowhere, None).endswith(":-")


def test_a_font_by_name_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Inter").write_bytes(b"of another kind")
    named = VideoRequest(prompt="waves", overlays=(TextOverlay(text="Yes", font="Inter"),))
    assert ":" not in fingerprint(named, None)
