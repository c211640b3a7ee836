"""What things are called in a store: ``{tenant}/{run}/{kind}/{name}``."""

from __future__ import annotations

import re
from typing import Final

from cutscene.domain import check_tenant
from cutscene.errors import InputValidationError

__all__ = [
    "cache_control",
    "check_key",
    "clip_key",
    "owner_of",
    "poster_key",
    "segment_key",
    "source_key",
]

MAX_KEY: Final = 512
"""Characters."""
MAX_KEY_PART: Final = 200

_KEY_PART: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_SUFFIX: Final = re.compile(r"\.?[a-z0-9]{1,8}")
_OWNED: Final = re.compile(
    r"([a-z0-9][a-z0-9_-]{0,62})/[a-z0-9][a-z0-9_-]{0,62}/(?:video|source)/[0-9a-f]{32}\.[a-z0-9]{1,8}"
)


def check_key(key: str) -> str:
    """The key, if it is safe as a path and as a URL; raises `InputValidationError`."""
    parts = key.split("/")
    if len(key) > MAX_KEY or not all(
        len(part) <= MAX_KEY_PART and _KEY_PART.fullmatch(part) for part in parts
    ):
        raise InputValidationError(
            f"{key[:80]!r} is not a storage key: use names of letters, digits, '.', '_' and '-' with '/' "
            f"between them, none empty or starting with '.' or '-', at most {MAX_KEY} characters."
        )
    return key


def clip_key(tenant: str, run: str, sha256: str, suffix: str = "mp4") -> str:
    """Of a finished clip: named by its content, so identical clips of a run are stored once."""
    return _named_by_content(tenant, run, "video", sha256, suffix)


def poster_key(tenant: str, run: str, sha256: str, suffix: str) -> str:
    """Of a poster, beside the clip whose digest this is; ``suffix`` as ``webp``."""
    return _named_by_content(tenant, run, "video", sha256, suffix)


def source_key(tenant: str, run: str, sha256: str, suffix: str) -> str:
    """Of a picture or clip that somebody gave us, named by its content; ``suffix`` as ``png``."""
    return _named_by_content(tenant, run, "source", sha256, suffix)


def owner_of(key: str) -> str | None:
    """The tenant whose clip, poster or source a key names, stored or not; None where it is no such key."""
    owned = _OWNED.fullmatch(key)
    return owned[1] if owned else None


def segment_key(tenant: str, run: str, segment_id: str) -> str:
    """Of the raw footage that was paid for."""
    if not _KEY_PART.fullmatch(segment_id):
        raise InputValidationError(f"{segment_id[:80]!r} cannot name a segment.")
    return check_key(f"{_folder(tenant, run)}/segment/{segment_id}.mp4")


def _named_by_content(tenant: str, run: str, kind: str, sha256: str, suffix: str) -> str:
    if not _SHA256.fullmatch(sha256):
        raise InputValidationError(f"{sha256[:80]!r} is not a sha256: use 64 lower-case hexadecimal digits.")
    if not _SUFFIX.fullmatch(suffix):
        raise InputValidationError(f"{suffix[:80]!r} is not a file suffix: write it as 'png'.")
    return check_key(f"{_folder(tenant, run)}/{kind}/{sha256[:32]}.{suffix.removeprefix('.')}")


def _folder(tenant: str, run: str) -> str:
    return f"{check_tenant(tenant)}/{check_tenant(run, 'run')}"


def cache_control(key: str) -> str:
    """How long others may keep what they read.

    What is named by its content never changes. No cache in between keeps it, since it would outlive links.
    """
    return "private, no-cache" if owner_of(key) is None else "private, max-age=31536000, immutable"
