"""`helio replay` as people and scripts use it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import Result
from typer.testing import CliRunner

from helio.cli import app
from helio.diagnostics import parse_yaml
from simulation.recording import Step, compiled, record
from simulation.test_replay import EVERYTHING, lookup, pay

NEW = """\
version: '1'
upstream: { url: 'http://127.0.0.1:1/mcp' }
policies:
  rules:
    - name: cap
      match: { tool: pay, input: { amount: { gt: 50 } } }
      action: deny
    - name: often
      match: { tool: pay }
      action: rate_limit
      limits:
        max_calls: 2
        window: 10s
        max_spend: { field: amount, limit: 1000, currency: GBP, window: 1h }
    - name: seen
      match: { tool: note }
      evidence: { requires: [lookup] }
"""
TRAFFIC = [
    pay(10, agent="ann"),
    pay(20.5, agent="ann"),
    pay(30, agent="bob"),
    pay(60, after=20),
    Step("note"),
    lookup(),
    Step("note"),
]

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    (tmp_path / "new.yaml").write_text(NEW, "utf-8")

    def invoke(*arguments: str) -> Result:
        given = ["--audit-path", str(tmp_path / "audit"), "--policy", str(tmp_path / "new.yaml")]
        return CliRunner().invoke(app, ["replay", *given, *arguments])

    return invoke


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    directory = tmp_path / "audit"
    record(directory, EVERYTHING, TRAFFIC)
    return directory


def told(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.mark.usefixtures("directory")
def test_machines_get_counts_shares_and_examples(run: Run) -> None:
    found = told(run("-f", "json"))
    counts = {
        name: found[name] for name in ("calls", "changed", "narrowed", "widened", "unchanged")
    }
    assert counts == {"calls": 7, "changed": 3, "narrowed": 3, "widened": 0, "unchanged": 4}
    assert (found["indeterminate"], found["guarded"], found["by_another_rule"]) == (0, 0, 3)
    assert found["money"] == {"GBP": {"blocked": 90, "let_through": 0, "would_ask": 0}}
    assert {each["rule"]: each["narrowed"] for each in found["by_rule"]} == {
        "cap": 1,
        "often": 1,
        "seen": 1,
    }
    assert {each["tool"]: each["narrowed"] for each in found["by_tool"]} == {"pay": 2, "note": 1}
    assert {each["agent"]: each["narrowed"] for each in found["by_agent"]} == {"bob": 1, None: 2}
    first = found["examples"][0]
    assert (first["id"], first["change"], first["agent"]) == ("c3", "narrowed", "bob")
    assert first["arguments"] == {"amount": 30}
    assert first["old"] == {"decision": "allow", "reason": None, "rule": None}
    assert first["new"] == {"decision": "rate_limited", "reason": "rate_limited", "rule": "often"}
    assert first["money"] == {"GBP": 30}


@pytest.mark.usefixtures("directory")
def test_people_get_tables(run: Run) -> None:
    result = run("--examples", "1")
    assert result.exit_code == 0
    assert result.stderr == ""
    lines = [line.rstrip() for line in result.stdout.splitlines()]
    assert "  3 decided otherwise than they were: 3 narrowed" in lines
    assert "GBP         90            -          -" in lines
    assert "often         1        -          -           -" in lines
    assert "    allow (default) → rate_limited (often)" in lines


@pytest.mark.usefixtures("directory")
def test_filters_say_what_is_reported_not_what_counts(run: Run) -> None:
    found = told(run("-f", "json", "--agent", "bob"))
    assert (found["calls"], found["narrowed"]) == (1, 1)
    found = told(run("-f", "json", "--since", "2026-01-02T03:04:08Z"))
    # The two calls before fill the limit.
    assert (found["calls"], found["narrowed"]) == (5, 3)
    found = told(run("-f", "json", "--until", "2026-01-02T03:04:08Z"))
    assert (found["calls"], found["changed"]) == (2, 0)
    assert told(run("-f", "json", "--since", "1h"))["calls"] == 0


@pytest.mark.usefixtures("directory")
@pytest.mark.parametrize(("which", "code"), [("changed", 1), ("widened", 0)])
def test_a_script_can_fail_on_changes(run: Run, which: str, code: int) -> None:
    assert run("--fail-on", which).exit_code == code


def test_a_script_can_fail_on_what_is_widened(run: Run, tmp_path: Path) -> None:
    record(tmp_path / "audit", compiled("{ default: deny }"), [pay(10)])
    assert run("--fail-on", "widened").exit_code == 1


@pytest.mark.usefixtures("directory")
def test_a_compiled_graph_says_the_same(run: Run, tmp_path: Path) -> None:
    graph = tmp_path / "graph.json"
    compiling = ["compile", str(tmp_path / "new.yaml"), "-o", str(graph)]
    assert CliRunner().invoke(app, compiling).exit_code == 0
    assert told(run("-f", "json", "--policy", str(graph))) == told(run("-f", "json"))


@pytest.mark.usefixtures("directory")
def test_the_configuration_itself_is_the_policy_that_is_not_named(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "helio.yaml").write_text(f"{NEW}audit: {{ path: audit }}\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["replay", "-f", "json"])
    assert told(result) == told(run("-f", "json"))


def test_processes_with_a_state_of_their_own_are_kept_apart(run: Run, tmp_path: Path) -> None:
    for name in ("audit", "audit/stdio-a", "audit/stdio-b"):
        record(tmp_path / name, EVERYTHING, [pay(1), pay(1)])
    found = told(run("-f", "json"))
    assert (found["calls"], found["changed"]) == (6, 0)


@pytest.mark.usefixtures("directory")
def test_faults_of_the_policy_are_all_told(run: Run, tmp_path: Path) -> None:
    (tmp_path / "new.yaml").write_text(NEW.replace("action: deny", "action: dny"), "utf-8")
    result = run()
    assert result.exit_code == 1
    assert "dny" in result.stderr


@pytest.mark.usefixtures("directory")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--policy", "nowhere.yaml"), "nowhere.yaml: No such file or directory"),
        (("--since", "yesterday"), "'yesterday' is not an ISO 8601 date or time"),
        (("--since", "4000d"), "a duration is at most"),
        (("--audit-path", "nowhere"), "there is no journal in nowhere"),
    ],
)
def test_what_cannot_be_done_is_said(run: Run, arguments: tuple[str, ...], said: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert said in result.stderr


def test_a_broken_graph_is_said(run: Run, directory: Path, tmp_path: Path) -> None:
    (tmp_path / "graph.json").write_text("{}", "utf-8")
    result = run("--policy", str(tmp_path / "graph.json"))
    assert result.exit_code == 2
    assert "helio compile -o" in result.stderr


@pytest.mark.usefixtures("directory")
def test_changed_calls_become_policy_tests(run: Run, tmp_path: Path) -> None:
    tests = tmp_path / "tests.yaml"
    result = run("-f", "json", "--write-tests", str(tests))
    assert result.exit_code == 0
    assert f"3 tests in {tests}" in result.stderr
    text = tests.read_text("utf-8")
    parsed = parse_yaml(text, "tests.yaml")
    assert parsed.root is not None
    assert not parsed.diagnostics.has_errors
    limited, capped, unseen = yaml.safe_load(text)["cases"]
    assert [step["call"]["arguments"]["amount"] for step in limited["steps"]] == [10, 20.5, 30]
    assert [step.get("at") for step in limited["steps"]] == [None, "+1s", "+1s"]
    assert [step["expect"]["decision"] for step in limited["steps"]] == [
        "allow",
        "allow",
        "rate_limited",
    ]
    (step,) = capped["steps"]
    assert step["call"]["annotations"] == {"readOnlyHint": False, "destructiveHint": True}
    assert step["expect"] == {"decision": "deny", "reason": "policy_denied", "rule": "cap"}
    assert unseen["steps"][0]["expect"]["reason"] == "evidence_missing"
    run("-f", "json", "--write-tests", str(tests))
    assert tests.read_text("utf-8") == text
