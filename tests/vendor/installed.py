"""Packages as an installer leaves them: what finds a provider is the metadata beside the code."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from cutscene.providers import ENTRY_POINTS

__all__ = ["install", "installed_providers"]

_PROJECT = Path(__file__).parents[2] / "pyproject.toml"


def installed_providers() -> list[EntryPoint]:
    """Those of this environment, and ours as the project declares them, newly installed or not."""
    declared = tomllib.loads(_PROJECT.read_text())["project"]["entry-points"][ENTRY_POINTS]
    ours = [EntryPoint(name, value, ENTRY_POINTS) for name, value in declared.items()]
    return [*entry_points(group=ENTRY_POINTS), *ours]


def install(site: Path, package: str, providers: Mapping[str, str]) -> None:
    """The metadata of a package whose entry points are ``providers``, in the folder that its code is in."""
    folder = site / f"{package}-1.0.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    lines = [f"[{ENTRY_POINTS}]", *(f"{name} = {value}" for name, value in providers.items())]
    (folder / "entry_points.txt").write_text("\n".join(lines) + "\n")
