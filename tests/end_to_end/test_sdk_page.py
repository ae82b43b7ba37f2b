"""What docs/sdk.md shows works, and its tables are those of the code."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import HelioFactory
from end_to_end.recording import Recorder
from end_to_end.test_evidence import ask, reason
from helio.policy.compiler import compile_text

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "sdk.md").read_text("utf-8")
HEAD = "version: '1'\nupstream: { url: 'http://127.0.0.1:1/mcp' }\n"
TOKEN = "the-token-of-the-sdk-page"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.end_to_end
def test_the_program_and_the_request_let_the_policys_call_pass(
    helio: HelioFactory, recorder: Recorder
) -> None:
    (program,), (request,) = blocks("python"), blocks("sh")
    policies, _ = blocks("yaml")
    for number, command in enumerate(([sys.executable, "-c", program], ["sh", "-ec", request])):
        environment = {"HELIO_SDK_TOKEN": TOKEN}
        process = helio(policies, upstream=recorder.url, environment=environment)
        command[2] = command[2].replace("http://127.0.0.1:3200", process.sdk_url)
        blocked = ask(process, "process_refund", session="session-1")
        assert reason(blocked) == "evidence_missing"
        ended = subprocess.run(
            command,
            env={**os.environ, **environment},
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert ended.returncode == 0, ended.stderr
        shown = ("{'x-helio-session-id': 'session-1'}", '"names":["orders.lookup"]')[number]
        assert shown in ended.stdout
        assert reason(ask(process, "process_refund", session="session-1")) is None


@pytest.mark.parametrize("text", blocks("yaml"))
def test_the_configurations_compile(text: str) -> None:
    found = compile_text(HEAD + text, environment={}).diagnostics
    assert [each for each in found if each.severity != "note"] == []
