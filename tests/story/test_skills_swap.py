"""The same call of a skill, byte for byte, whoever makes the clip: only the environment differs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import cutscene
from cutscene.emulator import Behaviour
from emulated import Emulated, runway_environment, runway_settings, videos_environment, videos_settings
from installed import install
from processes import VENDOR

STILL = Path(cutscene.__file__).parent / "assets" / "intro-still.jpg"
INTRO = json.dumps(
    {
        "image_uri": "still.jpg",
        "motion_params": {"motion_type": "breathing", "intensity": 0.2},
        "motion_prompt": "the banners wave",
        "specs": {"duration_sec": 1, "width": 640, "height": 480},
        "seed": 5,
    }
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(STILL, tmp_path / "still.jpg")
    shutil.copy(VENDOR / "acme" / "acme_video.py", tmp_path)
    install(tmp_path, "acme_video", {"acme": "acme_video:open_provider"})
    install(tmp_path, "ours", {"openai-videos": "cutscene.providers.openai_videos:open_provider"})
    return tmp_path


def called(folder: Path, home: str, **environment: str) -> subprocess.Popen[str]:
    ours = str(Path(cutscene.__file__).parents[1])
    process = subprocess.Popen(
        [sys.executable, "-m", "cutscene", "skill", "generate_intro_video_loop", "--input", "-"],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([ours, str(folder)]),
            "CUTSCENE_HOME": str(folder / home),
            **environment,
        },
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write(INTRO)
    process.stdin.close()
    process.stdin = None  # or `communicate` would flush it
    return process


def test_an_intro_by_whoever_makes_it(folder: Path, footage_folder: Path) -> None:
    with Emulated(Behaviour(seconds=0.2, footage=footage_folder)) as vendor:
        over = {
            flavor: runway_environment(runway_settings(vendor, folder, flavor=flavor))
            for flavor in ("tasks", "generations")
        }
        videos = videos_environment(videos_settings(vendor, folder, openai_videos_usd_per_second="0.05"))
        makers = {
            ("local", "scenery-1"): {"CUTSCENE_PROVIDER": "local"},
            ("runway", "gen4_turbo"): {"CUTSCENE_PROVIDER": "runway", **over["tasks"]},
            ("runway", "gen3a"): {"CUTSCENE_PROVIDER": "runway", **over["generations"]},
            ("openai-videos", "engine-1"): {"CUTSCENE_PROVIDER": "openai-videos", **videos},
            ("acme", "paint-1"): {"CUTSCENE_PROVIDER": "acme"},
        }
        calls = [called(folder, model, **chosen) for (_, model), chosen in makers.items()]
        answers = [process.communicate(timeout=120) for process in calls]
        told = sorted(task["prompt"] for task in vendor.tasks())
    results = []
    for (provider, model), process, (out, said) in zip(makers, calls, answers, strict=True):
        assert process.returncode == 0, said
        result = json.loads(out)
        made, sent = result["data"], result["data"]["generation_params"]
        assert (result["ok"], sent["provider"], sent["model"]) == (True, provider, model)
        assert (made["width"], made["height"], made["duration_ms"] > 950) == (640, 480, True)
        assert sent["motion_prompt"].startswith("the banners wave")
        results.append(made)
    assert [sorted(made) for made in results] == [sorted(results[0])] * 5
    prompts = [made["generation_params"]["motion_prompt"] for made in results]
    assert sorted(prompts[1:4]) == told  # as it was sent, the camera's words included
    assert all("camera" in prompt for prompt in told)
    spent = [made["credits_used"] for made in results]
    assert spent[0] == 0
    assert min(spent[1:]) > 0
