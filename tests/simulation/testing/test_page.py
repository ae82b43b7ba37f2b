"""The examples of docs/policy-tests.md, done; and what replays write, run."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from helio.cli import app
from simulation import test_page as replay_page
from simulation.recording import record

PAGE = Path(__file__).parents[3] / "docs" / "policy-tests.md"
_TIME = re.compile(r" \([0-9]+ ms\)$", re.M)


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.M)


def test_the_page_s_examples_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config, *files = blocks("yaml")
    (tmp_path / "helio.yaml").write_text(config, "utf-8")
    (tmp_path / "policy_tests").mkdir()
    (shown,) = blocks("console")
    for text in files:
        (tmp_path / "policy_tests" / "refunds.yaml").write_text(text, "utf-8")
        ran = CliRunner().invoke(app, ["test"])
        assert ran.exit_code == 0, ran.output
        assert _TIME.sub("", ran.stdout) == shown.removeprefix("$ helio test\n")


def test_what_a_replay_writes_passes(tmp_path: Path) -> None:
    policy, tests = tmp_path / "new.yaml", tmp_path / "tests.yaml"
    policy.write_text(replay_page.blocks("yaml")[0], "utf-8")
    record(tmp_path / "audit", replay_page.EVERYTHING, replay_page.AFTERNOON)
    options = ["--audit-path", str(tmp_path / "audit"), "--write-tests", str(tests)]
    wrote = CliRunner().invoke(app, ["replay", "--policy", str(policy), *options])
    assert wrote.exit_code == 0, wrote.output
    ran = CliRunner().invoke(app, ["test", str(tests), "-c", str(policy)])
    assert ran.exit_code == 0, ran.output
    assert " passed, 0 failed" in ran.stdout
