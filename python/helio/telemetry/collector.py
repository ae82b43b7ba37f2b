"""Calls as spans and log records, told to a collector by OTLP over HTTP.

Above: `helio.app`, which imports it when a collector is configured. Below: OpenTelemetry's SDK,
which batches and sends in threads of its own; calls never wait for it. What cannot be sent is
dropped, and the SDK says so in the log.
"""

from collections.abc import Mapping
from typing import Final

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    TraceFlags,
    TraceState,
    set_span_in_context,
)
from opentelemetry.trace.status import Status, StatusCode

from helio.protocol.trace_context import TraceContext
from helio.telemetry.forwarded_log import LogHandler
from helio.telemetry.observation import EndedCall, Record

TIMEOUT_SECONDS: Final = 5
"""How long a collector may take for one batch."""
_ATTRIBUTES: Final = {
    "mcp.tool.name": "tool_name",
    "mcp.session.id": "session_id",
    "mcp.protocol.version": "protocol_version",
    "helio.call_id": "call_id",
    "helio.upstream": "upstream",
    "helio.agent": "agent_id",
    "helio.decision": "policy_decision",
    "helio.reason": "block_reason",
    "helio.rule": "matched_rule",
    "helio.policy": "policy_digest",
    "helio.environment": "environment",
    "helio.outcome": "status",
    "helio.approval": "approval_status",
}
_FAILED: Final = frozenset(("upstream_error", "indeterminate"))


def attributes_of(record: Record) -> dict[str, str]:
    """What is told of a call, by a record that may hold its outcome, too: no arguments, no
    answers."""
    return {
        name: str(value)
        for name, field in _ATTRIBUTES.items()
        if (value := record.get(field)) is not None
    }


class Collector:
    """Where traces and logs go. `endpoint` is its base URL; signals have paths of their own below
    it (`/v1/traces`, `/v1/logs`), as OTEL_EXPORTER_OTLP_ENDPOINT has it."""

    def __init__(
        self, endpoint: str, headers: Mapping[str, str], resource: Mapping[str, str], version: str
    ) -> None:
        base = endpoint.rstrip("/")
        self._resource = Resource.create(resource)
        self._scope = InstrumentationScope("helio", version)
        self._spans = BatchSpanProcessor(
            OTLPSpanExporter(f"{base}/v1/traces", headers=dict(headers), timeout=TIMEOUT_SECONDS)
        )
        self._logs = LoggerProvider(self._resource, shutdown_on_exit=False)
        exporter = OTLPLogExporter(
            f"{base}/v1/logs", headers=dict(headers), timeout=TIMEOUT_SECONDS
        )
        self._logs.add_log_record_processor(BatchLogRecordProcessor(exporter))
        self._logger = self._logs.get_logger("helio", version)
        self.handler = LogHandler(self._logger)

    def call_ended(self, call: EndedCall) -> None:
        """Tells of one call (`helio.telemetry.observation.Observer`)."""
        attributes = attributes_of(call.record)
        trace = call.trace
        if trace is not None and trace.sampled:
            self._spans.on_end(self._span(call, trace, attributes))
        blocked = call.record.get("block_reason") is not None
        self._logger.emit(
            LogRecord(
                timestamp=call.ended,
                context=None if trace is None else _within(trace),
                severity_number=SeverityNumber.WARN if blocked else SeverityNumber.INFO,
                severity_text="WARNING" if blocked else "INFO",
                event_name="helio.call",
                body=f"{attributes.get('helio.decision')} {call.record.get('tool_name')}",
                attributes=attributes,
            )
        )

    def close(self) -> None:
        """Sends what waits, and ends the threads. May take as long as the collector does."""
        self._spans.shutdown()  # type: ignore[no-untyped-call]
        self._logs.shutdown()

    def _span(
        self, call: EndedCall, trace: TraceContext, attributes: dict[str, str]
    ) -> ReadableSpan:
        failed = call.record.get("status") in _FAILED
        why = str(call.record.get("upstream_error"))
        return ReadableSpan(
            name=f"tools/call {call.record.get('tool_name')}",
            context=_context(trace, trace.span, remote=False),
            parent=None if trace.parent is None else _context(trace, trace.parent, remote=True),
            resource=self._resource,
            attributes={"mcp.method.name": "tools/call", **attributes},
            kind=SpanKind.SERVER,
            status=Status(StatusCode.ERROR, why) if failed else Status(),
            start_time=call.began,
            end_time=call.ended,
            instrumentation_scope=self._scope,
        )


def _within(trace: TraceContext) -> Context:
    """What ties a log record to a span."""
    return set_span_in_context(NonRecordingSpan(_context(trace, trace.span, remote=False)))


def _context(trace: TraceContext, span: str, *, remote: bool) -> SpanContext:
    state = TraceState() if trace.state is None else TraceState.from_header([trace.state.decode()])
    return SpanContext(
        int(trace.trace, 16), int(span, 16), remote, TraceFlags(trace.flags & 1), state
    )
