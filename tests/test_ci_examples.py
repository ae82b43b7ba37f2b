"""examples/ci: the commands in it do what they are for, in the shells that run them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

CI = Path(__file__).resolve().parent.parent / "examples" / "ci"
HEAD = "version: '1'\nupstream: { url: 'http://localhost:8080/mcp' }\n"
WARNED = HEAD + "audit: { storage: sqlite }\n"

WORKFLOW: dict[str, Any] = yaml.safe_load((CI / "github-workflow.yml").read_text("utf-8"))
HOOKS: dict[str, Any] = yaml.safe_load((CI / "pre-commit-config.yaml").read_text("utf-8"))
STEPS = WORKFLOW["jobs"]["policy"]["steps"]
ANNOTATE, WRITE, TEST, DIFF = [
    step["run"] for step in STEPS if step.get("run", "").startswith("helio ")
]
POLICY = HEAD + "policies:\n  rules:\n    - { name: pay, match: { tool: pay }, action: deny }\n"
TESTED = """\
cases:
  - name: nobody pays
    steps:
      - call: { tool: pay, arguments: {} }
        expect: { decision: deny, rule: pay }
"""
OTHERWISE = """\
      - call: { tool: look, arguments: {} }
        expect: { decision: allow }
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    command = tmp_path / "bin" / "helio"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m helio "$@"\n', "utf-8")
    command.chmod(0o700)
    return tmp_path


def run(script: str, directory: Path, text: str) -> subprocess.CompletedProcess[str]:
    """A script as GitHub runs it, in a directory with this configuration."""
    (directory / "helio.yaml").write_text(text, "utf-8")
    path = f"{directory / 'bin'}:{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-e", "-c", script],
        cwd=directory,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_change_is_annotated(directory: Path) -> None:
    assert run(ANNOTATE, directory, HEAD).returncode == 0
    done = run(ANNOTATE, directory, WARNED)
    assert (done.returncode, done.stdout[:26]) == (1, "::warning file=helio.yaml,")


@pytest.mark.parametrize(("text", "found"), [(HEAD, 0), (HEAD + "polices: {}\n", 1)])
def test_code_scanning_gets_a_log_whatever_is_found(directory: Path, text: str, found: int) -> None:
    assert run(WRITE, directory, text).returncode == 0
    log = json.loads((directory / "helio.sarif").read_text("utf-8"))
    assert len(log["runs"][0]["results"]) == found


@pytest.mark.parametrize(("tests", "code"), [(TESTED + OTHERWISE, 0), (TESTED, 1)])
def test_the_policy_is_tested_and_covered(directory: Path, tests: str, code: int) -> None:
    (directory / "policy_tests").mkdir()
    (directory / "policy_tests" / "pay.yaml").write_text(tests, "utf-8")
    assert run(TEST, directory, POLICY).returncode == code
    assert "nobody pays" in (directory / "helio-tests.xml").read_text("utf-8")


def test_a_pull_request_that_lets_more_through_fails(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_BASE_REF", "main")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    identity = "git -c user.name=a -c user.email=a@example.com"
    commit = f"{identity} commit -q -m base && git update-ref refs/remotes/origin/main HEAD"
    assert run(f"git init -q && git add helio.yaml && {commit}", directory, POLICY).returncode == 0
    assert run(DIFF, directory, POLICY).returncode == 0
    done = run(DIFF, directory, HEAD)
    assert done.returncode == 1
    assert done.stdout.startswith("::error file=helio.yaml,title=helio diff::widened: ")


def test_the_base_branch_is_there_to_compare_with() -> None:
    (checkout,) = [each for each in STEPS if "checkout" in each.get("uses", "")]
    (comparing,) = [each for each in STEPS if each.get("run") == DIFF]
    assert checkout["with"]["fetch-depth"] == 0
    assert comparing["if"] == "github.event_name == 'pull_request'"


def test_the_hook_refuses_what_has_findings(directory: Path) -> None:
    hook, _ = HOOKS["repos"][0]["hooks"]
    entry = f"{hook['entry']} helio.yaml"
    assert run(entry, directory, HEAD).returncode == 0
    assert run(entry, directory, WARNED).returncode == 1


def test_the_other_hook_formats(directory: Path) -> None:
    _, hook = HOOKS["repos"][0]["hooks"]
    entry = f"{hook['entry']} helio.yaml"
    assert run(entry, directory, HEAD.replace("'", '"')).returncode == 0
    assert (directory / "helio.yaml").read_text("utf-8") == HEAD
    assert run(entry, directory, "a: [").returncode == 2


def test_a_file_that_is_missing_fails_every_step(directory: Path) -> None:
    for script in (ANNOTATE, WRITE):
        assert run(f"rm helio.yaml; {script}", directory, HEAD).returncode != 0
