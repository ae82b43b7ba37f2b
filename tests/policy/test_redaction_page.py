"""What docs/redaction.md says of rules, done."""

import re
import subprocess
from pathlib import Path

import orjson
import pytest

from helio.app.redaction import Redaction
from helio.policy import compile_text

PAGE = (Path(__file__).parents[2] / "docs" / "redaction.md").read_text()
KEY = "a key of at least 32 characters, for the page"
HEAD = "version: '1'\nupstream: { url: 'http://127.0.0.1:1/mcp' }\n"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def redaction(directory: Path) -> Redaction:
    (rules,) = blocks("yaml")
    text = HEAD + rules.replace("audit:\n", f"audit:\n  path: {directory}\n")
    compiled = compile_text(text, environment={"HELIO_REDACTION_KEY": KEY})
    assert compiled.config is not None, [str(each) for each in compiled.diagnostics]
    return Redaction(compiled.config)


def test_the_arguments_are_kept_as_shown(tmp_path: Path) -> None:
    sent, kept = blocks("json")
    shown = redaction(tmp_path).redactor.arguments("pay", sent.strip().encode())
    assert shown is not None
    assert shown.decode() == kept.strip()


def test_a_hash_can_be_looked_up_by_the_command(tmp_path: Path) -> None:
    (command,) = blocks("console")
    try:
        answer = subprocess.run(
            ["bash", "-c", command.strip().removeprefix("$ ")],
            env={"HELIO_REDACTION_KEY": KEY, "PATH": "/usr/bin:/bin"},
            check=True,
            capture_output=True,
            text=True,
        )
    except (FileNotFoundError, subprocess.CalledProcessError):
        pytest.skip("openssl is not here")
    digest = redaction(tmp_path).redactor.digest(b"hunter2")
    assert answer.stdout.split()[-1] == digest
    assert f"[redacted:{digest[:16]}]" in PAGE


def test_a_rule_for_a_tool_is_for_it_alone(tmp_path: Path) -> None:
    redactor = redaction(tmp_path).redactor
    note = orjson.dumps({"note": "for customer C17"})
    assert redactor.arguments("pay", note) is note
    kept = redactor.arguments("crm_find", note)
    assert kept is not None
    assert kept.startswith(b'{"note":"for customer [redacted:')
