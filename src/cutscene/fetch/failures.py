"""Why a file could not be fetched. Every message is safe to show and to log: no link is in it."""

from __future__ import annotations

__all__ = ["BlockedAddress", "FetchError", "LinkExpired"]


class FetchError(Exception):
    """The file cannot be had."""


class BlockedAddress(FetchError):  # noqa: N818 - names what happened
    """The link leads to an address that is not public."""


class LinkExpired(Exception):  # noqa: N818 - names what happened: ask for a fresh link
    """The server does not, or no longer, give the file away under this link."""
