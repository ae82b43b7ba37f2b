"""What an upstream's answer, or the lack of one, is for the pipeline and the record.

Pure but for the monotonic clock, which says how long it took.

Above: `helio.transport.exchange`. Below: `helio.pipeline` (the events), `helio.protocol`.
"""

import time

from helio.evaluator import Answer
from helio.pipeline.events import UpstreamAnswered, UpstreamFailed
from helio.protocol.jsonrpc import same_identifier
from helio.protocol.modern import input_required


def answered(
    status: int,
    body: bytes,
    answer: Answer | None,
    started: int,
    identifier: bytes | None,
    *,
    is_modern: bool,
) -> UpstreamAnswered:
    """An answer with HTTP `status` to the request with this id, which was sent at `started`
    (monotonic nanoseconds). `answer` is None for a body that is no JSON-RPC message."""
    return UpstreamAnswered(
        http_status=status,
        body=None if answer is None else body,
        unread=body if answer is None else b"",
        error=_error(status, answer, identifier),
        latency=time.monotonic_ns() - started,
        asks=input_required(answer) if is_modern and answer is not None else None,
    )


def failed(reason: str, detail: str, sent: bool, started: int) -> UpstreamFailed:
    """No answer to what was begun at `started` (monotonic nanoseconds)."""
    return UpstreamFailed(reason, detail, sent, time.monotonic_ns() - started)


def _error(status: int, answer: Answer | None, identifier: bytes | None) -> str | None:
    """What the answer reports as a failure: by HTTP status, JSON-RPC error, or `isError`."""
    if answer is not None and answer.error_code is not None:
        return f"{answer.error_code}: {answer.error_message or ''}"
    if status >= 400:
        return f"HTTP {status}"
    if answer is None:
        return "the answer is not a JSON-RPC message"
    if answer.kind != "response":
        return "the answer is not a JSON-RPC response"
    if not same_identifier(answer.id, identifier):
        return "the answer is to another request"
    return "the tool reported an error" if answer.is_error else None
