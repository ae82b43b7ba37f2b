"""What may knock, and what a body may be: answered in time, recorded, and never by a crash."""

import asyncio
import logging

import pytest

from transport.house import OpenHouse, head, json_answer, message, result, tool_call
from upstream.peers import always

OKAY = always(json_answer(result()))
SMUGGLED = b"POST /mcp HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 0\r\n\r\n"


async def test_an_agent_that_asks_first_is_told_to_go_on(house: OpenHouse) -> None:
    door = await house(OKAY)
    agent = await door.agent()
    body = tool_call()
    await agent.send(head("POST", len(body), "expect: 100-continue\r\n"))
    assert (await agent.head())[0] == 100
    await agent.send(body)
    assert (await agent.reply()).message["result"] == {"content": []}


@pytest.mark.parametrize(
    ("headers", "length", "status", "reason"),
    [
        ("expect: 100-continue\r\n", 101, 413, "body_too_large"),
        ("expect: a-miracle\r\n", 2, 417, "expectation_failed"),
        ("expect: 100-continue\r\nhost: evil.example\r\n", 2, 403, "host_refused"),
        ("content-type: text/plain\r\n", 2, 415, "unsupported_media_type"),
        ("content-type: application/jsonx\r\n", 2, 415, "unsupported_media_type"),
        ("content-type: application/json;charset=utf-7\r\n", 2, 415, "unsupported_media_type"),
        ("content-encoding: gzip\r\n", 2, 415, "unsupported_encoding"),
        (
            "content-encoding: identity\r\ncontent-encoding: gzip\r\n",
            2,
            415,
            "unsupported_encoding",
        ),
    ],
)
async def test_what_may_not_pass_is_refused_before_its_body(
    house: OpenHouse, headers: str, length: int, status: int, reason: str
) -> None:
    door = await house(OKAY, max_body=100)
    agent = await door.agent()
    await agent.send(head("POST", length, headers))
    reply = await agent.reply()
    assert (reply.status, reply.message["error"]["data"]["reason"]) == (status, reason)
    assert door.rejected == [reason]
    # Until then aiohttp reads on, so that the answer is not lost with the connection.
    await agent.send(b"x" * length)


async def test_a_body_without_a_length_is_counted(house: OpenHouse) -> None:
    door = await house(OKAY, max_body=100)
    agent = await door.agent()
    await agent.send(head("POST", None, "transfer-encoding: chunked\r\n") + b"65\r\n" + b"x" * 101)
    assert (await agent.reply()).status == 413
    await agent.send(b"\r\n0\r\n\r\n")
    assert door.peer.connections == 0


async def test_a_body_that_stops_coming_is_given_up(
    house: OpenHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("helio.transport.admission.SILENT_SECONDS", 0.1)
    door = await house(OKAY)
    agent = await door.agent()
    await agent.send(head("POST", 100) + b'{"jsonrpc"')
    reply = await agent.reply()
    assert (reply.status, reply.message["error"]["data"]["reason"]) == (408, "incomplete_body")
    assert door.rejected == ["incomplete_body"]
    await agent.send(b"x" * 90)


@pytest.mark.parametrize("sent", [b"", b"POST /mcp HTTP/1.1\r\nhost: 127.0.0.1\r\nx-a:"])
async def test_a_connection_without_a_request_is_closed(
    house: OpenHouse, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr("helio.transport.listener.FIRST_REQUEST_SECONDS", 0.1)
    door = await house(OKAY)
    agent, other = await door.agent(), await door.agent()
    await agent.send(sent)
    await other.ask(tool_call())
    assert (await other.reply()).status == 200
    await agent.ended()
    await other.ask(tool_call())
    assert (await other.reply()).status == 200


async def test_a_chunked_call_is_a_call(house: OpenHouse) -> None:
    door = await house(OKAY)
    agent = await door.agent()
    body = tool_call()
    await agent.send(head("POST", None, "transfer-encoding: chunked\r\n"))
    for byte in body:
        await agent.send(b"1\r\n%c\r\n" % byte)
    await agent.send(b"0\r\n\r\n")
    assert (await agent.reply()).message["result"] == {"content": []}


async def test_an_agent_that_leaves_amid_its_body_is_recorded_and_no_fault(
    house: OpenHouse, caplog: pytest.LogCaptureFixture
) -> None:
    door = await house(OKAY)
    agent = await door.agent()
    await agent.send(head("POST", 100) + b'{"jsonrpc"')
    await asyncio.sleep(0)
    agent.writer.write_eof()
    await door.until(lambda: door.rejected == ["incomplete_body"])
    await agent.ended()
    assert door.peer.connections == 0
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize(
    "sent",
    [
        head("POST", None, "transfer-encoding: chunked\r\n") + b"5\r\n{}   \r\nZZ\r\n",
        head("POST", 4, "transfer-encoding: chunked\r\n") + b"0\r\n\r\n" + SMUGGLED,
        head("POST", 4, "content-length: 5\r\n") + b"{}   " + SMUGGLED,
        head("POST", None, "content-length: +2\r\n") + b"{}" + SMUGGLED,
        head("POST", None, "content-length: 2, 2\r\n") + b"{}" + SMUGGLED,
        head("POST", None, "transfer-encoding: chunked, identity\r\n") + b"0\r\n\r\n" + SMUGGLED,
        head("POST", None, "transfer-encoding : chunked\r\n") + b"0\r\n\r\n" + SMUGGLED,
        head("POST", 2, "x-folded: a\r\n b\r\n") + b"{}" + SMUGGLED,
        head("POST", 2, "x-nul: a\0b\r\n") + b"{}" + SMUGGLED,
        head("POST", 2).replace(b"\r\n", b"\n") + b"{}" + SMUGGLED,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 40,
    ],
)
async def test_framing_that_could_be_read_in_two_ways_is_refused(
    house: OpenHouse, sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    door = await house(OKAY)
    agent = await door.agent()
    await agent.send(sent)
    assert (await agent.reply()).status == 400
    await agent.ended()
    assert door.peer.connections == 0
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_requests_in_a_row_on_one_connection_are_answered_in_order(house: OpenHouse) -> None:
    door = await house(OKAY)
    agent = await door.agent()
    bad, good = b"{", tool_call()
    await agent.send(head("POST", len(bad)) + bad + head("POST", len(good)) + good)
    assert (await agent.reply()).message["error"]["code"] == -32700
    assert (await agent.reply()).message["result"] == {"content": []}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("HEAD", "/mcp", 405),
        ("OPTIONS", "/mcp", 405),
        ("PUT", "/mcp", 405),
        ("GET", "/", 404),
        ("POST", "http://127.0.0.1/mcp", 404),
        ("POST", "//mcp", 404),
        ("POST", "/mcp/", 404),
        ("POST", "/%6dcp", 404),
        ("POST", "/x/../mcp", 404),
        ("POST", "/mcp;a", 404),
    ],
)
async def test_other_methods_and_paths_are_not_served(
    house: OpenHouse, method: str, path: str, status: int
) -> None:
    door = await house(OKAY)
    agent = await door.agent()
    await agent.ask(tool_call() if method == "POST" else None, method, path=path)
    found, headers = await agent.head()
    assert found == status
    assert (headers.get("allow") is not None) == (status == 405)
    assert door.peer.connections == 0


async def test_a_connection_of_the_older_http_is_served_and_closed(house: OpenHouse) -> None:
    door = await house(OKAY)
    agent = await door.agent()
    body = tool_call()
    await agent.send(head("POST", len(body)).replace(b"HTTP/1.1", b"HTTP/1.0") + body)
    assert (await agent.reply()).message["result"] == {"content": []}
    await agent.ended()


async def test_long_headers_pass(house: OpenHouse) -> None:
    door = await house(OKAY)
    reply = await door.post(tool_call(), f"authorization: Bearer {'x' * 20_000}\r\n")
    assert reply.status == 200


@pytest.mark.parametrize("revision", ["\xff", "2025-13-01", "x" * 5000])
async def test_a_revision_that_is_not_spoken_is_refused_and_recorded(
    house: OpenHouse, revision: str
) -> None:
    """Bytes that are no text may not keep a call out of the audit either."""
    door = await house(OKAY, policies="{ default: deny }")
    reply = await door.post(tool_call(), f"mcp-protocol-version: {revision}\r\n")
    assert (reply.status, reply.message["error"]["code"], reply.message["id"]) == (400, -32022, 1)
    assert reply.message["error"]["data"]["supported"][:2] == ["2026-07-28", "2025-11-25"]
    assert door.rejected == ["unsupported_revision"]


async def test_a_session_of_no_text_is_no_session(house: OpenHouse) -> None:
    door = await house(OKAY)
    assert (await door.post(tool_call(), "mcp-session-id: \xff\xfe\r\n")).status == 200
    _, intent = door.records()[0]
    assert (intent["tool_name"], intent["session_id"]) == ("pay", None)


async def test_a_header_that_could_be_read_in_two_ways_is_refused(house: OpenHouse) -> None:
    door = await house(OKAY)
    headers = "mcp-session-id: a\r\nmcp-session-id: b\r\n"
    reply = await door.post(message("tools/list"), headers)
    assert (reply.status, door.rejected) == (400, ["header_refused"])


async def test_strangers_do_not_fill_the_audit_where_agents_are_known(house: OpenHouse) -> None:
    async def known(_request: object) -> str | None:
        return "somebody"

    door = await house(OKAY, identify=known)
    assert (await door.post(tool_call(), "host: evil.example\r\n")).status == 403
    assert door.rejected == []
    assert (await door.post(b"[]")).status == 400
    assert door.rejected == ["batch_refused"]
