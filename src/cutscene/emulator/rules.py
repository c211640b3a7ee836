"""The kinds of single fields a body can have, and how each is checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from cutscene.emulator.addresses import Asset, Kind, address_problem
from cutscene.emulator.issues import (
    Issue,
    Path,
    custom,
    invalid_choice,
    invalid_type,
    invalid_union,
    kind_of,
    too_big,
    too_small,
)

__all__ = [
    "Address",
    "Choice",
    "Findings",
    "Flag",
    "Number",
    "OneOf",
    "Rule",
    "Text",
    "Whole",
    "utf16_length",
]


@dataclass(slots=True)
class Findings:
    """What a check came upon."""

    issues: list[Issue] = field(default_factory=list)
    assets: list[Asset] = field(default_factory=list)
    """Well-formed addresses of media, still to be looked at."""


class Rule(Protocol):
    @property
    def expected(self) -> str:
        """The type of a good value, in the vendor's words."""

    def check(self, value: Any, path: Path, found: Findings) -> None: ...


def utf16_length(text: str) -> int:
    """The length that JavaScript gives a string: in UTF-16 code units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


@dataclass(frozen=True, slots=True)
class Text:
    most: int | None = None
    """UTF-16 code units."""
    least: int = 1
    expected: str = "string"

    def check(self, value: Any, path: Path, found: Findings) -> None:
        if not isinstance(value, str):
            found.issues.append(invalid_type("string", kind_of(value), path))
        elif (length := utf16_length(value)) < self.least:
            found.issues.append(too_small("string", self.least, path))
        elif self.most is not None and length > self.most:
            found.issues.append(too_big("string", self.most, path))


@dataclass(frozen=True, slots=True)
class Choice:
    options: Sequence[str]

    @property
    def expected(self) -> str:
        return " | ".join(f"'{option}'" for option in self.options)

    def check(self, value: Any, path: Path, found: Findings) -> None:
        if not isinstance(value, str):
            found.issues.append(invalid_type(self.expected, kind_of(value), path))
        elif value not in self.options:
            found.issues.append(invalid_choice(self.options, value, path))


@dataclass(frozen=True, slots=True)
class Number:
    least: float
    most: float
    expected: str = "number"

    def check(self, value: Any, path: Path, found: Findings) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            found.issues.append(invalid_type("number", kind_of(value), path))
        elif value < self.least:
            found.issues.append(too_small("number", self.least, path))
        elif value > self.most:
            found.issues.append(too_big("number", self.most, path))


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number, however it is written (JavaScript knows no other 5 than 5.0), or one of ``words``."""

    least: int
    most: int
    words: Sequence[str] = ()
    expected: str = "number"

    def check(self, value: Any, path: Path, found: Findings) -> None:
        if value in self.words and isinstance(value, str):
            return
        if self.words and (isinstance(value, bool) or not isinstance(value, int | float)):
            found.issues.append(invalid_union(path))
            return
        if isinstance(value, float) and not value.is_integer():
            found.issues.append(invalid_type("integer", "float", path))
        Number(self.least, self.most).check(value, path, found)


@dataclass(frozen=True, slots=True)
class OneOf:
    numbers: Sequence[int]
    expected: str = "number"

    def check(self, value: Any, path: Path, found: Findings) -> None:
        if isinstance(value, bool) or value not in self.numbers:
            found.issues.append(invalid_union(path))


@dataclass(frozen=True, slots=True)
class Flag:
    expected: str = "boolean"

    def check(self, value: Any, path: Path, found: Findings) -> None:
        if not isinstance(value, bool):
            found.issues.append(invalid_type("boolean", kind_of(value), path))


@dataclass(frozen=True, slots=True)
class Address:
    """Where a medium is: an https link, an upload of ours, or the medium itself as a data URI."""

    kind: Kind
    expected: str = "string"

    def check(self, value: Any, path: Path, found: Findings) -> None:
        if not isinstance(value, str):
            found.issues.append(invalid_type("string", kind_of(value), path))
        elif problem := address_problem(value, self.kind):
            found.issues.append(custom(problem, path))
        else:
            found.assets.append(Asset(path, value, self.kind))
