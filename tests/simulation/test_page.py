"""The example of docs/replay.md, done."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from helio.cli import app
from simulation.recording import Step, compiled, record

PAGE = Path(__file__).parents[2] / "docs" / "replay.md"
EVERYTHING = compiled("{ default: allow }")


def pay(amount: float, agent: str, **more: float) -> Step:
    return Step("create_payment", {"amount": amount, "to": "ACME"}, agent=agent, **more)  # type: ignore[arg-type]


AFTERNOON = [
    pay(400, "support-1", after=60),
    pay(900.5, "support-1", after=600),
    pay(2500, "support-2", after=60),
    pay(300, "support-1", after=120),
    pay(80, "support-2", after=5),
    Step("process_refund", {"order": 7}, agent="support-2", after=30),
    Step("get_order", {"id": 8}, agent="support-2", after=30),
    Step("process_refund", {"order": 8}, agent="support-2", after=2),
    pay(300, "support-1", after=3600),
]


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.M)


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the example's commands run."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "new.yaml").write_text(blocks("yaml")[0], "utf-8")
    serving = "version: '1'\nupstream: { url: 'http://127.0.0.1:4000/mcp' }\n"
    (tmp_path / "helio.yaml").write_text(serving, "utf-8")
    record(tmp_path / "helio-audit", EVERYTHING, AFTERNOON)
    return tmp_path


@pytest.mark.usefixtures("directory")
def test_the_command_says_what_the_page_shows() -> None:
    (shown,) = blocks("console")
    command, _, output = shown.partition("\n")
    ran = CliRunner().invoke(app, command.removeprefix("$ helio ").split())
    assert ran.exit_code == 0, ran.output
    assert [line.rstrip() for line in ran.stdout.splitlines()] == output.splitlines()


def test_the_tests_that_the_page_shows_are_written(directory: Path) -> None:
    ran = CliRunner().invoke(app, ["replay", "--policy", "new.yaml", "--write-tests", "tests.yaml"])
    assert ran.exit_code == 0, ran.output
    written = (directory / "tests.yaml").read_text("utf-8")
    assert blocks("yaml")[1] in written
