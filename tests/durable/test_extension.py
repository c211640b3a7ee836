"""Clips of several generations: each from the true last frame of the one before, none paid twice."""

from __future__ import annotations

import asyncio
import time
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

import cutscene
from cutscene.domain import Clip, Credits, Job, JobState, Stage, VideoRequest
from cutscene.errors import CancelledError, InputValidationError, ProviderError, StorageError
from cutscene.ledger import Grouping
from cutscene.media.frames import Frame, planes, read_frames, to_picture
from cutscene.media.join import last_frame
from cutscene.media.probe import probe
from cutscene.settings import Settings
from cutscene.studio import Studio
from processes import Processes
from scripted import ScriptedProvider

pytestmark = pytest.mark.anyio
ONE_DATABASE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def ask(prompt: str, seconds: float, **fields: object) -> VideoRequest:
    return VideoRequest.from_json(
        {"prompt": prompt, "duration": seconds, "model": "script-short", "specs": SMALL, **fields}
    )


SMALL = {"width": 320, "height": 180}


async def until_stored(settings: Settings, suffixes: list[str]) -> None:
    """What has served is deleted after the job is done."""
    async with asyncio.timeout(20):
        while suffixes != sorted(
            path.suffix for path in (settings.home / "store").rglob("*") if path.is_file()
        ):
            await asyncio.sleep(0.05)


def file_of(clip: Clip) -> Path:
    return Path(clip.video_url.removeprefix("file://"))


async def money(studio: Studio) -> tuple[Credits, Credits]:
    """Settled and held."""
    rows = await studio.usage(Grouping.TENANT)
    return sum((row.credits for row in rows), Credits()), sum((row.held for row in rows), Credits())


async def test_a_long_clip_is_made_of_generations_that_go_on_from_one_another(
    settings: Settings, vendor: ScriptedProvider
) -> None:
    async with cutscene.open(settings) as studio:
        job = await studio.submit("acme", ask("waves", 5))
        assert await money(studio) == (Credits(), Credits.of(25))  # all of it, before anything is sent
        clip = await studio.wait("acme", job.id, timeout=60)
        assert (clip.frames, clip.duration_ms) == (120, 5000)
        assert await money(studio) == (Credits.of(25), Credits())
        ended = await studio.get("acme", job.id)
        assert (ended.parts, ended.partial, ended.credits_used) == (3, (), Credits.of(25))
        await until_stored(settings, [".jpg", ".mp4"])  # the raw footage has served
    assert vendor.calls("post") == ["waves"] * 3
    for before, task in pairwise(vendor.tasks()):
        given = vendor.picture(task, "first")
        assert given is not None
        assert np.array_equal(given, to_picture(last_frame(vendor.root / f"{before}.mp4")))


@ONE_DATABASE
async def test_the_joint_has_no_doubled_frame(settings: Settings, vendor: ScriptedProvider) -> None:
    async with cutscene.open(settings) as studio:
        job = await studio.submit("acme", ask("waves", 3.5))
        frames = list(read_frames(file_of(await studio.wait("acme", job.id, timeout=60))))
    changes = [change(before, after) for before, after in pairwise(frames)]
    assert len(frames) == 84
    assert min(changes[46:50]) > 0.5 * float(np.median(changes))
    assert change(frames[47], last_frame(vendor.root / f"{vendor.tasks()[0]}.mp4")) < 1.5


def change(before: Frame, after: Frame) -> float:
    return float(cv2.absdiff(planes(before)[0], planes(after)[0]).mean())


async def test_a_failing_later_part_keeps_what_was_paid_for(
    settings: Settings, vendor: ScriptedProvider
) -> None:
    async with cutscene.open(settings) as studio:
        job = await studio.submit("acme", ask("[fail-at:2]", 6))
        with pytest.raises(ProviderError, match="vendor failed"):
            await studio.wait("acme", job.id, timeout=60)
        assert await money(studio) == (Credits.of(10), Credits())
        failed = await studio.get("acme", job.id)
        [kept] = failed.partial
        assert failed.clip is None
        assert probe(settings.home / "store" / kept).frames == 48
        assert vendor.calls("accepted") == ["[fail-at:2]"] * 2  # the third was not asked for

        await studio.retry("acme", job.id)
        assert await money(studio) == (Credits.of(10), Credits.of(20))
        clip = await studio.wait("acme", job.id, timeout=60)
        assert clip.frames == 144
        assert await money(studio) == (Credits.of(30), Credits())
    assert len(vendor.calls("accepted")) == 4  # one failed at no cost


@ONE_DATABASE
async def test_a_part_that_vanished_from_the_store_is_fetched_again(
    settings: Settings, vendor: ScriptedProvider
) -> None:
    async with cutscene.open(settings) as studio:
        job = await studio.submit("acme", ask("[fail-at:2]", 4))
        with pytest.raises(ProviderError, match="vendor failed"):
            await studio.wait("acme", job.id, timeout=60)
        [kept] = (await studio.get("acme", job.id)).partial
        (settings.home / "store" / kept).unlink()
        await studio.retry("acme", job.id)
        with pytest.raises(StorageError, match="vanished from the store"):
            await studio.wait("acme", job.id, timeout=60)
        assert await money(studio) == (Credits.of(10), Credits())  # nothing more was asked for
        await studio.retry("acme", job.id)
        assert (await studio.wait("acme", job.id, timeout=60)).frames == 95
        assert await money(studio) == (Credits.of(20), Credits())
    assert len(vendor.calls("accepted")) == 3  # one failed at no cost


@ONE_DATABASE
async def test_cancelled_between_two_parts(settings: Settings, vendor: ScriptedProvider) -> None:
    async with cutscene.open(settings) as studio:
        job = await studio.submit("acme", ask("[work:1.5]", 4))
        await until_accepted(vendor, 2)
        await studio.cancel("acme", job.id)
        with pytest.raises(CancelledError):
            await studio.wait("acme", job.id, timeout=60)
        settled, held = await money(studio)
        assert settled + held == Credits.of(20)  # the second was under way
        assert len((await studio.get("acme", job.id)).partial) == 1
        await studio.retry("acme", job.id)
        assert (await studio.wait("acme", job.id, timeout=60)).frames == 95
    assert len(vendor.calls("accepted")) == 3


async def until_accepted(vendor: ScriptedProvider, count: int) -> None:
    deadline = time.monotonic() + 30
    while len(vendor.calls("accepted")) < count:
        assert time.monotonic() < deadline, "it did not happen"
        await asyncio.sleep(0.02)


@ONE_DATABASE
async def test_another_tenant_has_its_turn_between_two_parts(
    settings: Settings, vendor: ScriptedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCRIPTED_CONCURRENCY", "1")
    async with cutscene.open(settings) as studio:
        long = await studio.submit("acme", ask("long", 4))
        short = await studio.submit("zeta", ask("short", 1))
        await studio.wait("acme", long.id, timeout=60)
        await studio.wait("zeta", short.id, timeout=60)
    assert vendor.calls("accepted") == ["long", "short", "long"]


@pytest.mark.parametrize(("database_url", "kill_at"), [("postgres", 2)], indirect=["database_url"])
async def test_killed_in_the_middle(
    settings: Settings, vendor: ScriptedProvider, processes: Processes, kill_at: int
) -> None:
    async with cutscene.open(settings, work="no") as studio:
        job = await studio.submit("acme", ask("[work:2]", 4))
        worker = processes.start("worker")
        await until_accepted(vendor, kill_at)
        async for now in studio.watch("acme", job.id):
            if now.stage == Stage.GENERATING:  # that it was accepted is recorded
                break
        worker.kill()
        processes.start("worker")
        assert (await studio.wait("acme", job.id, timeout=60)).frames == 95
        assert await money(studio) == (Credits.of(20), Credits())
    assert len(vendor.calls("post")) == 2


@ONE_DATABASE
async def test_a_clip_goes_on_in_its_own_shape(settings: Settings, vendor: ScriptedProvider) -> None:
    async with cutscene.open(settings) as studio:
        first = await studio.submit("acme", ask("a brook", 2))
        clip = await studio.wait("acme", first.id, timeout=60)
        longer = await studio.extend("acme", first.id, to=3.5, model="script-short")
        assert longer.request.prompt == "a brook"
        extended = await studio.wait("acme", longer.id, timeout=60)
        assert (extended.width, extended.height, extended.frames) == (320, 180, 83)  # to one frame
        assert await money(studio) == (Credits.of(20), Credits())
        kept, begun = last_frame(file_of(clip)), list(read_frames(file_of(extended)))
        assert change(begun[47], kept) < 1.5

        with pytest.raises(InputValidationError, match=r"lasts 2\.0 seconds already"):
            await studio.extend("acme", first.id, to=2)
        with pytest.raises(InputValidationError, match="no file"):
            await studio.extend("acme", "nowhere.mp4", to=4)


@ONE_DATABASE
async def test_a_long_loop_ends_where_it_began(
    settings: Settings, vendor: ScriptedProvider, tmp_path: Path
) -> None:
    """The last part is asked to end with the first picture; no part loops by itself."""
    still = tmp_path / "still.png"
    cv2.imwrite(str(still), cv2.resize(np.arange(576, dtype=np.uint8).reshape(18, 32), (1280, 720)))
    async with cutscene.open(settings) as studio:
        job: Job = await studio.submit("acme", ask("a loop", 3, image=str(still), loop=True))
        await studio.wait("acme", job.id, timeout=60)
        assert (await studio.get("acme", job.id)).state == JobState.DONE
    first, second = vendor.tasks()
    begins, ends = vendor.picture(first, "first"), vendor.picture(second, "last")
    assert begins is not None
    assert ends is not None
    assert np.array_equal(begins, ends)
    assert vendor.picture(first, "last") is None


@ONE_DATABASE
async def test_what_is_drawn_over_a_clip_is_kept_when_the_job_is_taken(
    settings: Settings, vendor: ScriptedProvider, tmp_path: Path
) -> None:
    """Font and logo are files of the caller's, and gone when they are drawn."""
    font, logo = tmp_path / "own.otf", tmp_path / "logo.png"
    font.write_bytes((files("cutscene") / "assets" / "fonts" / "InterDisplay-Black.otf").read_bytes())
    cv2.imwrite(str(logo), np.full((40, 120, 3), 250, np.uint8))
    drawn = [
        {"kind": "text", "text": "Hello", "font": str(font)},
        {"kind": "picture", "image": str(logo), "place": "logo"},
    ]
    async with cutscene.open(settings, work="no") as studio:
        job = await studio.submit("acme", ask("waves", 1, overlays=drawn))
    font.unlink()
    logo.unlink()
    async with cutscene.open(settings) as studio:
        clip = await studio.wait("acme", job.id, timeout=60)
    *_, last = read_frames(file_of(clip))
    assert planes(last)[0].max() > 225  # white letters on waves that are none
    assert len(vendor.calls("accepted")) == 1


@ONE_DATABASE
async def test_a_clip_of_another_ratio_goes_on_in_the_nearest_one(
    settings: Settings, vendor: ScriptedProvider, tmp_path: Path
) -> None:
    """Cut once, and not before the joint only: nothing jumps in size."""
    async with cutscene.open(settings) as studio:
        first = await studio.submit("acme", ask("a brook", 1, specs={"width": 400, "height": 300}))
        await studio.wait("acme", first.id, timeout=60)
        longer = await studio.extend("acme", first.id, to=2, model="script-short", specs={"fps": 30})
        clip = await studio.wait("acme", longer.id, timeout=60)
    assert (clip.width, clip.height, clip.fps) == (300, 300, 30)
