"""The tags in a prompt that say what goes wrong, as data."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["ALWAYS", "Faults", "Outage", "read_faults"]

ALWAYS: Final = sys.maxsize
"""More often than anything happens."""


@dataclass(frozen=True, slots=True)
class Outage:
    """An HTTP status in place of an answer, the first ``times`` times."""

    status: int
    times: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """What is to go wrong with a creation and the task that comes of it.

    Numbers of times hold for all creations with the same prompt together. Times are seconds.
    """

    busy: int = 0
    """Creations refused because of too many requests."""
    daily: bool = False
    no_credits: bool = False
    create_error: Outage | None = None
    drop: int = 0
    """Creations cut off that were not accepted."""
    drop_after_accept: int = 0
    """Creations cut off although they were accepted."""
    slow_accept: float = 0.0
    """Between accepting and answering."""

    slow: float | None = None
    """What the generation takes."""
    throttle: float = 0.0
    """THROTTLED for at least so long."""
    failure: str | None = None
    """The code it fails with."""
    fail_once: str | None = None
    """The code that the first creation fails with."""
    charge: int | None = None
    """Credits that remain charged in the end."""
    cancelled: bool = False
    never: bool = False
    """Stays RUNNING."""
    odd_status: int = 0
    """Looks that see a status nobody has heard of."""
    silent: bool = False
    """Not a word about the credits used."""

    error: Outage | None = None
    """Looks that fail."""
    poll_drop: int = 0
    poll_busy: int = 0

    truncate: int = 0
    """Downloads cut off halfway."""
    expire: bool = False
    """The first link of the task has expired already."""
    badfile: bool = False
    html: bool = False
    stall: int = 0
    """Downloads that stop halfway, and stay open."""
    slow_download: float = 0.0
    size: tuple[int, int] | None = None
    """Pixels, in place of those asked for."""
    length: float | None = None
    """In place of the duration asked for."""
    seamless: bool = False


def read_faults(prompt: str) -> tuple[str, Faults]:
    """The prompt without its tags, and what they say; what is no tag of ours stays."""
    found: dict[str, Any] = {}

    def take(tag: re.Match[str]) -> str:
        read = _TAGS.get(tag["name"])
        said = read(tag["argument"]) if read is not None else None
        if said is None:
            return tag[0]
        found.update(said)
        return ""

    text = _TAG.sub(take, prompt)
    return (text.strip() if found else text), Faults(**found)


_TAG: Final = re.compile(r"\s*\[(?P<name>[a-z-]+)(?::(?P<argument>[^\[\]\s]+))?\]")
_COUNT: Final = re.compile(r"\d{1,6}")
_DECIMAL: Final = re.compile(r"\d{1,6}(\.\d{1,6})?")
_OUTAGE: Final = re.compile(r"([45]\d\d)(?:x(\d{1,6}))?")
_SIZE: Final = re.compile(r"(\d{2,4})x(\d{2,4})")
_CODE: Final = re.compile(r"[\w.]{1,100}")
_LONGEST: Final = 60.0

_Said = Mapping[str, Any] | None
_Reader = Callable[[str | None], _Said]
"""From the argument of a tag, None where it has none, to fields of `Faults`; None: not a tag of ours."""


def _flag(field: str) -> _Reader:
    return lambda argument: {field: True} if argument is None else None


def _count(field: str, bare: int | None = 1) -> _Reader:
    def read(argument: str | None) -> _Said:
        if argument is None:
            return None if bare is None else {field: bare}
        return {field: int(argument)} if _COUNT.fullmatch(argument) else None

    return read


def _seconds(field: str) -> _Reader:
    return lambda argument: {field: float(argument)} if argument and _DECIMAL.fullmatch(argument) else None


def _outage(field: str) -> _Reader:
    def read(argument: str | None) -> _Said:
        told = _OUTAGE.fullmatch(argument or "503")
        return {field: Outage(int(told[1]), int(told[2] or 1))} if told else None

    return read


def _failure(field: str) -> _Reader:
    def read(argument: str | None) -> _Said:
        code = argument or "INTERNAL.BAD_OUTPUT.CODE01"
        return {field: code} if _CODE.fullmatch(code) else None

    return read


def _moderated(argument: str | None) -> _Said:
    codes = {None: "SAFETY.INPUT.TEXT", "output": "SAFETY.OUTPUT.VIDEO"}
    return {"failure": codes[argument]} if argument in codes else None


def _size(argument: str | None) -> _Said:
    told = _SIZE.fullmatch(argument or "")
    if told is None:
        return None
    width, height = int(told[1]), int(told[2])
    drawable = all(side % 2 == 0 and 16 <= side <= 4096 for side in (width, height))
    return {"size": (width, height)} if drawable else None


def _length(argument: str | None) -> _Said:
    if argument is None or not _DECIMAL.fullmatch(argument):
        return None
    return {"length": float(argument)} if 0 < float(argument) <= _LONGEST else None


_TAGS: Final[Mapping[str, _Reader]] = {
    "busy": _count("busy", bare=ALWAYS),
    "daily": _flag("daily"),
    "no-credits": _flag("no_credits"),
    "create-error": _outage("create_error"),
    "drop": _count("drop"),
    "drop-after-accept": _count("drop_after_accept"),
    "slow-accept": _seconds("slow_accept"),
    "slow": _seconds("slow"),
    "throttle": _seconds("throttle"),
    "moderated": _moderated,
    "fail": _failure("failure"),
    "fail-once": _failure("fail_once"),
    "charge": _count("charge", bare=None),
    "cancelled": _flag("cancelled"),
    "never": _flag("never"),
    "odd-status": _count("odd_status"),
    "silent": _flag("silent"),
    "error": _outage("error"),
    "poll-drop": _count("poll_drop"),
    "poll-busy": _count("poll_busy"),
    "truncate": _count("truncate"),
    "expire": _flag("expire"),
    "badfile": _flag("badfile"),
    "html": _flag("html"),
    "stall": _count("stall"),
    "slow-download": _seconds("slow_download"),
    "size": _size,
    "length": _length,
    "seamless": _flag("seamless"),
}
