"""Every door before every kind of upstream: one scenario, governed alike on all of them."""

import os
import re
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from mcp import Client
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client

from compatibility.talk import spawning
from end_to_end import sdk_server
from end_to_end.agent import dump, outcome_of
from end_to_end.pairs import running_sdk_server
from processes import SECRET, HelioProcess, choose_free_port

pytestmark = [pytest.mark.end_to_end]

DOORS = {
    "http-legacy": "legacy",
    "http-2026-07-28": "2026-07-28",
    "sse": "legacy",
    "stdio-legacy": "legacy",
    "stdio-2026-07-28": "2026-07-28",
}
"""The ways in, and the mode of the client that takes them."""
UPSTREAMS: dict[str, list[str]] = {
    "legacy-only": ["--era", "legacy"],
    "dual": [],
    "2026-only": ["--era", "modern"],
    "sse": ["--sse"],
    "stdio": ["--stdio"],
}
"""The kinds of upstreams, and the server's options for them."""

POLICIES = {
    "rules": [
        {"name": "never", "match": {"tool": "denied_*"}, "action": "deny"},
        {
            "name": "once",
            "match": {"tool": "add"},
            "action": "rate_limit",
            "limits": {"max_calls": 1, "window": "1h", "key": "session"},
        },
    ]
}
CALLS: list[tuple[str, dict[str, Any]]] = [
    ("echo", {"text": "Grüß Gott"}),
    ("add", {"a": 20, "b": 22}),
    ("add", {"a": 1, "b": 1}),
    ("denied_plain", {"text": "x"}),
    ("denied_structured", {"text": "x"}),
    ("fail", {"why": "so"}),
]
OUTCOMES = [
    ("echo", "answered"),
    ("add", "answered"),
    ("add", "blocked: rate_limited"),
    ("denied_plain", "blocked: policy_denied"),
    ("denied_structured", "blocked: policy_denied"),
    ("fail", "tool error"),
]
NEW_EACH_TIME = ("call_id", "reset_at", "policy", "key")
SAME_IN_ALL_ROWS = (
    "tool_name",
    "tool_input",
    "args_hash",
    "policy_decision",
    "block_reason",
    "matched_rule",
    "matched_rule_index",
    "session_source",
    "agent_id",
    "indeterminate",
    "upstream_error",
    "outcome",
    "flagged_destructive",
    "dry_run",
    "shadow",
    "record_kind",
    "origin",
)


@pytest.fixture(scope="module")
def helio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HelioProcess]:
    """One Helio before all kinds of upstreams."""
    directory = tmp_path_factory.mktemp("matrix")
    mcp_port, operator_port = choose_free_port(), choose_free_port()
    with ExitStack() as servers:
        configuration = {
            "version": "1",
            "upstreams": [upstream(name, directory, servers) for name in UPSTREAMS],
            "policies": POLICIES,
            "listen": {"port": mcp_port},
            "dashboard": {"port": operator_port, "api_secret": SECRET},
            "sdk": {"enabled": False},
        }
        config = directory / "helio.yaml"
        config.write_text(yaml.safe_dump(configuration), "utf-8")
        helio = HelioProcess(config=config, mcp_port=mcp_port, operator_port=operator_port)
        helio.start()
        yield helio
        helio.stop()


def upstream(name: str, directory: Path, servers: ExitStack) -> dict[str, Any]:
    """A server as an upstream; those that listen are started."""
    options = UPSTREAMS[name]
    if name == "stdio":
        arguments = [sdk_server.__file__, *options]
        return {"name": name, "transport": "stdio", "command": sys.executable, "args": arguments}
    place = directory / name
    place.mkdir()
    url = servers.enter_context(running_sdk_server(place, *options))
    return {"name": name, "url": url, "transport": "sse" if name == "sse" else "streamable-http"}


@asynccontextmanager
async def streams(helio: HelioProcess, door: str, upstream: str, name: str) -> AsyncIterator[Any]:
    """A client's transport through a door to an upstream; `name` is the session's."""
    headers = {"x-helio-session-id": name}
    async with AsyncExitStack() as stack:
        if door == "sse":
            url = helio.mcp_url.replace("/mcp", f"/sse/{upstream}")
            yield await stack.enter_async_context(sse_client(url, headers=headers))
        elif door.startswith("stdio"):
            arguments = ["stdio", "-c", str(helio.config), "--upstream", upstream]
            environment = {**os.environ, "HELIO_SESSION_ID": name}
            command = [sys.executable, "-m", "helio", *arguments]
            spawned = spawning(command, environment, helio.directory)
            yield await stack.enter_async_context(spawned)
        else:
            http_client = await stack.enter_async_context(create_mcp_http_client(headers=headers))
            transport = streamable_http_client(
                f"{helio.mcp_url}/{upstream}", http_client=http_client
            )
            yield await stack.enter_async_context(transport)


async def play(transport: Any, mode: str) -> list[Any]:
    """The scenario's answers."""
    async with Client(transport, mode=mode) as client:
        tools = await client.list_tools()
        return [
            sorted(tool.name for tool in tools.tools),
            *[plain(dump(await client.call_tool(tool, given))) for tool, given in CALLS],
        ]


def plain(answer: dict[str, Any]) -> Any:
    """An answer without what tells its revision, or is new each time."""
    kept = {name: value for name, value in answer.items() if name not in ("_meta", "resultType")}
    told = (answer.get("_meta") or {}).get("helio/blocked")
    return _lasting(kept if told is None else {**kept, "blocked": told})


def _lasting(value: Any) -> Any:
    match value:
        case dict():
            names = (name for name in value if name not in NEW_EACH_TIME)
            return {name: _lasting(value[name]) for name in names}
        case list():
            return [_lasting(item) for item in value]
        case str():
            return re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "then", value)
        case _:
            return value


@pytest.fixture(scope="module")
def seen() -> dict[str, Any]:
    """What the first pair of door and upstream saw; all others see the same."""
    return {}


@pytest.mark.parametrize("upstream", UPSTREAMS)
@pytest.mark.parametrize("door", DOORS)
async def test_governed_alike(
    helio: HelioProcess, seen: dict[str, Any], door: str, upstream: str
) -> None:
    session = f"{door}-to-{upstream}"
    answers = await play(streams(helio, door, upstream, session), DOORS[door])
    rows = helio.calls("--session", session)
    assert [outcome_of(row) for row in rows] == OUTCOMES, answers[1]
    assert {(row["upstream"], row["session_id"]) for row in rows} == {(upstream, session)}
    same = [{name: row[name] for name in SAME_IN_ALL_ROWS} for row in rows]
    first = seen.setdefault("first", {"answers": answers, "rows": same})
    assert answers == first["answers"]
    assert same == first["rows"]
