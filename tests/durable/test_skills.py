"""Skills over a real studio: what they answer, and that nothing is paid twice however they end."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import cutscene
from cutscene import skills
from cutscene.domain import Job, JobState, Stage, VideoRequest
from cutscene.emulator import Behaviour
from cutscene.errors import ConflictError, CutsceneError, InputValidationError
from cutscene.settings import Settings
from cutscene.skills import SkillContext, SkillResult
from cutscene.skills.outcome import OutcomeOutput, WinInput
from cutscene.skills.skill import _idempotency_key
from cutscene.studio import Studio
from emulated import Emulated, runway_settings
from processes import Processes
from scripted import ScriptedProvider

pytestmark = pytest.mark.anyio
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

STILL = Path(cutscene.__file__).parent / "assets" / "intro-still.jpg"
SHORT = {"duration_sec": 1.0, "width": 480, "height": 480}
TOTAL = ("prepare", "queued", "generation", "fetch", "finish", "store")


def data_uri(path: Path) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(path.read_bytes()).decode()


def win(prompt: str = "waves", **fields: Any) -> dict[str, Any]:
    return {"prompt": prompt, "specs": SHORT, **fields}


async def celebrate(studio: Studio, given: Any, **context: Any) -> SkillResult[Any]:
    context = {"tenant_id": "acme", "studio": studio, **context}
    return await skills.generate_outcome_video_win(given, SkillContext(**context))


def digest(uri: str) -> str:
    return hashlib.sha256(Path(uri.removeprefix("file://")).read_bytes()).hexdigest()


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
async def test_a_win_from_end_to_end(settings: Settings, vendor: ScriptedProvider) -> None:
    seen: list[Job] = []
    async with cutscene.open(settings) as studio:
        assets = [{"type": "confetti"}, {"type": "background", "uri": data_uri(STILL)}]
        result = await celebrate(
            studio,
            win(assets=assets, seed=3),
            run_id="spring",
            step_name="outcome",
            execution_id="e-1",
            on_progress=seen.append,
        )
    assert (result.ok, result.error, result.error_code) == (True, None, None)
    data = result.data
    assert isinstance(data, OutcomeOutput)
    assert (data.width, data.height, data.fps, data.format, data.codec) == (480, 480, 24.0, "mp4", "h264")
    assert (data.duration_sec, data.duration_ms, data.credits_used) == (1.0, 1000, 5.0)
    assert (data.outcome_type, data.video_url) == ("win", data.video_uri)
    assert data.generation_params.model_dump() == {
        "prompt": "waves",
        "outcome_text": "Congratulations! You Win!",
        "seed": 3,
        "model": "script-1",
        "provider": "scripted",
    }
    assert "/acme/spring/video/" in data.video_uri
    assert [(one.artifact_type, one.uri, one.content_hash) for one in result.artifacts] == [
        ("video/outcome-win", data.video_uri, digest(data.video_uri)),
        ("image/poster", data.poster_uri, digest(data.poster_uri)),
    ]
    [call] = result.debug.provider_calls
    assert (call.provider, call.model, call.task_id) == ("scripted", "script-1", vendor.tasks()[0])
    assert (call.credits_used, call.cost_usd, result.debug.attempts) == (5.0, 0.05, 1)
    timings = result.debug.timings_ms.model_dump()
    assert all(type(spent) is int and spent >= 0 for spent in timings.values())
    assert abs(timings["total"] - sum(timings[name] for name in TOTAL)) < 50
    assert timings["generation"] == call.duration_ms
    assert 300 <= timings["generation"] < 5000  # the vendor works for 0.3 s
    assert [seen[0].stage, seen[-1].state] == [Stage.QUEUED, JobState.DONE]
    assert {job.id for job in seen} == {result.debug.job_id}
    assert SkillResult[Any].model_validate_json(result.model_dump_json()).ok


@on_sqlite
async def test_an_intro_over_runway_says_the_prompt_as_it_was_sent(
    database_url: str, tmp_path: Path, footage_folder: Path
) -> None:
    given = {
        "image_uri": data_uri(STILL),
        "motion_params": {"motion_type": "zoom", "direction": "in"},
        "motion_prompt": "the banners wave",
        "specs": SHORT,
    }
    with Emulated(Behaviour(seconds=0.2, footage=footage_folder)) as runway:
        async with cutscene.open(runway_settings(runway, tmp_path / "home")) as studio:
            context = SkillContext(tenant_id="acme", studio=studio)
            result = await skills.generate_intro_video_loop(given, context)
            too_long = {**given, "motion_prompt": "x" * 480}
            refused = await skills.generate_intro_video_loop(too_long, context)
        [task] = runway.tasks()
    assert result.ok
    assert result.data is not None
    sent = result.data.generation_params
    assert sent.motion_prompt == task["prompt"]
    assert sent.motion_prompt.startswith("the banners wave The camera slowly pushes in")
    assert sent.source_image_uri.startswith("acme/default/source/")
    assert result.data.credits_used == task["charged"]
    assert refused.error_code == "INPUT_VALIDATION_ERROR"
    assert "the prompt has 541 characters" in str(refused.error)
    assert "at most 500 are allowed: shorten it" in str(refused.error)


@on_sqlite
async def test_every_paid_call_of_a_longer_clip_is_listed(
    settings: Settings, vendor: ScriptedProvider
) -> None:
    longer = {**win(model="script-short"), "specs": {**SHORT, "duration_sec": 3}}
    async with cutscene.open(settings) as studio:
        result = await celebrate(studio, longer)
    assert result.ok, result.error
    calls = result.debug.provider_calls
    assert [call.task_id for call in calls] == vendor.tasks()
    assert [call.credits_used for call in calls] == [10.0, 5.0]
    first, last = calls
    assert first.duration_ms is None
    assert last.duration_ms is not None
    assert (result.debug.timings_ms.generation or 0) > last.duration_ms
    assert result.debug.attempts == 1


@on_sqlite
async def test_an_execution_is_one_job_in_each_step_and_skill(
    settings: Settings, vendor: ScriptedProvider
) -> None:
    async with cutscene.open(settings) as studio:
        contexts: list[dict[str, Any]] = [
            {"execution_id": "e", "step_name": "one"},
            {"execution_id": "e" * 190, "step_name": "two"},
        ]
        first = [await celebrate(studio, win(), **context) for context in contexts]
        again = [await celebrate(studio, WinInput(**win()), **context) for context in contexts]
        lose = await skills.generate_outcome_video_lose(
            win(), SkillContext(tenant_id="acme", studio=studio, execution_id="e", step_name="one")
        )
        jobs = [result.debug.job_id for result in first]
        assert len({*jobs, lose.debug.job_id}) == 3
        assert [result.debug.job_id for result in again] == jobs
        assert [result.data for result in again] == [result.data for result in first]

        other = await celebrate(studio, win("mountains"), **contexts[0])
        assert (other.ok, other.error_code, other.data) == (False, "CONFLICT", None)
        assert str(jobs[0]) in str(other.error)
    assert len(vendor.calls("accepted")) == 3


def test_the_keys_of_executions() -> None:
    def key(skill: str = "a", **context: Any) -> str | None:
        return _idempotency_key(skill, SkillContext(tenant_id="acme", **context))

    assert key() is None
    assert key(run_id="r", step_name="s", execution_id="e") == "a/r/s/e"
    ways = [{}, {"run_id": "r"}, {"step_name": "s"}, {"execution_id": "e" * 199}]
    keys = {key(skill, **{"execution_id": "e" * 200, **way}) for skill in ("a", "b") for way in ways}
    assert len(keys) == 8
    assert all(found is not None and len(found) <= 200 for found in keys)


@on_sqlite
async def test_failures_are_results(settings: Settings, vendor: ScriptedProvider) -> None:
    async with cutscene.open(settings) as studio:
        failed = await celebrate(studio, win("[fail] [charge:2]"), execution_id="e")
        assert (failed.ok, failed.error_code) == (False, "PROVIDER_ERROR")
        assert failed.error == "The scripted vendor failed."
        [call] = failed.debug.provider_calls
        assert (call.credits_used, call.duration_ms) == (2.0, None)
        assert (failed.debug.timings_ms.generation, failed.artifacts) == (None, ())
        again = await celebrate(studio, win("[fail] [charge:2]"), execution_id="e")
        assert again.debug.job_id == failed.debug.job_id

        lost = await celebrate(studio, win("[lose]"), tenant_id="lost")
        assert lost.error_code == "PROVIDER_ERROR"
        assert [call.task_id for call in lost.debug.provider_calls] == [None]

        refused: list[tuple[Any, dict[str, Any], str]] = [
            (win(foo=1), {}, "Unknown in the input: foo."),
            (None, {}, "The input is malformed"),
            (win(), {"tenant_id": "../etc"}, "cannot name a tenant"),
            (win(), {"run_id": "A B"}, "cannot name a run"),
            (win(), {"run_id": None}, "run_id of the context is malformed"),
            (win(), {"execution_id": 7}, "execution_id of the context is malformed"),
            (win(), {"step_name": "a/b"}, "cannot name a step"),
            (win(), {"execution_id": ""}, "execution id is malformed"),
            (win(provider="nobody"), {}, "Unknown provider 'nobody'"),
            (win(model="nothing"), {}, "has no model 'nothing'"),
            (win(assets=[{"type": "background", "uri": str(STILL)}]), {}, "assets[0].uri is not usable here"),
            (win(win_text="\u13a0"), {}, "\u13a0"),
            (win(win_text="a\x00"), {}, "characters that are not text"),
            (win(win_text="\ud800"), {}, "characters that are not text"),
            (win("\ud800"), {}, "characters that are not text"),
            (win(text_overlay={"font_family": "a\n"}), {}, "font is malformed"),
            (win(assets=[{"type": "logo", "uri": "data:image/png;base64,!"}]), {}, "data URI"),
        ]
        for given, context, sentence in refused:
            result = await celebrate(studio, given, **context)
            assert (result.ok, result.error_code) == (False, "INPUT_VALIDATION_ERROR"), given
            assert sentence in str(result.error)
            assert result.debug.job_id is None
        assert not (await skills.generate_outcome_video_win({}, None)).ok  # type: ignore[arg-type]
        assert len(await studio.list("acme")) == 1
    assert len(vendor.calls("accepted")) == 2


@on_sqlite
async def test_a_cancelled_job_is_a_result_and_a_cancelled_call_leaves_its_job(
    settings: Settings, vendor: ScriptedProvider
) -> None:
    async with cutscene.open(settings) as studio:
        started: list[Job] = []
        call = asyncio.create_task(
            celebrate(studio, win("[work:1]"), execution_id="e", on_progress=started.append)
        )
        await until(lambda: any(job.stage == Stage.GENERATING for job in started))
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert (await studio.get("acme", started[0].id)).state == JobState.RUNNING
        result = await celebrate(studio, win("[work:1]"), execution_id="e")
        assert (result.ok, result.debug.job_id) == (True, started[0].id)

        stopping: list[asyncio.Task[Job]] = []

        def stop(job: Job) -> None:
            if not stopping:
                stopping.append(asyncio.create_task(studio.cancel("acme", job.id)))

        stopped = await celebrate(studio, win("[work:20]"), on_progress=stop)
        await asyncio.gather(*stopping)
        assert (stopped.ok, stopped.error_code) == (False, "CANCELLED")
    assert len(vendor.calls("accepted", "[work:1]")) == 1


@on_sqlite
async def test_without_a_studio_it_opens_one_and_a_display_that_breaks_costs_no_clip(
    settings: Settings, vendor: ScriptedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_job: Job) -> None:
        raise KeyError("a bug")

    monkeypatch.setenv("CUTSCENE_HOME", str(settings.home))
    monkeypatch.setenv("CUTSCENE_PROVIDER", "scripted")
    context = SkillContext(tenant_id="acme", on_progress=broken)
    assert (await skills.generate_outcome_video_win(win(), context)).ok
    monkeypatch.setenv("CUTSCENE_PROVIDER", "nobody")
    assert (await skills.generate_outcome_video_win(win(), context)).error_code == "INPUT_VALIDATION_ERROR"
    assert len(vendor.calls("accepted")) == 1


class OutOfPaintError(CutsceneError):
    code = "OUT_OF_PAINT"


@pytest.mark.parametrize(
    ("broken", "sentence"),
    [
        (KeyError("a bug"), "Something unexpected broke; the log has the trace."),
        (OutOfPaintError("The paint is used up."), "The paint is used up."),  # of a provider from elsewhere
    ],
)
async def test_whatever_breaks_is_a_result(
    broken: Exception, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    class Broken:
        async def submit(self, *_given: Any, **_more: Any) -> Job:
            raise broken

    context = SkillContext(tenant_id="acme", studio=Broken())  # type: ignore[arg-type]
    result = await skills.generate_outcome_video_win(win(), context)
    assert (result.ok, result.error_code, result.error) == (False, "PROVIDER_ERROR", sentence)
    assert capsys.readouterr().out == ""


@on_sqlite
async def test_the_same_key_finds_its_job_when_the_picture_is_gone(
    settings: Settings, tmp_path: Path
) -> None:
    still = tmp_path / "still.jpg"
    still.write_bytes(STILL.read_bytes())
    request = VideoRequest(prompt="waves", image=str(still), duration=1.0)
    async with cutscene.open(settings, work="no") as studio:
        job = await studio.submit("acme", request, idempotency_key="k")
        assert (await studio.submit("acme", request, idempotency_key="k")).id == job.id
        still.write_bytes((STILL.parent / "fonts" / "InterDisplay-Black.otf").read_bytes())
        with pytest.raises(InputValidationError, match="not a picture"):
            await studio.submit("acme", request, idempotency_key="k")
        still.unlink()
        assert (await studio.submit("acme", request, idempotency_key="k")).id == job.id
        with pytest.raises(InputValidationError, match="does not exist"):
            await studio.submit("acme", request)
        with pytest.raises(ConflictError, match=job.id):
            await studio.submit("acme", VideoRequest(prompt="mountains"), idempotency_key="k")


@on_sqlite
async def test_called_again_after_a_crash_it_attaches_to_its_job(
    settings: Settings, vendor: ScriptedProvider, processes: Processes, tmp_path: Path
) -> None:
    still, given = tmp_path / "still.jpg", tmp_path / "input.json"
    still.write_bytes(STILL.read_bytes())
    background = {"type": "background", "uri": str(still)}
    given.write_text(json.dumps(win("[work:3]", assets=[background])))
    command = (
        "skill",
        "generate_outcome_video_win",
        "--input",
        str(given),
        "--tenant",
        "acme",
        "--execution-id",
        "e",
    )
    crashing = processes.start(*command)
    await until(lambda: vendor.calls("accepted"))
    async with cutscene.open(settings, work="no") as studio:
        [job] = await studio.list("acme")
        async for now in studio.watch("acme", job.id):
            if now.stage == Stage.GENERATING:  # that it was accepted is recorded
                break
        crashing.kill()
        still.unlink()
        assert (await studio.get("acme", job.id)).state == JobState.RUNNING
    assert processes.start(*command).wait(60) == 0
    async with cutscene.open(settings, work="no") as studio:
        [done] = await studio.list("acme")
        assert (done.id, done.state) == (job.id, JobState.DONE)
    assert len(vendor.calls("accepted")) == 1


async def until(condition: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        await asyncio.sleep(0.02)
