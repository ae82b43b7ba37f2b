"""`helio test` as people and scripts use it."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import Result
from typer.testing import CliRunner

from helio.cli import app

EXAMPLE = Path(__file__).parents[3] / "examples" / "policy-tests"
FAILING = """\
cases:
  - name: a payment of 1000 is large
    steps:
      - call: { tool: create_payment, arguments: { amount: 1000 } }
        session: s1
        expect: { decision: require_approval, rule: large-payments }
"""

Run = Callable[..., Result]


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The example's."""
    shutil.copytree(EXAMPLE, tmp_path / "example")
    monkeypatch.chdir(tmp_path / "example")
    return tmp_path / "example"


@pytest.fixture
def run(directory: Path) -> Run:
    assert directory.is_dir()
    return lambda *arguments: CliRunner().invoke(app, ["test", *arguments])


def test_the_example_passes_and_nothing_in_it_could_be_weakened(run: Run) -> None:
    ran = run("--mutate", "--min-coverage", "100", "-f", "json")
    assert (ran.exit_code, ran.stderr) == (0, "")
    told = json.loads(ran.stdout)
    assert (told["passed"], told["failed"]) == (9, 0)
    assert told["coverage"]["percent"] == 100
    assert told["mutants"] == {"tried": 14, "survived": []}
    assert {case["passed"] for case in told["cases"]} == {True}


def test_a_failure_is_shown_with_its_line_and_its_reason(run: Run, directory: Path) -> None:
    (directory / "policy_tests" / "wrong.yaml").write_text(FAILING, "utf-8")
    ran = run("-k", "WRONG")
    assert ran.exit_code == 1
    shown, _, _ = ran.stdout.partition("\ncoverage")
    assert shown == (
        "FAILED a payment of 1000 is large\n"
        "  policy_tests/wrong.yaml:4: step 1, create_payment\n"
        "    6 | expect: { decision: require_approval, rule: large-payments }\n"
        "    decision: expected require_approval, found allow\n"
        "    rule: expected large-payments, found payments\n"
        "    why: rule `payments` (helio.yaml:15) decides (allow): tool: create_payment\n"
        "         rule `large-payments` (helio.yaml:11) does not match: "
        "input $.amount: { gt: 1000 } is false\n"
    )
    assert "helio.yaml:7: rule `refunds` never decides\n" in ran.stdout
    assert "\n0 passed, 1 failed (" in ran.stdout


def test_json_tells_what_was_expected_and_found(run: Run, directory: Path) -> None:
    (directory / "wrong.yaml").write_text(FAILING, "utf-8")
    told = json.loads(run("wrong.yaml", "-f", "json", "--mutate").stdout)
    assert (told["passed"], told["failed"], "mutants" in told) == (0, 1, False)
    (failure,) = told["cases"][0]["failures"]
    assert (failure["step"], failure["line"]) == (1, 4)
    assert failure["mismatches"][1] == {
        "field": "rule",
        "expected": "large-payments",
        "found": "payments",
        "line": 6,
        "column": 47,
    }
    assert {"rule": "refunds", "line": 7} in told["coverage"]["uncovered"]


def test_tap_and_junit(run: Run, directory: Path) -> None:
    (directory / "policy_tests" / "wrong.yaml").write_text(FAILING, "utf-8")
    ran = run("-f", "tap", "--junit", "results.xml")
    lines = ran.stdout.splitlines()
    assert lines[:2] == ["TAP version 14", "1..10"]
    assert [line.split(" - ")[0] for line in lines if " - " in line] == [
        *(f"ok {number}" for number in range(1, 10)),
        "not ok 10",
    ]
    assert '  at: "policy_tests/wrong.yaml:4:9"' in lines
    root = ElementTree.parse(directory / "results.xml").getroot()  # noqa: S314
    assert (root.get("tests"), root.get("failures")) == ("10", "1")
    (failed,) = [each for each in root.iter("testcase") if each.find("failure") is not None]
    assert (failed.get("file"), failed.get("line")) == ("policy_tests/wrong.yaml", "2")


def test_too_little_coverage_is_a_finding(run: Run) -> None:
    ran = run("-k", "deleted", "--min-coverage", "90")
    assert ran.exit_code == 1
    assert ran.stderr == "coverage 42.8% is below 90% (--min-coverage)\n"


def test_a_mutant_that_nothing_notices_is_a_finding(run: Run) -> None:
    ran = run("-k", "deleted", "--mutate")
    assert ran.exit_code == 1
    assert "helio.yaml:7: no test notices that `refunds` is deleted\n" in ran.stdout
    assert "helio.yaml:15: no test notices `payments` with max_calls 3 doubled\n" in ran.stdout


def test_tap_tells_of_mutants(run: Run) -> None:
    lines = run("-k", "deleted", "--mutate", "-f", "tap").stdout.splitlines()
    (counted,) = [line for line in lines if line.startswith("# mutants: ")]
    assert counted.endswith(" noticed")
    assert "# not noticed: line 7: `refunds`: deleted" in lines


def test_files_without_a_case_are_no_passed_tests(run: Run, directory: Path) -> None:
    (directory / "none.yaml").write_text("cases: []\n", "utf-8")
    ran = run("none.yaml")
    assert ran.exit_code == 2
    assert ran.stderr.startswith("error: the test files hold no cases\n")


def test_a_faulty_file_is_told_and_nothing_runs(run: Run, directory: Path) -> None:
    (directory / "policy_tests" / "wrong.yaml").write_text("cases:\n  - nam: x\n", "utf-8")
    ran = run("-f", "json")
    assert (ran.exit_code, ran.stdout) == (1, "")
    assert "policy_tests/wrong.yaml:2:5: error[HL102]: unknown key `nam`" in ran.stderr
    (directory / "policy_tests" / "wrong.yaml").write_bytes(b"\xff")
    assert "error[HL012]" in run().stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere.yaml",), "nowhere.yaml: no such file or directory"),
        (("-c", "other.yaml"), "other.yaml: No such file or directory"),
        (("-k", "nothing like it"), "no case holds `nothing like it`"),
        (("--junit", "no/such/directory.xml"), "no/such/directory.xml: No such file"),
    ],
)
def test_wrong_usage(run: Run, arguments: tuple[str, ...], said: str) -> None:
    ran = run(*arguments)
    assert ran.exit_code == 2
    assert said in ran.stderr


def test_without_tests_it_says_where_they_go(run: Run, directory: Path) -> None:
    shutil.rmtree(directory / "policy_tests")
    ran = run()
    assert ran.exit_code == 2
    assert "write cases into policy_tests/*.yaml" in ran.stderr
    (directory / "policy_tests").mkdir()
    assert run().exit_code == 2


def test_an_invalid_policy_is_a_finding(run: Run, directory: Path) -> None:
    config = directory / "helio.yaml"
    config.write_text(config.read_text("utf-8").replace("action: deny", "action: dny"), "utf-8")
    ran = run()
    assert ran.exit_code == 1
    assert "did you mean `deny`?" in ran.stderr


@pytest.mark.end_to_end
def test_watching_runs_again_when_a_file_changes(directory: Path) -> None:
    command = [sys.executable, "-u", "-m", "helio", "test", "--watch"]
    output = directory / "told.txt"
    with output.open("wb") as told:
        process = subprocess.Popen(command, cwd=directory, stdout=told, stderr=subprocess.STDOUT)
    try:
        wait_until(lambda: "exit code 0; watching" in output.read_text("utf-8"))
        # The watch may begin a moment after that is told: saved until it is noticed.
        wrong = directory / "policy_tests" / "wrong.yaml"
        wait_until(
            lambda: (
                bool(wrong.write_text(FAILING, "utf-8"))
                and "exit code 1; watching" in output.read_text("utf-8")
            )
        )
    finally:
        process.kill()
        process.wait(20)
    assert "FAILED a payment of 1000 is large" in output.read_text("utf-8")


def wait_until(reached: Callable[[], bool]) -> None:
    """Asks again and again, for 30 s at most."""
    began = time.monotonic()
    while not reached():
        assert time.monotonic() - began < 30
        time.sleep(0.4)
