"""A collector on loopback that understands OTLP over HTTP, as OpenTelemetry's own messages."""

import gzip
from collections.abc import Iterator

from aiohttp import web
from aiohttp.test_utils import TestServer
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span


class Receiver:
    """Keeps what it is sent; `url` is where, once started."""

    def __init__(self) -> None:
        self.traces: list[ExportTraceServiceRequest] = []
        self.logs: list[ExportLogsServiceRequest] = []
        self.tokens: set[str | None] = set()
        app = web.Application()
        app.router.add_post("/v1/traces", self._take_traces)
        app.router.add_post("/v1/logs", self._take_logs)
        self._server = TestServer(app)

    @property
    def url(self) -> str:
        return str(self._server.make_url("/"))

    async def start(self) -> None:
        await self._server.start_server()

    async def close(self) -> None:
        await self._server.close()

    def spans(self) -> Iterator[Span]:
        """Every span, in the order of arrival."""
        for request in self.traces:
            for resource in request.resource_spans:
                for scope in resource.scope_spans:
                    yield from scope.spans

    def records(self) -> Iterator[LogRecord]:
        """Every log record, in the order of arrival."""
        for request in self.logs:
            for resource in request.resource_logs:
                for scope in resource.scope_logs:
                    yield from scope.log_records

    async def _take_traces(self, request: web.Request) -> web.Response:
        self.traces.append(ExportTraceServiceRequest.FromString(await self._body(request)))
        return web.Response(body=ExportTraceServiceResponse().SerializeToString())

    async def _take_logs(self, request: web.Request) -> web.Response:
        self.logs.append(ExportLogsServiceRequest.FromString(await self._body(request)))
        return web.Response(body=ExportLogsServiceResponse().SerializeToString())

    async def _body(self, request: web.Request) -> bytes:
        self.tokens.add(request.headers.get("x-token"))
        body = await request.read()
        # aiohttp has undone the content encoding already, where there was one.
        return gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body


def texts(attributes: "Iterator[KeyValue]") -> dict[str, str]:
    """Attributes that are texts, by name."""
    return {each.key: each.value.string_value for each in attributes}
