"""What is wrong with a body, in the shapes that the vendor's validator (zod) gives it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

__all__ = [
    "Issue",
    "Path",
    "custom",
    "invalid_choice",
    "invalid_model",
    "invalid_type",
    "invalid_union",
    "kind_of",
    "missing",
    "too_big",
    "too_small",
    "unrecognized_keys",
]

Issue = dict[str, Any]
Path = tuple[str | int, ...]


def kind_of(value: Any) -> str:
    """What JavaScript calls a JSON value."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


def missing(expected: str, path: Path) -> Issue:
    return _issue("invalid_type", path, "Required", expected=expected, received="undefined")


def invalid_type(expected: str, received: str, path: Path) -> Issue:
    message = f"Expected {expected}, received {received}"
    return _issue("invalid_type", path, message, expected=expected, received=received)


def invalid_choice(options: Sequence[str], received: str, path: Path) -> Issue:
    message = f"Invalid enum value. Expected {_either(options)}, received '{received[:200]}'"
    return _issue("invalid_enum_value", path, message, options=list(options), received=received[:200])


def invalid_union(path: Path) -> Issue:
    return _issue("invalid_union", path, "Invalid input")


def invalid_model(options: Sequence[str], path: Path) -> Issue:
    message = f"Invalid discriminator value. Expected {_either(options)}"
    return _issue("invalid_union_discriminator", path, message, options=list(options))


def unrecognized_keys(keys: Iterable[str], path: Path) -> Issue:
    names = list(keys)
    quoted = ", ".join(f"'{name}'" for name in names)
    message = f"Unrecognized key(s) in object: {quoted}"
    return _issue("unrecognized_keys", path, message, keys=names)


def too_small(kind: str, least: float, path: Path) -> Issue:
    message = _bound(kind, "least" if kind != "number" else "greater", least)
    return _issue("too_small", path, message, minimum=least, type=kind, inclusive=True)


def too_big(kind: str, most: float, path: Path) -> Issue:
    message = _bound(kind, "most" if kind != "number" else "less", most)
    return _issue("too_big", path, message, maximum=most, type=kind, inclusive=True)


def custom(message: str, path: Path) -> Issue:
    return _issue("custom", path, message)


def _issue(code: str, path: Path, message: str, **more: Any) -> Issue:
    return {"code": code, **more, "path": list(path), "message": message}


def _either(options: Sequence[str]) -> str:
    return " | ".join(f"'{option}'" for option in options)


def _bound(kind: str, side: str, bound: float) -> str:
    if kind == "string":
        return f"String must contain at {side} {bound:g} character(s)"
    if kind == "array":
        return f"Array must contain at {side} {bound:g} element(s)"
    return f"Number must be {side} than or equal to {bound:.15g}"
