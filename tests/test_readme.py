"""The README holds what it says: configurations compile, commands exist, the story is told."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    """The fenced code blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def commands() -> list[list[str]]:
    """The commands that the README tells a reader to type."""
    return [
        line.removeprefix("$ ").split()
        for block in blocks("console")
        for line in block.splitlines()
        if line.startswith("$ ")
    ]


def helio(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "helio", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("text", blocks("yaml"))
def test_configurations_compile_without_a_warning(text: str, tmp_path: Path) -> None:
    (tmp_path / "helio.yaml").write_text(text, "utf-8")
    compiled = helio("compile", "--strict", cwd=tmp_path)
    assert compiled.returncode == 0, compiled.stdout + compiled.stderr


def test_every_command_to_type_exists(tmp_path: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    typed = commands()
    assert ["make", "demo"] in typed
    assert ["make", "test"] in typed
    for program, verb, *_ in typed:
        if program == "make":
            assert verb in targets
        else:
            assert (program, helio(verb, "--help", cwd=tmp_path).returncode) == ("helio", 0)


def test_the_table_of_commands_is_complete(tmp_path: Path) -> None:
    told = set(re.findall(r"^\| `helio ([a-z]+)` \|", README, re.MULTILINE))
    listed = helio("--help", cwd=tmp_path)
    # Typer draws a box around its commands; `validate` is an alias.
    found = set(re.findall(r"^[│|]\s+([a-z]+)\s{2,}", listed.stdout, re.MULTILINE)) - {"validate"}
    assert found == told


@pytest.mark.end_to_end
def test_the_demo_says_what_the_readme_shows(told_story: str) -> None:
    shown = blocks("text")
    assert shown
    assert [block for block in shown if block not in told_story] == []
