"""What a source is, by its looks."""

from __future__ import annotations

from typing import Any

import pytest

from cutscene.errors import InputValidationError
from cutscene.origins import DataUri, Link, LocalFile, StoreKey, origin_of

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
