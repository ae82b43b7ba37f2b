"""Commands whose output nobody takes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

POLICY = """\
version: '1'
upstream: { url: 'http://localhost:8080/mcp' }
policies: { rules: [{ name: pays, match: { tool: pay }, action: deny }] }
"""
TESTS = "cases: [{ name: a, steps: [{ call: { tool: pay }, expect: { decision: deny } }] }]\n"
COMMANDS = (
    ["--version"],
    ["--help"],
    ["compile"],
    ["compile", "-f", "json"],
    ["graph"],
    ["schema"],
    ["test", "t.yaml"],
    ["diff", "helio.yaml", "t.json"],
    ["fmt", "-"],
)


def run(directory: Path, command: list[str], output: int) -> subprocess.CompletedProcess[str]:
    (directory / "helio.yaml").write_text(POLICY, "utf-8")
    (directory / "t.yaml").write_text(TESTS, "utf-8")
    (directory / "t.json").write_text(POLICY.replace("deny", "allow"), "utf-8")
    return subprocess.run(
        [sys.executable, "-m", "helio", *command],
        cwd=directory,
        input=POLICY,
        stdout=output,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_full_disk_is_told(tmp_path: Path, command: list[str]) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        done = run(tmp_path, command, full)
    finally:
        os.close(full)
    assert done.returncode == 2
    assert done.stderr.endswith("error: the output cannot be written: No space left on device\n"), (
        done.stderr
    )
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", [["compile"], ["graph"], ["diff", "helio.yaml", "t.json"]])
def test_a_reader_that_is_gone_ends_it_quietly(tmp_path: Path, command: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = run(tmp_path, command, writing)
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (2, "")


def test_what_is_written_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with path.open("wb") as file:
        assert run(tmp_path, ["schema"], file.fileno()).returncode == 0
    assert path.read_text("utf-8").endswith("}\n")
