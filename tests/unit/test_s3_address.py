"""URLs of buckets, and what is said about wrong ones."""

from __future__ import annotations

import sys

import pytest

from cutscene.errors import InputValidationError
from cutscene.storage import open_store
from cutscene.storage.s3_address import S3Address


@pytest.mark.parametrize(
    ("url", "base", "prefix"),
    [
        ("s3://clips", "https://clips.s3.us-east-1.amazonaws.com", ""),
        ("s3://clips/a/b/?region=eu-west-1", "https://clips.s3.eu-west-1.amazonaws.com", "a/b/"),
        ("s3://clips.example.com", "https://s3.us-east-1.amazonaws.com/clips.example.com", ""),
        ("s3://clips?style=path", "https://s3.us-east-1.amazonaws.com/clips", ""),
        ("s3://clips/p?endpoint=http://127.0.0.1:9000", "http://127.0.0.1:9000/clips", "p/"),
        ("s3://clips?endpoint=http%3A%2F%2F[::1]:9000/", "http://[::1]:9000/clips", ""),
        ("s3://clips?endpoint=https://x.example/storage/s3", "https://x.example/storage/s3/clips", ""),
        ("s3://clips?endpoint=https://s3.example&style=virtual", "https://clips.s3.example", ""),
    ],
)
def test_where_a_bucket_is(url: str, base: str, prefix: str) -> None:
    address = S3Address.parse(url, {})
    assert (str(address.base).rstrip("/"), address.prefix) == (base, prefix)
    assert address.uri("a/b.mp4").endswith(f"/{prefix}a/b.mp4")


def test_links_may_begin_with_another_address() -> None:
    url = "s3://clips/p?endpoint=http://s3:8333&public=https://files.example.com"
    address = S3Address.parse(url, {})
    assert (str(address.base), str(address.public)) == (
        "http://s3:8333/clips",
        "https://files.example.com/clips",
    )
    alone = S3Address.parse("s3://clips?endpoint=http://s3:8333", {})
    assert alone.public == alone.base


def test_the_region_may_come_from_the_environment() -> None:
    assert S3Address.parse("s3://clips", {"AWS_DEFAULT_REGION": "eu-west-2"}).region == "eu-west-2"
    both = {"AWS_DEFAULT_REGION": "eu-west-2", "AWS_REGION": "eu-west-3"}
    assert S3Address.parse("s3://clips", both).region == "eu-west-3"
    assert S3Address.parse("s3://clips?region=eu-west-1", both).region == "eu-west-1"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("s3://key:hidden@clips", "keys do not belong into it"),
        ("s3://clips?access_key=hidden", "unknown"),
        ("s3://clips?region=a&region=hidden", "repeated"),
        ("s3://clips?region=hidden/", "region"),
        ("s3://clips?endpoint=hidden", "endpoint"),
        ("s3://clips?endpoint=http://u:hidden@example.com", "endpoint"),
        ("s3://clips?endpoint=http://x?hidden=1", "endpoint"),
        ("s3://clips?endpoint=http://:80", "endpoint"),
        ("s3://clips?public=hidden", "public"),
        ("s3://clips?endpoint=http://a:b:c", "endpoint"),
        ("s3://clips?style=hidden", "style"),
        ("s3://clips?hidden", "not a URL"),
        ("s3://clips#hidden", "options"),
        ("s3://", "no bucket"),
        ("s3://Clips_hidden", "no bucket"),
        ("s3://clips:80", "no bucket"),
        ("s3://clips/../hidden", "prefix"),
        ("s3://clips/" + "x" * 201, "prefix"),
        ("s3://[hidden", "not a URL"),
        ("gs://key:hidden@clips", "keys do not belong into it"),
        ("gs://clips?endpoint=hidden", "unknown"),
        ("az://clips/p", "AZURE_STORAGE_ACCOUNT_NAME"),
    ],
)
def test_what_is_wrong_is_said_without_repeating_it(url: str, reason: str) -> None:
    with pytest.raises(InputValidationError, match=reason) as caught:
        open_store(url)
    assert "CUTSCENE_STORAGE_URL" in str(caught.value)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["gs", "az"])
def test_other_clouds_are_an_extra(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    monkeypatch.delitem(sys.modules, "cutscene.storage.clouds", raising=False)
    monkeypatch.setitem(sys.modules, "obstore", None)  # as if it were not installed
    with pytest.raises(InputValidationError, match=r"install cutscene\[clouds\]"):
        open_store(f"{scheme}://clips")


@pytest.mark.anyio
async def test_other_clouds_name_clips_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store("gs://clips/some/prefix")
    assert store.uri("a/b.mp4") == "gs://clips/some/prefix/a/b.mp4"
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "acme")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "c2VjcmV0")
    azure = open_store("az://clips")
    assert azure.uri("a/b.mp4") == "az://clips/a/b.mp4"
    link = await azure.url("a/b.mp4")
    assert link.startswith("https://acme.blob.core.windows.net/clips/a/b.mp4?")
    await azure.close()
    await store.close()
