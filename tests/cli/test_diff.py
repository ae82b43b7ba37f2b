"""`helio diff` as people and CI call it."""

import json
import subprocess
from pathlib import Path

import pytest

from cli.conftest import HEAD, Command

RULES = """\
policies:
  rules:
    - name: payments
      match: { tool: pay, input: { amount: { gt: %d } } }
      action: deny
"""


@pytest.fixture
def policies(directory: Path) -> Path:
    (directory / "old.yaml").write_text(HEAD + RULES % 1000, "utf-8")
    (directory / "new.yaml").write_text(HEAD + RULES % 5000, "utf-8")
    return directory


@pytest.mark.usefixtures("policies")
def test_json_has_the_shape_of_the_contract(helio: Command) -> None:
    done = helio("diff", "old.yaml", "new.yaml", "-f", "json")
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    (widened,) = told["widened"]
    assert widened["witness"] == {"tool": "pay", "arguments": {"amount": 1001}}
    assert (widened["old"]["decision"], widened["old"]["rule"]) == ("deny", "payments")
    assert widened["old"]["line"] == 5
    assert (widened["new"]["decision"], widened["new"]["rule"]) == ("allow", None)
    assert (told["narrowed"], told["changed"], told["undecided"]) == ([], [], [])
    assert told["policies"]["old"]["file"] == "old.yaml"
    assert told["policies"]["new"]["digest"].startswith("sha256:")


@pytest.mark.usefixtures("policies")
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["old.yaml", "new.yaml", "--fail-on", "widened"], 1),
        (["old.yaml", "new.yaml", "--fail-on", "changed"], 1),
        (["old.yaml", "new.yaml", "--fail-on", "narrowed"], 0),
        (["new.yaml", "old.yaml", "--fail-on", "widened"], 0),
        (["new.yaml", "old.yaml", "--fail-on", "narrowed"], 1),
        (["old.yaml", "old.yaml", "--fail-on", "changed"], 0),
        (["old.yaml", "none.yaml"], 2),
        (["old.yaml"], 2),
    ],
)
def test_exit_codes(helio: Command, arguments: list[str], code: int) -> None:
    assert helio("diff", *arguments).returncode == code


@pytest.mark.usefixtures("policies")
def test_nothing_that_differs_is_said(helio: Command) -> None:
    assert helio("diff", "old.yaml", "old.yaml").stdout == "no call is decided otherwise\n"


def test_what_is_not_decided_fails_whatever_was_asked(helio: Command, directory: Path) -> None:
    for name, action in (("old", "deny"), ("new", "require_approval")):
        rules = "".join(
            f"    - match: {{ tool: pay, input: {{ l: {{ contains: {n} }} }} }}\n"
            f"      action: {action}\n"
            for n in range(5)
        )
        text = f"{HEAD}policies:\n  rules:\n{rules}"
        (directory / f"{name}.yaml").write_text(text, "utf-8")
    for kind in ("widened", "narrowed", "changed"):
        done = helio("diff", "old.yaml", "new.yaml", "--fail-on", kind)
        assert done.returncode == 1
        assert "not decided: " in done.stdout
    assert helio("diff", "old.yaml", "new.yaml").returncode == 0


def test_a_policy_that_is_not_valid_is_a_finding(helio: Command, policies: Path) -> None:
    (policies / "new.yaml").write_text(HEAD + "policies: { default: alow }\n", "utf-8")
    done = helio("diff", "old.yaml", "new.yaml", "-f", "json")
    assert (done.returncode, done.stdout) == (1, "")
    assert "new.yaml:3" in done.stderr


def test_a_graph_is_a_policy_too(helio: Command, policies: Path) -> None:
    assert helio("compile", "old.yaml", "-o", "old.json").returncode == 0
    assert helio("diff", "old.json", "old.yaml", "--fail-on", "changed").returncode == 0
    assert helio("diff", "old.json", "new.yaml", "--fail-on", "changed").returncode == 1
    (policies / "old.json").write_text('{"helio_graph": 1}', "utf-8")
    assert helio("diff", "old.json", "new.yaml").returncode == 2


def test_a_revision_is_read_from_git(helio: Command, policies: Path) -> None:
    text = (policies / "old.yaml").read_text("utf-8")
    (policies / "helio.yaml").write_text(text, "utf-8")
    author = ("-c", "user.name=A", "-c", "user.email=a@localhost")
    for command in (
        ("init", "-q", "-b", "main"),
        ("add", "helio.yaml"),
        (*author, "commit", "-q", "-m", "Begin"),
    ):
        subprocess.run(["git", *command], cwd=policies, check=True, timeout=30)
    (policies / "helio.yaml").write_text(HEAD + RULES % 5000, "utf-8")
    done = helio("diff", "main:helio.yaml", "helio.yaml")
    assert done.returncode == 0
    assert "- deny, by payments (main:helio.yaml:5)" in done.stdout
    missing = helio("diff", "main:none.yaml", "helio.yaml")
    assert missing.returncode == 2
    assert "none.yaml" in missing.stderr
    option = helio("diff", "--output=x:helio.yaml", "helio.yaml")
    assert option.returncode == 2


def test_values_of_variables_are_not_shown(helio: Command, directory: Path) -> None:
    for name, action in (("old", "deny"), ("new", "allow")):
        rules = (
            "policies:\n  rules:\n    - match: { tool: '${TOOL}_*', input: { to: '${ACCOUNT}' } }\n"
            f"      action: {action}\n"
        ).replace("'${ACCOUNT}'", "{ eq: '${ACCOUNT}' }")
        (directory / f"{name}.yaml").write_text(HEAD + rules, "utf-8")
    for form in ("text", "json"):
        done = helio("diff", "old.yaml", "new.yaml", "-f", form, ACCOUNT="A-77", TOOL="ledger")
        assert done.returncode == 0, done.stderr
        assert "A-77" not in done.stdout + done.stderr
        assert "ledger" not in done.stdout + done.stderr
        assert "${ACCOUNT}" in done.stdout


def test_too_much_to_compare_is_told_with_what_was_found(helio: Command, directory: Path) -> None:
    """Paths by the hundred, each of which every call may have."""
    for name, action in (("old", "deny"), ("new", "require_approval")):
        rules = "".join(
            f"    - {{ match: {{ input: {{ p{n}: {{ eq: 1 }} }} }}, action: {action} }}\n"
            for n in range(250)
        )
        (directory / f"{name}.yaml").write_text(f"{HEAD}policies:\n  rules:\n{rules}", "utf-8")
    done = helio("diff", "old.yaml", "new.yaml")
    assert (done.returncode, done.stderr) == (0, "")
    assert "widened: some calls where p0 is 1" in done.stdout
    assert "there is too much to compare" in done.stdout


def test_calls_become_policy_tests_that_the_new_policy_passes(
    helio: Command, policies: Path
) -> None:
    more = (
        "    - { name: mail, match: { tool: mail, annotations: { openWorldHint: false },"
        " agent: 'bot-*', session: { called: [look] } }, action: require_approval }\n"
        "    - { name: look, match: { tool: look }, action: allow, labels: [seen] }\n"
        "    - { name: seen, match: { tool: gift, session: { labels: [seen] } }, action: deny }\n"
    )
    with (policies / "new.yaml").open("a", encoding="utf-8") as file:
        file.write(more)
    written = helio("diff", "old.yaml", "new.yaml", "--write-tests", "policy_tests/new.yaml")
    assert written.returncode == 0, written.stderr
    count = written.stdout.count("  {")
    assert written.stderr == (
        f"{count - 1} tests in policy_tests/new.yaml; 1 rest on more than a test can hold\n"
    )
    tested = helio("test", "-c", "new.yaml", "policy_tests/new.yaml")
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert f"{count - 1} passed, 0 failed" in tested.stdout
    assert helio("test", "-c", "old.yaml", "policy_tests/new.yaml").returncode == 1


FOUR_EYES = "    - { name: payments, match: { tool: pay }, action: require_approval }\n"
NO_EYES = "    - { name: pay, match: { tool: pay }, limits: { max_calls: 900000, window: 1s } }\n"
LABELLED = "    - { name: reads, match: { tool: read }, action: allow, labels: [seen] }\n"
UNLABELLED = "    - { name: reads, match: { tool: read }, action: allow }\n"


@pytest.mark.parametrize(("old", "new"), [(FOUR_EYES, NO_EYES), (LABELLED, UNLABELLED)])
def test_what_is_also_restricted_counts_as_widened(
    helio: Command, directory: Path, old: str, new: str
) -> None:
    """A limit, however high, does not hide that nobody is asked any more."""
    for name, rule in (("old", old), ("new", new)):
        (directory / f"{name}.yaml").write_text(f"{HEAD}policies:\n  rules:\n{rule}", "utf-8")
    done = helio("diff", "old.yaml", "new.yaml", "--fail-on", "widened")
    assert done.returncode == 1
    assert done.stdout.startswith("changed, in part widened: tool matches ")
    told = json.loads(helio("diff", "old.yaml", "new.yaml", "-f", "json").stdout)
    assert told["changed"][0]["partly"] == ["narrowed", "widened"]
    assert told["widened"] == []


def test_what_is_only_restricted_is_not_widened_in_part(helio: Command, directory: Path) -> None:
    limit = NO_EYES.replace("900000", "9")
    for name, rule in (("old", NO_EYES), ("new", limit)):
        (directory / f"{name}.yaml").write_text(f"{HEAD}policies:\n  rules:\n{rule}", "utf-8")
    assert helio("diff", "old.yaml", "new.yaml", "--fail-on", "widened").returncode == 0
    assert helio("diff", "old.yaml", "new.yaml", "--fail-on", "narrowed").returncode == 1


@pytest.mark.usefixtures("policies")
@pytest.mark.parametrize(
    ("more", "level", "code"), [([], "warning", 0), (["--fail-on", "widened"], "error", 1)]
)
def test_annotations(helio: Command, more: list[str], level: str, code: int) -> None:
    done = helio("diff", "old.yaml", "new.yaml", "-f", "github", *more)
    assert (done.returncode, done.stderr) == (code, "1 widened\n")
    assert done.stdout == (
        f"::{level} file=new.yaml,title=helio diff::widened: tool matches pay and amount > 1000 "
        'and <= 5000%0Acall: {"tool": "pay", "arguments": {"amount": 1001}}%0A'
        "before: deny, by payments (old.yaml:5)%0Anow: allow, by no rule\n"
    )


@pytest.mark.usefixtures("policies")
def test_an_annotation_stands_at_the_rule_that_decides_now(helio: Command) -> None:
    told = helio("diff", "new.yaml", "old.yaml", "-f", "github").stdout
    assert told.startswith("::notice file=old.yaml,line=5,title=helio diff::narrowed: ")
