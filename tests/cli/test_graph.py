"""`helio graph`: its formats, the picture in docs/explain.md, and what it cannot draw."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.conftest import CLEAN, FAULTY
from helio.cli import app

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "explain.md").read_text("utf-8")


def graph(*arguments: str, policy: str = CLEAN) -> Result:
    Path("helio.yaml").write_text(policy, "utf-8")
    return CliRunner().invoke(app, ["graph", *arguments])


@pytest.mark.usefixtures("directory")
class TestGraph:
    def test_the_picture_of_the_page(self) -> None:
        policy = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
        shown = re.search(r"```mermaid\n(.*?)```", PAGE, re.DOTALL)
        assert policy and shown
        result = graph("-f", "mermaid", policy=policy[1])
        assert (result.exit_code, result.stderr) == (0, "")
        assert result.stdout == shown[1]

    def test_every_format(self) -> None:
        assert graph().stdout.startswith("rule 0: rules[0] (line 5)\n  when tool: delete_*\n")
        assert graph("--format", "dot").stdout.startswith("digraph helio {\n")
        drawn = json.loads(graph("-f", "json").stdout)
        (rule,) = (each for each in drawn["boxes"] if each["id"] == "rule0")
        assert (rule["kind"], rule["shadow"], rule["line"]) == ("rule", False, 5)
        assert rule["lines"] == ["rule 0: rules[0]", "tool: delete_*"]
        assert {"from": "rule0", "to": "deny", "kind": "decides", "text": ""} in drawn["arrows"]

    def test_a_configuration_that_is_not_there_and_one_that_is_wrong(self) -> None:
        assert graph("none.yaml").exit_code == 2
        result = graph(policy=FAULTY)
        assert (result.exit_code, result.stdout) == (1, "")
        assert "error[HL104]" in result.stderr
