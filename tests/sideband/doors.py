"""Two whole Helios under one policy: the one is asked by MCP, the other by an adapter."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp

from end_to_end.recording import Recorder
from helio.app.application import Application
from helio.audit import segment
from helio.audit.record import COLUMNS, row_of
from helio.policy import compile_text

TOKEN = "the-token-of-adapters-in-tests"
HEAD = """
version: '1'
upstream: {{ url: '{upstream}' }}
listen: {{ port: 0 }}
dashboard: {{ port: 0 }}
sdk: {{ port: 0 }}
audit: {{ path: '{audit}', durability: relaxed }}
approval: {{ mode: return }}
"""
TOOLS: list[dict[str, Any]] = [
    {"name": "pay", "inputSchema": {"type": "object"}, "annotations": {"destructiveHint": False}},
    {"name": "look", "inputSchema": {"type": "object"}, "annotations": {"readOnlyHint": True}},
    {"name": "send", "inputSchema": {"type": "object"}},
]
DIFFERENT = {
    # Each call is one of its own, at its own time.
    *("id", "timestamp", "created_at", "total_duration_ms", "upstream_latency_ms"),
    "proxy_compute_ms",
    # Who brought it, and how.
    *("upstream", "origin", "session_source", "protocol_version"),
    # What came of it is what a server said, or an adapter: compared by `results`.
    *("upstream_response", "upstream_error", "upstream_http_status"),
}
"""The audit's columns in which a call by MCP and one by an adapter must differ. Where a limit or a
budget is keyed by `tool` or `upstream`, its key names the upstream, too: `adapter:crew` here."""
NAMED = ("tried", "suggestion")
"""What a call without a session is told of how to name one: there headers, here `session_id`."""
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT[0-9:.]+Z")
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")


class Called(NamedTuple):
    """One call; `fails`: the tool says so."""

    tool: str
    arguments: Mapping[str, Any]
    session: str | None
    fails: bool


class Told(NamedTuple):
    """What whoever calls is told."""

    decision: str
    reason: str | None
    rule: str | None
    feedback: Mapping[str, Any] | None
    details: Mapping[str, Any]


class Doors:
    """Both, from `start` to `stop`."""

    def __init__(self, directory: Path, upstream: Recorder) -> None:
        upstream.tools = TOOLS
        upstream.answer = answered
        self.heads = {
            name: HEAD.format(upstream=upstream.url, audit=directory / name)
            for name in ("mcp", "adapter")
        }
        self.directory = directory
        self.read: dict[Path, int] = {}

    async def start(self) -> None:
        self.helios = {name: await self._started(name, head) for name, head in self.heads.items()}
        self.client = aiohttp.ClientSession()

    async def _started(self, name: str, head: str) -> tuple[Application, str]:
        compiled = compile_text(head, environment={})
        assert compiled.config is not None and compiled.policy is not None
        application = Application(compiled.config, compiled.policy, operator=False)
        listeners = await application.start()
        url = listeners.mcp[0] if name == "mcp" else str(listeners.sideband)
        return application, url

    async def stop(self) -> None:
        await self.client.close()
        for application, _ in self.helios.values():
            await application.stop()

    def govern(self, policy: str) -> None:
        """Takes another policy, in both."""
        for name, head in self.heads.items():
            compiled = compile_text(head + policy, environment={})
            assert compiled.policy is not None, [str(each) for each in compiled.diagnostics]
            assert compiled.config is not None
            self.helios[name][0].reload(compiled.policy, compiled.config)

    async def by_mcp(self, call: Called) -> Told:
        params = {"name": call.tool, "arguments": {**call.arguments, "fails": call.fails}}
        headers = {"accept": "application/json, text/event-stream"}
        if call.session is not None:
            headers["x-helio-session-id"] = call.session
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        url = self.helios["mcp"][1]
        async with self.client.post(url, json=message, headers=headers) as answer:
            result = (await answer.json())["result"]
        meta = result.get("_meta", {})
        if "helio/dry_run" in meta:
            rehearsed = meta["helio/dry_run"]
            return Told("dry_run", rehearsed["reason"], rehearsed["rule"], None, same(rehearsed))
        block = meta.get("helio/blocked")
        if block is None:
            return Told("allow", None, None, None, {})
        feedback = {name: block.pop(name) for name in ("message", "suggestion", "retry_allowed")}
        reason, rule = block.pop("reason"), block.pop("rule")
        for name in ("blocked", "rule_index", "action", "call_id", "policy"):
            del block[name]
        limited = ("rate_limited", "spend_limited", "budget_exceeded")
        decision = reason if reason in limited else "deny"
        decision = "require_approval" if reason == "approval_pending" else decision
        return Told(decision, reason, rule, same(feedback), same(block))

    async def by_adapter(self, call: Called) -> Told:
        (described,) = [each for each in TOOLS if each["name"] == call.tool]
        tool = {
            "name": call.tool,
            "input_schema": described["inputSchema"],
            "annotations": described.get("annotations"),
        }
        arguments = {**call.arguments, "fails": call.fails}
        body = {"origin": "crew", "session_id": call.session, "tool": tool, "arguments": arguments}
        found = await self._post("/evaluate", body)
        if found["decision"] == "allow":
            report = {
                "evaluation_id": found["evaluation_id"],
                "status": "error" if call.fails else "success",
                "result": {"paid": call.arguments},
            }
            await self._post("/audit", report)
            return Told("allow", None, None, None, {})
        details = [
            found[name] for name in ("limits", "details", "approval", "dry_run") if name in found
        ]
        told = found.get("feedback")
        return Told(
            found["decision"],
            found["reason"],
            found["matched_rule"],
            None if told is None else same(told),
            same(details[0] if details else {}),
        )

    async def _post(self, path: str, body: Any) -> Any:
        url = self.helios["adapter"][1] + path
        headers = {"authorization": f"Bearer {TOKEN}"}
        async with self.client.post(url, json=body, headers=headers) as answer:
            assert answer.status in (200, 201), await answer.text()
            return await answer.json()

    def records(self, name: str) -> list[dict[str, Any]]:
        """The rows since it was asked last, and what each call charged and left in its session."""
        calls: dict[str, tuple[segment.Line, Any]] = {}
        for line in self._lines(self.directory / name):
            data = line.values()
            if line.kind in ("intent", "blocked"):
                calls[data["call_id"]] = (line, None)
            elif line.kind == "outcome":
                calls[data["call_id"]] = (calls[data["call_id"]][0], data)
        return [_record(*each) for each in calls.values()]

    def _lines(self, audit: Path) -> Iterator[segment.Line]:
        for path in sorted(audit.glob("journal-*.jsonl")):
            with path.open("rb") as file:
                file.seek(self.read.get(path, 0))
                for raw in file:
                    line = segment.decode(raw[:-1])
                    assert isinstance(line, segment.Line), line
                    yield line
                self.read[path] = file.tell()


def _record(line: segment.Line, outcome: Any) -> dict[str, Any]:
    data = line.values()
    row = row_of(line.kind, line.at, data, outcome if line.kind == "intent" else None)
    assert row.keys() == {each.name for each in COLUMNS}
    told = {name: value for name, value in row.items() if name not in DIFFERENT}
    more = {name: data.get(name) for name in ("charges", "facts", "approvals")}
    left = None if outcome is None else outcome.get("facts")
    if told["block_reason"] == "session_unresolved" and told["feedback"] is not None:
        feedback = json.loads(str(told["feedback"]))
        told["feedback"] = {name: feedback[name] for name in feedback if name not in NAMED}
    return dict(same({**told, **more, "left": left}))


def same(value: Any) -> Any:
    """Without what is a call's own: its id, its tickets' ids, instants, and the upstream's name."""
    text = _ID.sub("ID", _INSTANT.sub("T", json.dumps(value))).replace("adapter:crew", "default")
    return json.loads(text)


def blind(told: Told) -> Told:
    """Without how a session is named, where none was."""
    if told.reason != "session_unresolved":
        return told
    feedback, details = (
        None if found is None else {name: found[name] for name in found if name not in NAMED}
        for found in (told.feedback, told.details)
    )
    return told._replace(feedback=feedback, details=details or {})


def answered(message: Any) -> dict[str, Any]:
    """What the tool says."""
    arguments = message["params"]["arguments"]
    content = [{"type": "text", "text": "done"}]
    return {"result": {"content": content, "isError": arguments["fails"]}}
