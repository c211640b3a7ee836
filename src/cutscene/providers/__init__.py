"""The provider contract, and the registry of those that are installed.

A provider translates our words into one vendor's API. It never waits, retries,
downloads, stores, or touches money; the pipeline does all of that for every
provider alike. Outcomes are types, to be matched exhaustively.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Final, Protocol, Self, runtime_checkable

import structlog

from cutscene.domain import Aspect, Credits, VideoRequest
from cutscene.errors import CutsceneError, InputValidationError, ProviderError
from cutscene.settings import Settings

__all__ = [
    "Capabilities",
    "Done",
    "Failed",
    "Model",
    "NotSubmitted",
    "OpenProvider",
    "Pending",
    "Provider",
    "Providers",
    "SubmissionUnknown",
    "Submitted",
    "TaskState",
]

ENTRY_POINTS: Final = "cutscene.providers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What one model takes and makes, as data."""

    id: str
    text: bool
    """Makes video from words alone."""
    image: bool
    """Animates a picture."""
    loop: bool
    """Makes footage whose last frame flows into its first."""
    min_duration: float
    max_duration: float
    """Seconds."""
    sizes: Mapping[Aspect, tuple[int, int]]
    """Native width and height, pixels."""
    fps: int
    credits_per_second: Credits


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """A provider's models and its pace."""

    models: tuple[Model, ...]
    """The first one that fits a request is its default."""
    usd_per_credit: str
    """A decimal number."""
    concurrency: int
    """Generations that the provider works on at once for this account."""
    poll_interval: float
    """Seconds between two looks at one task."""
    timeout: float
    """Seconds from the submission until a task counts as lost."""
    file_root: Path | None = None
    """Folder that its ``file://`` links lie in; None: it serves none."""


@dataclass(frozen=True, slots=True)
class Submitted:
    """The provider accepted; from now on it costs."""

    task_id: str
    estimate: Credits | None = None


@dataclass(frozen=True, slots=True)
class Pending:
    """Not there yet."""

    progress: float | None = None
    """0-1, or None where the provider does not say."""
    queued: bool = False


@dataclass(frozen=True, slots=True)
class Done:
    """The footage can be fetched, soon: links expire."""

    urls: tuple[str, ...]
    credits: Credits | None = None
    """What was charged, or None where the provider does not say."""
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Failed:
    """Over, without footage."""

    error: CutsceneError
    credits: Credits | None = None
    """What remains charged, or None where the provider does not say."""


TaskState = Pending | Done | Failed


class NotSubmitted(Exception):  # noqa: N818 -- an outcome of `submit` rather than a fault
    """Known not to have been accepted: nothing was or will be charged."""

    def __init__(self, error: CutsceneError, *, retry_after: float | None = None) -> None:
        """With ``retry_after`` (seconds) the same request may be sent again then; without, never."""
        super().__init__(str(error))
        self.error = error
        self.retry_after = retry_after


class SubmissionUnknown(Exception):  # noqa: N818 -- an outcome of `submit` rather than a fault
    """Sent, but the answer was lost: it may have been accepted and may be charged."""


@runtime_checkable
class Provider(Protocol):
    """Translates. Never waits, retries, downloads, stores, or touches money.

    Where a request holds an image, a provider is given it as a data URI, already
    bounded, upright, and cropped to the aspect.
    """

    @property
    def id(self) -> str: ...

    def capabilities(self) -> Capabilities: ...

    def check(self, request: VideoRequest) -> Model:
        """The model that serves the request; raises `InputValidationError`. No I/O."""
        ...

    def estimate(self, request: VideoRequest) -> Credits:
        """Upper bound of what the request may cost. No I/O."""
        ...

    async def submit(self, request: VideoRequest) -> Submitted:
        """Ask once. Raises `NotSubmitted` or `SubmissionUnknown`, nothing else: the difference is money."""
        ...

    async def poll(self, task_id: str) -> TaskState:
        """Look once. Raises `ProviderError` when the look itself failed, which says nothing of the task."""
        ...

    async def cancel(self, task_id: str) -> None:
        """Tell the provider to stop. Doing so twice, or too late, is no error."""
        ...


OpenProvider = Callable[[Settings], AbstractAsyncContextManager[Provider]]
"""What an entry point names: opens the provider, and closes what it held."""


def choose_model(capabilities: Capabilities, request: VideoRequest, provider: str) -> Model:
    """The model asked for, or the first that fits; raises `InputValidationError`."""
    candidates = [m for m in capabilities.models if request.model in (None, m.id)]
    if not candidates:
        known = ", ".join(model.id for model in capabilities.models)
        raise InputValidationError(
            f"Provider {provider!r} has no model {request.model!r}: choose one of {known}."
        )
    reasons = [_misfit(model, request) for model in candidates]
    for model, reason in zip(candidates, reasons, strict=True):
        if reason is None:
            return model
    raise InputValidationError(str(reasons[0]))


def _misfit(model: Model, request: VideoRequest) -> str | None:
    if request.image is None and not model.text:
        return f"Model {model.id!r} animates a picture: give one."
    if request.image is not None and not model.image:
        return f"Model {model.id!r} takes no picture: leave it out."
    if request.aspect not in model.sizes:
        return f"Model {model.id!r} makes no {request.aspect} clips: choose one of {', '.join(model.sizes)}."
    if not model.min_duration <= request.duration <= model.max_duration:
        return (
            f"Model {model.id!r} makes {model.min_duration:g} to {model.max_duration:g} seconds, "
            f"not {request.duration:g}."
        )
    return None


class Providers:
    """The providers that are installed, opened when first asked for.

    ``async with Providers(settings) as providers: providers.get("video", "local")``
    """

    def __init__(self, settings: Settings, installed: Iterable[EntryPoint] | None = None) -> None:
        self._settings = settings
        points = entry_points(group=ENTRY_POINTS) if installed is None else installed
        self._points = {point.name: point for point in points}
        self._open: dict[str, Provider] = {}
        self._stack = AsyncExitStack()
        self._opening = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._open.clear()
        await self._stack.aclose()

    async def get(self, kind: str = "video", name: str | None = None) -> Provider:
        """The provider of that name, or the configured default; raises `InputValidationError`."""
        if kind != "video":
            raise InputValidationError(f"There are no {kind!r} providers, only 'video'.")
        name = name or self._settings.provider
        async with self._opening:
            if name not in self._open:
                self._open[name] = await self._enter(name)
            return self._open[name]

    async def capabilities(self) -> dict[str, Capabilities]:
        """Of each provider that can be opened here."""
        found = {}
        for name in sorted(self._points):
            try:
                provider = await self.get("video", name)
            except CutsceneError as error:
                structlog.get_logger().info("provider_left_out", provider=name, reason=str(error))
            else:
                found[name] = provider.capabilities()
        return found

    async def _enter(self, name: str) -> Provider:
        point = self._points.get(name)
        if point is None:
            known = ", ".join(sorted(self._points))
            raise InputValidationError(f"Unknown provider {name!r}: installed are {known}.")
        try:
            open_provider: OpenProvider = point.load()
        except ImportError as error:
            raise ProviderError(f"Provider {name!r} cannot be loaded: {error}.") from error
        return await self._stack.enter_async_context(open_provider(self._settings))
