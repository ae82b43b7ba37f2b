"""`helio explain`: what docs/explain.md shows is what it says, and what it cannot explain."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli.conftest import CLEAN, FAULTY
from helio.cli import app

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "explain.md").read_text("utf-8")

ANSWER = PAGE[PAGE.index("## The answer") : PAGE.index("## Pictures")]


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    return found[1]


def explain(*arguments: str, call: str, policy: str = CLEAN, given: str = "call.json") -> Result:
    Path("helio.yaml").write_text(policy, "utf-8")
    Path("call.json").write_text(call, "utf-8")
    return CliRunner().invoke(app, ["explain", given, *arguments], input=call)


@pytest.mark.usefixtures("directory")
class TestThePage:
    def test_the_example(self) -> None:
        result = explain(call=block("json"), policy=block("yaml"))
        assert (result.exit_code, result.stderr) == (0, "")
        assert result.stdout == block("console").removeprefix("$ helio explain call.json\n")

    def test_the_keys_of_the_answer(self) -> None:
        answered = json.loads(
            explain("-f", "json", call=block("json"), policy=block("yaml")).stdout
        )
        told = set(re.findall(r"[a-z_]+", " ".join(re.findall(r"`([^`]+)`", ANSWER))))
        conditions = [each for rule in answered["rules"] for each in rule["conditions"]]
        shapes: list[dict[str, Any]] = [answered, *answered["rules"], *conditions]
        assert {key for shape in shapes for key in shape} <= told
        assert (answered["decision"], answered["rule"]) == ("allow", "payments")
        assert (answered["outcome"], answered["reason"]) == ("deny", "evidence_missing")
        assert [each["rule"] for each in answered["rules"]] == ["large-payments", "payments"]
        assert (answered["other_tools"], answered["not_reached"]) == ([0], 1)


SEVERAL = """\
version: '1'
upstreams:
  - { name: stripe, url: 'http://localhost:8080/mcp' }
  - { name: github, url: 'http://localhost:8081/mcp' }
policies:
  default: deny
  rules:
    - { match: { upstream: github, tool: list_issues }, action: allow }
"""


@pytest.mark.usefixtures("directory")
class TestSeveralUpstreams:
    def test_an_aggregate_name_is_judged_as_its_upstreams_own_tool(self) -> None:
        """As a call with that name is when it comes in."""
        call = '{"tool": "github__list_issues", "arguments": {"n": 1}}'
        result = explain("-f", "json", call=call, policy=SEVERAL + "aggregate: true\n")
        answered = json.loads(result.stdout)
        assert (answered["tool"], answered["outcome"]) == ("list_issues", "allow")
        assert result.stderr == "note: this is `list_issues` of the upstream `github`\n"

    @pytest.mark.parametrize(
        ("call", "note"),
        [
            (
                '{"tool": "list_issues", "upstream": "gihub"}',
                "note: no upstream is called `gihub`: did you mean `github`?\n",
            ),
            (
                '{"tool": "github__list_issues"}',
                "note: rules see a tool's own name, without its upstream: `github__list_issues` is "
                "none: write `upstream: github` and `tool: list_issues`\n",
            ),
            ('{"tool": "list_issues", "upstream": "github"}', ""),
        ],
    )
    def test_a_call_that_no_upstream_gets_is_told(self, call: str, note: str) -> None:
        assert explain(call=call, policy=SEVERAL).stderr == note


@pytest.mark.usefixtures("directory")
class TestCalls:
    def test_stdin_and_a_whole_message(self) -> None:
        call = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"delete_all"}}'
        result = explain("-f", "json", call=call, given="-")
        answered = json.loads(result.stdout)
        assert (answered["tool"], answered["outcome"]) == ("delete_all", "deny")
        assert answered["reason"] == "policy_denied"

    def test_the_environment_of_the_call(self) -> None:
        policy = CLEAN.replace(
            "{ match: { tool: 'delete_*' }, action: deny }",
            "{ match: { environment: production }, action: deny }",
        )
        policy = f"environment: staging\n{policy}"
        staging = explain(call='{"tool":"x"}', policy=policy)
        assert "environment is staging, not production is false\n" in staging.stdout
        production = explain(call='{"tool":"x","environment":"production"}', policy=policy)
        assert "the call is blocked (policy_denied)" in production.stdout

    @pytest.mark.parametrize(
        ("call", "message"),
        [
            ("[]", "a call is a JSON object"),
            ('{"tol":"x"}', "unknown key `tol` in the call; did you mean `tool`?"),
            ('{"arguments":{}}', "`tool` is missing"),
            ('{"tool":"x"', "expected `,` or `}`"),
            ('{"tool":"x","session":{"labels":"a"}}', "`labels` is a list"),
            ('{"tool":"x","session":{"evidence":[{"key":"a"}]}}', "`{key, data}`"),
            ('{"tool":"x","annotations":{"readOnlyHint":1}}', "`annotations.readOnlyHint` is true"),
            ('{"jsonrpc":"2.0","id":1,"method":"ping"}', "only a `tools/call` is decided"),
        ],
    )
    def test_what_is_no_call(self, call: str, message: str) -> None:
        result = explain(call=call)
        assert (result.exit_code, result.stdout) == (2, "")
        assert message in result.stderr

    def test_files_that_are_not_there(self) -> None:
        missing = explain(call="{}", given="none.json")
        assert missing.exit_code == 2
        assert "none.json: No such file or directory" in missing.stderr
        other = explain("-c", "none.yaml", call='{"tool":"x"}')
        assert other.exit_code == 2
        assert "none.yaml" in other.stderr

    def test_an_invalid_configuration(self) -> None:
        result = explain(call='{"tool":"x"}', policy=FAULTY)
        assert result.exit_code == 1
        assert "error[HL104]" in result.stderr
