"""Fields made of fields: objects, lists, and pictures with their places in the clip."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cutscene.emulator.issues import (
    Issue,
    Path,
    custom,
    invalid_type,
    invalid_union,
    kind_of,
    missing,
    too_big,
    too_small,
    unrecognized_keys,
)
from cutscene.emulator.rules import Address, Choice, Findings, Rule

__all__ = ["Condition", "Either", "Form", "Many", "Pictures"]

Condition = Callable[[Mapping[str, Any]], Iterable[Issue]]
"""What must hold between the fields of a body, each of which may be wrong itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """An object with these fields and no others."""

    required: Mapping[str, Rule] = field(default_factory=dict)
    optional: Mapping[str, Rule] = field(default_factory=dict)
    conditions: Sequence[Condition] = ()
    expected: str = "object"

    def check(self, value: Any, path: Path, found: Findings) -> None:
        if not isinstance(value, dict):
            found.issues.append(invalid_type("object", kind_of(value), path))
            return
        for name, rule in self.required.items():
            if name not in value:
                found.issues.append(missing(rule.expected, (*path, name)))
        for name, rule in {**self.required, **self.optional}.items():
            if name in value:
                rule.check(value[name], (*path, name), found)
        if strange := [name for name in value if name not in self.required and name not in self.optional]:
            found.issues.append(unrecognized_keys(strange, path))
        for condition in self.conditions:
            found.issues.extend(condition(value))


@dataclass(frozen=True, slots=True)
class Either:
    """The first of ``forms`` whose telling key is there."""

    forms: Mapping[str, Form]
    expected: str = "object"

    def check(self, value: Any, path: Path, found: Findings) -> None:
        told = [key for key in self.forms if isinstance(value, dict) and key in value]
        if len(told) == 1:
            self.forms[told[0]].check(value, path, found)
        else:
            found.issues.append(invalid_union(path))


@dataclass(frozen=True, slots=True)
class Many:
    """A list."""

    rule: Rule
    most: int
    least: int = 1
    expected: str = "array"

    def check(self, value: Any, path: Path, found: Findings) -> None:
        if not isinstance(value, list):
            found.issues.append(invalid_type("array", kind_of(value), path))
            return
        if len(value) < self.least:
            found.issues.append(too_small("array", self.least, path))
        if len(value) > self.most:
            found.issues.append(too_big("array", self.most, path))
        for number, item in enumerate(value[: self.most]):
            self.rule.check(item, (*path, number), found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pictures:
    """One picture, or a list of pictures with their places in the clip."""

    positions: Sequence[str]
    references: int = 0
    """How many may come without a position, where none has one."""
    last_alone: bool = True
    expected: str = "string | array"

    def check(self, value: Any, path: Path, found: Findings) -> None:
        if isinstance(value, str):
            Address("image").check(value, path, found)
        elif isinstance(value, list):
            Many(self._item(), max(len(self.positions), self.references)).check(value, path, found)
            found.issues.extend(self._misplaced(value, path))
        else:
            found.issues.append(invalid_union(path))

    def _item(self) -> Form:
        uri, position = {"uri": Address("image")}, {"position": Choice(self.positions)}
        if self.references:
            return Form(required=uri, optional=position)
        return Form(required={**uri, **position})

    def _misplaced(self, pictures: list[Any], path: Path) -> Iterator[Issue]:
        positions = [picture.get("position") for picture in pictures if isinstance(picture, dict)]
        placed = [position for position in positions if isinstance(position, str)]
        if len(set(placed)) < len(placed):
            yield custom("Each position may be used only once.", path)
        if self.references and placed and len(placed) < len(positions):
            yield custom("Keyframes and reference images cannot be mixed.", path)
        if not self.last_alone and placed == ["last"]:
            yield custom("A last frame needs a first frame.", path)
