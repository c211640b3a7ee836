"""Every fault that a vendor is known for, and what it costs: the emulator's books beside ours.

All jobs of the table are under way at once; each test then looks at one of them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest
import structlog

import cutscene
from cutscene.domain import Job, VideoRequest
from cutscene.emulator import Behaviour
from cutscene.errors import CutsceneError
from cutscene.ledger import Grouping
from cutscene.specs import Specs
from cutscene.studio import Studio
from cutscene.telemetry import log_to_file
from emulated import Emulated, runway_settings

pytestmark = pytest.mark.anyio

SMALL = Specs(width=480, height=270)


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong, by the emulator's tags, and what must come of it."""

    tags: str
    outcome: str = "done"
    """Or the code of the error."""
    creations: int = 1
    """That the vendor accepted."""
    charged: int = 24
    """By the vendor, in the end."""
    settled: int | None = None
    """In our ledger; None: what was charged."""
    held: int = 0
    """Still set aside, since nobody says what it cost."""


UNKNOWN = "SUBMISSION_UNKNOWN"
FAULTS = {
    "none": Fault(""),
    "429 twice": Fault("[busy:2]"),
    "503 six times while polling": Fault("[error:503x6]"),
    "poll dropped": Fault("[poll-drop:2]"),
    "poll 429": Fault("[poll-busy:2]"),
    "status nobody knows": Fault("[odd-status:3]"),
    "create answer lost": Fault("[drop-after-accept]", UNKNOWN, settled=0, held=24),
    "create dropped": Fault("[drop]", UNKNOWN, creations=0, charged=0, held=24),
    "create 503": Fault("[create-error:503x1]", UNKNOWN, creations=0, charged=0, held=24),
    "throttled for long": Fault("[throttle:3]"),
    "throttled for ever": Fault("[throttle:600]", "TIMEOUT_ERROR", charged=0, held=24),
    "never ends": Fault("[never]", "TIMEOUT_ERROR", settled=0, held=24),
    "prompt moderated": Fault("[moderated]", "INPUT_VALIDATION_ERROR"),
    "result moderated": Fault("[moderated:output]", "INPUT_VALIDATION_ERROR"),
    "third party's filter": Fault("[fail:INPUT_PREPROCESSING.SAFETY.THIRD_PARTY]", "INPUT_VALIDATION_ERROR"),
    "input refused": Fault("[fail:THIRD_PARTY.INPUT_VALIDATION]", "INPUT_VALIDATION_ERROR", charged=0),
    "asset invalid": Fault("[fail:ASSET.INVALID]", "INPUT_VALIDATION_ERROR", charged=0),
    "bad output": Fault("[fail:INTERNAL.BAD_OUTPUT.CODE01]", "PROVIDER_ERROR", charged=0),
    "unknown code": Fault("[fail:NEW.CODE]", "PROVIDER_ERROR", charged=0),
    "transient, for ever": Fault("[fail:INTERNAL]", "PROVIDER_ERROR", creations=2, charged=0),
    "transient, once": Fault("[fail-once:INTERNAL]", creations=2),
    "preprocessing, once": Fault("[fail-once:INPUT_PREPROCESSING.INTERNAL]", creations=2),
    "upstream away, once": Fault("[fail-once:THIRD_PARTY.UNAVAILABLE]", creations=2),
    "transient, but charged": Fault("[fail:INTERNAL][charge:24]", "PROVIDER_ERROR"),
    "partly refunded": Fault("[charge:7]", charged=7),
    "cancelled upstream": Fault("[cancelled]", "CANCELLED", charged=0),
    "truncated twice": Fault("[truncate:2]"),
    "stalled download": Fault("[stall]"),
    "expired link": Fault("[expire]"),
    "HTML for a video": Fault("[html]", "PROVIDER_ERROR"),
    "broken file": Fault("[badfile]", "PROVIDER_ERROR"),
    "wrong size": Fault("[size:640x360]"),
    "a little short": Fault("[length:1.75]"),
    "much too short": Fault("[length:0.5]", "PROVIDER_ERROR"),
}


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def vendor(footage_folder: Path) -> Iterator[Emulated]:
    behaviour = Behaviour(seconds=0.2, concurrency=100, footage=footage_folder)
    with Emulated(behaviour) as emulated:
        yield emulated


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
async def studio(vendor: Emulated, home: Path) -> AsyncIterator[Studio]:
    settings = runway_settings(vendor, home, runway_timeout_ms=30_000, runway_account_concurrency=100)
    with log_to_file(home / "log"):
        async with cutscene.open(settings) as opened:
            yield opened
        structlog.reset_defaults()


@pytest.fixture(scope="module")
async def jobs(studio: Studio) -> Mapping[str, Job]:
    return {
        name: await studio.submit(
            _tenant(name), VideoRequest(prompt=f"a harbour {fault.tags}", duration=2.0, specs=SMALL)
        )
        for name, fault in FAULTS.items()
    }


def _tenant(fault: str) -> str:
    return "".join(char if char.isalnum() else "-" for char in fault.lower())


@pytest.mark.parametrize("name", FAULTS)
async def test_a_fault(
    name: str, studio: Studio, jobs: Mapping[str, Job], vendor: Emulated, home: Path
) -> None:
    fault, tenant = FAULTS[name], _tenant(name)
    outcome = "done"
    try:
        clip = await studio.wait(tenant, jobs[name].id, timeout=90)
        assert (clip.width, clip.height, clip.frames) == (SMALL.width, SMALL.height, 48)
    except CutsceneError as error:
        outcome = UNKNOWN if error.detail == UNKNOWN else error.code
    seen = [task for task in vendor.tasks() if task["prompt"] == f"a harbour {fault.tags}"]
    charged = sum(task["charged"] for task in seen)
    [books] = await studio.usage(Grouping.TENANT, tenant=tenant)
    print("\n".join(line for line in (home / "log").read_text().splitlines() if jobs[name].id in line))
    print(f"{name:28} | {outcome:22} | {len(seen)} | {charged:3} | {books.credits!s:>3} | {books.held!s:>3}")
    assert (outcome, len(seen), charged) == (fault.outcome, fault.creations, fault.charged)
    settled = fault.charged if fault.settled is None else fault.settled
    assert (books.credits.amount, books.held.amount) == (Decimal(settled), Decimal(fault.held))
    if fault.outcome == "TIMEOUT_ERROR":
        assert all(task["cancelled"] for task in seen)


async def test_the_error_says_that_it_was_queued_all_the_time(
    studio: Studio, jobs: Mapping[str, Job]
) -> None:
    name = "throttled for ever"
    with pytest.raises(CutsceneError, match="in the provider's queue"):
        await studio.wait(_tenant(name), jobs[name].id, timeout=60)


async def test_a_failure_keeps_the_vendors_code_for_operators(
    studio: Studio, jobs: Mapping[str, Job]
) -> None:
    name = "bad output"
    with pytest.raises(CutsceneError) as failed:
        await studio.wait(_tenant(name), jobs[name].id, timeout=60)
    assert (failed.value.detail or "").startswith("INTERNAL.BAD_OUTPUT.CODE01")
