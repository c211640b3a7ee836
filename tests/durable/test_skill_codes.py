"""Every error code that a skill answers with, by each of its causes, over HTTP and from end to end."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import cutscene
from cutscene import skills
from cutscene.domain import Credits, Job, JobState, VideoRequest
from cutscene.emulator import Behaviour
from cutscene.skills import SkillContext
from cutscene.studio import Studio
from emulated import Emulated, runway_settings

pytestmark = pytest.mark.anyio

STILL = Path(cutscene.__file__).parent / "assets" / "intro-still.jpg"
SPECS = {"duration_sec": 2.0, "width": 480, "height": 480}


async def nothing(_studio: Studio, _home: Path) -> None:
    """Comes before most calls."""


async def a_small_budget(studio: Studio, _home: Path) -> None:
    await studio.set_limits("acme", monthly_credits=Credits.of(1))


async def a_full_queue(studio: Studio, _home: Path) -> None:
    await studio.set_limits("acme", max_queued=1)
    first = await studio.submit("acme", VideoRequest(prompt="[slow:600] waves"))
    async with asyncio.timeout(20):
        while (await studio.get("acme", first.id)).state == JobState.QUEUED:
            await asyncio.sleep(0.02)
    await studio.submit("acme", VideoRequest(prompt="waits"))


async def a_broken_store(_studio: Studio, home: Path) -> None:
    shutil.rmtree(home / "store", ignore_errors=True)
    (home / "store").write_text("no folder any more")


async def another_input(studio: Studio, _home: Path) -> None:
    context = SkillContext(tenant_id="acme", studio=studio, execution_id="once")
    await skills.generate_outcome_video_win({"prompt": "[fail:INTERNAL.BAD_OUTPUT.CODE01]"}, context)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    code: str
    prompt: str = "waves"
    given: dict[str, Any] = field(default_factory=dict)
    before: Callable[[Studio, Path], Awaitable[None]] = nothing
    settings: dict[str, Any] = field(default_factory=dict)
    behaviour: dict[str, Any] = field(default_factory=dict)
    cancelled: bool = False


CAUSES = {
    "an unknown field": Cause(code="INPUT_VALIDATION_ERROR", given={"foo": 1}),
    "a colour nobody knows": Cause(
        code="INPUT_VALIDATION_ERROR", given={"theme": {"primary_color": "blurple"}}
    ),
    "content policy": Cause(code="INPUT_VALIDATION_ERROR", prompt="[moderated] waves"),
    "no credits left": Cause(code="QUOTA_EXCEEDED_ERROR", behaviour={"credits": 0}),
    "over the budget": Cause(code="QUOTA_EXCEEDED_ERROR", before=a_small_budget),
    "as many wait as may": Cause(code="RATE_LIMIT_ERROR", before=a_full_queue),
    "always too busy": Cause(
        code="RATE_LIMIT_ERROR", prompt="[busy:999] waves", settings={"runway_timeout_ms": 1000}
    ),
    "a key that is refused": Cause(
        code="PROVIDER_AUTH_ERROR", settings={"runway_api_key": "key_" + "0" * 128}
    ),
    "the generation failed": Cause(code="PROVIDER_ERROR", prompt="[fail:INTERNAL.BAD_OUTPUT.CODE01]"),
    "the answer was lost": Cause(code="PROVIDER_ERROR", prompt="[drop-after-accept]"),
    "never done": Cause(code="TIMEOUT_ERROR", prompt="[never]", settings={"runway_timeout_ms": 1000}),
    "the store is broken": Cause(code="STORAGE_ERROR", before=a_broken_store),
    "somebody cancels it": Cause(code="CANCELLED", prompt="[slow:600]", cancelled=True),
    "another tenant's picture": Cause(
        code="NOT_FOUND",
        given={"assets": [{"type": "background", "uri": f"else/default/source/{'0' * 32}.png"}]},
    ),
    "an id of another input": Cause(code="CONFLICT", before=another_input),
}


@asynccontextmanager
async def opened(cause: Cause, home: Path, footage: Path) -> AsyncIterator[Studio]:
    with Emulated(Behaviour(seconds=0.2, footage=footage, **cause.behaviour)) as runway:
        async with cutscene.open(runway_settings(runway, home, **cause.settings)) as studio:
            yield studio


@pytest.mark.parametrize("name", CAUSES)
async def test_a_cause_has_its_code(tmp_path: Path, footage_folder: Path, name: str) -> None:
    cause, home = CAUSES[name], tmp_path / "home"
    async with opened(cause, home, footage_folder) as studio:
        await cause.before(studio, home)
        pending: list[asyncio.Future[Job]] = []

        def seen(job: Job) -> None:
            if cause.cancelled and job.state == JobState.RUNNING and not pending:
                pending.append(asyncio.ensure_future(studio.cancel("acme", job.id)))

        context = SkillContext(tenant_id="acme", studio=studio, execution_id="once", on_progress=seen)
        given = {"prompt": cause.prompt, "specs": SPECS, **cause.given}
        result = await skills.generate_outcome_video_win(given, context)
        await asyncio.gather(*pending)
    assert (result.ok, result.error_code) == (False, cause.code), result.error
    assert result.data is None
    assert result.error is not None
    assert "Traceback" not in result.error
