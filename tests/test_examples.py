"""Every example of examples/ runs by its one command, and ends as it says."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from processes import ANY_PORTS

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
WALKS = sorted(path.parent.name for path in EXAMPLES.glob("*/walk.yaml"))

pytestmark = pytest.mark.end_to_end


def walk(example: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(EXAMPLES / "walk.py"), str(example)]
    return subprocess.run(
        command,
        env=os.environ | ANY_PORTS,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("name", WALKS)
def test_an_example_does_what_it_says(name: str) -> None:
    found = walk(EXAMPLES / name)
    assert (found.returncode, found.stderr) == (0, ""), found.stdout + found.stderr
    steps = (EXAMPLES / name / "walk.yaml").read_text("utf-8").count("expect: ")
    assert found.stdout.count("\n  -> ") == steps


def test_an_example_that_goes_astray_says_so(tmp_path: Path) -> None:
    shutil.copytree(EXAMPLES / "evidence", tmp_path / "wrong")
    rules = tmp_path / "wrong" / "helio.yaml"
    rules.write_text(rules.read_text("utf-8").split("policies:")[0], "utf-8")
    found = walk(tmp_path / "wrong")
    assert found.returncode == 1
    assert found.stderr == ("create_payment came out as allow, expected was evidence_missing\n")


def test_an_example_without_a_walk_says_which_have_one() -> None:
    found = walk(EXAMPLES / "ci")
    assert found.returncode == 2
    assert "has no walk.yaml to follow" in found.stderr
    assert all(name in found.stderr for name in WALKS)
