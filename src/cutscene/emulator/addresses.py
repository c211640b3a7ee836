"""How media are named in a body: https links, uploads, and data URIs. Syntax only."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final, Literal
from urllib.parse import urlsplit

__all__ = ["MOST_ENCODED", "Asset", "Kind", "address_problem"]

Kind = Literal["image", "video", "audio"]

MOST_ENCODED: Final = 5 * 2**20
"""Characters of a data URI."""
_LONGEST_LINK: Final = 2048
_DATA: Final[Mapping[Kind, re.Pattern[str]]] = {
    "image": re.compile(r"data:image/(jpeg|jpg|png|webp);base64,", re.IGNORECASE),
    "video": re.compile(r"data:video/mp4;base64,", re.IGNORECASE),
    "audio": re.compile(r"data:audio/[a-z0-9.+-]+;base64,", re.IGNORECASE),
}
_UPLOAD: Final = re.compile(r"runway://[\w-]{1,200}")
_DOMAIN: Final = re.compile(r"(?=.{4,253}$)([a-z0-9_-]{1,63}\.)+[a-z][a-z0-9-]{1,62}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Asset:
    """A medium that a body names."""

    path: tuple[str | int, ...]
    """Where in the body."""
    uri: str
    kind: Kind


def address_problem(uri: str, kind: Kind) -> str | None:
    """Why ``uri`` cannot name a medium of that kind; None: it can."""
    scheme = uri[:10].partition(":")[0].lower()
    if scheme == "data":
        if _DATA[kind].match(uri):
            return None
        wanted = {"image": "image/jpeg, image/png or image/webp", "video": "video/mp4", "audio": "audio"}[
            kind
        ]
        return f"Invalid data URI. Expected base64 of {wanted}."
    if scheme == "runway":
        return None if _UPLOAD.fullmatch(uri) else "Invalid Runway upload URI."
    if scheme == "https":
        return _link_problem(uri)
    return "Invalid URI. Expected an HTTPS URL, a Runway upload URI or a data URI."


def _link_problem(link: str) -> str | None:
    if len(link) > _LONGEST_LINK:
        return f"Invalid URL. It must contain at most {_LONGEST_LINK} characters."
    try:
        host = urlsplit(link).hostname or ""
    except ValueError:
        host = ""
    if not host or not link.isascii() or re.search(r"[\s<>\"]", link):
        return "Invalid URL."
    if _is_number(host) or not _DOMAIN.fullmatch(host):
        return "Invalid URL. The host must be a domain name."
    return None


def _is_number(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
