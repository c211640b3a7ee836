"""A provider from somebody else's package: installed, named by one setting, and used as ours are."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import cutscene
from cutscene.errors import ProviderError
from cutscene.media.probe import probe
from cutscene.providers import ENTRY_POINTS, Providers
from cutscene.settings import Settings
from installed import install
from processes import VENDOR

Result = subprocess.CompletedProcess[str]


class Machine:
    """A home, and a folder of packages that is installed there beside ours."""

    def __init__(self, folder: Path) -> None:
        self.site = folder / "site"
        self.home = folder / "home"
        self.folder = folder
        self.site.mkdir()

    def __call__(self, *command: str, **environment: str) -> Result:
        ours = str(Path(cutscene.__file__).parents[1])
        path = {"PYTHONPATH": os.pathsep.join([ours, str(self.site)]), "CUTSCENE_HOME": str(self.home)}
        return subprocess.run(
            [sys.executable, "-m", "cutscene", *command],
            env={**os.environ, **path, "COLUMNS": "160", **environment},
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_job_from_end_to_end_by_one_setting_alone(machine: Machine) -> None:
    shutil.copy(VENDOR / "acme" / "acme_video.py", machine.site)
    install(machine.site, "acme_video", {"acme": "acme_video:open_provider"})
    chosen = {"CUTSCENE_PROVIDER": "acme"}

    made = machine(
        "generate", "a quiet sea", "--duration", "1", "--size", "320x180", "-o", "sea.mp4", "--json", **chosen
    )
    assert made.returncode == 0, made.stderr
    said = json.loads(made.stdout)
    assert (said["status"], said["provider"], said["model"]) == ("done", "acme", "paint-1")
    assert said["credits_used"] == 6  # two seconds, the shortest there are
    facts = probe(machine.folder / "sea.mp4")
    assert (facts.width, facts.height, facts.frames) == (320, 180, 24)

    assert [task.suffix for task in (machine.home / "acme").iterdir()] == [".mp4"]  # one paid call


@pytest.mark.anyio
async def test_a_package_that_cannot_be_loaded_says_so(tmp_path: Path) -> None:
    broken = EntryPoint("broken", "no_such_package:open_provider", ENTRY_POINTS)
    async with Providers(Settings(home=tmp_path), [broken]) as providers:
        with pytest.raises(ProviderError, match="'broken' cannot be loaded"):
            await providers.get("video", "broken")
