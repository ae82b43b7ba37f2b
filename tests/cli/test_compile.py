"""`helio compile`: exit codes, what goes where, and the shapes that scripts rely on."""

import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner, Result

from cli.conftest import CLEAN, FAULTY, HEAD, WARNED, Command
from helio.cli import app
from helio.evaluator import graph_digest
from helio.governance.lock import ToolLock, accepted
from helio.policy import CompiledPolicy

KEYS = {
    *("code", "severity", "message", "hint", "file", "line", "column", "end_line", "end_column"),
    *("path", "witness", "related", "fix"),
}


def helio_compile(*arguments: str, text: str | None = None) -> Result:
    if text is not None:
        Path("helio.yaml").write_text(text, "utf-8")
    return CliRunner().invoke(app, ["compile", *arguments])


@pytest.mark.usefixtures("directory")
class TestText:
    def test_a_clean_file(self) -> None:
        result = helio_compile(text=CLEAN)
        assert (result.exit_code, result.stderr) == (0, "")
        assert result.stdout.startswith("helio.yaml: ok, 1 rule, sha256:")
        assert result.stdout.rstrip().endswith(" ms)")
        assert len(result.stdout.splitlines()) == 1

    def test_faults_are_all_told_with_places_and_counted(self) -> None:
        result = helio_compile(text=FAULTY)
        assert (result.exit_code, result.stderr) == (1, "")
        assert "helio.yaml:4:12: error[HL104]: expected one of `allow`, `deny`\n" in result.stdout
        assert "4 |   default: alow\n  |            ^^^^\n" in result.stdout
        assert "  = hint: did you mean `allow`?\n" in result.stdout
        assert "helio.yaml:6:9: error[HL102]: unknown key `mach`\n" in result.stdout
        assert result.stdout.endswith("\nhelio.yaml: 2 errors (2 can be corrected by `--fix`)\n")

    def test_warnings_pass(self) -> None:
        result = helio_compile(text=WARNED)
        assert result.exit_code == 0
        assert "warning[HL108]" in result.stdout
        assert (
            "helio.yaml: ok, 0 rules, 1 warning (1 can be corrected by `--fix`), sha256:"
            in result.stdout
        )

    def test_warnings_do_not_pass_when_strict(self) -> None:
        result = helio_compile("--strict", text=WARNED)
        assert result.exit_code == 1
        assert result.stdout.endswith(
            "\nhelio.yaml: 1 warning (1 can be corrected by `--fix`)"
            " (warnings count as errors: --strict)\n"
        )

    def test_notes_pass_when_strict(self) -> None:
        until = "action: deny, evidence: { requires: [b] }"
        rules = f"policies: {{ rules: [{{ match: {{ tool: a }}, {until} }}] }}\n"
        result = helio_compile("--strict", text=HEAD + rules)
        assert result.exit_code == 0
        assert "note[HL417]" in result.stdout
        assert "1 note" in result.stdout.splitlines()[-1]

    def test_unset_variables_only_warn_outside_policies(self) -> None:
        text = HEAD + "dashboard: { api_secret: '${NOWHERE_SET}' }\n"
        result = helio_compile(text=text)
        assert result.exit_code == 0
        assert "warning[HL202]: the environment variable `NOWHERE_SET` is not set" in result.stdout
        result = helio_compile(text=text + "policies: { default: '${NOWHERE_SET}' }\n")
        assert result.exit_code == 1
        assert "error[HL201]" in result.stdout


@pytest.mark.usefixtures("directory")
class TestJson:
    def report(self, *arguments: str, text: str, exit_code: int) -> dict[str, Any]:
        result = helio_compile("--format", "json", *arguments, text=text)
        assert (result.exit_code, result.stderr) == (exit_code, "")
        report = json.loads(result.stdout)
        assert report.keys() >= {"ok", "digest", "rules", "diagnostics"}
        assert all(each.keys() >= KEYS for each in report["diagnostics"])
        return report

    def test_a_clean_file(self) -> None:
        report = self.report(text=CLEAN, exit_code=0)
        assert report["ok"] is True
        assert report["rules"] == 1
        assert report["digest"].startswith("sha256:")
        assert report["diagnostics"] == []

    def test_faults(self) -> None:
        report = self.report(text=FAULTY, exit_code=1)
        assert (report["ok"], report["digest"], report["rules"]) == (False, None, 0)
        assert report["diagnostics"][0] == {
            "code": "HL104",
            "severity": "error",
            "message": "expected one of `allow`, `deny`",
            "hint": "did you mean `allow`?",
            "file": "helio.yaml",
            "line": 4,
            "column": 12,
            "end_line": 4,
            "end_column": 16,
            "path": "policies.default",
            "witness": None,
            "related": [],
            "fix": "allow",
        }
        assert [each["code"] for each in report["diagnostics"]] == ["HL104", "HL102"]

    def test_strict_warnings_are_not_ok(self) -> None:
        assert self.report(text=WARNED, exit_code=0)["ok"] is True
        assert self.report("--strict", text=WARNED, exit_code=1)["ok"] is False

    def test_text_of_any_alphabet_stays_readable(self) -> None:
        result = helio_compile("-f", "json", text=HEAD + "größe: 1\n")
        assert "größe" in result.stdout


@pytest.mark.usefixtures("directory")
class TestOtherForms:
    def test_sarif_is_all_that_is_on_stdout(self) -> None:
        result = helio_compile("--format", "sarif", text=FAULTY)
        assert (result.exit_code, result.stderr) == (1, "")
        (run,) = json.loads(result.stdout)["runs"]
        assert [each["ruleId"] for each in run["results"]] == ["HL104", "HL102"]
        assert {rule["id"] for rule in run["tool"]["driver"]["rules"]} >= {"HL001", "HL426"}

    def test_sarif_of_a_clean_file_has_no_results(self) -> None:
        result = helio_compile("--format", "sarif", text=CLEAN)
        assert result.exit_code == 0
        assert json.loads(result.stdout)["runs"][0]["results"] == []

    def test_github_has_commands_on_stdout_and_the_summary_beside_them(self) -> None:
        result = helio_compile("--format", "github", text=FAULTY)
        assert (result.exit_code, result.stderr) == (
            1,
            "helio.yaml: 2 errors (2 can be corrected by `--fix`)\n",
        )
        assert result.stdout.splitlines() == [
            "::error file=helio.yaml,line=4,col=12,endColumn=16,title=HL104::"
            "expected one of `allow`, `deny`%0Ain: policies.default%0Ahint: did you mean `allow`?",
            "::error file=helio.yaml,line=6,col=9,endColumn=13,title=HL102::"
            "unknown key `mach`%0Ain: policies.rules[0].mach%0Ahint: did you mean `match`?",
        ]

    @pytest.mark.parametrize("format_", ["sarif", "github"])
    def test_strict_warnings_fail(self, format_: str) -> None:
        assert helio_compile("-f", format_, text=WARNED).exit_code == 0
        assert helio_compile("-f", format_, "--strict", text=WARNED).exit_code == 1

    @pytest.mark.parametrize("format_", ["sarif", "github", "json"])
    def test_the_same_file_gives_the_same_bytes(self, format_: str) -> None:
        results = {helio_compile("-f", format_, text=FAULTY).stdout for _ in range(2)}
        assert len(results) == 1


@pytest.mark.usefixtures("directory")
class TestFix:
    def test_faults_are_corrected_round_by_round_and_told(self) -> None:
        text = HEAD + (
            "policies:  # a comment\r\n"
            "  default: alow\r\n"
            "  rules:\r\n"
            "    - { 'mach': { tool: 'x', input: { amount: { '>=': 5 } } }, shadow: yes, "
            "action: deny }\r\n"
        )
        Path("helio.yaml").write_text(text, "utf-8", newline="")
        result = helio_compile("--fix")
        assert (result.exit_code, result.stdout[:14]) == (0, "helio.yaml: ok")
        assert Path("helio.yaml").read_bytes().decode() == (
            text.replace("alow", "allow")
            .replace("'mach'", "match")
            .replace("'>='", "gte")
            .replace("yes", "true")
        )
        assert result.stderr.splitlines() == [
            "helio.yaml:4:12: corrected HL104: now allow",
            "helio.yaml:6:9: corrected HL102: now match",
            "helio.yaml:6:72: corrected HL103: now true",
            "helio.yaml:6:48: corrected HL407: now gte",
        ]

    def test_a_file_keeps_its_permissions_and_links(self) -> None:
        Path("real.yaml").write_text(WARNED, "utf-8")
        Path("real.yaml").chmod(0o600)
        Path("helio.yaml").symlink_to("real.yaml")
        assert helio_compile("--fix", "--strict").exit_code == 0
        assert Path("helio.yaml").is_symlink()
        assert Path("real.yaml").stat().st_mode & 0o777 == 0o600
        assert "storage: duckdb" in Path("real.yaml").read_text("utf-8")

    def test_operands_of_conditions_are_corrected_as_other_values_are(self) -> None:
        rules = """\
policies:
  rules:
    - match: { tool: pay, input: { amount: { gt: '1000' }, note: { exists: yes } } }
      action: deny
    - match: { tool: push, input: { branch: { in: main }, by: { not_in: "o'hara" } } }
      action: deny
"""
        assert helio_compile("--fix", text=HEAD + rules).exit_code == 0
        text = Path("helio.yaml").read_text("utf-8")
        assert "{ amount: { gt: 1000 }, note: { exists: true } }" in text
        assert "{ branch: { in: ['main'] }, by: { not_in: ['o''hara'] } }" in text

    def test_what_is_left_is_told(self) -> None:
        result = helio_compile("--fix", text=FAULTY + "budgets: 5\n")
        assert result.exit_code == 1
        assert "error[HL103]" in result.stdout
        assert "corrected HL104" in result.stderr

    def test_a_file_without_anything_to_correct_is_not_touched(self) -> None:
        Path("helio.yaml").write_text(CLEAN, "utf-8")
        before = Path("helio.yaml").stat()
        assert helio_compile("--fix").exit_code == 0
        after = Path("helio.yaml").stat()
        assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)

    def test_what_is_not_utf_8_is_left_alone(self) -> None:
        Path("helio.yaml").write_bytes(b"\xff")
        result = helio_compile("--fix")
        assert result.exit_code == 1
        assert "error[HL012]" in result.stdout
        assert Path("helio.yaml").read_bytes() == b"\xff"

    def test_a_missing_file(self) -> None:
        assert helio_compile("--fix").exit_code == 2

    def test_diff_shows_what_fix_would_do(self) -> None:
        result = helio_compile("--fix", "--diff", text=FAULTY)
        assert (result.exit_code, result.stderr) == (1, "")
        assert result.stdout.startswith("--- helio.yaml\n+++ helio.yaml (corrected)\n")
        assert "\n-  default: alow\n" in result.stdout
        assert "\n+  default: allow\n" in result.stdout
        assert Path("helio.yaml").read_text("utf-8") == FAULTY
        helio_compile("--fix")
        again = helio_compile("--fix", "--diff")
        assert (again.exit_code, again.output) == (0, "")

    def test_diff_alone_and_of_what_is_no_text(self) -> None:
        alone = helio_compile("--diff", text=FAULTY)
        assert (alone.exit_code, alone.stdout) == (2, "")
        assert "--diff goes with --fix" in alone.stderr
        Path("helio.yaml").write_bytes(b"\xe9")
        assert "not UTF-8" in helio_compile("--fix", "--diff").stderr
        assert helio_compile("none.yaml", "--fix", "--diff").exit_code == 2


@pytest.mark.usefixtures("directory")
class TestOutput:
    def test_the_graph_is_written(self) -> None:
        result = helio_compile("-o", "graph.json", "-f", "json", text=CLEAN)
        graph = Path("graph.json").read_bytes()
        digest = json.loads(result.stdout)["digest"]
        assert graph_digest(graph) == digest == CompiledPolicy.from_graph(graph).digest
        assert orjson.loads(graph)["source"]["files"] == ["helio.yaml"]

    @pytest.mark.parametrize(("text", "more"), [(FAULTY, []), (WARNED, ["--strict"])])
    def test_there_is_no_graph_when_findings_fail(self, text: str, more: list[str]) -> None:
        result = helio_compile("-o", "graph.json", *more, text=text)
        assert result.exit_code == 1
        assert not Path("graph.json").exists()

    def test_a_graph_that_cannot_be_written(self) -> None:
        result = helio_compile("-o", "nowhere/graph.json", text=CLEAN)
        assert result.exit_code == 2
        assert "nowhere/graph.json" in result.stderr


@pytest.mark.usefixtures("directory")
class TestUsage:
    def test_a_file_as_argument_or_option(self) -> None:
        Path("other.yaml").write_text(CLEAN, "utf-8")
        for arguments in (["other.yaml"], ["-c", "other.yaml"], ["--config", "other.yaml"]):
            result = helio_compile(*arguments)
            assert (result.exit_code, result.stdout[:14]) == (0, "other.yaml: ok")

    def test_a_missing_file(self) -> None:
        result = helio_compile()
        assert (result.exit_code, result.stdout) == (2, "")
        assert "helio.yaml" in result.stderr
        assert "helio init" in result.stderr

    def test_a_missing_file_leaves_stdout_empty_for_machines_too(self) -> None:
        result = helio_compile("-f", "json", "gone.yaml")
        assert (result.exit_code, result.stdout) == (2, "")

    def test_a_directory_is_no_file(self, directory: Path) -> None:
        result = helio_compile(str(directory))
        assert (result.exit_code, result.stdout) == (2, "")
        assert "helio init" not in result.stderr

    @pytest.mark.parametrize("arguments", [["--format", "xml"], ["--no-such"], ["a", "b"]])
    def test_what_is_not_understood(self, arguments: list[str]) -> None:
        result = helio_compile(*arguments, text=CLEAN)
        assert (result.exit_code, result.stdout) == (2, "")

    def test_validate_is_the_same(self) -> None:
        compiled = helio_compile("-f", "json", text=FAULTY)
        validated = CliRunner().invoke(app, ["validate", "-f", "json"])
        assert validated.exit_code == compiled.exit_code == 1
        assert validated.stdout == compiled.stdout


PAY = {
    "name": "pay",
    "inputSchema": {"type": "object", "properties": {"amount": {"type": "string"}}},
}


def lock(path: Path, *definitions: dict[str, Any]) -> None:
    found = [accepted(json.dumps(each).encode()) for each in definitions]
    tools = {each.tool.name: each for each in found if each is not None}
    path.write_bytes(ToolLock({"default": tools}).encode())


@pytest.mark.usefixtures("directory")
class TestTools:
    RULE = HEAD + "policies:\n  rules:\n    - match: { tool: pay, input: { amount: { gt: 5 } } }\n"
    TEXT = RULE + "      action: deny\n"

    def test_without_a_lock_nothing_is_said_of_tools(self) -> None:
        result = helio_compile(text=self.TEXT)
        assert result.exit_code == 0
        assert "HL4" not in result.stdout

    def test_the_lock_beside_the_configuration(self) -> None:
        lock(Path("helio.tools.lock"), PAY)
        result = helio_compile(text=self.TEXT)
        assert result.exit_code == 0
        assert "warning[HL444]: `gt` never holds: `$.amount` is a string in `pay`" in result.stdout
        assert helio_compile("--strict").exit_code == 1

    def test_another_file(self) -> None:
        lock(Path("helio.tools.lock"), PAY)
        lock(Path("staging.lock"), PAY | {"name": "play"})
        result = helio_compile("--tools", "staging.lock", "-f", "json", text=self.TEXT)
        found = json.loads(result.stdout)["diagnostics"]
        told = [(each["code"], each["hint"]) for each in found if each["severity"] == "warning"]
        assert told == [("HL440", "did you mean `play`?")]

    def test_a_lock_that_is_not_there_or_cannot_be_trusted(self) -> None:
        result = helio_compile("--tools", "gone.lock", text=self.TEXT)
        assert (result.exit_code, result.stdout) == (2, "")
        assert "gone.lock: No such file" in result.stderr
        Path("helio.tools.lock").write_text("<<<<<<< HEAD\n")
        result = helio_compile(text=self.TEXT)
        assert (result.exit_code, result.stdout) == (2, "")
        assert "helio.tools.lock: line 1" in result.stderr
        assert "helio tools pull --force" in result.stderr


class TestProcess:
    def test_findings_without_colour_off_a_terminal(self, helio: Command, directory: Path) -> None:
        (directory / "helio.yaml").write_text(FAULTY, "utf-8")
        done = helio("compile")
        assert (done.returncode, done.stderr) == (1, "")
        assert "\x1b" not in done.stdout
        assert "2 errors" in done.stdout

    def test_long_findings_are_not_wrapped(self, helio: Command, directory: Path) -> None:
        (directory / "helio.yaml").write_text(HEAD + "unknown_section: 1\n", "utf-8")
        done = helio("compile", COLUMNS="20")
        assert "hint: known here: `version`, `upstream`, `upstreams`, `aggregate`" in done.stdout

    def test_what_yaml_says_is_no_markup(self, helio: Command, directory: Path) -> None:
        (directory / "helio.yaml").write_text(HEAD + "'[red]x[/red] :smile:': 1\n", "utf-8")
        assert "unknown key `[red]x[/red] :smile:`" in helio("compile").stdout

    def test_the_environment_is_the_process_own(self, helio: Command, directory: Path) -> None:
        text = HEAD + "policies: { default: '${POLICY_DEFAULT}' }\n"
        (directory / "helio.yaml").write_text(text, "utf-8")
        assert helio("compile", POLICY_DEFAULT="deny").returncode == 0
        refused = helio("compile", POLICY_DEFAULT="t0p-s3cret")
        assert refused.returncode == 1
        assert "t0p-s3cret" not in refused.stdout + refused.stderr
