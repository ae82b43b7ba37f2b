"""Calls of several rounds (2026-07-28) through a whole Helio: one charge, a row for each round."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp_types import ElicitRequestParams, ElicitResult

from conftest import HelioFactory
from end_to_end.wire import Reply, request
from processes import HelioProcess, end_process

pytestmark = pytest.mark.end_to_end

ASKING = "test_input_required_result_elicitation"
REVISION = "2026-07-28"
LIMITED = """
policies:
  rules:
    - name: once
      match: { tool: 'test_*' }
      action: rate_limit
      limits: { max_calls: 1, window: 1h }
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that asks in its results; its URL."""
    log = tmp_path_factory.mktemp("rounds-server") / "log"
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "conformance.server"],
            cwd=Path(__file__).parent.parent,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
    assert process.stdout is not None
    with process.stdout as output:
        url = output.readline().decode().strip()
    assert url, log.read_text()
    yield url
    end_process(process)


@pytest.fixture
def limited(helio: HelioFactory, server: str) -> HelioProcess:
    """Helio in front of it, with one call an hour."""
    return helio(LIMITED, upstream=server)


async def _name(_context: object, _params: ElicitRequestParams) -> ElicitResult:
    return ElicitResult(action="accept", content={"name": "Ada"})


async def test_the_official_client_is_charged_once_for_all_rounds(limited: HelioProcess) -> None:
    async with Client(limited.mcp_url, mode=REVISION, elicitation_callback=_name) as client:
        result = await client.call_tool(ASKING, {})
        assert result.content[0].text == "Hello, Ada!"  # type: ignore[union-attr]
        blocked = await client.call_tool(ASKING, {})
        assert blocked.is_error
    rows = limited.calls()
    assert [row["policy_decision"] for row in rows] == ["allow", "allow", "rate_limited"]
    assert rows[1]["metadata"] == {"continues": rows[0]["id"]}
    assert [row["metadata"] for row in (rows[0], rows[2])] == [None, None]


def call(helio: HelioProcess, identifier: int, **params: object) -> Reply:
    """A call by hand that brings `params` along."""
    meta = {
        "io.modelcontextprotocol/protocolVersion": REVISION,
        "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}}},
    }
    stated = {"name": ASKING, "arguments": {}, "_meta": meta, **params}
    body = {"jsonrpc": "2.0", "id": identifier, "method": "tools/call", "params": stated}
    headers = {
        "mcp-protocol-version": REVISION,
        "mcp-method": "tools/call",
        "mcp-name": ASKING,
    }
    return request(helio.mcp_url, json.dumps(body).encode(), headers=headers)


ANSWER: dict[str, Any] = {"user_name": {"action": "accept", "content": {"name": "Ada"}}}


def test_a_retry_that_nobody_asked_for_is_a_call_of_its_own(limited: HelioProcess) -> None:
    first = call(limited, 1, inputResponses=ANSWER)
    assert first.message["result"]["resultType"] == "complete"
    again = call(limited, 2, inputResponses=ANSWER)
    assert again.blocked["reason"] == "rate_limited"
    assert again.message["result"]["resultType"] == "complete"


def test_a_retry_continues_its_call_once(limited: HelioProcess) -> None:
    assert call(limited, 1).message["result"]["resultType"] == "input_required"
    continued = call(limited, 2, inputResponses=ANSWER)
    assert continued.message["result"]["resultType"] == "complete"
    assert call(limited, 3, inputResponses=ANSWER).blocked["reason"] == "rate_limited"
