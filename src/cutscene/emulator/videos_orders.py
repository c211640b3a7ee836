"""From a creation over ``/v1/videos``, as a form or as JSON, to an order, or to what is wrong with it."""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from cutscene.emulator.faults import read_faults
from cutscene.emulator.issues import kind_of
from cutscene.emulator.media import BadMedia, check_picture
from cutscene.emulator.refusals import Reason, Refusal
from cutscene.emulator.shots import shot_of
from cutscene.emulator.sizes import Size
from cutscene.emulator.task import Order
from cutscene.emulator.wire import PROMPT, read_json

__all__ = ["MODELS", "Picture", "invalid", "order_of", "place_order"]

_LONGEST_PROMPT: Final = 32_000
_NESTED: Final = "input_reference[image_url]"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Served:
    """What one model takes."""

    prices: Mapping[str, int]
    """Credits (cents) a second, by size; empty: any size, at no cost."""
    seconds: tuple[int, ...]
    engine: bool = False
    """One's own server: takes a seed, whole numbers as such, and a picture of any size."""

    @property
    def fields(self) -> frozenset[str]:
        known = {"model", "prompt", "seconds", "size", "input_reference"}
        return frozenset(known | {"seed"} if self.engine else known)


_AT_720: Final = ("720x1280", "1280x720")
_AT_1024: Final = ("1024x1792", "1792x1024")
MODELS: Final[Mapping[str, _Served]] = {
    "sora-2": _Served(prices=dict.fromkeys(_AT_720, 10), seconds=(4, 8, 12)),
    "sora-2-pro": _Served(
        prices={**dict.fromkeys(_AT_720, 30), **dict.fromkeys(_AT_1024, 50)}, seconds=(4, 8, 12)
    ),
    "engine-1": _Served(prices={}, seconds=tuple(range(1, 21)), engine=True),
}
"""The first is the default."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A file that came along."""

    data: bytes


def invalid(message: str, param: str | None = None, code: str = "invalid_value") -> Refusal:
    return Refusal(Reason.INVALID, message, issues=[{"path": [param], "code": code}])


async def place_order(request: web.Request) -> Order:
    """Raises `Refusal`, for the first thing that is wrong."""
    fields = await _read_fields(request)
    if isinstance(prompt := fields.get("prompt"), str):
        request[PROMPT] = prompt
    served = _served(fields)
    _check(fields, served)
    picture = await asyncio.to_thread(_measured, fields.get("input_reference"))
    return order_of(fields, picture)


async def _read_fields(request: web.Request) -> dict[str, Any]:
    """Texts and files of a form, or whatever JSON holds."""
    if request.content_type == "multipart/form-data":
        return await _read_form(request)
    if request.content_type != "application/json":
        raise invalid("Unsupported content type: send multipart/form-data or application/json.")
    body = await read_json(request)
    if not isinstance(body, dict):
        raise invalid(f"Invalid body: expected an object, but got {kind_of(body)}.", code="invalid_type")
    return body


async def _read_form(request: web.Request) -> dict[str, Any]:
    try:
        posted = await request.post()
    except web.HTTPException:
        raise
    except Exception:  # noqa: BLE001 -- readers of broken forms raise what they like
        raise invalid("Could not parse the multipart form.", code="invalid_form") from None
    fields: dict[str, Any] = {}
    for name, value in posted.items():
        if isinstance(value, web.FileField):
            fields[name] = Picture(value.file.read())
        elif name == _NESTED:  # as the official client flattens an object
            fields["input_reference"] = {"image_url": value}
        else:
            fields[name] = value
    return fields


def _served(fields: Mapping[str, Any]) -> _Served:
    name = fields.get("model", next(iter(MODELS)))
    if not isinstance(name, str) or name not in MODELS:
        raise invalid(f"The model '{name}' does not exist.", "model", "model_not_found")
    return MODELS[name]


def _check(fields: Mapping[str, Any], served: _Served) -> None:
    """All but the picture's content. Raises `Refusal`."""
    for name in fields:
        if name not in served.fields:
            raise invalid(f"Unknown parameter: '{name}'.", name, "unknown_parameter")
    if "prompt" not in fields:
        raise invalid("Missing required parameter: 'prompt'.", "prompt", "missing_required_parameter")
    prompt = fields["prompt"]
    if not isinstance(prompt, str) or not 1 <= len(prompt) <= _LONGEST_PROMPT:
        raise invalid(f"'prompt' must be a string of 1 to {_LONGEST_PROMPT} characters.", "prompt")
    _check_choice("seconds", fields, tuple(map(str, served.seconds)), lenient=served.engine)
    if served.prices:
        _check_choice("size", fields, tuple(served.prices))
    elif not _is_size(fields.get("size", "1280x720")):
        raise invalid("'size' must be two multiples of 16 from 128 to 1920.", "size")
    if not re.fullmatch(r"\d{1,10}", str(fields.get("seed", 0))):
        raise invalid("'seed' must be a whole number.", "seed")


def _check_choice(
    name: str, fields: Mapping[str, Any], choices: tuple[str, ...], *, lenient: bool = False
) -> None:
    if name not in fields:
        return
    value, known = fields[name], ", ".join(f"'{choice}'" for choice in choices)
    if lenient and isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        message = f"Invalid type for '{name}': expected one of {known}, but got {kind_of(value)}."
        raise invalid(message, name, "invalid_type")
    if value not in choices:
        raise invalid(f"Invalid value: '{value[:80]}'. Supported values are: {known}.", name)


def _is_size(value: Any) -> bool:
    told = re.fullmatch(r"(\d{3,4})x(\d{3,4})", value) if isinstance(value, str) else None
    return told is not None and all(
        128 <= int(side) <= 1920 and int(side) % 16 == 0 for side in told.groups()
    )


def _measured(value: Any) -> tuple[bytes, Size] | None:
    """The picture, if there is one, and its width and height. Raises `Refusal`. Blocking."""
    if value is None:
        return None
    try:
        file = value if isinstance(value, Picture) else _linked(value)
        return file.data, check_picture(file.data)
    except BadMedia as bad:
        raise invalid(str(bad), "input_reference") from None


def _linked(value: Any) -> Picture:
    """What JSON has in a file's place. Raises `BadMedia`."""
    if not isinstance(value, dict) or list(value) != ["image_url"] or not isinstance(value["image_url"], str):
        raise BadMedia("'input_reference' must be a file, or an object with 'image_url'.")
    head, _, encoded = value["image_url"].partition(",")
    if not re.fullmatch(r"data:image/(jpeg|png|webp);base64", head):
        raise BadMedia("The emulator fetches nothing: send the picture as a file or a data URI.")
    try:
        return Picture(base64.b64decode(encoded, validate=True))
    except (binascii.Error, ValueError):
        raise BadMedia("Invalid data URI. The base64 could not be decoded.") from None


def order_of(fields: Mapping[str, Any], picture: tuple[bytes, Size] | None) -> Order:
    """Of fields in which nothing is wrong; raises `Refusal` where the picture is of another size."""
    model = fields.get("model", next(iter(MODELS)))
    served = MODELS[model]
    size, seconds = fields.get("size", "720x1280"), int(fields.get("seconds", 4))
    width, height = map(int, size.split("x"))
    if picture is not None and not served.engine and picture[1] != (width, height):
        raise invalid("Inpaint image must match the requested width and height.", "input_reference")
    text, faults = read_faults(fields["prompt"])
    seed = int(fields["seed"]) if "seed" in fields else None
    shot = shot_of(
        text,
        faults,
        picture=picture[0] if picture is not None else None,
        size=(width, height),
        seconds=seconds,
        seed=seed,
    )
    cost = seconds * served.prices.get(size, 0)
    return Order(
        flavor="videos",
        endpoint="videos",
        model=model,
        prompt=fields["prompt"],
        faults=faults,
        shot=shot,
        estimated=cost,
        cost=cost,
        asked={"seconds": str(seconds), "size": size},
        id_prefix="video_",
    )
