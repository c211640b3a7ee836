"""``cutscene skill`` as a platform calls it: a SkillResult on standard output, and an exit code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import cutscene
from cutscene import skills
from cutscene.media.probe import probe
from processes import VENDOR, run

STILL = Path(cutscene.__file__).parent / "assets" / "intro-still.jpg"
SMALL = {"duration_sec": 1.0, "width": 640, "height": 480}


class Caller:
    """An empty home, and skills called in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(
        self, name: str, given: str | dict[str, Any], *options: str
    ) -> tuple[int, dict[str, Any], str]:
        (self.folder / "input.json").write_text(given if isinstance(given, str) else json.dumps(given))
        return self.run("skill", name, "--input", "input.json", *options)

    def run(self, *command: str) -> tuple[int, dict[str, Any], str]:
        environment = {
            **os.environ,
            "CUTSCENE_HOME": str(self.folder / "home"),
            "PYTHONPATH": str(VENDOR),
        }
        ended = run(*command, environment=environment, folder=self.folder)
        assert "Traceback" not in ended.stdout + ended.stderr
        return ended.returncode, json.loads(ended.stdout), ended.stderr


@pytest.fixture
def call(tmp_path: Path) -> Caller:
    return Caller(tmp_path)


def test_each_skill_makes_its_clip(call: Caller) -> None:
    (call.folder / "still.jpg").write_bytes(STILL.read_bytes())
    inputs: dict[str, dict[str, Any]] = {
        "generate_intro_video_loop": {
            "image_uri": "still.jpg",  # from a keyboard, a path will do
            "motion_params": {"motion_type": "breathing"},
            "specs": SMALL,
        },
        "generate_outcome_video_win": {"assets": [{"type": "confetti"}], "specs": SMALL},
        "generate_outcome_video_lose": {"lose_text": "", "specs": SMALL},
    }
    kinds = ("video/intro-loop", "video/outcome-win", "video/outcome-lose")
    assert tuple(inputs) == skills.names()
    for (name, given), kind in zip(inputs.items(), kinds, strict=True):
        code, result, said = call(name, given, "--tenant", "acme", "--run-id", "spring")
        assert (code, result["ok"]) == (0, True), said
        assert [artifact["artifact_type"] for artifact in result["artifacts"]] == [kind, "image/poster"]
        facts = probe(Path(result["data"]["video_uri"].removeprefix("file://")))
        assert (facts.width, facts.height, facts.frames) == (640, 480, 24)
        assert facts.sha256 == result["artifacts"][0]["content_hash"]
        assert result["data"]["credits_used"] == 0
        assert "clip: queued" in said  # what comes next may be too quick to be seen
        if name == "generate_intro_video_loop":
            assert result["data"]["is_loopable"]
            assert result["data"]["generation_params"]["source_image_uri"].startswith("acme/spring/source/")


def test_what_fails_is_a_result_too(call: Caller) -> None:
    name = "generate_outcome_video_win"
    for given, sentence in (
        ("{", "input.json is not JSON (line 1): give one JSON object."),
        ("[" * 100_000, "input.json is not JSON"),
        ("[1]", "The input is malformed: give a JSON object."),
        ({"foo": 1}, "Unknown in the input: foo."),
        ({"prompt": "x" * 501}, "prompt has 501 characters, at most 500 are allowed: shorten it."),
        ({"assets": [{"type": "logo", "uri": "gone.png"}]}, "gone.png does not exist"),
        ({"prompt": "[fail]", "provider": "scripted", "specs": SMALL}, "The scripted vendor failed."),
    ):
        code, result, said = call(name, given)
        assert (code, result["ok"], result["data"]) == (1, False, None)
        assert result["error"].startswith(sentence)
        assert f"Error: {result['error']}" in said.splitlines()
    code, result, _ = call.run("skill", "nothing", "--input", "input.json")
    assert (code, result["error_code"]) == (1, "INPUT_VALIDATION_ERROR")
    assert "There is no skill 'nothing': choose one of generate_intro_video_loop" in result["error"]
    code, result, _ = call.run("skill", name, "--input", "gone.json")
    assert (code, result["error"]) == (
        1,
        "gone.json cannot be read (No such file or directory): give a file of JSON.",
    )


def test_a_budget_that_is_nearly_used_is_said(call: Caller) -> None:
    call.run("tenants", "set", "acme", "--monthly-credits", "6", "--json")
    given = {"prompt": "waves", "provider": "scripted", "specs": SMALL}
    code, result, said = call("generate_outcome_video_win", given, "--tenant", "acme")
    assert (code, result["data"]["credits_used"]) == (0, 5)
    assert "Warning: Tenant 'acme' has used 5 of 6 credits" in said


def test_ctrl_c_ends_it_while_it_reads(call: Caller) -> None:
    pipe = call.folder / "input.json"
    os.mkfifo(pipe)
    command = [sys.executable, "-m", "cutscene", "skill", "generate_outcome_video_win", "--input", str(pipe)]
    process = subprocess.Popen(command, cwd=call.folder, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while True:
        assert time.monotonic() < deadline, "it does not read"
        with suppress(OSError):  # nobody reads yet
            writing = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    os.close(writing)
    assert process.returncode == 130
    assert said.startswith("Stopped. Nothing is lost")


def test_schemas_are_printed(call: Caller) -> None:
    code, schema, _ = call.run("schema", "generate_intro_video_loop")
    assert (code, schema["required"]) == (0, ["image_uri"])
    code, schema, _ = call.run("schema", "generate_intro_video_loop", "--output")
    assert (code, set(schema["required"])) == (
        0,
        {"ok", "data", "error", "error_code", "artifacts", "debug"},
    )
