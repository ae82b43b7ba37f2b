"""What a whole Helio tells those who watch it: metrics, traces, logs."""

import json
import socket
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from end_to_end.people import People
from end_to_end.recording import Recorder
from processes import HelioFactory, HelioProcess
from telemetry.receiver import Receiver, texts

pytestmark = pytest.mark.end_to_end

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01"
RULES = """
policies:
  rules:
    - { name: no-deletes, match: { tool: 'delete_*' }, action: deny }
    - { name: slow, match: { tool: read_mail }, action: rate_limit,
        limits: { max_calls: 4, window: 1h } }
"""


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    found = Receiver()
    await found.start()
    yield found
    await found.close()


def call(helio: HelioProcess, tool: str, **headers: str) -> Any:
    """Calls a tool as an agent without a session does."""
    params = {"name": tool, "arguments": {"amount": 5}}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    request = urllib.request.Request(helio.mcp_url, json.dumps(message).encode())
    request.add_header("content-type", "application/json")
    request.add_header("accept", "application/json, text/event-stream")
    for name, value in headers.items():
        request.add_header(name, value)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def scrape(helio: HelioProcess, accept: str = "") -> dict[tuple[str, frozenset[str]], float]:
    """Samples by name and the values of their labels."""
    request = urllib.request.Request(
        f"{helio.operator_url}/metrics",
        headers={"authorization": f"Bearer {helio.secret}", "accept": accept},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        text = answer.read().decode()
    return {
        (sample.name, frozenset(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_metrics_count_what_was_decided(helio: HelioFactory, recorder: Recorder) -> None:
    process = helio(RULES, upstream=recorder.url)
    for tool in ("read_mail", "read_mail", "delete_order", "delete_made_up"):
        call(process, tool)
    found = scrape(process)
    assert found["helio_calls_total", frozenset(("default", "allow", ""))] == 2
    denied = frozenset(("default", "deny", "policy_denied"))
    assert found["helio_calls_total", denied] == 2
    assert found["helio_tool_calls_total", frozenset(("default", "delete_order", "deny"))] == 1
    assert found["helio_tool_calls_total", frozenset(("default", "other", "deny"))] == 1
    assert found["helio_rule_calls_total", frozenset(("no-deletes", "deny"))] == 2
    assert found["helio_outcomes_total", frozenset(("default", "answered"))] == 2
    assert found["helio_call_duration_seconds_count", frozenset(("default",))] == 4
    assert found["helio_upstream_duration_seconds_count", frozenset(("default",))] == 2
    assert found["helio_limit_fullest_ratio", frozenset(("rate", "slow"))] == 0.5
    assert found["helio_limit_windows", frozenset(("rate", "slow"))] == 1
    assert found["helio_upstream_up", frozenset(("default",))] == 1
    assert found["helio_upstream_tools", frozenset(("default",))] == 3
    assert found["helio_journal_available", frozenset()] == 1
    assert found["helio_journal_records_total", frozenset()] >= 6
    assert found["helio_policy_rules", frozenset()] == 2
    assert found["process_resident_memory_bytes", frozenset()] > 1e6


def test_metrics_count_what_people_say(helio: HelioFactory, recorder: Recorder) -> None:
    rules = """
approval:
  mode: return
  channels:
    - { type: webhook, name: lost, url: 'http://127.0.0.1:9/', secret: a-secret-of-theirs }
policies:
  rules: [{ match: { tool: read_mail }, action: require_approval }]
"""
    process, people = (made := helio(rules, upstream=recorder.url)), People(made)
    call(process, "read_mail")
    (ticket,) = people.wait_for()
    assert scrape(process)["helio_approvals_pending", frozenset()] == 1
    assert people.deny(ticket) == 200
    found = scrape(process)
    assert found["helio_approvals_pending", frozenset()] == 0
    assert found["helio_approvals_total", frozenset(("denied",))] == 1
    assert found["helio_approval_wait_seconds_count", frozenset()] == 1
    failed = "helio_approval_notification_failures_total", frozenset(("lost",))
    people.until(lambda: scrape(process)[failed] == 1)


def test_metrics_need_the_secret_and_can_be_switched_off(
    helio: HelioFactory, recorder: Recorder
) -> None:
    process = helio("telemetry: { metrics: false }", upstream=recorder.url)
    for secret, status in (("wrong", 401), (process.secret, 404)):
        asked = urllib.request.Request(
            f"{process.operator_url}/metrics", headers={"authorization": f"Bearer {secret}"}
        )
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(asked, timeout=10)
        refused.value.close()
        assert refused.value.code == status


def test_a_trace_goes_from_agent_to_upstream(helio: HelioFactory, recorder: Recorder) -> None:
    process = helio("", upstream=recorder.url)
    call(process, "read_mail", traceparent=PARENT, tracestate="vendor=1")
    call(process, "read_mail", traceparent="broken", tracestate="vendor=1")
    traced, untraced = (dict(seen.headers) for seen in recorder.calls())
    folded = {name.lower(): value for name, value in traced.items()}
    assert (folded["traceparent"], folded["tracestate"]) == (PARENT, "vendor=1")
    assert not {"traceparent", "tracestate"} & {name.lower() for name in untraced}
    assert [row["trace_id"] for row in process.calls()] == [TRACE, None]


async def test_calls_are_spans_and_logs_at_a_collector(
    helio: HelioFactory, recorder: Recorder, receiver: Receiver
) -> None:
    import asyncio

    config = f"{RULES}\ntelemetry: {{ otlp: {{ endpoint: '{receiver.url}', " + (
        "headers: { x-token: planted-token } } }\nenvironment: staging\n"
    )
    process = await asyncio.to_thread(lambda: helio(config, upstream=recorder.url))
    await asyncio.to_thread(lambda: call(process, "read_mail", traceparent=PARENT))
    await asyncio.to_thread(call, process, "delete_order")
    await asyncio.to_thread(process.stop)
    allowed, denied = receiver.spans()
    assert (allowed.trace_id.hex(), allowed.parent_span_id.hex()) == (TRACE, SPAN)
    [seen] = recorder.calls()
    sent = {name.lower(): value for name, value in seen.headers}["traceparent"]
    assert sent == f"00-{TRACE}-{allowed.span_id.hex()}-01"
    assert denied.parent_span_id == b""
    assert denied.trace_id.hex() not in (TRACE, "0" * 32)
    assert texts(denied.attributes)["helio.rule"] == "no-deletes"
    calls = [record for record in receiver.records() if record.event_name == "helio.call"]
    assert [texts(each.attributes)["helio.decision"] for each in calls] == ["allow", "deny"]
    assert calls[0].span_id == allowed.span_id
    resource = texts(receiver.traces[0].resource_spans[0].resource.attributes)
    assert resource["deployment.environment.name"] == "staging"
    assert receiver.tokens == {"planted-token"}
    assert "planted-token" not in process.log.read_text()


def test_a_collector_that_hangs_holds_nothing_up(helio: HelioFactory, recorder: Recorder) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        endpoint = f"telemetry: {{ otlp: {{ endpoint: 'http://127.0.0.1:{port}' }} }}"
        process = helio(endpoint, upstream=recorder.url)
        call(process, "read_mail")
        began = time.monotonic()
        assert process.stop() == 0
        assert time.monotonic() - began < 8
    assert len(process.calls()) == 1


def test_the_log_can_be_lines_of_json(helio: HelioFactory, recorder: Recorder) -> None:
    process = helio("", upstream="http://127.0.0.1:9/mcp", arguments=["--log-format", "json"])
    process.stop()
    lines = [line for line in process.log.read_text().splitlines() if line.startswith("{")]
    assert lines
    assert all({"at", "level", "logger", "message"} <= set(json.loads(line)) for line in lines)
