"""A server that speaks ``/v1/videos`` behind the provider contract."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

from cutscene.addresses import is_private_host
from cutscene.domain import Aspect, Credits, VideoRequest
from cutscene.errors import CutsceneError, InputValidationError, ProviderError
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
from cutscene.providers.openai_videos import wire
from cutscene.providers.openai_videos.models import CREDITS_PER_USD, VideosModel, models_of
from cutscene.providers.openai_videos.refusals import VideosRefusals, said, unreachable, wrong_place
from cutscene.settings import Settings

__all__ = ["OpenAIVideosProvider", "open_provider"]

_LONGEST_LIFE: Final = 3600.0
"""Seconds; after as many, no server is at work on a video that nobody waits for."""
_NOT_CANCELLED: Final = frozenset({400, 405, 409, 422, 501})
"""Answers to a deletion of servers that know none, or none of what is at work."""
_NO_SUCH_PATH: Final = {"detail": "Not Found"}
"""What a widespread framework says of it; of anything else that it does not know, it says more."""


class OpenAIVideosProvider:
    """Translates. Made by `open_provider`."""

    id = "openai-videos"

    def __init__(
        self, settings: Settings, connection: Connection, *, key: str, is_private: bool | None
    ) -> None:
        """``is_private``: whether the server's own address is; None: its name could not be resolved."""
        self._is_private = is_private
        self._connection = connection
        self._base_url = settings.openai_videos_base_url
        self._headers = _authorization(key)
        is_free = all(model.credits_per_second == Credits() for model in models_of(settings))
        self._unsaid = Credits() if is_free else None
        timeout = settings.openai_videos_timeout_ms / 1000
        self._capabilities = Capabilities(
            models=models_of(settings),
            usd_per_credit=f"{1 / CREDITS_PER_USD:g}",
            concurrency=settings.openai_videos_concurrency,
            poll_interval=settings.openai_videos_poll_interval_ms / 1000,
            timeout=timeout,
            longest_life=max(timeout, _LONGEST_LIFE),
            private_links=bool(is_private),
            address=connection.host,
            warnings=tuple(_warnings(settings, connection.host, key, is_private=bool(is_private))),
        )

    def capabilities(self) -> Capabilities:
        return self._capabilities

    def check(self, request: VideoRequest) -> VideosModel:
        model = choose_model(self._capabilities, request, self.id)
        assert isinstance(model, VideosModel)
        self._check_price(model)
        _check_prompt(_prompt(request, model), model)
        return model

    def wording(self, request: VideoRequest) -> str:
        return _prompt(request, self.check(request))

    def estimate(self, request: VideoRequest) -> Credits:
        model = self.check(request)
        milli = model.credits_per_second.milli * model.length(request.duration)
        return Credits(-int(-milli // 1))

    async def prepare(self, request: VideoRequest) -> VideoRequest:
        try:
            return await asyncio.to_thread(_fit_picture, request, self.check(request))
        except CutsceneError as error:
            raise NotSubmitted(error) from error

    async def submit(self, request: VideoRequest) -> Submitted:
        try:
            model = self.check(request)
            call = wire.create(model, request, _prompt(request, model))
        except CutsceneError as error:
            raise NotSubmitted(error) from error
        if not model.is_priced:
            await self._refuse_unless_own(model)
        answer = await self._connection.submit(call)
        submitted = wire.read_created(answer.body)
        if submitted is None:
            raise SubmissionUnknown(f"{self._connection.host} accepted, and named no video")
        return submitted

    async def poll(self, task_id: str) -> TaskState:
        answer = await self._connection.ask(wire.look(task_id))
        if answer.status == 404 and said(answer.body):
            return Gone()
        state = None
        if answer.status == 200:
            link = self._base_url + wire.content_path(task_id)
            state = wire.read_state(
                answer.body,
                link,
                self._headers,
                unsaid=self._unsaid,
                pause=self._capabilities.poll_interval,
            )
        if state is None:
            raise ProviderError(f"{self._connection.host} answered a look with {answer.status}.")
        return state

    async def cancel(self, task_id: str) -> bool:
        answer = await self._connection.ask(wire.cancel(task_id))
        if 200 <= answer.status < 300:
            return wire.read_deleted(answer.body)
        if answer.status == 404:  # gone already, or a server that knows no such path
            return isinstance(await self.poll(task_id), Gone)
        if answer.status in _NOT_CANCELLED:
            return False
        raise ProviderError(f"{self._connection.host} answered a cancellation with {answer.status}.")

    async def account(self) -> AccountState:
        answer = await self._connection.ask(wire.ACCOUNT)
        if answer.status == 404 and (not said(answer.body) or answer.body == _NO_SUCH_PATH):
            raise wrong_place(self._connection.host)
        if answer.status not in (200, 400, 404, 405, 422, 501):  # not every server lists its videos
            raise ProviderError(f"{self._connection.host} answered with {answer.status}.")
        if self._is_private is None:
            await self._learn_privacy()
        return AccountState()

    def _check_price(self, model: VideosModel) -> None:
        """What is free is sent again when an answer is lost: nothing may be free by mistake.

        Where the name service is away it passes, since `submit` asks again.
        """
        is_own = self._is_private is not False and not self._headers  # in the house, and asks for no key
        if not (model.is_priced or is_own):
            raise InputValidationError(
                f"It is not known what {model.id!r} costs at {self._connection.host}: "
                "set OPENAI_VIDEOS_USD_PER_SECOND, to 0 where nobody is paid."
            )

    async def _refuse_unless_own(self, model: VideosModel) -> None:
        """A name may lead elsewhere by now, to a server that wants to be paid; raises `NotSubmitted`."""
        if not await self._learn_privacy():
            raise unreachable(self._connection.host, "no such host", unknown_name=True)
        try:
            self._check_price(model)
        except InputValidationError as error:
            raise NotSubmitted(error) from error

    async def _learn_privacy(self) -> bool:
        """Whether the name service knows the server now; what was known before stays known."""
        is_private = await is_private_host(self._connection.host)
        if is_private is None:
            return False
        self._is_private = is_private
        self._capabilities = replace(self._capabilities, private_links=is_private)
        return True


def _authorization(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"} if key else {}


def _warnings(settings: Settings, host: str, key: str, *, is_private: bool) -> Iterator[str]:
    if key and settings.openai_videos_base_url.startswith("http:") and not is_private:
        yield f"The key goes to {host} unencrypted: use https in OPENAI_VIDEOS_BASE_URL."


def _prompt(request: VideoRequest, model: VideosModel) -> str:
    return prompt_with_camera(request, lambda prompt: len(prompt) <= model.max_prompt_chars)


def _check_prompt(prompt: str, model: VideosModel) -> None:
    if len(prompt) > model.max_prompt_chars:
        raise InputValidationError(
            f"With its camera motion the prompt has {len(prompt)} characters, "
            f"at most {model.max_prompt_chars} are allowed: shorten it."
        )


def _fit_picture(request: VideoRequest, model: VideosModel) -> VideoRequest:
    """In exactly the size that is generated: many servers refuse any other. Blocking."""
    if request.image is None:
        return request
    width, height = model.size(request)
    data = picture.from_data_uri(request.image)
    if request.aspect == Aspect.SQUARE and width != height:  # what surrounds the square is cut off again
        data = picture.widen_to(data, width, height).data
    return replace(request, image=picture.fit_to(data, width, height).data_uri)


@asynccontextmanager
async def open_provider(settings: Settings) -> AsyncIterator[OpenAIVideosProvider]:
    """The entry point ``openai-videos``; raises `ProviderError` where no server is set."""
    if not settings.openai_videos_base_url:
        raise ProviderError("openai-videos needs a server: set OPENAI_VIDEOS_BASE_URL.")
    secret = settings.openai_videos_api_key
    key = secret.get_secret_value() if secret is not None else ""
    async with open_connection(
        settings.openai_videos_base_url, _authorization(key), key, VideosRefusals()
    ) as connection:
        is_private = await is_private_host(connection.host)
        yield OpenAIVideosProvider(settings, connection, key=key, is_private=is_private)
