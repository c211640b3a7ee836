from __future__ import annotations

import errno
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutscene.errors import InputValidationError
from cutscene.storage import (
    check_key,
    clip_key,
    open_store,
    owner_of,
    poster_key,
    segment_key,
    source_key,
)
from cutscene.storage.files import storage_error

SHA = "0123456789abcdef" * 4
STEM = SHA[:32]


def test_keys_lie_under_tenant_and_run() -> None:
    assert clip_key("acme", "run-1", SHA) == f"acme/run-1/video/{STEM}.mp4"
    assert poster_key("acme", "run-1", SHA, "webp") == f"acme/run-1/video/{STEM}.webp"
    assert poster_key("acme", "run-1", SHA, ".jpg") == f"acme/run-1/video/{STEM}.jpg"
    assert source_key("acme", "run-1", SHA, "png") == f"acme/run-1/source/{STEM}.png"
    assert segment_key("acme", "run-1", "0f3e.0.1") == "acme/run-1/segment/0f3e.0.1.mp4"


def test_the_owner_of_what_was_made_or_given_stands_in_its_key() -> None:
    for key in (
        clip_key("acme", "run-1", SHA),
        poster_key("acme", "run-1", SHA, "jpg"),
        source_key("acme", "run-1", SHA, "png"),
    ):
        assert owner_of(key) == "acme"


@pytest.mark.parametrize(
    "key",
    ["", "photo.png", "a/b/source/photo.png", f"acme/{STEM}.png", f"acme/run/other/{STEM}.png",
     f"/{STEM}.png", f"./acme/run/source/{STEM}.png", f"acme/run/source/{STEM}",
     f"acme/run/source/{STEM}.png\n",
     f"acme/../source/{STEM}.png", f"Acme/run/source/{STEM}.png", f"acme/run/source/../source/{STEM}.png",
     segment_key("acme", "run", "job_1-0-1")],
)  # fmt: skip
def test_other_paths_have_no_owner(key: str) -> None:
    assert owner_of(key) is None


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../x", "A", "a b", "a\n", "ä", "x" * 64, ".tmp-1"])
def test_tenants_and_runs_cannot_leave_their_folder(name: str) -> None:
    for tenant, run in ((name, "run"), ("tenant", name)):
        with pytest.raises(InputValidationError):
            clip_key(tenant, run, SHA)
        with pytest.raises(InputValidationError):
            segment_key(tenant, run, "segment")


@pytest.mark.parametrize("name", ["", "..", "a/b", ".hidden", "-flag", "a\n", "x" * 201])
def test_segments_cannot_leave_their_folder(name: str) -> None:
    with pytest.raises(InputValidationError, match=r"segment|key"):
        segment_key("acme", "run", name)


@pytest.mark.parametrize("sha256", ["", "abc", SHA.upper(), SHA + "0", SHA[:-1] + "/", SHA + "\n"])
def test_what_names_content_is_a_digest(sha256: str) -> None:
    with pytest.raises(InputValidationError, match="sha256"):
        clip_key("acme", "run", sha256)


@pytest.mark.parametrize("suffix", ["", ".", "..", "/x", "a/b", "PNG", "tar.gz", "png\n", "x" * 9])
def test_suffixes_are_short_words(suffix: str) -> None:
    with pytest.raises(InputValidationError, match="suffix"):
        source_key("acme", "run", SHA, suffix)


@given(st.text(alphabet=st.sampled_from("aZ9._-/\\\x00\n ~%"), max_size=12) | st.text(max_size=30))
def test_a_key_that_passes_stays_below_the_root(key: str) -> None:
    try:
        check_key(key)
    except InputValidationError:
        return
    root = Path("/store")
    path = root / key
    assert path.resolve() == path
    assert path.is_relative_to(root)
    assert path != root
    assert not any(part.startswith(".") for part in path.parts)


@pytest.mark.parametrize(
    "url",
    ["", "store", "/var/store", "ftp://key:hidden@bucket", "file://store", "file:store", "file://host/store",
     "file:///store?x=1", "file:///store#x", "file:///sto%00re", "http://[broken"],
)  # fmt: skip
def test_unsupported_storage_urls_are_named(url: str) -> None:
    with pytest.raises(InputValidationError, match=r"CUTSCENE_STORAGE_URL.*file:///") as caught:
        open_store(url)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "free some"),
        (errno.EDQUOT, "quota"),
        (errno.EACCES, "permission denied"),
        (errno.EPERM, "permission denied"),
        (errno.EROFS, "read-only"),
        (errno.ENOTDIR, "move it away"),
        (errno.EMFILE, "ulimit -n"),
        (errno.EIO, "input/output error"),
    ],
)
def test_storage_errors_say_what_to_do(number: int, advice: str) -> None:
    error = storage_error(OSError(number, "Input/output error", "/secret/place"), "The storage folder")
    assert str(error).startswith("The storage folder cannot be used: ")
    assert advice in str(error)
    assert "/secret/place" not in str(error)
    assert error.detail is not None
    assert "/secret/place" in error.detail
