"""The example of docs/diff.md, done."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from helio.cli import app

PAGE = (Path(__file__).parents[2] / "docs" / "diff.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.M)


def test_the_command_says_what_the_page_shows(directory: Path) -> None:
    for name, text in zip(("old.yaml", "new.yaml"), blocks("yaml"), strict=False):
        (directory / name).write_text(text, "utf-8")
    (shown,) = blocks("console")
    command, _, output = shown.partition("\n")
    ran = CliRunner().invoke(app, command.removeprefix("$ helio ").split())
    assert ran.exit_code == 0, ran.output
    assert ran.stdout == output


@pytest.mark.parametrize("name", ["widened", "narrowed", "changed"])
def test_the_page_tells_of_each_kind(name: str) -> None:
    assert f"- **{name}**" in PAGE
