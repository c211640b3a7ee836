"""What a source is, by its looks, and how a request with links is known again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cutscene.domain import VideoRequest
from cutscene.errors import InputValidationError
from cutscene.origins import DataUri, Link, LocalFile, StoreKey, origin_of
from cutscene.overlays import LayerOverlay, PictureOverlay, TextOverlay
from cutscene.sources import fingerprint

KEY = f"acme/default/source/{'0' * 32}.png"
LINK = "https://cdn.example/still.png?sig=secret"
DATA = "data:image/png;base64,aGVsbG8="


@pytest.mark.parametrize(
    ("source", "origin"),
    [
        (LINK, Link(LINK, "https")),
        (f"  {LINK}\n", Link(LINK, "https")),
        ("HTTPS://h/x", Link("HTTPS://h/x", "https")),
        ("https:x", Link("https:x", "https")),
        ("http://h/x", Link("http://h/x", "http")),
        ("file:/etc/passwd", Link("file:/etc/passwd", "file")),
        ("s3://bucket/x", Link("s3://bucket/x", "s3")),
        ("jar:file:///x", Link("jar:file:///x", "jar:file")),
        (DATA, DataUri(DATA)),
        (f" {DATA.upper()}", DataUri(DATA.upper())),
        (KEY, StoreKey(KEY, "acme")),
        (KEY.replace("source", "video"), StoreKey(KEY.replace("source", "video"), "acme")),
        (f"/{KEY}", LocalFile(f"/{KEY}")),
        (f"./{KEY}", LocalFile(f"./{KEY}")),
        ("art/still.png", LocalFile("art/still.png")),
        (" still.png", LocalFile(" still.png")),
        ("12:30.png", LocalFile("12:30.png")),
        ("portrait: anna.png", LocalFile("portrait: anna.png")),
        ("httpd.png", LocalFile("httpd.png")),
        ("", LocalFile("")),
    ],
)
def test_a_source_is_known_by_its_looks(source: str, origin: Any) -> None:
    assert origin_of(source) == origin


@pytest.mark.parametrize("source", [None, 5, b"still.png", ["still.png"]])
def test_what_is_no_text_is_no_source(source: Any) -> None:
    with pytest.raises(InputValidationError, match="say as text where it is"):
        origin_of(source)


LINKED = VideoRequest(prompt="waves", image=LINK)


@pytest.mark.parametrize(
    "changed",
    [
        {"image": f"{LINK}2"},
        {"last_image": DATA},
        {"prompt": "wind"},
        {"duration": 5.0},
        {"seed": 7},
        {"overlays": (LayerOverlay(),)},
        {"overlays": (PictureOverlay(image=LINK),)},
        {"overlays": (PictureOverlay(image=LINK, opacity=0.5),)},
    ],
)
def test_another_request_has_another_fingerprint(changed: dict[str, Any]) -> None:
    other = fingerprint(replace(LINKED, **changed))
    assert other not in (None, fingerprint(LINKED))
    assert other == fingerprint(VideoRequest.from_json(replace(LINKED, **changed).to_json()))


@pytest.mark.parametrize(
    "request_",
    [
        VideoRequest(prompt="waves"),
        VideoRequest(prompt="waves", image=DATA),
        VideoRequest(prompt="waves", image=KEY),
        VideoRequest(prompt="waves", image="still.png"),
        replace(LINKED, last_image="still.png"),
        replace(LINKED, overlays=(PictureOverlay(image="logo.png"),)),
        replace(LINKED, overlays=(TextOverlay(text="Hello", font="./mine.ttf"),)),
    ],
)
def test_without_links_or_with_local_files_there_is_none(request_: VideoRequest) -> None:
    assert fingerprint(request_) is None


def test_a_link_does_not_show_in_the_fingerprint() -> None:
    assert len(fingerprint(LINKED) or "") == 64
