"""Every body that is built for a model, held against the official SDK's own types and the emulator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Required, get_args, get_origin, get_type_hints

import numpy as np
import pytest
from pydantic import TypeAdapter
from runwayml._utils import PropertyInfo
from runwayml.types import (
    image_to_video_create_params,
    text_to_video_create_params,
    video_to_video_create_params,
)
from typing_extensions import is_typeddict

from cutscene.domain import Aspect, VideoRequest
from cutscene.emulator import Behaviour
from cutscene.media.encode import Encoder, to_yuv
from cutscene.media.picture import crop_to, to_data_uri
from cutscene.motion import Motion
from cutscene.providers import Providers
from cutscene.providers.runway import RunwayProvider
from cutscene.providers.runway.flavors.tasks import TASKS
from cutscene.providers.runway.models import TASKS as MODELS
from cutscene.providers.runway.models import RunwayModel
from emulated import Emulated, runway_settings

pytestmark = pytest.mark.anyio

TYPES = {
    "/v1/text_to_video": text_to_video_create_params,
    "/v1/image_to_video": image_to_video_create_params,
    "/v1/video_to_video": video_to_video_create_params,
}
"""The SDK's modules of request types."""


@pytest.fixture(scope="module")
def vendor(footage_folder: Path) -> Iterator[Emulated]:
    with Emulated(
        Behaviour(seconds=60, concurrency=100, credits=100_000, footage=footage_folder)
    ) as emulated:
        yield emulated


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    with Encoder(path, width=1280, height=720) as encoder:
        for level in range(96):
            encoder.write(to_yuv(np.full((720, 1280, 3), level, np.uint8)))
    return to_data_uri(path.read_bytes(), "video/mp4")


def starts(model: RunwayModel, aspect: Aspect, still: bytes, clip: str) -> Iterator[VideoRequest]:
    """One request for each way that a model can begin."""
    image = crop_to(still, *aspect.size).data_uri
    asked = VideoRequest(
        prompt="a harbour", model=model.id, aspect=aspect, seed=7, duration=4.0, motion=Motion(zoom=3)
    )
    if model.text:
        yield asked
    if model.image:
        yield replace(asked, image=image)
    if model.last_image:
        yield replace(asked, image=image, last_image=image)
    if model.video:
        yield replace(asked, video=clip)
    if model.extends:
        yield replace(asked, video=clip, extend=True)


@pytest.mark.parametrize("aspect", Aspect, ids=str)
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.id)
async def test_a_body_is_accepted(
    model: RunwayModel, aspect: Aspect, still: bytes, clip: str, vendor: Emulated, tmp_path: Path
) -> None:
    refused = len(vendor.state()["refused"])
    async with Providers(runway_settings(vendor, tmp_path)) as providers:
        provider = await providers.get("video", "runway")
        assert isinstance(provider, RunwayProvider)
        for request in starts(model, aspect, still, clip):
            call = TASKS.create(provider.check(request), request, request.prompt)
            assert call.body is not None
            fits_the_sdk(call.path, call.body)
            submitted = await provider.submit(await provider.prepare(request))
            assert submitted.estimate is not None
            assert submitted.estimate <= provider.estimate(request)
    assert vendor.state()["refused"][refused:] == []


def fits_the_sdk(path: str, body: Mapping[str, Any]) -> None:
    """Not a key more than the SDK knows, and each of its type."""
    [params] = [found for found in _params(path) if body["model"] in _models(found)]
    _check(params, body)


def _params(path: str) -> Iterator[Any]:
    for found in vars(TYPES[path]).values():
        if is_typeddict(found) and "model" in get_type_hints(found):
            yield found


def _models(params: Any) -> tuple[str, ...]:
    return get_args(_bare(get_type_hints(params, include_extras=True)["model"]))


def _check(params: Any, body: Mapping[str, Any]) -> None:
    hints = get_type_hints(params, include_extras=True)
    fields = {_alias(hint) or name: (name, _bare(hint)) for name, hint in hints.items()}
    assert set(body) <= set(fields)
    assert {fields[key][0] for key in body} >= params.__required_keys__
    for key, value in body.items():
        found = _adapter(fields[key][1]).validate_python(value, strict=True)
        if isinstance(found, Iterator):  # pydantic checks an iterable's items only as they are taken
            list(found)


@cache
def _adapter(hint: Any) -> TypeAdapter[Any]:
    return TypeAdapter(hint)


def _bare(hint: Any) -> Any:
    """Without what says how it is spelled on the wire, and that it must be there."""
    while get_origin(hint) in (Annotated, Required) or str(get_origin(hint)).endswith("Required"):
        hint = get_args(hint)[0]
    return hint


def _alias(hint: Any) -> str | None:
    if get_origin(hint) is Annotated:
        found = [info.alias for info in get_args(hint)[1:] if isinstance(info, PropertyInfo)]
        return found[0] if found else _alias(get_args(hint)[0])
    return _alias(get_args(hint)[0]) if get_origin(hint) is Required else None
