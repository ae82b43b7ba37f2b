"""The examples of the adapters run, and the page says what came of it."""

import json
import os
import re
from pathlib import Path

import pytest

from adapters.day import (
    ADAPTERS,
    DAY,
    DECISIONS,
    EXAMPLES,
    Adapter,
    decisions,
    helio,
    outcomes,
    play,
)
from adapters.record import FIGURES, PAGE, TABLE, table
from helio.policy.compiler import compile_text
from peers import ROOT

RESULTS = json.loads(FIGURES.read_text("utf-8"))
NAMES = [adapter.name for adapter in ADAPTERS]


@pytest.mark.end_to_end
@pytest.mark.slow
@pytest.mark.parametrize("adapter", ADAPTERS, ids=NAMES)
def test_a_governed_day(adapter: Adapter, tmp_path: Path) -> None:
    if not os.environ.get("HELIO_COMPAT"):
        pytest.skip("`make compat` plays it")
    with helio(tmp_path) as process:
        told = play(adapter, process, decided=True)
        assert decisions(process) == DECISIONS
        process.kill()
        away = play(adapter, process, decided=False)
    assert all(outcomes(told, away).values()), (told, away)


def test_the_table_is_what_was_played() -> None:
    (found,) = TABLE.findall(PAGE.read_text("utf-8"))
    assert found == table(RESULTS)


def test_everything_went_as_it_should() -> None:
    assert [each["name"] for each in RESULTS["adapters"]] == NAMES
    for played, adapter in zip(RESULTS["adapters"], ADAPTERS, strict=True):
        assert all(played["outcomes"].values()), played["name"]
        assert len(played["told"]) == len(DAY)
        assert [tuple(each) for each in played["audit"]] == DECISIONS
        lock = (ROOT / "requirements" / f"compat-{adapter.venv}.lock").read_text("utf-8")
        pins = dict(re.findall(r"^([\w.-]+)==(\S+)", lock, re.MULTILINE))
        assert played["versions"] == {adapter.package: pins[adapter.package]}


def test_the_configuration_has_nothing_that_could_be_better() -> None:
    text = (EXAMPLES / "helio.yaml").read_text("utf-8")
    found = compile_text(text, environment={"HELIO_DEMO_SECRET": "s" * 16})
    assert list(found.diagnostics) == []
