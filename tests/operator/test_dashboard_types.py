"""The types of the dashboard's own modules, as their comments state them, hold."""

import subprocess
from pathlib import Path

import pytest

from peers import Peer

CLIENTS = Path(__file__).resolve().parents[1] / "clients"
CHECKER = Peer("typescript", program="tsc")


def faults(project: Path) -> list[str]:
    """What the checker says of our modules; the libraries came as they are."""
    if not CHECKER.installed:
        pytest.skip("there is no TypeScript: `make peers`")
    ended = subprocess.run(
        CHECKER.command("--project", str(project), "--pretty", "false"),
        cwd=CLIENTS,
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert not ended.stderr, ended.stderr
    assert "error TS5" not in ended.stdout, "the project itself cannot be read"
    return [
        line for line in ended.stdout.splitlines() if ": error " in line and "vendor/" not in line
    ]


def test_every_module_keeps_to_its_types() -> None:
    assert faults(CLIENTS / "dashboard.tsconfig.json") == []


def test_a_wrong_one_would_be_found(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.js"
    wrong.write_text('/** @param {number} ms */\nfunction wait(ms) { return ms; }\nwait("long");\n')
    project = tmp_path / "tsconfig.json"
    project.write_text(
        f'{{"extends": "{CLIENTS / "dashboard.tsconfig.json"}", "files": ["wrong.js"]}}'
    )
    (fault,) = faults(project)
    assert "TS2345" in fault
