"""Runway behind the provider contract, over either of its protocols."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from cutscene.addresses import is_private_host
from cutscene.domain import Aspect, Credits, VideoRequest
from cutscene.errors import CutsceneError, InputValidationError, ProviderAuthError, ProviderError
from cutscene.media import picture
from cutscene.providers import (
    AccountState,
    Capabilities,
    Gone,
    NotSubmitted,
    SubmissionUnknown,
    Submitted,
    TaskState,
)
from cutscene.providers.camera import prompt_with_camera
from cutscene.providers.choice import choose_model
from cutscene.providers.connection import Connection, open_connection
from cutscene.providers.runway import models
from cutscene.providers.runway.flavors import Flavor
from cutscene.providers.runway.flavors.generations import GENERATIONS
from cutscene.providers.runway.flavors.tasks import TASKS
from cutscene.providers.runway.models import RunwayModel
from cutscene.providers.runway.refusals import WRONG_HOST, RunwayRefusals, said, wrong_place
from cutscene.providers.runway.uploads import upload
from cutscene.settings import Settings

__all__ = ["LIVE_HOSTS", "RunwayProvider", "open_provider"]

LIVE_HOSTS: Final = frozenset({"api.dev.runwayml.com", "api.dev-stage.runwayml.com"})
"""Runway's own, which speak ``tasks``."""
_MAX_DATA_URI: Final = 5_000_000
"""Characters; the documented 5 MB, read as the smaller of its two meanings."""
_CONCURRENCY: Final = 5
"""Where neither settings nor account say."""
_LONGEST_LIFE: Final = 3600.0
"""Seconds; generations take minutes, and wait in Runway's queue at most until somebody gives up on them."""


class RunwayProvider:
    """Translates. Made by `open_provider`."""

    id = "runway"

    def __init__(
        self, settings: Settings, flavor: Flavor, connection: Connection, *, is_private: bool | None
    ) -> None:
        """``is_private``: whether the vendor's own address is; None: its name could not be resolved."""
        self._settings = settings
        self._is_private = is_private
        self._flavor = flavor
        self._connection = connection
        self._is_live = connection.host in LIVE_HOSTS
        timeout = settings.runway_timeout_ms / 1000
        self._capabilities = Capabilities(
            models=_models(flavor, settings, is_live=self._is_live),
            usd_per_credit="0.01",
            concurrency=settings.runway_account_concurrency or _CONCURRENCY,
            poll_interval=settings.runway_poll_interval_ms / 1000,
            timeout=timeout,
            longest_life=max(timeout, _LONGEST_LIFE),
            private_links=bool(is_private),
            address=f"{connection.host} ({flavor.id})",
            warnings=tuple(_warnings(settings, flavor, connection.host, is_private=bool(is_private))),
        )

    def capabilities(self) -> Capabilities:
        return self._capabilities

    def check(self, request: VideoRequest) -> RunwayModel:
        wanted = request.model or self._default_model(request)
        self._refuse_retired(wanted)
        model = choose_model(self._capabilities, replace(request, model=wanted), self.id)
        assert isinstance(model, RunwayModel)
        _check_prompt(_prompt(request, model), model)
        return model

    def wording(self, request: VideoRequest) -> str:
        return _prompt(request, self.check(request))

    def estimate(self, request: VideoRequest) -> Credits:
        model = self.check(request)
        edits_whole = model.edits_whole and request.video is not None and not request.extend
        seconds = model.durations[-1] if edits_whole else model.length(request.duration)
        given = (request.video_seconds or request.duration) if request.video is not None else 0.0
        milli = model.credits_per_second.milli * seconds + model.video_credits_per_second.milli * given
        return max(model.min_credits, Credits(-int(-milli // 1)))

    async def prepare(self, request: VideoRequest) -> VideoRequest:
        try:
            fitted = await asyncio.to_thread(_fit_pictures, request, self.check(request))
            if fitted.video is None or len(fitted.video) <= _MAX_DATA_URI:
                return fitted
            clip = picture.from_data_uri(fitted.video)
        except CutsceneError as error:
            raise NotSubmitted(error) from error
        return replace(fitted, video=await upload(self._connection, clip, "clip.mp4", "video/mp4"))

    async def submit(self, request: VideoRequest) -> Submitted:
        try:
            model = self.check(request)
        except CutsceneError as error:
            raise NotSubmitted(error) from error
        answer = await self._connection.submit(self._flavor.create(model, request, _prompt(request, model)))
        submitted = self._flavor.read_created(answer.body)
        if submitted is None:
            raise SubmissionUnknown(f"{self._connection.host} accepted, and named no task")
        return submitted

    async def poll(self, task_id: str) -> TaskState:
        answer = await self._connection.ask(self._flavor.look(task_id))
        if answer.status == 404 and said(answer.body):
            return Gone()
        state = None
        if answer.status == 200:
            state = self._flavor.read_state(answer.body, self._capabilities.poll_interval)
        if state is None:
            raise ProviderError(f"{self._connection.host} answered a look with {answer.status}.")
        return state

    async def cancel(self, task_id: str) -> bool:
        answer = await self._connection.ask(self._flavor.cancel(task_id))
        if 200 <= answer.status < 300:
            return True
        if answer.status in (404, 405):  # gone already, or a protocol that knows no cancelling
            return answer.status == 404 and isinstance(await self.poll(task_id), Gone)
        raise ProviderError(f"{self._connection.host} answered a cancellation with {answer.status}.")

    async def account(self) -> AccountState:
        answer = await self._connection.ask(self._flavor.account)
        if answer.status in (404, 405) and not said(answer.body):
            raise wrong_place(self._connection.host)
        if answer.status not in (200, 404, 405):
            raise ProviderError(f"{self._connection.host} answered with {answer.status}.")
        if self._is_private is None:
            await self._learn_privacy()
        state = self._flavor.read_account(answer.body)
        if self._settings.runway_account_concurrency is not None:
            return replace(state, concurrency=None)  # the setting stands, whatever the account says
        return state

    async def _learn_privacy(self) -> None:
        """The name service was away when the provider was opened, and is back."""
        self._is_private = await _is_private(self._connection.host)
        self._capabilities = replace(self._capabilities, private_links=bool(self._is_private))

    def _default_model(self, request: VideoRequest) -> str | None:
        """None: the first for what the request starts from."""
        if request.video is not None or request.last_image is not None:
            return None
        settings = self._settings
        chosen = settings.runway_text_model if request.image is None else settings.runway_image_model
        return chosen or None

    def _refuse_retired(self, model: str | None) -> None:
        offered = {known.id for known in self._capabilities.models}
        if self._flavor is TASKS and model in models.RETIRED and model not in offered:
            raise InputValidationError(f"Runway has retired {model!r}: {models.RETIRED[model]}.")


def _warnings(settings: Settings, flavor: Flavor, host: str, *, is_private: bool) -> Iterator[str]:
    if host == WRONG_HOST:
        yield str(wrong_place(host))
    if host in LIVE_HOSTS and flavor is not TASKS:
        yield f"{host} speaks tasks: set RUNWAY_API_FLAVOR=auto or tasks."
    if settings.runway_api_base_url.startswith("http:") and not is_private:
        yield f"The key goes to {host} unencrypted: use https in RUNWAY_API_BASE_URL."


def _models(flavor: Flavor, settings: Settings, *, is_live: bool) -> tuple[RunwayModel, ...]:
    """Those that can be asked for here, each bounded by the setting for prompts."""
    known: tuple[RunwayModel, ...] = models.TASKS if flavor is TASKS else models.GENERATIONS
    if flavor is TASKS and not is_live:
        known += models.RETIRED_TASKS
    bound = settings.runway_max_prompt_chars
    return tuple(replace(model, max_prompt_chars=min(bound, model.max_prompt_chars)) for model in known)


def _prompt(request: VideoRequest, model: RunwayModel) -> str:
    return prompt_with_camera(request, lambda prompt: _fits(prompt, model))


def _fits(prompt: str, model: RunwayModel) -> bool:
    return _units(prompt) <= model.max_prompt_units and len(prompt) <= model.max_prompt_chars


def _units(prompt: str) -> int:
    return len(prompt.encode("utf-16-le")) // 2


def _check_prompt(prompt: str, model: RunwayModel) -> None:
    if not _fits(prompt, model):
        raise InputValidationError(
            f"With its camera motion the prompt has {len(prompt)} characters "
            f"({_units(prompt)} as Runway counts), "
            f"at most {min(model.max_prompt_chars, model.max_prompt_units)} are allowed: shorten it."
        )


def _fit_pictures(request: VideoRequest, model: RunwayModel) -> VideoRequest:
    """Pictures in the ratio that is generated, and never too large. Blocking."""
    width, height = model.size(request)
    is_cut = request.aspect == Aspect.SQUARE and width != height

    def fit(uri: str | None) -> str | None:
        if uri is None:
            return None
        data = picture.from_data_uri(uri)
        if is_cut and not picture.has_ratio(
            data, width, height
        ):  # what surrounds the square is cut off again
            data = picture.widen_to(data, width, height).data
        elif len(uri) <= _MAX_DATA_URI:
            return uri
        return picture.shrink_to(data, _MAX_DATA_URI).data_uri

    return replace(request, image=fit(request.image), last_image=fit(request.last_image))


@asynccontextmanager
async def open_provider(settings: Settings) -> AsyncIterator[RunwayProvider]:
    """The entry point ``runway``; raises `ProviderAuthError` where no key is set."""
    if settings.runway_api_key is None:
        raise ProviderAuthError("Runway needs a key: set RUNWAY_API_KEY.")
    base_url = settings.runway_api_base_url
    flavor = _flavor(settings)
    key = settings.runway_api_key.get_secret_value()
    async with open_connection(
        base_url, {"Authorization": f"Bearer {key}", **flavor.headers}, key, RunwayRefusals()
    ) as connection:
        yield RunwayProvider(settings, flavor, connection, is_private=await _is_private(connection.host))


def _flavor(settings: Settings) -> Flavor:
    match settings.runway_api_flavor:
        case "tasks":
            return TASKS
        case "generations":
            return GENERATIONS
        case "auto":
            host = urlsplit(settings.runway_api_base_url).hostname
            return TASKS if host in LIVE_HOSTS else GENERATIONS


async def _is_private(host: str) -> bool | None:
    return False if host in LIVE_HOSTS else await is_private_host(host)
