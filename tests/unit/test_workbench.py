from __future__ import annotations

import asyncio
import mmap
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cutscene.domain import check_tenant
from cutscene.errors import InputValidationError
from cutscene.media.boxes import Limits, UnplayableVideo
from cutscene.media.forkserver import Ended
from cutscene.media.probe import probe
from cutscene.media.workbench import Workbench
from stuck import nap, open_files, stay

pytestmark = pytest.mark.anyio

VENDOR = Path(__file__).parents[1] / "vendor"


@pytest.fixture
async def workbench() -> AsyncIterator[Workbench]:
    async with Workbench() as opened:
        yield opened


async def marked(mark: Path) -> list[int]:
    """Handles of the worker, its keeper and their server, once the worker is stuck."""
    async with asyncio.timeout(20):
        while not mark.exists():
            await asyncio.sleep(0.01)
    return [os.pidfd_open(int(pid)) for pid in mark.read_text().split()]


def ended(handles: list[int], seconds: float = 10) -> bool:
    """Whether all of these processes end within that time."""
    deadline = time.monotonic() + seconds
    gone = [select.select([handle], [], [], max(0, deadline - time.monotonic()))[0] for handle in handles]
    for handle in handles:
        os.close(handle)
    return all(gone)


async def test_work_is_done_elsewhere_as_if_it_were_here(workbench: Workbench, tmp_path: Path) -> None:
    assert await workbench.run(os.getpid) not in (os.getpid(), await workbench.run(os.getpid))
    (tmp_path / "clip.mp4").write_text("nothing")
    os.chdir(tmp_path)
    assert await workbench.run(Path.read_text, Path("clip.mp4")) == "nothing"
    large = bytes(3_000_000)
    assert await workbench.run(bytes, large) == large


async def test_errors_that_mean_something_arrive_as_they_are(workbench: Workbench, tmp_path: Path) -> None:
    with pytest.raises(InputValidationError, match="cannot name a tenant"):
        await workbench.run(check_tenant, "Not a name")
    with pytest.raises(FileNotFoundError):
        await workbench.run(probe, tmp_path / "none.mp4")
    (tmp_path / "clip.mp4").write_text("nothing")
    with pytest.raises(UnplayableVideo, match="not an MP4"):
        await workbench.run(probe, tmp_path / "clip.mp4")


async def test_whatever_else_goes_wrong_is_the_files_fault(workbench: Workbench) -> None:
    for work in (np.linalg.inv, os.abort, sys.exit, os._exit):
        args: Any = {np.linalg.inv: (np.zeros((2, 2)),), os._exit: (3,)}.get(work, ())
        with pytest.raises(UnplayableVideo, match=r"^It breaks the decoder\.$"):
            await workbench.run(work, *args)
    with pytest.raises(UnplayableVideo, match=r"more memory than it is worth"):
        await workbench.run(mmap.mmap, -1, 2**50)  # refused as FFmpeg's own wishes are: by an OSError
    assert await workbench.run(int, "3") == 3


async def test_native_code_that_is_stuck_is_killed(workbench: Workbench, tmp_path: Path) -> None:
    with pytest.raises(UnplayableVideo, match=r"^It takes longer to decode than it is worth\.$"):
        await workbench.run(stay, tmp_path / "mark", seconds=0.5)
    assert not Path(f"/proc/{(tmp_path / 'mark').read_text().split()[0]}").exists()


async def test_memory_is_bounded() -> None:
    async with Workbench(Limits(max_memory=300 * 2**20)) as workbench:
        assert len(await workbench.run(bytes, 50 * 2**20)) == 50 * 2**20
        for greedy in (bytes, np.ones):
            with pytest.raises(UnplayableVideo, match="more memory"):
                await workbench.run(greedy, 300 * 2**20)
        assert (await workbench.attempt(bytearray, 100 * 2**20)).peak_bytes > 100 * 2**20


async def test_cancelling_kills_before_it_returns(workbench: Workbench, tmp_path: Path) -> None:
    work = asyncio.create_task(workbench.run(stay, tmp_path / "mark"))
    worker, keeper, server = await marked(tmp_path / "mark")
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert ended([worker], 0)
    assert ended([keeper])
    assert not ended([server], 0)


async def test_leaving_the_block_ends_the_server(tmp_path: Path) -> None:
    async with Workbench() as workbench:
        work = asyncio.create_task(workbench.run(stay, tmp_path / "mark"))
        handles = await marked(tmp_path / "mark")
        work.cancel()
    assert ended(handles)


async def test_a_server_that_was_killed_is_replaced(workbench: Workbench, tmp_path: Path) -> None:
    work = asyncio.create_task(workbench.run(stay, tmp_path / "mark", seconds=1))
    worker, keeper, server = await marked(tmp_path / "mark")
    signal.pidfd_send_signal(server, signal.SIGKILL)
    assert ended([server])
    assert await workbench.run(int, "3") == 3
    signal.pidfd_send_signal(keeper, signal.SIGKILL)
    assert ended([keeper, worker])  # and the work is done again
    with pytest.raises(UnplayableVideo, match="longer"):
        await work


async def test_signals_of_the_terminal_and_the_system_are_left_to_whoever_asked(workbench: Workbench) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        await workbench.run(signal.raise_signal, number)
    assert await workbench.run(os.getpgid, 0) != os.getpgid(0)


async def test_nothing_of_ours_is_handed_down(
    workbench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNWAY_API_KEY", "key_secret")
    with (tmp_path / "database").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        files = await workbench.run(open_files)
    assert len(files) <= 6
    assert not any("database" in name for name in files)
    assert await workbench.run(os.getenv, "RUNWAY_API_KEY") is None


async def test_what_libraries_print_is_kept_and_bounded(
    workbench: Workbench, capfd: pytest.CaptureFixture[str]
) -> None:
    assert (await workbench.attempt(os.write, 2, b"noise\n")).noise == "noise\n"
    attempt = await workbench.attempt(os.write, 1, b"a" * 50_000 + b"z" * 10)
    assert len(attempt.noise) <= 4096
    assert attempt.noise.endswith("az" + "z" * 9)
    assert attempt.ended is Ended.BY_ITSELF
    assert "noise" not in "".join(capfd.readouterr())


async def test_two_pieces_of_work_are_done_at_once_and_no_more(workbench: Workbench) -> None:
    spans = await asyncio.gather(*(workbench.run(nap, 0.3) for _ in range(5)))
    most = max(sum(start <= moment < end for start, end in spans) for moment, _ in spans)
    assert most == 2


def test_any_thread_may_have_a_loop_with_a_workbench() -> None:
    async def work() -> int:
        async with Workbench() as workbench:
            return await workbench.run(int, "3")

    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(asyncio.run(work())))
    thread.start()
    thread.join(30)
    assert found == [3]


SCRIPT = """
import asyncio, sys
from pathlib import Path
from stuck import stay
from cutscene.media.workbench import Workbench

async def main():
    async with Workbench() as workbench:
        print(await workbench.run(int, "3"), flush=True)
        await workbench.run(stay, Path(sys.argv[1]))

asyncio.run(main())
"""


async def test_a_plain_script_works_and_takes_everything_with_it(tmp_path: Path) -> None:
    """It has no ``if __name__ == "__main__"``, and gets killed with -9."""
    script, folder = tmp_path / "script.py", tmp_path / "folder"
    script.write_text(SCRIPT)
    folder.mkdir()
    (folder / "av.py").write_text("raise RuntimeError('not this one')")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*sys.path, str(VENDOR)])}
    command = [sys.executable, str(script), str(tmp_path / "mark")]
    with subprocess.Popen(command, env=environment, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        handles = await marked(tmp_path / "mark")
        process.kill()
        assert ended(handles)
        assert process.stdout is not None
        assert process.stdout.read() == "3\n"
