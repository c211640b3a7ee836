"""What waiting for generations costs, and how late their end is seen.

200 generations of 2 s at once, looked at every second, by clients in processes of their own: a bare
loop on aiohttp (the floor), the official SDK's own waiting, our provider and poller alone, and all of
ours, durable. Ours knows from 24 generations before how long such ones take, unless its pace is fixed.
What is durable is submitted through the studio, let in by the gate, and carried by the engine. The remote
side is the package's emulator. What is durable ends in a refusal of the result, so that no clip is fetched
and made while others are waited for: that is `overhead.py`'s.

A loop that sleeps one second sees what takes two seconds at its best, by chance of the figures. The
last two rows have generations of 1.5 to 2.5 s, where nobody is lucky.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from servers import PROMPT, Postgres, Remote, emulator, postgres
from sides import run_side
from tables import medians, met, percentile, table
from waiters import POLL

COUNT: Final = 200
SECONDS: Final = 2
SIDES: Final = Path(__file__).with_name("waiters.py")


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table: a side, and what it is asked."""

    name: str
    side: str
    options: Mapping[str, Any] = field(default_factory=dict)
    seconds: Sequence[float] = ()
    """Of each generation."""
    is_once: bool = False
    """Far from the others: one round says it."""


FLOOR: Final = "aiohttp, bare loop (the floor)"
POLLER: Final = "ours: provider and poller"
_SPREAD: Final = ", 1.5 to 2.5 s"


def rows(databases: Mapping[str, str], count: int) -> list[Row]:
    equal = [SECONDS + number * 1e-6 for number in range(count)]
    spread = [SECONDS - 0.5 + (number * 0.618034) % 1 for number in range(count)]
    refused = {"tag": " [moderated:output]"}
    return [
        Row(FLOOR, "bare", seconds=equal),
        Row(POLLER, "poller", {"adaptive": True}, equal),
        Row(f"{POLLER}, fixed pace", "poller", {"adaptive": False}, equal),
        Row("official SDK, its constant set to 1 s", "sdk", {"every": POLL}, equal, is_once=True),
        Row("official SDK as it is", "sdk", {"every": None}, equal, is_once=True),
        *(
            Row(f"ours durable, {name}", "whole", {"database": url, **refused}, equal)
            for name, url in databases.items()
        ),
        Row(FLOOR + _SPREAD, "bare", seconds=spread),
        Row(POLLER + _SPREAD, "poller", {"adaptive": True}, spread),
    ]


def report(server: Postgres, rounds: int = 3, count: int = COUNT) -> str:
    """The table, and what of the targets is met."""
    found: dict[str, list[dict[str, float]]] = {}
    with emulator() as remote, tempfile.TemporaryDirectory() as home:
        for number in range(rounds):
            for row in rows({"SQLite": "", "Postgres": server.new_database()}, count):
                if number and row.is_once:
                    continue
                figures = _run(row, remote, Path(home) / f"{number} {row.name}")
                found.setdefault(row.name, []).append(figures)
    summed = {name: medians(figures) for name, figures in found.items()}
    return f"{_table(summed, count)}\n\n{_verdict(summed, count)}"


def _run(row: Row, remote: Remote, home: Path) -> dict[str, float]:
    """Times are seconds, memory is MiB."""
    prompts = [f"{PROMPT} [slow:{seconds:.6f}]" for seconds in row.seconds]  # one clip, each its own time
    asked = {"prompts": prompts, "count": len(prompts), **row.options}
    figures = run_side(str(SIDES), row.side, home, url=remote.url, key=remote.key, **asked)
    tasks, seen = remote.tasks(), figures["seen"]
    late = [at - tasks[task]["ended_at"] for task, at in seen.items()]
    started = [tasks[task]["created_at"] for task in seen]
    return {
        "cpu": figures["cpu"],
        "per_poll": (figures["cpu"] - figures["creating"]) / figures["polls"],
        "polls": figures["polls"],
        "peak": figures["peak"],
        "looked": statistics.mean(at - tasks[task]["ended_at"] for task, at in figures["looked"].items()),
        "late": statistics.mean(late),
        "late_p95": percentile(late, 0.95),
        "started": max(started) - min(started),
    }


def _table(summed: Mapping[str, Mapping[str, float]], count: int) -> str:
    head = [
        f"{count} generations of {SECONDS} s, a look each {POLL:g} s",
        "looks",
        "CPU, s",
        "CPU of a generation, ms",
        "CPU of a look, ms",
        "to the floor",
        "peak, MiB",
        "all begun within, s",
        "end seen late, s",
        "p95, s",
        "over the floor, s",
    ]
    lines = []
    for name, row in summed.items():
        floor = summed[FLOOR + _SPREAD if name.endswith(_SPREAD) else FLOOR]
        lines.append(
            [
                name,
                f"{row['polls']:.0f}",
                f"{row['cpu']:.2f}",
                f"{1e3 * row['cpu'] / count:.2f}",
                f"{1e3 * row['per_poll']:.2f}",
                f"{row['per_poll'] / floor['per_poll']:.1f}x",
                f"{row['peak']:.0f}",
                f"{row['started']:.2f}",
                f"{row['late']:.2f}",
                f"{row['late_p95']:.2f}",
                f"{row['late'] - floor['late']:+.2f}",
            ]
        )
    return table(head, lines)


def _verdict(summed: Mapping[str, Mapping[str, float]], count: int) -> str:
    floor, ours = summed[FLOOR], summed[POLLER]
    ratio, over = ours["per_poll"] / floor["per_poll"], ours["late"] - floor["late"]
    lines = [
        f"- CPU of a look within 2x of the floor: {met(ratio <= 2)}, {ratio:.2f}x.",
        f"- End seen at most 0.3 s later than the floor sees it: {met(over <= 0.3)}, {over:+.2f} s.",
    ]
    for name, row in summed.items():
        if name.startswith("ours durable"):
            price = 1e3 * (row["cpu"] - ours["cpu"]) / count
            later = row["late"] - floor["late"]
            lines.append(
                f"- {name}: {price:.0f} ms of CPU more for each generation than the poller alone. Its end is "
                f"seen {row['looked'] - floor['late']:+.2f} s later than the floor sees it, and written down "
                f"{later:+.2f} s later: {met(later <= 0.3)} with durability included."
            )
    return "\n".join(lines)


def main() -> None:
    with postgres() as server:
        print(report(server))


if __name__ == "__main__":
    main()
