"""What docs/protocol.md shows works, and its table of refusals is what requests get."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from end_to_end.pairs import Pair, running_pair, running_sdk_server
from end_to_end.wire import request
from helio.protocol import revisions

pytestmark = pytest.mark.end_to_end

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "protocol.md").read_text("utf-8")
PROGRAMS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
SHOWN = ["hello", "400 -32020"]
REVISIONS = re.findall(r"^\| (\d{4}-\d\d-\d\d) \| (\w+) \|", PAGE, re.MULTILINE)
REFUSALS = re.findall(r"\| (-\d{5}) \| `(\w+)` \|$", PAGE, re.MULTILINE)

META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}
HEADERS = {
    "mcp-protocol-version": "2026-07-28",
    "mcp-method": "tools/call",
    "mcp-name": "echo",
}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    directory = tmp_path_factory.mktemp("protocol-page")
    with (
        running_sdk_server(directory) as url,
        running_pair(directory, url, "", "30s") as running,
    ):
        yield running


@pytest.mark.parametrize(("program", "shown"), list(zip(PROGRAMS, SHOWN, strict=True)))
def test_programs_print_what_the_page_says(pair: Pair, program: str, shown: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", program, pair.helio.mcp_url],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[-1] == shown


def test_the_page_names_the_revisions_that_are_spoken() -> None:
    assert [revision for revision, _ in REVISIONS] == list(revisions.SPOKEN)
    assert {revisions.era(revision): era for revision, era in REVISIONS} == {
        "legacy": "legacy",
        "modern": "modern",
    }


def body(meta: object = META, **changed: object) -> dict[str, Any]:
    params = {"name": "echo", "arguments": {"text": "hello"}, "_meta": meta}
    return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params, **changed}


CASES: dict[str, list[tuple[dict[str, Any], dict[str, str]]]] = {
    "-32600 unexpected_response": [({"jsonrpc": "2.0", "id": 1, "result": {}}, {})],
    "-32602 incomplete_envelope": [(body({}), {}), (body(None), {})],
    "-32602 invalid_envelope": [
        (body({**META, "io.modelcontextprotocol/clientCapabilities": []}), {})
    ],
    "-32020 header_mismatch": [
        (body(), {"mcp-protocol-version": ""}),
        (body(), {"mcp-protocol-version": "2025-11-25"}),
        (body(), {"mcp-method": ""}),
        (body(), {"mcp-method": "tools/list"}),
        (body(), {"mcp-name": ""}),
        (body(), {"mcp-name": "add"}),
        (body(), {"Mcp-Name": "echo"}),
    ],
    "-32022 unsupported_revision": [
        (
            body({**META, "io.modelcontextprotocol/protocolVersion": "2099-01-01"}),
            {"mcp-protocol-version": "2099-01-01"},
        )
    ],
}


def test_the_page_names_every_refusal() -> None:
    assert {f"{code} {reason}" for code, reason in REFUSALS} == set(CASES)


@pytest.mark.parametrize("named", CASES)
def test_what_the_page_says_is_refused_is_refused_so(pair: Pair, named: str) -> None:
    code, reason = named.split()
    before = len(pair.helio.calls("--decision", "rejected"))
    for sent, changed in CASES[named]:
        reply = request(
            pair.helio.mcp_url, json.dumps(sent).encode(), headers={**HEADERS, **changed}
        )
        assert (reply.status, reply.message["error"]["code"]) == (400, int(code)), (sent, changed)
    rows = pair.helio.calls("--decision", "rejected")[before:]
    assert [row["block_reason"] for row in rows] == [reason] * len(CASES[named])
