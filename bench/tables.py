"""Figures as Markdown, and what the machine was doing meanwhile."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

__all__ = ["machine", "medians", "met", "percentile", "table"]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """The first column to the left, all others to the right."""
    lines = [head, [":--", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def medians(rounds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Of each figure that every round has."""
    return {name: statistics.median(figures[name] for figures in rounds) for name in rounds[0]}


def met(is_met: bool) -> str:
    return "met" if is_met else "not met"


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest that at least such a share of the values does not exceed."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(share * len(ranked)))]


def machine() -> str:
    """One line."""
    cpu = next(
        (line.split(":", 1)[1].strip() for line in _cpuinfo() if line.startswith("model name")), "unknown"
    )
    load = " ".join(f"{figure:.2f}" for figure in os.getloadavg())
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} cores ({cpu}), "
        f"Python {platform.python_version()}, load {load}"
    )


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []
