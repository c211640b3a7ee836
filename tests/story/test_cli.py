"""Commands as a person types them: what they print, how they end, and what they leave behind."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from cutscene.emulator import Behaviour
from cutscene.media.probe import probe
from emulated import Emulated
from processes import VENDOR, run

Result = subprocess.CompletedProcess[str]


class Shell:
    """An empty home, and commands in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"

    def __call__(self, *command: str, **environment: str) -> Result:
        return run(*command, environment=self._environment(environment), folder=self.folder)

    def anew(self, *command: str) -> Result:
        """Not forked from what has imported everything, but started as a person does."""
        return subprocess.run(
            [sys.executable, "-m", "cutscene", *command],
            env=self._environment({}),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def _environment(self, changed: Mapping[str, str]) -> dict[str, str]:
        ours = {"CUTSCENE_HOME": str(self.home), "PYTHONPATH": str(VENDOR), "COLUMNS": "160"}
        return {**os.environ, **ours, **changed}

    def jobs_recorded(self) -> int:
        """Counted behind the command line's back."""
        if not (self.home / "cutscene.db").exists():
            return 0
        with closing(sqlite3.connect(self.home / "cutscene.db")) as connection:
            return int(connection.execute("SELECT count(*) FROM jobs").fetchone()[0])


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def one_line_error(result: Result) -> str:
    """The one sentence on standard error; no stack trace, not even by accident."""
    assert result.returncode != 0
    assert "Traceback" not in result.stderr + result.stdout
    [line] = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    return line


def bomb(width: int, height: int) -> bytes:
    """A PNG that claims many pixels in few bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"\x00" * 100_000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([""], "prompt is empty: say in words"),
        (["x" * 501], "501 characters, at most 500 are allowed: shorten it"),
        (["x", "--aspect", "4:3"], "Unknown aspect '4:3': choose one of 16:9, 9:16, 1:1"),
        (["x", "--duration", "31"], "out of range: choose 1 to 30 seconds"),
        (["x", "--seed", "0"], "seed 0 is out of range"),
        (["x", "--image", "gone.png"], "gone.png does not exist"),
        (["x", "--image", "notes.txt"], "notes.txt is not a picture: give a JPEG, PNG or WebP"),
        (["x", "--image", "bomb.png"], "bomb.png"),
        (["x", "--image", "."], "directory"),
        (["x", "-o", "notes.txt/clip.mp4"], "cannot be written"),
        (["x", "-o", "."], "is a folder: name a file in it"),
        (["x", "--provider", "nobody"], "Unknown provider 'nobody': installed are local, "),
        (["x", "--model", "nothing"], "has no model 'nothing': choose one of scenery-1"),
        (["x", "--tenant", "../etc"], "cannot name a tenant"),
    ],
)
def test_bad_input_is_refused_in_one_line_and_leaves_nothing(
    shell: Shell, arguments: list[str], sentence: str
) -> None:
    (shell.folder / "notes.txt").write_text("not a picture")
    (shell.folder / "bomb.png").write_bytes(bomb(60_000, 60_000))
    before = sorted(shell.folder.iterdir())
    assert sentence in one_line_error(shell("generate", *arguments))
    assert [path for path in sorted(shell.folder.iterdir()) if path != shell.home] == before
    assert shell.jobs_recorded() == 0
    left = [path for path in shell.home.rglob("*") if path.is_file() and path.suffix in {".mp4", ".png"}]
    assert left == []


def test_a_newer_database_is_refused(shell: Shell) -> None:
    assert shell("jobs").returncode == 0
    engine = sa.create_engine(f"sqlite:///{shell.home}/cutscene.db")
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    error = one_line_error(shell("generate", "mountains"))
    assert "made by a newer Cutscene" in error
    assert "upgrade Cutscene" in error


def test_a_home_that_cannot_be_written(shell: Shell) -> None:
    shell.home.write_text("a file where the home should be")
    assert "CUTSCENE_HOME" in one_line_error(shell("jobs"))


def test_a_wrong_setting_is_named(shell: Shell) -> None:
    assert "RUNWAY_MAX_CONCURRENT" in one_line_error(shell("jobs", RUNWAY_MAX_CONCURRENT="x"))
    assert "RUNWAY_MAX_CONCURRENT" in one_line_error(shell("worker", RUNWAY_MAX_CONCURRENT="x"))


def test_errors_are_json_for_scripts(shell: Shell) -> None:
    result = shell("generate", "x", "--duration", "99", "--json")
    assert result.returncode == 1
    answer = json.loads(result.stdout)
    assert (answer["status"], answer["error_code"]) == ("failed", "INPUT_VALIDATION_ERROR")


def test_an_unknown_job_is_not_found(shell: Shell) -> None:
    for command in ("show", "wait", "cancel", "retry"):
        assert "There is no job 'job_x'" in one_line_error(shell("job", command, "job_x"))


def test_a_clip_from_prompt_to_file(shell: Shell) -> None:
    arguments = ("generate", "a forest in the morning", "--duration", "2", "--loop", "--seed", "5")
    result = shell(*arguments, "--aspect", "9:16", "-o", "out/clip.mp4", "--json")
    assert result.returncode == 0, result.stderr
    answer = json.loads(result.stdout)
    assert list(answer) == [
        "job_id",
        "status",
        "video_url",
        "duration_ms",
        "credits_used",
        "width",
        "height",
        "fps",
        "format",
        "codec",
        "bytes",
        "sha256",
        "is_loopable",
        "loop_seam",
        "loop",
        "provider",
        "model",
        "fallback",
        "poster_url",
        "parts",
        "partial",
        "error_code",
        "error",
    ]
    facts = probe(shell.folder / "out" / "clip.mp4")
    assert (facts.width, facts.height, facts.frames) == (720, 1280, 48)
    assert (answer["sha256"], answer["bytes"], answer["duration_ms"]) == (facts.sha256, facts.bytes, 2000)
    assert answer["is_loopable"]
    assert answer["credits_used"] == 0

    again = json.loads(shell(*arguments, "--aspect", "9:16", "--json").stdout)
    assert again["sha256"] == answer["sha256"]
    assert again["video_url"] == answer["video_url"]  # identical content is stored once
    assert again["job_id"] != answer["job_id"]

    [usage] = json.loads(shell("usage", "--by", "provider", "--json").stdout)
    counted = {"jobs": 2, "segments": 2, "failures": 0}
    spent = {"credits": 0, "held": 0, "usd": 0, "failed_credits": 0, "failed_usd": 0}
    assert usage == {"provider": "local", **counted, **spent}
    shown = json.loads(shell("job", "show", answer["job_id"], "--json").stdout)
    assert shown == answer


def test_submit_now_and_let_a_worker_do_it(shell: Shell) -> None:
    result = shell("generate", "waves", "--duration", "1", "--provider", "scripted", "--no-wait")
    assert result.returncode == 0
    job_id = result.stdout.strip()
    assert "No worker is running: start 'cutscene worker'" in result.stderr
    assert shell("worker", "--until-idle").returncode == 0
    waited = shell("job", "wait", job_id, "-o", "clip.mp4")
    assert waited.returncode == 0
    assert "1280x720" in waited.stdout
    assert (shell.folder / "clip.mp4").exists()
    assert job_id in shell("jobs").stdout


def test_a_failed_job_ends_with_its_error_and_can_be_retried(shell: Shell) -> None:
    failed = shell("generate", "waves [refuse]", "--duration", "1", "--provider", "scripted")
    assert "refuses this prompt" in one_line_error(failed)
    [job] = json.loads(shell("jobs", "--json", "--state", "failed").stdout)
    assert job["error_code"] == "INPUT_VALIDATION_ERROR"
    assert shell("job", "retry", job["job_id"]).returncode == 0
    assert "is queued already" not in one_line_error(shell("job", "retry", job["job_id"]))
    assert shell("job", "cancel", job["job_id"]).returncode == 0
    assert json.loads(shell("job", "show", job["job_id"], "--json").stdout)["status"] == "cancelled"


def test_the_facts_fit_a_narrow_terminal(shell: Shell) -> None:
    arguments = ("generate", "waves", "--duration", "1", "--provider", "scripted")
    result = shell(*arguments, COLUMNS="80")
    heading, row, where = result.stdout.splitlines()
    assert [heading.split()[0], row.split()[1]] == ["clip", "1280x720"]
    assert len(heading) <= 80
    assert where.endswith(".mp4")


def test_the_demo(shell: Shell) -> None:
    result = shell.anew("demo", "--json")
    assert result.returncode == 0, result.stderr
    answer = json.loads(result.stdout)
    assert list(answer) == ["intro", "win", "lose"]
    for name, job in answer.items():
        facts = probe(shell.folder / "demo" / f"{name}.mp4")
        assert (facts.width, facts.height, facts.frames, facts.codec) == (1280, 720, 96, "h264")
        assert (facts.pix_fmt, facts.constant_rate, facts.faststart) == ("yuv420p", True, True)
        assert job["sha256"] == facts.sha256
        assert Path(job["poster_url"].removeprefix("file://")).exists()
    assert answer["intro"]["is_loopable"]
    assert answer["intro"]["loop_seam"] >= 85


def test_the_demo_over_http(shell: Shell) -> None:
    result = shell("demo", "--provider", "runway", "--json")
    assert result.returncode == 0, result.stderr
    for name, job in json.loads(result.stdout).items():
        facts = probe(shell.folder / "demo" / f"{name}.mp4")
        assert (facts.width, facts.height, facts.frames) == (1280, 720, 96)
        assert (job["provider"], job["credits_used"]) == ("runway", 25 if name == "intro" else 48)
    assert shell.jobs_recorded() == 0  # the emulator has a home of its own


@pytest.fixture
def vendor(footage_folder: Path) -> Iterator[Emulated]:
    with Emulated(Behaviour(seconds=0.2, credits=100, footage=footage_folder)) as emulated:
        yield emulated


def test_a_holder_of_a_key_asks_the_doctor_and_makes_a_clip(shell: Shell, vendor: Emulated) -> None:
    runway = {
        "RUNWAY_API_KEY": vendor.key,
        "RUNWAY_API_BASE_URL": vendor.url,
        "RUNWAY_API_FLAVOR": "tasks",
        "RUNWAY_POLL_INTERVAL_MS": "100",
    }
    checked = shell("doctor", "--json", **runway)
    assert checked.returncode == 0, checked.stdout
    said = {finding["what"]: finding["says"] for finding in json.loads(checked.stdout)}
    assert said["runway"] == "At 127.0.0.1 (tasks), the default; 100 credits left; 5 generations at once."

    made = shell("generate", "a harbour", "--duration", "2", "--motion", "zoom:2", "--json", **runway)
    answer = json.loads(made.stdout)
    assert (answer["provider"], answer["model"], answer["credits_used"]) == ("runway", "gen4.5", 24)
    [task] = vendor.tasks()
    assert task["prompt"] == "a harbour The camera slowly pushes in."

    log = (shell.home / "cutscene.log").read_text()
    everything = made.stdout + made.stderr + checked.stdout + checked.stderr + log
    assert vendor.key not in everything
    assert "_jwt=" not in everything


def test_the_doctor_names_what_is_wrong(shell: Shell, vendor: Emulated) -> None:
    def verdicts(**environment: str) -> dict[str, str]:
        result = shell("doctor", "--json", **environment)
        found = json.loads(result.stdout)
        assert result.returncode == any(finding["verdict"] == "error" for finding in found)
        return {finding["verdict"]: finding["says"] for finding in found if finding["what"] == "runway"}

    assert verdicts() == {"off": "Runway needs a key: set RUNWAY_API_KEY."}
    assert "error" in verdicts(CUTSCENE_PROVIDER="runway")
    refused = verdicts(RUNWAY_API_KEY="key_0", RUNWAY_API_BASE_URL=vendor.url)
    assert refused == {"error": "Runway refuses the key: check RUNWAY_API_KEY."}
    wrong = verdicts(RUNWAY_API_KEY="key_0", RUNWAY_API_BASE_URL="https://api.runwayml.com")
    assert "set RUNWAY_API_BASE_URL to https://api.dev.runwayml.com" in wrong["warning"]


def test_the_doctor_shows_a_pause(shell: Shell, vendor: Emulated) -> None:
    runway = {"RUNWAY_API_KEY": vendor.key, "RUNWAY_API_BASE_URL": vendor.url, "RUNWAY_API_FLAVOR": "tasks"}
    failed = shell("generate", "a harbour", "--duration", "10", **runway)
    assert "out of credits: buy some" in one_line_error(failed)
    found = json.loads(shell("doctor", "--json", **runway).stdout)
    [pause] = [finding["says"] for finding in found if finding["verdict"] == "warning"]
    assert pause.startswith("Paused for another ")


def test_an_emulator_of_ones_own(shell: Shell) -> None:
    command = [sys.executable, "-m", "cutscene", "emulator", "--port", "0", "--credits", "50"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=shell.folder
    ) as emulator:
        try:
            assert emulator.stdout is not None
            printed = dict(emulator.stdout.readline().strip().split("=", 1) for _ in range(2))
            assert set(printed) == {"RUNWAY_API_BASE_URL", "RUNWAY_API_KEY"}
            runway = {**printed, "RUNWAY_API_FLAVOR": "generations", "RUNWAY_POLL_INTERVAL_MS": "200"}
            made = shell("generate", "a harbour", "--aspect", "1:1", "--json", **runway)
            answer = json.loads(made.stdout)
            assert (answer["width"], answer["height"], answer["credits_used"]) == (768, 768, 40)
        finally:
            emulator.send_signal(signal.SIGINT)
            assert emulator.wait(20) == 0
