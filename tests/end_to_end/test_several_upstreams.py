"""Several upstreams behind one Helio: each at its own path, judged by its own name."""

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from processes import HelioFactory, HelioProcess, end_process, start_demo_upstream

pytestmark = pytest.mark.end_to_end

CONFIG = """
upstreams:
  - { name: first, url: '${HELIO_TEST_UPSTREAM}' }
  - { name: second, url: '${HELIO_TEST_SECOND}', request_timeout: 2s }
policies:
  rules:
    - { name: no-mail, match: { upstream: second, tool: 'search_*' }, action: deny }
"""
HEADERS = {
    "content-type": "application/json",
    "accept": "application/json, text/event-stream",
}


def post(url: str, method: str, params: object, headers: dict[str, str] | None = None) -> Any:
    """The status, the session and the answer to one request."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    request = urllib.request.Request(url, body, {**HEADERS, **(headers or {})})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            text = answer.read().decode()
            session = answer.headers["mcp-session-id"]
    except urllib.error.HTTPError as error:
        return error.code, None, json.loads(error.read())
    if text.startswith("event:"):
        text = next(line[6:] for line in text.splitlines() if line.startswith("data: "))
    return 200, session, json.loads(text)


def call(base: str, name: str) -> Any:
    """One governed call in a session of its own; its answer."""
    opening = {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    }
    _, session, _ = post(f"{base}/{name}", "initialize", opening)
    headers = {"mcp-protocol-version": "2025-11-25"}
    if session is not None:
        headers["mcp-session-id"] = session
    params = {"name": "search_orders", "arguments": {"text": "a"}}
    return post(f"{base}/{name}", "tools/call", params, headers)[2]


def health(helio: HelioProcess) -> Any:
    url = f"http://127.0.0.1:{helio.operator_port}/api/health"
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.loads(answer.read())


def test_each_at_its_own_path_by_its_own_rules(helio: HelioFactory, demo_upstream: str) -> None:
    process = helio(
        CONFIG, upstream=demo_upstream, environment={"HELIO_TEST_SECOND": demo_upstream}
    )
    base = f"http://127.0.0.1:{process.mcp_port}/mcp"
    assert call(base, "first")["result"]["isError"] is False
    blocked = call(base, "second")["result"]["_meta"]["helio/blocked"]
    assert (blocked["reason"], blocked["rule"]) == ("policy_denied", "no-mail")
    assert {name: each["status"] for name, each in health(process)["upstreams"].items()} == {
        "first": "up",
        "second": "up",
    }
    status, _, unknown = post(base, "ping", {})
    assert (status, unknown["error"]["data"]) == (404, {"reason": "unknown_path"})


def test_one_that_is_down_does_not_touch_the_others(
    helio: HelioFactory, demo_upstream: str, tmp_path: Path
) -> None:
    second, url = start_demo_upstream(tmp_path / "second.log")
    process = helio(CONFIG, upstream=demo_upstream, environment={"HELIO_TEST_SECOND": url})
    base = f"http://127.0.0.1:{process.mcp_port}/mcp"
    end_process(second)
    assert post(f"{base}/second", "ping", {})[2]["error"]["code"] == -31002
    assert call(base, "first")["result"]["isError"] is False
    found = health(process)
    assert found["status"] == "degraded"
    assert {name: each["status"] for name, each in found["upstreams"].items()} == {
        "first": "up",
        "second": "down",
    }
