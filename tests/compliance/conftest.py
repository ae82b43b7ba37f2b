"""Where the public suites lie: a folder `shared` beside the project, or `HELIO_SHARED`."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parents[2]


def shared_data(name: str) -> Any:
    """Return a suite's JSON, or None where it is not at hand."""
    root = Path(os.environ.get("HELIO_SHARED", PROJECT.parent / "shared"))
    path = root / "data" / name
    return json.loads(path.read_text("utf-8")) if path.is_file() else None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test that names a suite's case one run for each case, or one that is skipped."""
    for fixture, name, key, label in (
        ("path_case", "jsonpath-compliance.json", "tests", "name"),
        ("json_case", "json-parsing.json", "cases", "name"),
    ):
        if fixture not in metafunc.fixturenames:
            continue
        suite = shared_data(name)
        if suite is None:
            reason = f"{name} is not at hand: set HELIO_SHARED to the folder that holds data/"
            absent = pytest.param(None, marks=pytest.mark.skip(reason=reason))
            metafunc.parametrize(fixture, [absent], ids=["absent"])
        else:
            cases = suite[key]
            metafunc.parametrize(fixture, cases, ids=[str(case[label]) for case in cases])
