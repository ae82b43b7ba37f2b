"""One HTTP/1.1 answer in the making: framing and buffering, without I/O (RFC 9112).

Below the connection (`helio.upstream.connection`), which feeds it what the network gives. Pure but
for `httptools`, whose strict parser it stands on; what the parser would let pass and a proxy must
not (RFC 9112, sections 6 and 11) is refused here.
"""

from enum import Enum
from typing import Final

import httptools

from helio.errors import UpstreamFailure

HEAD_LIMIT: Final = 64 * 1024
"""The most bytes of status line, headers and trailers that one answer may have."""


class AnswerFault(Exception):
    """An answer that cannot be trusted. `reason` is one of `UpstreamFailed`'s."""

    def __init__(self, reason: UpstreamFailure, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class Framing(Enum):
    """How a body ends: it has none, says so itself (length, chunks), or with the connection."""

    NONE = "none"
    DELIMITED = "delimited"
    CLOSE = "close"


class Answer:
    """One answer as far as it came.

    `head_complete`: `status` and `headers` (names in lower case) are there. `complete`: the body is
    too. `buffered`: bytes of the body that `take` would return. `failure`: why no more will come.
    """

    __slots__ = (
        "buffered",
        "chunks",
        "complete",
        "failure",
        "framing",
        "head_complete",
        "head_only",
        "headers",
        "status",
    )

    def __init__(self, *, head_only: bool = False) -> None:
        self.status = 0
        self.headers: tuple[tuple[bytes, bytes], ...] = ()
        self.framing = Framing.NONE
        self.head_only = head_only
        self.head_complete = False
        self.complete = False
        self.chunks: list[bytes] = []
        self.buffered = 0
        self.failure: AnswerFault | None = None

    def take(self) -> bytes:
        """The bytes of the body that came and were not taken yet."""
        chunks = self.chunks
        if not chunks:
            return b""
        taken = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        chunks.clear()
        self.buffered = 0
        return taken


class AnswerReader:
    """Reads the answers of one connection, one at a time, each into its own `Answer`.

    `reusable`: the answer is complete, nothing came behind it, and the connection may carry another
    request. After a fault, or when not reusable, the reader is of no further use.
    """

    def __init__(self) -> None:
        self._answer = Answer()
        self._headers: list[tuple[bytes, bytes]] = []
        self._head_size = 0
        self._interim = False
        self._keep_alive = False
        self._trailing = False
        self._parser = httptools.HttpResponseParser(self)

    def begin(self, answer: Answer) -> None:
        """Reads into `answer` from here on."""
        self._answer = answer
        self._headers = []
        self._head_size = 0
        self._keep_alive = False

    @property
    def reusable(self) -> bool:
        """Whether the connection may carry another request."""
        return self._keep_alive and not self._trailing and self._answer.complete

    def feed(self, data: bytes) -> None:
        """Takes the next bytes. Raises `AnswerFault`, never for what follows a complete answer."""
        # Bytes without a body: the parser keeps them, as headers or trailers, until they are whole.
        self._head_size += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            raise AnswerFault("protocol_error", "the upstream switched protocols") from None
        except httptools.HttpParserError as error:
            self._refuse(error)
        if self._head_size > HEAD_LIMIT and not self._answer.complete:
            raise AnswerFault("too_large", f"headers over {HEAD_LIMIT} bytes")

    def finish(self) -> None:
        """Takes the end of the stream, which completes an answer that ends by it."""
        answer = self._answer
        if answer.head_complete and answer.framing is Framing.CLOSE:
            answer.complete = True

    def _refuse(self, error: httptools.HttpParserError) -> None:
        if self._answer.complete:
            self._trailing = True
            return
        cause = error.__context__
        if isinstance(cause, AnswerFault):
            raise cause from None
        raise AnswerFault("protocol_error", str(error)) from None

    def on_message_begin(self) -> None:
        """The parser found the beginning of an answer."""
        self._trailing = self._answer.complete

    def on_header(self, name: bytes, value: bytes) -> None:
        """The parser found a header or, behind the head, a trailer, which is dropped."""
        if self._answer.head_complete:
            self._head_size += len(name) + len(value) + 4
        else:
            self._headers.append((name.lower(), value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        """The parser found the end of a head."""
        answer = self._answer
        if answer.complete:
            return
        status = self._parser.get_status_code()
        if status == 101 or not 100 <= status <= 599:
            raise AnswerFault("protocol_error", f"an answer with status {status}")
        if status < 200:
            self._interim = True
            self._headers.clear()
            return
        answer.status = status
        answer.headers = tuple(self._headers)
        self._check(answer)
        answer.head_complete = True

    def on_body(self, data: bytes) -> None:
        """The parser found bytes of the body."""
        answer = self._answer
        if answer.complete:
            self._trailing = True
            return
        self._head_size = 0
        answer.chunks.append(data)
        answer.buffered += len(data)

    def on_message_complete(self) -> None:
        """The parser found the end of an answer."""
        if self._interim:
            self._interim = False
        else:
            self._answer.complete = True

    def _check(self, answer: Answer) -> None:
        """Refuses a head that cannot be trusted, and settles how the body ends."""
        version = self._parser.get_http_version()
        if version not in ("1.1", "1.0"):
            raise AnswerFault("protocol_error", f"an answer in HTTP/{version}")
        size, lengths, codings = 0, 0, []
        for name, value in answer.headers:
            size += len(name) + len(value) + 4
            if name == b"content-length":
                lengths += 1
            elif name == b"transfer-encoding":
                codings.append(value.strip(b" \t").lower())
        if size > HEAD_LIMIT:
            raise AnswerFault("too_large", f"headers over {HEAD_LIMIT} bytes")
        if codings and (codings != [b"chunked"] or lengths or version == "1.0"):
            raise AnswerFault("protocol_error", "a transfer coding that cannot be trusted")
        self._keep_alive = self._parser.should_keep_alive()
        self._frame(answer, described=bool(lengths or codings))

    def _frame(self, answer: Answer, *, described: bool) -> None:
        if answer.head_only:
            # The parser does not know the method and would wait for a body.
            self._keep_alive = False
            answer.complete = True
        elif answer.status in (204, 304):
            # A server that sends the body it describes would answer the next request with it.
            self._keep_alive = self._keep_alive and not described
        elif described:
            answer.framing = Framing.DELIMITED
        else:
            answer.framing = Framing.CLOSE
            self._keep_alive = False
