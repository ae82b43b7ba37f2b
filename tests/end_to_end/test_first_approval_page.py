"""What docs/approvals.md has a newcomer do at a terminal works, word for word but for the ports."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from end_to_end.people import People
from processes import HelioFactory, HelioProcess

pytestmark = pytest.mark.end_to_end

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "approvals.md").read_text("utf-8")
(CHAPTER,) = re.findall(r"^## A first approval.*?(?=^## )", PAGE, re.MULTILINE | re.DOTALL)
TICKET = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def block(language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", CHAPTER, re.MULTILINE | re.DOTALL)
    return str(found)


@contextmanager
def agent(process: HelioProcess) -> Iterator[subprocess.Popen[str]]:
    """The page's agent, until it ends."""
    program = process.directory / "agent.py"
    program.write_text(block("python"), "utf-8")
    command = [sys.executable, str(program), process.mcp_url]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield running
    finally:
        running.kill()
        running.communicate()


def approvals(process: HelioProcess, *arguments: str) -> str:
    """What `helio approvals` prints, in the directory of helio.yaml."""
    ended = subprocess.run(
        [sys.executable, "-m", "helio", "approvals", *arguments],
        cwd=process.directory,
        env={**os.environ, **process.environment, "COLUMNS": "100"},
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def anonymous(listed: str) -> list[str]:
    """A list of tickets without ids and times."""
    return [
        re.sub(r"\d:\d\d left", "0:00 left", TICKET.sub("ID", line)) for line in listed.split("\n")
    ]


def test_a_first_approval(helio: HelioFactory, demo_upstream: str) -> None:
    process = helio(block("yaml"), upstream=demo_upstream)
    people = People(process)
    with agent(process) as paying:
        assert paying.stdout is not None
        said = paying.stdout.readline()
        told, _, _ = said.partition("until ")
        assert told in CHAPTER
        (ticket,) = people.wait_for()
        shown = approvals(process, "list").rstrip("\n")
        written = re.search(r"\$ helio approvals list\n(.*?)\n\$", CHAPTER, re.DOTALL)
        assert written is not None
        assert anonymous(shown) == anonymous(written[1])
        approvals(process, "approve", ticket["id"])
        answer, _ = paying.communicate(timeout=30)
        assert json.loads(answer)["amount"] == 1500
    with agent(process) as again:
        (ticket,) = people.wait_for()
        approvals(process, "deny", ticket["id"], "--by", "ann", "--reason", "Not on a Friday.")
        answer, _ = again.communicate(timeout=30)
        assert "Blocked: ann denied this call: Not on a Friday." in answer
        assert "`Blocked: ann denied this call: Not on a Friday.`" in CHAPTER
    assert process.stop() == 0
    assert "leak" not in process.log.read_text(), "an end is quiet"
