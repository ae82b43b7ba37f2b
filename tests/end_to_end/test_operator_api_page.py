"""What docs/operator-api.md shows works, and looks as it says."""

import csv
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from end_to_end.recording import Recorder
from end_to_end.wire import call
from processes import HelioFactory, HelioProcess

pytestmark = pytest.mark.end_to_end

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "operator-api.md").read_text("utf-8")
ADDRESS = "http://127.0.0.1:3100"
RULES = """
approval: { mode: return }
policies:
  rules:
    - { name: large, match: { tool: create_payment }, action: require_approval }
    - { match: { tool: read_mail }, action: deny }
"""


class Example(NamedTuple):
    """A block of commands, and what the page says they answer."""

    commands: str
    answer: str | None


def examples() -> list[Example]:
    found = re.finditer(r"^```sh\n(.*?)^```\n(?:\n```json\n(.*?)^```$)?", PAGE, re.M | re.S)
    return [Example(each[1], each[2]) for each in found]


def run(example: Example, process: HelioProcess, **variables: str) -> str:
    """What the commands write, where curl fails for any status but 200."""
    (process.directory / ".curlrc").write_text("fail-with-body\nsilent\nshow-error\n")
    ended = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", example.commands.replace(ADDRESS, process.operator_url)],
        cwd=process.directory,
        env={"PATH": os.environ["PATH"], "CURL_HOME": str(process.directory), **variables},
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert ended.returncode == 0, (example.commands, ended.stdout, ended.stderr)
    return ended.stdout


def like(told: Any, found: Any, path: str = "$") -> None:
    """Fails unless what was found has the form of what the page tells."""
    if isinstance(told, dict):
        assert isinstance(found, dict), path
        for key, value in told.items():
            assert key in found, f"{path}.{key} is not there"
            like(value, found[key], f"{path}.{key}")
    elif isinstance(told, list):
        assert isinstance(found, list), path
        assert bool(told) <= bool(found), f"{path} is empty"
        for value in told:
            like(value, found[0], f"{path}[0]")
    elif isinstance(told, str) and re.match(r"\d{4}-", told):
        assert re.fullmatch(re.sub(r"\d", r"\\d", told), found), f"{path}: {found}"
    elif told is not None and found is not None:
        numbers = (int, float)
        same = isinstance(found, type(told)) or (
            isinstance(told, numbers) and isinstance(found, numbers)
        )
        assert same, f"{path}: {found!r}"


def test_every_example_answers_as_the_page_says(helio: HelioFactory, recorder: Recorder) -> None:
    process = helio(RULES, upstream=recorder.url).wait_for_index()

    def ticket(amount: int) -> str:
        reply = call(process.mcp_url, "create_payment", {"amount": amount}, session="s1")
        return str(reply.blocked["ticket_id"])

    tickets = {"TICKET": ticket(7), "ANOTHER": ticket(8), "LAST": ticket(9)}
    call(process.mcp_url, "read_mail")
    assert call(process.mcp_url, "delete_order").blocked is None
    row = process.ask("/api/feed?limit=1")["data"][0]["id"]
    shown = examples()
    assert len(shown) == PAGE.count("```sh\n")
    for example in shown:
        written = run(example, process, SECRET=process.secret, ROW=row, **tickets)
        if example.answer is not None:
            like(json.loads(example.answer), json.loads(written))
    statuses = [each["status"] for each in process.ask("/api/approvals")["data"]]
    assert statuses == ["break_glass", "denied", "approved"]
    with (process.directory / "audit.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 5


def test_every_path_of_the_page_is_there_and_needs_the_secret(
    helio: HelioFactory, recorder: Recorder
) -> None:
    process = helio(RULES, upstream=recorder.url)
    paths = set(re.findall(r"/api/[a-z/-]+", PAGE))
    assert paths >= {"/api/feed", "/api/audit/export", "/api/analytics", "/api/auth/session"}
    for path in paths - {"/api/health"}:
        asked = ["curl", "-s", "-o", "out", "-w", "%{http_code}", process.operator_url + path]
        ended = subprocess.run(
            asked, cwd=process.directory, check=True, capture_output=True, text=True, timeout=10
        )
        assert ended.stdout == "401", path
