"""Jobs whose clips are kept in S3: links made when somebody reads, and outages that cost nothing."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import cutscene
from cutscene import skills, tables
from cutscene.domain import Clip, Credits, Job, JobState, VideoRequest
from cutscene.emulator import Behaviour
from cutscene.errors import StorageError
from cutscene.ledger import Grouping
from cutscene.media.probe import probe
from cutscene.settings import Settings
from cutscene.skills import SkillContext
from cutscene.specs import Specs
from cutscene.storage import HOUR, open_store
from cutscene.storage.local import LocalStore
from cutscene.storage.patience import AwayError
from cutscene.studio import Studio
from emulated import Emulated, runway_settings
from front import Front
from s3_server import S3Server
from scripted import ScriptedProvider

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)]

SMALL = Specs(width=480, height=270)
STILL = Path(cutscene.__file__).parent / "assets" / "intro-still.jpg"


@pytest.fixture
def settings(settings: Settings, s3_url: str) -> Settings:
    return settings.model_copy(update={"storage_url": s3_url, "storage_patience": 5.0})


async def get(link: str) -> bytes:
    def read() -> bytes:
        with urllib.request.urlopen(link, timeout=20) as answer:
            data: bytes = answer.read()
        return data

    return await asyncio.to_thread(read)


async def kept(url: str) -> list[str]:
    store = open_store(url)
    try:
        return sorted([found.key async for found in store.listing()])
    finally:
        await store.close()


async def until_kept(url: str, keys: list[str]) -> None:
    """What has served is deleted after the job is done."""
    async with asyncio.timeout(20):
        while await kept(url) != sorted(keys):
            await asyncio.sleep(0.05)


async def test_a_skill_and_an_extension_over_s3(
    settings: Settings, vendor: ScriptedProvider, tmp_path: Path
) -> None:
    settings = settings.model_copy(update={"link_ttl": 77})
    background = "data:image/jpeg;base64," + base64.b64encode(STILL.read_bytes()).decode()
    given: dict[str, Any] = {
        "prompt": "waves",
        "specs": {"duration_sec": 1.0, "width": 480, "height": 480},
        "assets": [{"type": "background", "uri": background}],
    }
    async with cutscene.open(settings) as studio:
        result = await skills.generate_outcome_video_win(given, SkillContext(tenant_id="acme", studio=studio))
        assert result.ok, result.error
        for artifact in result.artifacts:
            assert hashlib.sha256(await get(artifact.uri)).hexdigest() == artifact.content_hash
            assert f"/{artifact.metadata['key']}?" in artifact.uri
            assert "X-Amz-Expires=77&" in artifact.uri
        [job] = await studio.list("acme")
        clip = job.clip
        assert clip is not None
        await until_kept(settings.storage, [clip.key, clip.poster_key, str(job.request.image)])

        # Of several generations, the first from the last picture of what is in the store.
        longer = await studio.extend("acme", job.id, to=4, model="script-short")
        extended = await studio.wait("acme", longer.id, timeout=60)
        assert longer.parts > 1
        assert 3900 <= extended.duration_ms <= 4000
        copy = tmp_path / "copy.mp4"
        await studio.save("acme", longer.id, copy)
        assert probe(copy).sha256 == extended.sha256

        again = (await studio.get("acme", job.id)).clip
        assert again is not None
        assert again.video_url not in {artifact.uri for artifact in result.artifacts}  # signed anew
    recorded = (settings.home / "cutscene.db").read_bytes()
    assert f"{settings.storage_url.partition('?')[0]}/{clip.key}".encode() in recorded
    assert b"X-Amz-Signature" not in recorded

    elsewhere = settings.model_copy(update={"storage_url": (settings.home / "store").as_uri()})
    async with cutscene.open(elsewhere, work="no") as studio:  # moved: links follow the key
        moved = (await studio.get("acme", job.id)).clip
    assert moved is not None
    assert moved.video_url == (settings.home / "store" / clip.key).as_uri()


class FewLinks(LocalStore):
    """As one whose keys end after two links, and whose service of keys is away."""

    asked = 0

    async def url(self, key: str, *, expires_in: timedelta = HOUR) -> str:
        self.asked += 1
        if self.asked > 2:
            raise AwayError("The keys for S3 have ended.")
        return f"https://example.com/{key}"


async def test_a_page_of_jobs_waits_once_for_keys_that_are_away(
    settings: Settings, vendor: ScriptedProvider, tmp_path: Path
) -> None:
    clip = Clip(
        key="acme/default/video/a.mp4", video_url="s3://clips/a.mp4",
        poster_key="acme/default/video/a.jpg", poster_url="s3://clips/a.jpg",
        width=480, height=270, fps=24.0, codec="h264", frames=48, duration_ms=2000, bytes=1,
        sha256="0" * 64, loop_seam=0.0, is_loopable=False,
    )  # fmt: skip
    async with cutscene.open(settings, work="no") as studio:
        for _ in range(5):
            await studio.submit("acme", VideoRequest(prompt="waves", specs=SMALL))
        done = sa.update(tables.jobs).values(state=JobState.DONE, clip=clip.to_json())
        await studio._database.write(lambda connection: connection.execute(done))
        store = FewLinks(tmp_path / "kept")
        its = studio._database, studio._providers, store, studio._workbench, studio._worker
        links = [job.clip and job.clip.video_url for job in await Studio(settings, *its).list("acme")]
        await store.close()
    assert links == [f"https://example.com/{clip.key}", *[clip.video_url] * 4]
    assert store.asked == 3


@pytest.fixture
def runway(footage_folder: Path) -> Iterator[Emulated]:
    with Emulated(Behaviour(seconds=0.2, footage=footage_folder)) as runway:
        yield runway


@pytest.fixture
def front(s3: S3Server) -> Iterator[Front]:
    with Front(s3.endpoint) as front:
        yield front


def impatient(runway: Emulated, home: Path, s3: S3Server, bucket: str, front: Front) -> Settings:
    url = s3.url(bucket, endpoint=front.url)
    return runway_settings(runway, home, storage_url=url, storage_patience=0.5)


async def settled(studio: Studio) -> Credits:
    return sum((row.credits for row in await studio.usage(Grouping.TENANT)), Credits())


@pytest.mark.parametrize("away", ["segment", "video"])
async def test_a_paid_result_is_stored_later_without_paying(
    away: str, runway: Emulated, front: Front, s3: S3Server, bucket: str, s3_keys: None,
    database_url: str, tmp_path: Path,
) -> None:  # fmt: skip
    """The store is away when the footage comes, or when the clip is finished."""
    settings = impatient(runway, tmp_path / "home", s3, bucket, front)
    front.cuts = f"/default/{away}/".encode()
    async with cutscene.open(settings) as studio:
        job = await studio.submit("acme", VideoRequest(prompt="waves", duration=2, specs=SMALL))
        with pytest.raises(StorageError, match="cannot be reached"):
            await studio.wait("acme", job.id, timeout=60)
        failed = await studio.get("acme", job.id)
        assert (failed.state, failed.error_code) == (JobState.FAILED, "STORAGE_ERROR")
        assert len(failed.partial) == (0 if away == "segment" else 1)
        paid = await settled(studio)
        assert paid == Credits.of(runway.tasks()[0]["charged"])

        front.cuts = b""
        await studio.retry("acme", job.id)
        clip = await studio.wait("acme", job.id, timeout=60)
        assert hashlib.sha256(await get(clip.video_url)).hexdigest() == clip.sha256
        assert await settled(studio) == paid
    assert len(runway.tasks()) == 1


async def test_an_outage_is_ridden_out_while_patience_lasts(
    runway: Emulated, front: Front, s3: S3Server, bucket: str, s3_keys: None,
    database_url: str, tmp_path: Path,
) -> None:  # fmt: skip
    settings = impatient(runway, tmp_path / "home", s3, bucket, front)
    patient = settings.model_copy(update={"storage_patience": 20.0})
    front.close()
    async with cutscene.open(patient) as studio:
        job = await studio.submit("acme", VideoRequest(prompt="waves", duration=2, specs=SMALL))

        is_back = False

        def seen(job: Job) -> None:
            nonlocal is_back
            if job.stage == "finishing" and not is_back:
                is_back = True
                asyncio.get_running_loop().call_later(0.5, front.open)

        clip = await studio.wait("acme", job.id, timeout=60, on_progress=seen)
        assert hashlib.sha256(await get(clip.video_url)).hexdigest() == clip.sha256
    assert len(runway.tasks()) == 1


async def test_a_store_that_is_away_costs_nothing_where_a_picture_cannot_be_kept(
    runway: Emulated, front: Front, s3: S3Server, bucket: str, s3_keys: None,
    database_url: str, tmp_path: Path,
) -> None:  # fmt: skip
    settings = impatient(runway, tmp_path / "home", s3, bucket, front)
    front.close()
    async with cutscene.open(settings) as studio:
        with pytest.raises(StorageError, match="cannot be reached"):
            await studio.submit("acme", VideoRequest(prompt="waves", image=str(STILL), specs=SMALL))
        assert await studio.list("acme") == []
    assert runway.tasks() == []
