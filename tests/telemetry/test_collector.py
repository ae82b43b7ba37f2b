"""Traces and logs by OTLP, to a receiver that reads the real messages."""

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest

from helio.protocol.trace_context import TraceContext
from helio.telemetry.collector import Collector
from helio.telemetry.observation import EndedCall
from telemetry.receiver import Receiver, texts

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
OWN, PARENT = "00f067aa0ba902b7", "b7ad6b7169203331"
RECORD: dict[str, object] = {
    "call_id": "c1",
    "upstream": "shop",
    "tool_name": "pay",
    "tool_input": '{"card":"4111"}',
    "policy_decision": "allow",
    "agent_id": "support",
    "status": "answered",
    "upstream_response": '{"secret":1}',
}


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    found = Receiver()
    await found.start()
    yield found
    await found.close()


def collector(url: str) -> Collector:
    return Collector(url, {"x-token": "t"}, {"service.name": "helio"}, "1.0")


def call(record: dict[str, object], *, flags: int = 1, parent: str | None = PARENT) -> EndedCall:
    trace = TraceContext(TRACE, OWN, flags, b"vendor=1", parent)
    return EndedCall(record, 1_000_000_000, 3_000_000_000, trace)


async def test_a_call_is_a_span_below_its_agents(receiver: Receiver) -> None:
    told = collector(receiver.url)
    told.call_ended(call(RECORD))
    await asyncio.to_thread(told.close)
    [span] = receiver.spans()
    assert span.trace_id.hex() == TRACE
    assert (span.span_id.hex(), span.parent_span_id.hex()) == (OWN, PARENT)
    assert span.trace_state == "vendor=1"
    assert span.name == "tools/call pay"
    assert span.kind == span.SPAN_KIND_SERVER
    assert (span.start_time_unix_nano, span.end_time_unix_nano) == (1_000_000_000, 3_000_000_000)
    told_of = texts(span.attributes)
    assert told_of["helio.decision"] == "allow"
    assert told_of["mcp.tool.name"] == "pay"
    resource = texts(receiver.traces[0].resource_spans[0].resource.attributes)
    assert resource["service.name"] == "helio"
    assert receiver.tokens == {"t"}


async def test_neither_arguments_nor_answers_are_told(receiver: Receiver) -> None:
    told = collector(receiver.url)
    told.call_ended(call(RECORD))
    await asyncio.to_thread(told.close)
    sent = b"".join(each.SerializeToString() for each in [*receiver.traces, *receiver.logs])
    assert b"pay" in sent
    assert b"4111" not in sent
    assert b"secret" not in sent


async def test_a_failed_call_is_an_error(receiver: Receiver) -> None:
    told = collector(receiver.url)
    failure = {"status": "indeterminate", "upstream_error": "timeout: no answer"}
    told.call_ended(call(RECORD | failure, parent=None))
    await asyncio.to_thread(told.close)
    [span] = receiver.spans()
    assert span.status.code == span.status.STATUS_CODE_ERROR
    assert span.status.message == "timeout: no answer"
    assert span.parent_span_id == b""


async def test_what_nobody_samples_is_no_span_but_a_log_record(receiver: Receiver) -> None:
    told = collector(receiver.url)
    told.call_ended(call(RECORD | {"block_reason": "policy_denied"}, flags=0))
    told.call_ended(EndedCall(RECORD, 1, 2, None))
    await asyncio.to_thread(told.close)
    assert not list(receiver.spans())
    blocked, allowed = receiver.records()
    assert (blocked.severity_text, allowed.severity_text) == ("WARNING", "INFO")
    assert blocked.event_name == "helio.call"
    assert blocked.trace_id.hex() == TRACE
    assert texts(blocked.attributes)["helio.reason"] == "policy_denied"


async def test_the_log_is_sent_but_not_what_the_sending_says(receiver: Receiver) -> None:
    told = collector(receiver.url)
    root = logging.getLogger("helio.test")
    root.setLevel(logging.DEBUG)
    for each in (root, logging.getLogger("opentelemetry.sdk"), logging.getLogger("urllib3.x")):
        each.addHandler(told.handler)
        each.error("from %s", each.name)
    root.debug("too small to be told")
    try:
        raise ValueError("found")
    except ValueError:
        root.exception("it failed")
    for each in (root, logging.getLogger("opentelemetry.sdk"), logging.getLogger("urllib3.x")):
        each.removeHandler(told.handler)
    await asyncio.to_thread(told.close)
    first, failed = receiver.records()
    assert first.body.string_value == "from helio.test"
    assert first.severity_number == 17
    assert "ValueError: found" in texts(failed.attributes)["exception.stacktrace"]
