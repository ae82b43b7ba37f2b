"""What `helio compile` says and makes, word for word: each `cases/*.yaml` with its text beside it,
checked against the tools of its upstreams where its first line names them ("With NAME.tools.json").

`HELIO_UPDATE_CASES=1` writes the texts anew; the difference is then for the reader of the change.
"""

import os
from pathlib import Path

import pytest

from helio.diagnostics.rendering import plain_text
from helio.evaluator import Evaluator
from helio.policy import Compiled, compile_file
from helio.policy.codes import ALL_CODES
from policy.tools import tools_beside

CASES = sorted((Path(__file__).parent / "cases").glob("*.yaml"))
ENVIRONMENT = {
    "SET_HOST": "value-from-outside",
    "SET_NUMBER": "1e3",
    "SET_REGEX": "value-from-outside(",
    "EMPTY": "",
}
TOO_LARGE_FOR_A_FILE = {"HL007", "HL008", "HL009", "HL012", "HL419", "HL431"}
"""Codes of caps and encodings, whose files are made in tests/diagnostics, tests/config,
test_size.py and reach/test_effort.py."""


def compiled(case: Path) -> Compiled:
    return compile_file(case, ENVIRONMENT, "compile", tools_beside(case))


def told(case: Path) -> str:
    result = compiled(case)
    findings = [plain_text(each, result.source) for each in result.diagnostics]
    verdict = "no graph\n"
    if result.policy is not None:
        verdict = Evaluator(result.policy.graph).listing()
    return "\n".join([*findings, verdict]).replace(str(case), case.name)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_text(case: Path) -> None:
    expected = case.with_suffix(".txt")
    text = told(case)
    if os.environ.get("HELIO_UPDATE_CASES"):
        expected.write_text(text, "utf-8")
    assert text == expected.read_text("utf-8")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_there_is_a_graph_exactly_without_errors(case: Path) -> None:
    result = compiled(case)
    assert (result.policy is None) == result.diagnostics.has_errors
    assert (result.config is None) == result.diagnostics.has_errors


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_nothing_secret_is_told(case: Path) -> None:
    text = told(case)
    objects = str([each.as_object() for each in compiled(case).diagnostics])
    for secret in ("value-from-outside", "hidden", "not shown", "never shown", "user:pass"):
        assert secret not in text
        assert secret not in objects


@pytest.mark.parametrize("case", [case for case in CASES if case.stem.startswith("good_")])
def test_good_ones_are_good(case: Path) -> None:
    assert compiled(case).policy is not None


def test_every_code_has_a_case() -> None:
    seen = {each.code for case in CASES for each in compiled(case).diagnostics}
    assert seen == {code.id for code in ALL_CODES} - TOO_LARGE_FOR_A_FILE


def test_there_are_many_faults() -> None:
    assert sum(bool(list(compiled(case).diagnostics)) for case in CASES) >= 150


def test_every_place_is_in_the_file() -> None:
    for case in CASES:
        lines = case.read_text("utf-8").split("\n")
        for each in compiled(case).diagnostics:
            line, column, end_line, end_column = each.span
            assert 1 <= line <= end_line <= len(lines)
            assert 1 <= column <= len(lines[line - 1]) + 1
            assert (line, column) <= (end_line, end_column)
