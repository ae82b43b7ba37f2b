"""`/api/events` of a whole Helio, over a restart, beside its tools and its policy."""

import http.client
import json
import time
from typing import Any

import pytest

from end_to_end.people import People
from end_to_end.recording import TOOLS, Recorder
from end_to_end.wire import call
from helio.protocol.sse import Event, EventStreamParser
from processes import LOOPBACK, HelioFactory, HelioProcess

pytestmark = pytest.mark.end_to_end

RULES = """
approval: { mode: return }
policies:
  tool_revalidation: { interval: 200ms }
  rules:
    - { name: large, match: { tool: create_payment, input: { amount: { gt: 100 } } },
        action: require_approval }
    - { name: no-mail, match: { tool: read_mail }, action: deny }
    - { name: often, match: { tool: delete_order }, limits: { max_calls: 1, window: 1h } }
"""


class Stream:
    """One who reads the events of a Helio."""

    def __init__(self, process: HelioProcess, heard: str | None = None) -> None:
        self._connection = http.client.HTTPConnection(LOOPBACK, process.operator_port, timeout=20)
        headers = {"authorization": f"Bearer {process.secret}"}
        if heard is not None:
            headers["last-event-id"] = heard
        self._connection.request("GET", "/api/events", headers=headers)
        self._answer = self._connection.getresponse()
        assert self._answer.status == 200
        self._parser = EventStreamParser()
        self._events: list[Event] = []
        self.heard = ""

    def next(self, name: str) -> Any:
        """The data of the next event of this name; others are passed over."""
        while True:
            while not self._events:
                piece = self._answer.read1()
                assert piece, "the stream ended"
                self._events = [each for each in self._parser.feed(piece) if each.data]
            event = self._events.pop(0)
            self.heard = (event.id or b"").decode()
            if event.event.decode() == name:
                return json.loads(event.data or b"")

    def ended(self) -> bool:
        while self._answer.read1():
            pass
        return True

    def close(self) -> None:
        self._answer.close()
        self._connection.close()


def test_what_happens_is_told_and_nothing_is_missed_over_a_restart(
    helio: HelioFactory, recorder: Recorder
) -> None:
    process = helio(RULES, upstream=recorder.url)
    people = People(process)
    stream = Stream(process)
    stream.next("heartbeat")

    call(process.mcp_url, "create_payment", {"amount": 7}, session="s1")
    action = stream.next("action")
    assert (action["tool_name"], action["outcome"]) == ("create_payment", "answered")
    assert action["session_id"] == "s1"
    call(process.mcp_url, "create_payment", {"amount": 700})
    asked = stream.next("approval_requested")
    assert asked["matched_rule"] == "large"
    assert people.deny({"id": asked["id"]}) == 200
    assert stream.next("approval_resolved")["status"] == "denied"
    call(process.mcp_url, "delete_order")
    assert stream.next("limit_warning")["reached"] is False
    call(process.mcp_url, "delete_order")
    assert stream.next("limit_warning")["reached"] is True
    heard = stream.heard

    process.config.write_text(process.config.read_text().replace("gt: 100", "gt: 200"))
    digest = stream.next("policy_reloaded")["digest"]
    assert process.stop() == 0
    assert stream.ended()
    stream.close()
    process.start()
    again = Stream(process, heard)
    assert again.next("policy_reloaded")["digest"] == digest
    call(process.mcp_url, "read_mail")
    assert again.next("action")["matched_rule"] == "no-mail"
    again.close()

    policy = process.ask("/api/policy")["data"]
    hits = {rule["rule"]: rule["hits"] for rule in policy["rules"]}
    assert hits == {"large": 0, "no-mail": 1, "often": 0}
    assert process.ask("/api/adapters")["data"] == []


def test_a_drifted_tool_is_told_and_accepted(helio: HelioFactory, recorder: Recorder) -> None:
    process = helio(RULES, upstream=recorder.url)
    stream = Stream(process)
    recorder.tools = [TOOLS[0] | {"description": "other"}, *TOOLS[1:]]
    drift = stream.next("tool_drift")
    assert (drift["tool_name"], drift["event"]) == ("create_payment", "drifted")
    (tool, *_) = process.ask("/api/tools")["data"]
    assert (tool["name"], tool["status"]) == ("create_payment", "drifted")
    assert call(process.mcp_url, "create_payment").blocked["reason"] == "tool_definition_drift"

    connection = http.client.HTTPConnection(LOOPBACK, process.operator_port, timeout=20)
    body = {"approved_by": "ann", "fingerprint": tool["fingerprint"]}
    headers = {
        "authorization": f"Bearer {process.secret}",
        "content-type": "application/json",
    }
    path = "/api/tools/create_payment/approve"
    connection.request("POST", path, json.dumps(body), headers)
    assert connection.getresponse().status == 200
    connection.close()
    accepted = stream.next("tool_drift")
    assert (accepted["event"], accepted["by"]) == ("accepted", "ann")
    stream.close()
    assert call(process.mcp_url, "create_payment").blocked is None
    process.kill()
    process.start()
    deadline = time.monotonic() + 15
    while (answer := call(process.mcp_url, "create_payment").blocked) is not None:
        assert time.monotonic() < deadline, answer
        time.sleep(0.02)
