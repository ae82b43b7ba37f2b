import pytest

from helio.upstream.answer import HEAD_LIMIT, Answer, AnswerFault, AnswerReader

OK = b"HTTP/1.1 200 OK\r\n"


def read(*pieces: bytes, head_only: bool = False) -> tuple[Answer, AnswerReader]:
    reader, answer = AnswerReader(), Answer(head_only=head_only)
    reader.begin(answer)
    for piece in pieces:
        reader.feed(piece)
    return answer, reader


ANSWERS = {
    "length": (OK + b"Content-Length: 5\r\nX-A: b\r\n\r\nhello", b"hello", True),
    "empty": (OK + b"content-length: 0\r\n\r\n", b"", True),
    "chunked": (
        OK + b"Transfer-Encoding: Chunked\r\n\r\n2;a=b\r\nhe\r\n3\r\nllo\r\n0\r\nx-sum: 1\r\n\r\n",
        b"hello",
        True,
    ),
    "interim": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nlink: a\r\n\r\n"
        + OK
        + b"content-length: 2\r\n\r\nhi",
        b"hi",
        True,
    ),
    "closing": (OK + b"connection: close\r\ncontent-length: 2\r\n\r\nhi", b"hi", False),
    "old": (b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nhi", b"hi", False),
    "old but kept": (
        b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\nhi",
        b"hi",
        True,
    ),
    "no content": (b"HTTP/1.1 204 No Content\r\n\r\n", b"", True),
    "no content that claims some": (b"HTTP/1.1 204 N\r\ncontent-length: 5\r\n\r\n", b"", False),
    "not modified": (b"HTTP/1.1 304 N\r\ncontent-length: 5\r\n\r\n", b"", False),
    "without a reason phrase": (b"HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n", b"", True),
}


@pytest.mark.parametrize(("stream", "body", "reusable"), ANSWERS.values(), ids=ANSWERS.keys())
def test_wherever_the_network_cuts(stream: bytes, body: bytes, reusable: bool) -> None:
    cuts = [[stream[:cut], stream[cut:]] for cut in range(1, len(stream))]
    for pieces in [[stream], [stream[i : i + 1] for i in range(len(stream))], *cuts]:
        answer, reader = read(*pieces)
        assert answer.complete
        assert answer.buffered == len(body)
        assert answer.take() == body
        assert answer.take() == b""
        assert answer.buffered == 0
        assert reader.reusable is reusable


def test_headers_have_lower_case_names_and_keep_their_order() -> None:
    answer, _ = read(OK + b"X-B: 1\r\nx-a:\t2 \r\nX-b: 3\r\nX-Empty:\r\ncontent-length: 0\r\n\r\n")
    assert answer.headers == (
        (b"x-b", b"1"),
        (b"x-a", b"2"),
        (b"x-b", b"3"),
        (b"x-empty", b""),
        (b"content-length", b"0"),
    )


def test_headers_of_interim_answers_and_trailers_are_dropped() -> None:
    answer, _ = read(ANSWERS["interim"][0])
    assert (answer.status, answer.headers) == (200, ((b"content-length", b"2"),))
    answer, _ = read(ANSWERS["chunked"][0])
    assert answer.headers == ((b"transfer-encoding", b"Chunked"),)


def test_a_body_without_length_ends_with_the_connection() -> None:
    answer, reader = read(OK + b"\r\nhel", b"lo")
    assert not answer.complete
    reader.finish()
    assert answer.complete
    assert answer.take() == b"hello"
    assert not reader.reusable


@pytest.mark.parametrize("rest", [b"", b"content-length: 5\r\n\r\nhell", b"content-le"])
def test_the_end_of_the_stream_completes_nothing_else(rest: bytes) -> None:
    answer, reader = read(OK + rest)
    reader.finish()
    assert not answer.complete


def test_the_answer_to_head_has_no_body_and_ends_the_connection() -> None:
    answer, reader = read(OK + b"content-length: 5\r\n\r\n", head_only=True)
    assert answer.complete
    assert not reader.reusable


@pytest.mark.parametrize("extra", [b"H", OK, b"x", b"\0", OK + b"content-length: 0\r\n\r\n"])
@pytest.mark.parametrize("apart", [False, True])
def test_bytes_behind_an_answer_leave_it_whole_but_end_the_connection(
    extra: bytes, apart: bool
) -> None:
    stream = OK + b"content-length: 2\r\n\r\nhi"
    answer, reader = read(*([stream, extra] if apart else [stream + extra]))
    assert answer.take() == b"hi"
    assert answer.status == 200
    assert not reader.reusable


def test_a_reader_goes_on_to_the_next_answer_with_nothing_of_the_last() -> None:
    answer, reader = read(OK + b"x-a: 1\r\ncontent-length: 2\r\n\r\nhi")
    following = Answer()
    reader.begin(following)
    assert not reader.reusable
    reader.feed(b"HTTP/1.1 404 No\r\ncontent-length: 1\r\n\r\n!")
    assert (following.status, following.take()) == (404, b"!")
    assert following.headers == ((b"content-length", b"1"),)
    assert (answer.status, answer.take()) == (200, b"hi")


CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"
UNTRUSTED = {
    "length and chunks": OK + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n",
    "chunks and length": OK + b"transfer-encoding: chunked\r\ncontent-length: 2\r\n\r\n",
    "two lengths": OK + b"content-length: 2\r\ncontent-length: 2\r\n\r\n",
    "a list of lengths": OK + b"content-length: 2, 2\r\n\r\n",
    "a signed length": OK + b"content-length: +2\r\n\r\n",
    "a negative length": OK + b"content-length: -2\r\n\r\n",
    "a hexadecimal length": OK + b"content-length: 0x2\r\n\r\n",
    "an empty length": OK + b"content-length:\r\n\r\n",
    "a length that overflows": OK + b"content-length: 18446744073709551616\r\n\r\n",
    "another coding": OK + b"transfer-encoding: gzip\r\n\r\n",
    "two codings": OK + b"transfer-encoding: gzip, chunked\r\n\r\n",
    "chunked twice": OK + b"transfer-encoding: chunked, chunked\r\n\r\n",
    "chunked in two headers": OK
    + b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n",
    "chunked and not": OK + b"transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n",
    "nearly chunked": OK + b"transfer-encoding: xchunked\r\n\r\n",
    "chunked in 1.0": b"HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
    "a chunk size that is none": CHUNKED + b"zz\r\n",
    "a chunk size with prefix": CHUNKED + b"0x2\r\n",
    "a chunk size with sign": CHUNKED + b"+2\r\n",
    "a chunk size with space": CHUNKED + b"2 \r\n",
    "a chunk size that overflows": CHUNKED + b"10000000000000000\r\n",
    "a chunk size ended by LF": CHUNKED + b"2\nhi\r\n",
    "a chunk longer than it says": CHUNKED + b"2\r\nhix\r\n",
    "a folded header": OK + b"x-a: b\r\n c\r\n\r\n",
    "a header name with space": OK + b"x-a : b\r\n\r\n",
    "a header without name": OK + b": b\r\n\r\n",
    "a header without colon": OK + b"x-a\r\n\r\n",
    "lines ended by LF": b"HTTP/1.1 200 OK\ncontent-length: 0\n\n",
    "a bare CR": OK + b"x-a: b\rx-c: d\r\n\r\n",
    "NUL in a value": OK + b"x-a: b\0c\r\n\r\n",
    "another protocol": b"SSH-2.0-OpenSSH_9\r\n",
    "HTTP/2": b"HTTP/2.0 200 OK\r\ncontent-length: 0\r\n\r\n",
    "HTTP/0.9": b"HTTP/0.9 200 OK\r\ncontent-length: 0\r\n\r\n",
    "a status of four digits": b"HTTP/1.1 2000 OK\r\n\r\n",
    "a status that is none": b"HTTP/1.1 099 OK\r\n\r\n",
    "a status out of range": b"HTTP/1.1 600 OK\r\n\r\n",
    "a switch of protocols": b"HTTP/1.1 101 S\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
    "a switch to nothing": b"HTTP/1.1 101 S\r\n\r\n",
}


@pytest.mark.parametrize("stream", UNTRUSTED.values(), ids=UNTRUSTED.keys())
@pytest.mark.parametrize("bytewise", [False, True])
def test_what_could_be_read_in_two_ways_is_refused(stream: bytes, bytewise: bool) -> None:
    pieces = [stream[i : i + 1] for i in range(len(stream))] if bytewise else [stream]
    with pytest.raises(AnswerFault) as refused:
        read(*pieces)
    assert refused.value.reason == "protocol_error"
    assert refused.value.detail


HUGE = {
    "one header": OK + b"x-a: " + b"b" * HEAD_LIMIT + b"\r\n\r\n",
    "many headers": OK + b"x-a: b\r\n" * (HEAD_LIMIT // 8) + b"\r\n",
    "a header name": OK + b"x" * (HEAD_LIMIT + 1),
    "a reason phrase": b"HTTP/1.1 200 " + b"x" * HEAD_LIMIT,
    "interim answers": b"HTTP/1.1 102 Processing\r\n\r\n" * (HEAD_LIMIT // 26),
    "trailers": CHUNKED + b"2\r\nhi\r\n0\r\n" + b"x-a: b\r\n" * (HEAD_LIMIT // 7),
    "chunk extensions": CHUNKED + b"2;" + b"a" * (HEAD_LIMIT + 1),
}


@pytest.mark.parametrize("stream", HUGE.values(), ids=HUGE.keys())
@pytest.mark.parametrize("step", [999, 1 << 20])
def test_heads_and_trailers_are_limited(stream: bytes, step: int) -> None:
    with pytest.raises(AnswerFault) as refused:
        read(*(stream[i : i + step] for i in range(0, len(stream), step)))
    assert refused.value.reason == "too_large"


def test_a_head_within_the_limit_is_taken_with_a_large_body_behind_it() -> None:
    head = OK + b"x-a: " + b"b" * (HEAD_LIMIT - 1000) + b"\r\ncontent-length: 300000\r\n\r\n"
    answer, _ = read(head + b"x" * 300_000)
    assert answer.buffered == 300_000
