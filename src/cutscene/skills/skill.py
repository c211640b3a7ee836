"""A skill: JSON in, one job through the studio, a `SkillResult` out."""

from __future__ import annotations

import hashlib
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import structlog

from cutscene.domain import Clip, Job, VideoRequest
from cutscene.errors import CutsceneError, InputValidationError, ProviderError, from_code
from cutscene.skills.contract import Debug, Output, SkillContext, SkillResult
from cutscene.skills.forms import SkillInput, check_sources, validated
from cutscene.skills.measured import artifacts, debug
from cutscene.telemetry import log_unless_configured

if TYPE_CHECKING:
    from cutscene.studio import Studio

__all__ = ["Skill"]

InputT = TypeVar("InputT", bound=SkillInput)
OutputT = TypeVar("OutputT", bound=Output)

_MAX_KEY: Final = 200
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Skill(Generic[InputT, OutputT]):
    """Called with an input and a context, it waits for the clip, and never raises.

    Only being cancelled ends a call early, with `asyncio.CancelledError`: the job goes on.
    """

    name: str
    summary: str
    artifact_type: str
    input: type[InputT]
    result: type[SkillResult[OutputT]]
    describe: Callable[[InputT, Job, Clip, str], OutputT]
    """Of the input, the job, its clip and the prompt that was sent."""

    async def __call__(
        self,
        input: InputT | Mapping[str, Any],  # noqa: A002 -- the contract's word
        context: SkillContext,
    ) -> SkillResult[OutputT]:
        """Make the clip, or attach to the job that an earlier call with this execution id began."""
        log_unless_configured()  # what breaks before a studio is open is logged too, and printed nowhere
        progress = _Progress()
        try:
            return await self._run(input, context, progress)
        except CutsceneError as error:
            return self.result.failed(error, progress.debug())
        except Exception:  # noqa: BLE001 -- whatever breaks is a result
            _log.exception("skill_broke", skill=self.name)
            unexpected = ProviderError("Something unexpected broke; the log has the trace.")
            return self.result.failed(unexpected, progress.debug())

    async def _run(
        self, given: InputT | Mapping[str, Any], context: SkillContext, progress: _Progress
    ) -> SkillResult[OutputT]:
        if not isinstance(context, SkillContext):
            raise InputValidationError("The context is malformed: give a SkillContext.")
        context.check()
        form = validated(self.input, given)
        if not context.local_files:
            check_sources(form)
        request = form.request()
        async with _studio(context) as studio:
            job = await self._submit(studio, form, request, context)
            progress.has_job(job)
            async for now in studio.watch(context.tenant_id, job.id):
                job = now
                _tell(context, job)
            calls = await studio.paid_calls(context.tenant_id, job.id)
            found = debug(job, calls, progress.prepare_ms, datetime.now(UTC))
            if job.clip is None:
                error = from_code(job.error_code or "", job.error or "The job has no clip.", job.detail)
                return self.result.failed(error, found)
            prompt = await studio.prompt_sent(context.tenant_id, job.id)
            return self._succeeded(self.describe(form, job, job.clip, prompt), job.clip, found)

    async def _submit(
        self, studio: Studio, form: InputT, request: VideoRequest, context: SkillContext
    ) -> Job:
        return await studio.submit(
            context.tenant_id,
            request,
            provider=form.provider,
            run=context.run_id,
            idempotency_key=_idempotency_key(self.name, context),
            skill=self.name,
            local_files=context.local_files,
        )

    def _succeeded(self, data: OutputT, clip: Clip, found: Debug) -> SkillResult[OutputT]:
        return self.result(ok=True, data=data, artifacts=artifacts(clip, self.artifact_type), debug=found)


class _Progress:
    """How far a call has come, for the debugging of one that fails."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._job_id: str | None = None
        self.prepare_ms = 0

    def has_job(self, job: Job) -> None:
        self._job_id = job.id
        self.prepare_ms = self._elapsed()

    def debug(self) -> Debug:
        prepare = self.prepare_ms if self._job_id else None
        return Debug.model_validate(
            {"timings_ms": {"total": self._elapsed(), "prepare": prepare}, "job_id": self._job_id}
        )

    def _elapsed(self) -> int:
        return round(1000 * (time.monotonic() - self._started))


@asynccontextmanager
async def _studio(context: SkillContext) -> AsyncIterator[Studio]:
    """The caller's, which stays open, or one of the call's own."""
    if context.studio is not None:
        yield context.studio
        return
    from cutscene.studio import open_studio  # noqa: PLC0415 -- takes seconds

    async with open_studio() as studio:
        yield studio


def _idempotency_key(skill: str, context: SkillContext) -> str | None:
    """One execution id may serve several skills and steps of a run, and means another job in each."""
    if context.execution_id is None:
        return None
    key = f"{skill}/{context.run_id}/{context.step_name}/{context.execution_id}"
    if len(key) <= _MAX_KEY:
        return key
    return f"{skill}/{hashlib.sha256(key.encode()).hexdigest()}"


def _tell(context: SkillContext, job: Job) -> None:
    """A caller's display that breaks is no reason to lose its clip."""
    if context.on_progress is None:
        return
    try:
        context.on_progress(job)
    except Exception:  # noqa: BLE001 -- it is the caller's
        _log.exception("progress_broke", job=job.id)
