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
ANNOTATE, WRITE = [
    step["run"]
    for step in WORKFLOW["jobs"]["policy"]["steps"]
    if "helio compile" in step.get("run", "")
]


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
