"""The page on frameworks says what was played, in the versions that the locks have."""

import json
import re
from pathlib import Path

import pytest

from frameworks.record import FIGURES, PAGE, TABLE, table
from frameworks.scenario import DECISIONS
from frameworks.ways import WAYS, Way
from peers import ROOT

RESULTS = json.loads(FIGURES.read_text("utf-8"))


def test_the_table_is_what_was_played() -> None:
    (found,) = TABLE.findall(PAGE.read_text("utf-8"))
    assert found == table(RESULTS)


def test_everything_went_as_it_should() -> None:
    assert [way["name"] for way in RESULTS["ways"]] == [way.name for way in WAYS]
    for played, way in zip(RESULTS["ways"], WAYS, strict=True):
        assert all(played["outcomes"].values()), played["name"]
        assert [tuple(each) for each in played["audit"]] == DECISIONS
        assert (played["sessions"], played["marks_errors"]) == (way.sessions, way.marks)
    renamed = {way["name"]: way["renamed"] for way in RESULTS["ways"] if way["renamed"]}
    assert renamed == {"CrewAI": "orders_lookup"}


@pytest.mark.parametrize("way", [way for way in WAYS if way.venv is not None], ids=lambda w: w.name)
def test_it_was_played_in_the_versions_of_the_locks(way: Way) -> None:
    assert way.venv is not None
    name = way.venv.name.removeprefix(".venv-")
    lock = (ROOT / "requirements" / f"{name}.lock").read_text("utf-8")
    (played,) = [each for each in RESULTS["ways"] if each["name"] == way.name]
    pins = dict(re.findall(r"^([\w.-]+)==(\S+)", lock, re.MULTILINE))
    assert played["versions"] == {package: pins[package] for package in way.packages}


def test_every_environment_has_a_lock_and_a_place_in_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for lock in sorted(Path(ROOT / "requirements").glob("compat-*.lock")):
        assert re.search(
            rf"^FRAMEWORKS :=.*\b{lock.stem.removeprefix('compat-')}\b", makefile, re.M
        )
