"""What servers differ in, as data, by the model that they serve. As of 2026-11-25."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from cutscene.domain import Aspect, Credits
from cutscene.providers import Model
from cutscene.settings import Settings

__all__ = ["CREDITS_PER_USD", "Dialect", "VideosModel", "models_of", "sizes_by_aspect"]

CREDITS_PER_USD: Final = 100
"""The protocol has no currency of its own: a credit is a cent."""
Size = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How a creation is put."""

    multipart: bool = True
    """As a form, which every server takes; else as JSON, with the picture as a data URI."""
    names_model: bool = True
    seconds: str = "seconds"
    """Name of the field, as the following are."""
    size: str = "size"
    picture: str = "input_reference"
    seed: str | None = None
    """None: the server refuses what it does not know, and it knows no seed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VideosModel(Model):
    """What is particular to this protocol beside what every provider says of a model."""

    dialect: Dialect
    is_priced: bool = True
    """Whether it is known what a second costs; if not, only one's own server can be taken to be free."""


def sizes_by_aspect(sizes: Sequence[Size]) -> Mapping[Aspect, Size]:
    """The first that fits each aspect; without a square, one is cut from the first size."""
    found: dict[Aspect, Size] = {}
    for size in sizes:
        found.setdefault(Aspect.nearest(*size), size)
    found.setdefault(Aspect.SQUARE, sizes[0])
    return found


_SORA: Final = VideosModel(
    id="sora-2",
    text=True,
    image=True,
    motion=True,
    durations=(4, 8, 12),
    sizes=sizes_by_aspect(((1280, 720), (720, 1280))),
    fps=30,
    credits_per_second=Credits.of(10),
    max_prompt_chars=5000,
    dialect=Dialect(),
)
_ENGINE: Final = VideosModel(
    id="default",
    text=True,
    image=True,
    motion=True,
    durations=tuple(range(1, 11)),
    sizes=sizes_by_aspect(((1280, 720), (720, 1280), (768, 768))),
    credits_per_second=Credits(),
    max_prompt_chars=2000,
    dialect=Dialect(seed="seed"),
    is_priced=False,
)
"""Nothing is known of it: most likely an engine of one's own, which makes what it is asked for."""
_DATED: Final = r"(-\d{4}-\d\d-\d\d)?"
_KNOWN: Final = (
    (rf"(^|/)sora-2-pro{_DATED}$", replace(_SORA, credits_per_second=Credits.of(30))),
    (rf"(^|/)sora-2{_DATED}$", _SORA),
    (r"", _ENGINE),
)
"""By the ends of their names, since gateways put the vendor's in front."""


def models_of(settings: Settings) -> tuple[VideosModel, ...]:
    """Those that can be asked for, the default first; what is set comes before what is known."""
    if not settings.openai_videos_model:
        nameless = replace(_ENGINE, dialect=replace(_ENGINE.dialect, names_model=False))
        return (_as_set(nameless, settings),)
    return tuple(_as_set(_known(name), settings) for name in settings.openai_videos_model)


def _known(name: str) -> VideosModel:
    return next(replace(model, id=name) for pattern, model in _KNOWN if re.search(pattern, name))


def _as_set(model: VideosModel, settings: Settings) -> VideosModel:
    dialect = replace(model.dialect, multipart=settings.openai_videos_body == "multipart")
    model = replace(model, dialect=dialect)
    if settings.openai_videos_seconds:
        model = replace(model, durations=settings.openai_videos_seconds)
    if settings.openai_videos_sizes:
        sizes = sizes_by_aspect(settings.openai_videos_sizes)
        is_priced = model.is_priced and set(sizes.values()) <= set(model.sizes.values())
        model = replace(model, sizes=sizes, is_priced=is_priced)  # larger ones cost more
    if settings.openai_videos_usd_per_second is not None:
        price = _in_credits(settings.openai_videos_usd_per_second)
        model = replace(model, credits_per_second=price, is_priced=True)
    return model


def _in_credits(usd: Decimal) -> Credits:
    return Credits.of(usd * CREDITS_PER_USD)
