"""Jobs over `/v1/videos` from end to end, on a server that is paid and on one that is not."""

from __future__ import annotations

import asyncio
import base64
import pickle
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pytest
import structlog
from PIL import Image

import cutscene
from cutscene.domain import Aspect, Credits, Job, VideoRequest
from cutscene.emulator import Behaviour
from cutscene.errors import CutsceneError
from cutscene.ledger import Grouping
from cutscene.media.picture import to_data_uri
from cutscene.specs import Specs
from cutscene.studio import Studio
from cutscene.telemetry import log_to_file
from emulated import Emulated, videos_settings
from installed import install

pytestmark = pytest.mark.anyio

KEY = "sk-hush-0123456789"
UNKNOWN = "SUBMISSION_UNKNOWN"
LAST = "out of quota"
"""It closes the provider for all, so it has to wait."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong, by the emulator's tags, and what must come of it."""

    tags: str
    outcome: str = "done"
    """Or the code of the error."""
    creations: int = 1
    """That the server accepted."""
    settled: int = 0
    held: int = 0
    """Credits."""


PAID = {
    "none": Fault("", settled=5),
    "429 twice": Fault("[busy:2]", settled=5),
    "503 while polling": Fault("[error:503x3]", settled=5),
    "status nobody knows": Fault("[odd-status:2]", settled=5),
    "content not yet there": Fault("[expire]", settled=5),
    "truncated": Fault("[truncate]", settled=5),
    "create answer lost": Fault("[drop-after-accept]", UNKNOWN, held=5),
    "create dropped": Fault("[drop]", UNKNOWN, creations=0, held=5),
    "create 503": Fault("[create-error:503x1]", UNKNOWN, creations=0, held=5),
    "moderated": Fault("[moderated]", "INPUT_VALIDATION_ERROR", held=5),
    "failed, and nobody says at what cost": Fault("[fail-once:INTERNAL]", "PROVIDER_ERROR", held=5),
    "out of quota": Fault("[no-credits]", "QUOTA_EXCEEDED_ERROR", creations=0),
}
FREE = {
    "create answer lost, free": Fault("[drop-after-accept]", creations=2),
    "create 503, free": Fault("[create-error:503x1]"),
    "transient, free": Fault("[fail-once:INTERNAL]", creations=2),
    "moderated, free": Fault("[moderated]", "INPUT_VALIDATION_ERROR"),
}


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module", autouse=True)
def _declared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """As if this version of ours had been installed anew."""
    site = tmp_path_factory.mktemp("site")
    install(site, "ours", {"openai-videos": "cutscene.providers.openai_videos:open_provider"})
    sys.path.insert(0, str(site))
    yield
    sys.path.remove(str(site))


@pytest.fixture(scope="module")
def vendor(footage_folder: Path) -> Iterator[Emulated]:
    with Emulated(Behaviour(seconds=0.2, concurrency=100, key=KEY, footage=footage_folder)) as emulated:
        yield emulated


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
async def studio(request: pytest.FixtureRequest, vendor: Emulated, home: Path) -> AsyncIterator[Studio]:
    """Opened for one price at a time: a process has one engine."""
    usd = {"paid": "0.05", "free": "0"}[request.param]
    settings = videos_settings(
        vendor, home / request.param, openai_videos_usd_per_second=usd, openai_videos_concurrency=100
    )
    with log_to_file(home / "log"):
        async with cutscene.open(settings) as opened:
            yield opened
        structlog.reset_defaults()


paid = pytest.mark.parametrize("studio", ["paid"], indirect=True)
free = pytest.mark.parametrize("studio", ["free"], indirect=True)


def _request(fault: Fault, words: str) -> VideoRequest:
    return VideoRequest(
        prompt=f"{words} {fault.tags}".strip(), duration=1.0, specs=Specs(width=320, height=180)
    )


@pytest.fixture(scope="module")
async def jobs(studio: Studio) -> Mapping[str, Job]:
    faults = PAID if "paid" in str(studio.settings.home) else FREE
    return {
        name: await studio.submit(_tenant(name), _request(fault, _words(faults)))
        for name, fault in faults.items()
        if name != LAST
    }


def _words(faults: Mapping[str, Fault]) -> str:
    return "a harbour" if faults is PAID else "a free harbour"


def _tenant(fault: str) -> str:
    return "".join(char if char.isalnum() else "-" for char in fault.lower())


async def _outcome(studio: Studio, tenant: str, job: Job) -> str:
    try:
        clip = await studio.wait(tenant, job.id, timeout=30)
    except CutsceneError as error:
        return UNKNOWN if error.detail == UNKNOWN else error.code
    assert (clip.width, clip.height, clip.frames) == (320, 180, 24)
    return "done"


async def _check(studio: Studio, faults: Mapping[str, Fault], name: str, job: Job, vendor: Emulated) -> None:
    fault = faults[name]
    outcome = await _outcome(studio, _tenant(name), job)
    prompt = _request(fault, _words(faults)).prompt
    seen = [task for task in vendor.tasks() if task["prompt"] == prompt]
    [books] = await studio.usage(Grouping.TENANT, tenant=_tenant(name))
    assert (outcome, len(seen)) == (fault.outcome, fault.creations)
    assert (books.credits, books.held) == (Credits.of(fault.settled), Credits.of(fault.held))


@paid
@pytest.mark.parametrize("name", [name for name in PAID if name != LAST])
async def test_where_it_is_paid(name: str, studio: Studio, jobs: Mapping[str, Job], vendor: Emulated) -> None:
    await _check(studio, PAID, name, jobs[name], vendor)


@paid
async def test_a_cancelled_job_is_deleted_at_the_server(studio: Studio, vendor: Emulated) -> None:
    job = await studio.submit("hasty", VideoRequest(prompt="a long one [slow:50]", duration=1.0))
    for _ in range(200):
        if vendor.tasks("a long one"):
            break
        await asyncio.sleep(0.05)
    await studio.cancel("hasty", job.id)
    with pytest.raises(CutsceneError) as ended:
        await studio.wait("hasty", job.id, timeout=30)
    assert ended.value.code == "CANCELLED"
    [task] = vendor.tasks("a long one")
    assert (task["cancelled"], task["deleted"]) == (True, True)


@paid
async def test_out_of_quota_closes_the_provider(
    studio: Studio, jobs: Mapping[str, Job], vendor: Emulated
) -> None:
    for name, job in jobs.items():
        await _outcome(studio, _tenant(name), job)
    job = await studio.submit(_tenant(LAST), _request(PAID[LAST], "a harbour"))
    await _check(studio, PAID, LAST, job, vendor)


@paid
async def test_the_key_is_in_no_row_and_no_log(studio: Studio, jobs: Mapping[str, Job], home: Path) -> None:
    for name, job in jobs.items():
        await _outcome(studio, _tenant(name), job)
    kept = [path for path in home.rglob("*") if path.is_file()]
    assert any(path.name.startswith("cutscene.db") for path in kept)
    assert (home / "log").stat().st_size
    assert [path for path in kept if _holds_key(path.read_bytes())] == []


@pytest.mark.parametrize("before", range(4))
def test_a_key_in_what_the_engine_keeps_would_be_seen(before: int) -> None:
    step = pickle.dumps({"x" * before: {"Authorization": f"Bearer {KEY}"}})
    assert _holds_key(base64.b64encode(step))


def _holds_key(kept: bytes) -> bool:
    """As it is, or in base64, as the engine keeps what steps return."""
    return any(trace in kept for trace in (KEY.encode(), *map(_in_base64, range(3))))


def _in_base64(shift: int) -> bytes:
    """What is surely there of a key that begins so many bytes after a group of three."""
    encoded = base64.b64encode(bytes(shift) + KEY.encode())
    return encoded[(0, 2, 3)[shift] : (shift + len(KEY)) * 8 // 6]


@free
@pytest.mark.parametrize("name", FREE)
async def test_what_is_free_is_simply_sent_again(
    name: str, studio: Studio, jobs: Mapping[str, Job], vendor: Emulated
) -> None:
    await _check(studio, FREE, name, jobs[name], vendor)


@free
async def test_a_picture_is_animated(studio: Studio) -> None:
    drawn = BytesIO()
    Image.new("RGB", (90, 160), "teal").save(drawn, "PNG")
    request = VideoRequest(
        prompt="sway",
        image=to_data_uri(drawn.getvalue(), "image/png"),
        aspect=Aspect.PORTRAIT,
        duration=1.0,
        specs=Specs(width=180, height=320),
    )
    job = await studio.submit("pictures", request)
    clip = await studio.wait("pictures", job.id, timeout=30)
    assert (clip.width, clip.height) == (180, 320)
