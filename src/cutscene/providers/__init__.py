"""The provider contract, and the registry of those that are installed.

A provider translates our words into one vendor's API. It never waits, retries,
downloads, stores, or touches money; the pipeline does all of that for every
provider alike. Outcomes are types, to be matched exhaustively.
"""

from __future__ import annotations

import asyncio
import logging
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
from cutscene.specs import FPS

__all__ = [
    "AccountState",
    "Capabilities",
    "Done",
    "Failed",
    "Gone",
    "Model",
    "NotSubmitted",
    "OpenProvider",
    "Pending",
    "Provider",
    "Providers",
    "SubmissionUnknown",
    "Submitted",
    "TaskState",
    "Wording",
]

ENTRY_POINTS: Final = "cutscene.providers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What one model takes and makes, as data."""

    id: str
    text: bool = False
    """Makes video from words alone."""
    image: bool = False
    """Animates a picture."""
    last_image: bool = False
    """Takes a second picture to end with."""
    video: bool = False
    """Changes a clip."""
    extends: bool = False
    """Goes on where a clip ends."""
    motion: bool = False
    """Obeys a camera motion."""
    loop: bool = False
    """Makes footage whose last frame flows into its first."""
    durations: tuple[float, ...]
    """Seconds, rising. Shorter clips are cut from the next longer one."""
    any_duration: bool = False
    """Also everything between the first and the last of ``durations``."""
    sizes: Mapping[Aspect, tuple[int, int]]
    """Width and height that are generated for each aspect, pixels; what differs is cut from the centre."""
    image_sizes: Mapping[Aspect, tuple[int, int]] | None = None
    """The same for animated pictures, where those differ."""
    fps: int = FPS
    credits_per_second: Credits
    max_prompt_chars: int = 500

    @property
    def longest(self) -> float:
        """Seconds of one generation at the most."""
        return self.durations[-1]

    def size(self, request: VideoRequest) -> tuple[int, int]:
        """What is generated for a request, pixels."""
        sizes = self.image_sizes if request.image is not None and self.image_sizes else self.sizes
        return sizes[request.aspect]

    def length(self, seconds: float) -> float:
        """The shortest that can be asked for and covers so many seconds."""
        if self.any_duration and seconds >= self.durations[0]:
            return seconds
        fitting = next((length for length in self.durations if length >= seconds), None)
        if fitting is None:
            raise InputValidationError(f"Model {self.id!r} makes at most {self.longest:g} seconds at once.")
        return fitting


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """A provider's models and its pace."""

    models: tuple[Model, ...]
    """The first one that takes what a request starts from is its default."""
    usd_per_credit: str
    """A decimal number."""
    concurrency: int
    """Generations that the provider works on at once, unless the account says otherwise."""
    poll_interval: float
    """Seconds between two looks at one task, at the most."""
    timeout: float
    """Seconds from the submission until a task is given up."""
    longest_life: float | None = None
    """Seconds after which no task can be at work any more, whatever became of it; None: ``timeout``."""
    file_root: Path | None = None
    """Folder that its ``file://`` links lie in; None: it serves none."""
    private_links: bool = False
    """Its own address is not public, so that its links need not be."""
    address: str = "this machine"
    """Where it is asked, for people."""
    warnings: tuple[str, ...] = ()
    """What in its settings is likely to be a mistake, a sentence each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountState:
    """What the provider says of our account; None where it does not say."""

    credits: Credits | None = None
    """What is left."""
    concurrency: int | None = None
    """Generations that it works on at once."""


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
    note: str | None = None
    """What the provider said, where it is none of the words it is known to use."""


@dataclass(frozen=True, slots=True)
class Done:
    """The footage can be fetched, soon: links expire."""

    urls: tuple[str, ...]
    credits: Credits | None = None
    """What was charged, or None where the provider does not say."""
    raw: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What the links' own host wants to be told besides, such as a key. Secret, and never kept."""


@dataclass(frozen=True, slots=True)
class Failed:
    """Over, without footage."""

    error: CutsceneError
    credits: Credits | None = None
    """What remains charged, or None where the provider does not say."""
    retry_after: float | None = None
    """Seconds after which the same request may well succeed; None: it would fail again."""


@dataclass(frozen=True, slots=True)
class Gone:
    """The provider knows no such task: expired, deleted, or not yet known everywhere."""


TaskState = Pending | Done | Failed | Gone


class NotSubmitted(Exception):  # noqa: N818 -- an outcome of `submit` rather than a fault
    """Known not to have been accepted: nothing was or will be charged."""

    def __init__(
        self,
        error: CutsceneError,
        *,
        retry_after: float | None = None,
        passes: bool = False,
        closed_for: float = 0.0,
    ) -> None:
        """With ``retry_after`` (seconds) the same request may be sent again then; without, never.

        ``passes``: it surely will be taken one day, so that nobody need lose patience.
        ``closed_for``: seconds in which the whole account is refused whatever it asks.
        """
        super().__init__(str(error))
        self.error = error
        self.retry_after = retry_after
        self.passes = passes
        self.closed_for = closed_for


class SubmissionUnknown(Exception):  # noqa: N818 -- an outcome of `submit` rather than a fault
    """Sent, but the answer was lost: it may have been accepted and may be charged."""


@runtime_checkable
class Provider(Protocol):
    """Translates. Never waits, retries, downloads, stores, or touches money.

    Where a request holds pictures or a clip, a provider is given them as data URIs,
    already bounded, upright, and cropped to the aspect.
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

    async def prepare(self, request: VideoRequest) -> VideoRequest:
        """The request as `submit` takes it. Whatever can be done before the paid call is done here.

        It costs nothing and may be repeated. Raises `NotSubmitted`.
        """
        ...

    async def submit(self, request: VideoRequest) -> Submitted:
        """Ask once. Raises `NotSubmitted` or `SubmissionUnknown`, nothing else: the difference is money."""
        ...

    async def poll(self, task_id: str) -> TaskState:
        """Look once. Raises `ProviderError` when the look itself failed, which says nothing of the task."""
        ...

    async def cancel(self, task_id: str) -> bool:
        """Tell the provider to stop; whether it says that it has. Doing so twice, or too late, is no error.

        Raises `ProviderError` when it could not be told.
        """
        ...

    async def account(self) -> AccountState:
        """Ask how the account stands, at no cost. Raises `ProviderAuthError` or `ProviderError`."""
        ...


@runtime_checkable
class Wording(Protocol):
    """A provider that tells its vendor more than the prompt, for instance of the camera."""

    def wording(self, request: VideoRequest) -> str:
        """The prompt as `Provider.submit` sends it; raises `InputValidationError`. No I/O."""
        ...


OpenProvider = Callable[[Settings], AbstractAsyncContextManager[Provider]]
"""What an entry point names: opens the provider, and closes what it held."""


class Providers:
    """The providers that are installed, opened when first asked for.

    ``async with Providers(settings) as providers: providers.get("video", "local")``
    """

    def __init__(self, settings: Settings, installed: Iterable[EntryPoint] | None = None) -> None:
        self._settings = settings
        points = entry_points(group=ENTRY_POINTS) if installed is None else installed
        self._points = {point.name: point for point in points}
        self.names = tuple(sorted(self._points))
        """Of all that are installed, usable or not."""
        self._open: dict[str, Provider] = {}
        self._stack = AsyncExitStack()
        self._opening = asyncio.Lock()

    async def __aenter__(self) -> Self:
        other = self._settings.fallback_provider
        if other and other not in self.names:
            known = ", ".join(self.names)
            raise InputValidationError(
                f"CUTSCENE_FALLBACK_PROVIDER is {other!r}, which is not installed: choose one of {known}."
            )
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
        for name in self.names:
            try:
                provider = await self.get("video", name)
            except CutsceneError as error:
                level = logging.WARNING if name == self._settings.provider else logging.DEBUG
                structlog.get_logger().log(level, "provider_left_out", provider=name, reason=str(error))
            else:
                found[name] = provider.capabilities()
        return found

    async def _enter(self, name: str) -> Provider:
        point = self._points.get(name)
        if point is None:
            known = ", ".join(self.names)
            raise InputValidationError(f"Unknown provider {name!r}: installed are {known}.")
        try:
            open_provider: OpenProvider = point.load()
        except ImportError as error:
            raise ProviderError(f"Provider {name!r} cannot be loaded: {error}.") from error
        return await self._stack.enter_async_context(open_provider(self._settings))
