"""Limits of tenants and what was spent, as an operator types it."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from processes import VENDOR, run

Cutscene = Callable[..., subprocess.CompletedProcess[str]]

GENERATE = ("generate", "waves [refuse]", "--duration", "1", "--provider", "scripted", "--tenant", "acme")
"""Five credits, or a nickel."""


@pytest.fixture
def cutscene(tmp_path: Path) -> Cutscene:
    ours = {"CUTSCENE_HOME": str(tmp_path / "home"), "PYTHONPATH": str(VENDOR), "COLUMNS": "160"}
    return lambda *command: run(*command, environment={**os.environ, **ours}, folder=tmp_path)


def lines(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_a_tenants_limits_from_first_to_last(cutscene: Cutscene) -> None:
    assert "There are no tenants yet." in cutscene("tenants").stderr
    limits = ("--monthly-credits", "11", "--monthly-usd", "50", "--max-queued", "2", "--max-concurrent", "3")
    answer = json.loads(cutscene("tenants", "set", "acme", *limits, "--json").stdout)
    assert (answer["monthly_credits"], answer["monthly_usd"]) == (11, 50)
    assert (answer["max_queued"], answer["max_concurrent"]) == (2, 3)

    first = cutscene(*GENERATE, "--no-wait")
    assert first.returncode == 0
    assert "Warning" not in first.stderr
    assert "Warning: Tenant 'acme' has used 10 of 11 credits" in cutscene(*GENERATE, "--no-wait").stderr
    full = cutscene(*GENERATE, "--no-wait")
    assert "Error: Tenant 'acme' has 2 jobs waiting, and may have 2: submit again" in full.stderr

    cutscene("tenants", "set", "acme", "--max-queued", "none")
    refused = cutscene(*GENERATE, "--no-wait", "--json")
    assert refused.returncode == 1
    assert json.loads(refused.stdout)["error_code"] == "QUOTA_EXCEEDED_ERROR"
    assert "10 are used or held, and this takes 5. Wait for the next month" in refused.stderr

    [heading, row] = lines(cutscene("tenants").stdout)
    assert " ".join(heading) == "tenant credits USD waiting under way"
    assert " ".join(row) == "acme 10 of 11 0.1 of 50 2, no limit 0 of 3"
    shown = cutscene("tenants", "show", "acme")
    assert [line[-1] for line in lines(shown.stdout)] == ["11", "50", "limit", "3"]
    assert "Warning: Tenant 'acme' has used 10 of 11 credits that it may spend in 20" in shown.stderr
    [budget] = [f for f in json.loads(cutscene("doctor", "--json").stdout) if f["what"] == "budget"]
    assert (budget["verdict"], "10 of 11 credits" in budget["says"]) == ("warning", True)
    [listed] = json.loads(cutscene("tenants", "--json").stdout)
    assert listed == json.loads(cutscene("tenants", "show", "acme", "--json").stdout)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["set", "acme"], "There is nothing to set: give a limit, as --monthly-credits 5000."),
        (["set", "acme", "--monthly-credits", "many"], "--monthly-credits 'many' is not an amount: give a"),
        (["set", "acme", "--monthly-credits", "0.0001"], "0.0001 credits is finer than a thousandth"),
        (["set", "acme", "--monthly-usd", "-1"], "A budget of -1 is out of range: choose 0 to 1000000000."),
        (["set", "acme", "--monthly-usd", "inf"], "'inf' is not an amount"),
        (["set", "acme", "--max-queued", "1.5"], "--max-queued '1.5' is not a whole number: give one"),
        (["set", "acme", "--max-concurrent", "0"], "A limit of 0 jobs is out of range: choose 1 to"),
        (["set", "acme", "--max-queued", "1e50"], "--max-queued '1e50' is out of range: give less"),
        (["set", "acme", "--monthly-credits", "1e999999"], "'1e999999' is out of range: give less"),
        (["set", "Acme", "--max-queued", "1"], "'Acme' cannot name a tenant"),
        (["show", "nobody"], "There is no tenant 'nobody'."),
    ],
)
def test_limits_that_make_no_sense_are_refused_in_one_line(
    cutscene: Cutscene, arguments: list[str], sentence: str
) -> None:
    result = cutscene("tenants", *arguments)
    assert result.returncode == 1
    assert result.stdout == ""
    [line] = result.stderr.splitlines()
    assert line.startswith("Error: ")
    assert sentence in line


def test_usage_by_skill_with_its_failures(cutscene: Cutscene) -> None:
    assert "Nothing is recorded yet." in cutscene("usage", "--by", "skill").stderr
    assert cutscene(*GENERATE).returncode == 1
    cutscene(*GENERATE, "--no-wait")
    [row] = json.loads(cutscene("usage", "--by", "skill", "--json").stdout)
    assert (row["skill"], row["jobs"], row["failures"], row["held"]) == (None, 2, 1, 5)
    [written] = csv.DictReader(io.StringIO(cutscene("usage", "--by", "skill", "--csv").stdout))
    assert written["skill"] == ""
    assert {name: float(written[name]) for name in row if name != "skill"} == {
        name: value for name, value in row.items() if name != "skill"
    }
    assert "failed credits" in cutscene("usage", "--by", "model").stdout
    wrong = cutscene("usage", "--json", "--csv")
    assert wrong.returncode == 2
    assert "choose one of --json and --csv" in wrong.stderr
