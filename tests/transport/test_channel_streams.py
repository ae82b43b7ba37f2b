"""A connection with its own framing: its standing stream, its end, and 2026-07-28."""

import asyncio
import logging

import pytest

from helio.transport import channel as module
from helio.transport.inbound import Inbound, Reply, Whole
from transport.house import message, tool_call
from transport.script import (
    ACCEPTED,
    EVENTS,
    JSON,
    NOTE,
    Outbox,
    Script,
    answer,
    event,
    opened,
)

META = '"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}'


def modern(method: str, identifier: str = "1") -> bytes:
    return message(method, identifier, f'{{"name":"pay",{META}}}')


def never() -> asyncio.Event:
    return asyncio.Event()


# the standing stream


async def test_the_standing_stream_passes_on_and_is_opened_again_where_it_ended() -> None:
    script, outbox = Script(), Outbox()
    forever = never()

    async def stand(inbound: Inbound) -> Reply:
        stream = inbound.caller.open_stream(200, EVENTS)
        number = len(script.asked("GET"))
        await stream.write(b"retry: 50\n\n" + event(NOTE, f"e{number}"))
        if number == 3:
            await forever.wait()
        await stream.end()
        return stream

    script.on["GET"] = stand
    channel = await opened(script, outbox)
    await outbox.holds(2)
    places = [inbound.header("last-event-id") for inbound in script.asked("GET")]
    assert places == [None, "e1", "e2"]
    await channel.close(1)


@pytest.mark.parametrize(
    ("status", "again"), [(405, False), (404, False), (409, True), (502, True)]
)
async def test_no_standing_stream_is_accepted(
    status: int, again: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.01)
    script, outbox = Script(), Outbox()
    asked = asyncio.Event()

    async def stand(_inbound: Inbound) -> Reply:
        if len(script.asked("GET")) == 2:
            asked.set()
        return Whole(status)

    script.on["GET"] = stand
    channel = await opened(script, outbox)
    if again:
        async with asyncio.timeout(5):
            await asked.wait()
    await channel.close(1)
    assert (len(script.asked("GET")) > 1) == again
    assert outbox.raw == []


async def test_a_stream_that_does_not_open_holds_nothing_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "OPENING_SECONDS", 0.01)
    script, outbox = Script(), Outbox()

    async def stand(_inbound: Inbound) -> Reply:
        await never().wait()
        return ACCEPTED

    script.on["GET"] = stand
    channel = await opened(script, outbox)
    await channel.take(message("ping"))
    await outbox.holds(1)
    await channel.close(1)
    assert script.under_way == 0


# the end


async def test_a_close_waits_for_calls_then_ends_the_session() -> None:
    script, outbox = Script(), Outbox()
    ended: list[bool] = []

    async def call(inbound: Inbound) -> Reply:
        stream = inbound.caller.open_stream(200, EVENTS)
        inbound.caller.on_gone(lambda: ended.append(stream.gone))
        while not ended:  # noqa: ASYNC110 - the close that it waits for has no event
            await asyncio.sleep(0)
        assert not script.asked("DELETE")
        await stream.write(event(answer(inbound)))
        await stream.end()
        return stream

    script.on["tools/call"] = call
    channel = await opened(script, outbox)
    await channel.take(tool_call())
    await asyncio.sleep(0)
    await channel.close(5)
    assert ended == [True]
    assert len(script.asked("DELETE")) == 1
    assert outbox.raw == []
    await channel.take(tool_call())
    assert len(script.asked("tools/call")) == 1


async def test_what_does_not_end_is_cancelled(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "PARTING_SECONDS", 0.05)
    script, outbox = Script(), Outbox()

    async def call(_inbound: Inbound) -> Reply:
        await never().wait()
        return ACCEPTED

    script.on["tools/call"] = script.on["DELETE"] = call
    channel = await opened(script, outbox)
    await channel.take(tool_call())
    with caplog.at_level(logging.INFO):
        await channel.close(0)
    assert script.under_way == 0
    assert "did not end a session" in caplog.text


# 2026-07-28


async def test_a_modern_message_needs_no_session() -> None:
    script, outbox = Script(), Outbox()
    channel = await opened(script, outbox)
    await channel.take(modern("tools/list"))
    await outbox.holds(1)
    inbound = script.seen[-1]
    assert inbound.header("mcp-protocol-version") == "2026-07-28"
    assert inbound.header("mcp-session-id") is None
    await channel.close(0)


async def test_its_headers_come_from_its_body() -> None:
    script, outbox = Script(), Outbox()
    channel = await opened(script, outbox)
    params = f'{{"name":"pay","arguments":{{"region":"Zürich"}},{META}}}'
    await channel.take(message("tools/call", "1", params))
    await outbox.holds(1)
    inbound = script.seen[-1]
    assert inbound.header("mcp-method") == "tools/call"
    assert inbound.header("mcp-name") == "pay"
    assert inbound.header("mcp-param-region") == "=?base64?WsO8cmljaA==?="
    await channel.close(0)


async def test_a_modern_request_is_given_up_by_leaving_it() -> None:
    script, outbox = Script(), Outbox()
    left = asyncio.Event()

    async def call(inbound: Inbound) -> Reply:
        inbound.caller.on_gone(left.set)
        await left.wait()
        return Whole(200, JSON, answer(inbound))

    script.on["tools/call"] = call
    channel = await opened(script, outbox)
    await channel.take(modern("tools/call", '"a"'))
    await asyncio.sleep(0)
    await channel.take(message("notifications/cancelled", None, '{"requestId":"\\u0061"}'))
    assert await channel.finish(5)
    assert outbox.raw == []
    assert script.asked("notifications/cancelled") == []
    await channel.close(0)


async def test_giving_up_a_legacy_request_is_a_message() -> None:
    script, outbox = Script(), Outbox()
    left: list[bool] = []
    go = asyncio.Event()

    async def call(inbound: Inbound) -> Reply:
        inbound.caller.on_gone(lambda: left.append(True))
        await go.wait()
        return Whole(200, JSON, answer(inbound))

    script.on["tools/call"] = call
    channel = await opened(script, outbox)
    await channel.take(tool_call("1"))
    await channel.take(message("notifications/cancelled", None, '{"requestId":1}'))
    assert len(script.asked("notifications/cancelled")) == 1
    go.set()
    await outbox.holds(1)
    assert left == []
    await channel.close(0)


async def test_listening_ends_with_the_agents_input() -> None:
    script, outbox = Script(), Outbox()
    left = asyncio.Event()

    async def listen(inbound: Inbound) -> Reply:
        stream = inbound.caller.open_stream(200, EVENTS)
        inbound.caller.on_gone(left.set)
        await left.wait()
        await stream.end()
        return stream

    script.on["subscriptions/listen"] = listen
    channel = await opened(script, outbox)
    await channel.take(modern("subscriptions/listen"))
    assert not await channel.finish(0)
    channel.stop_listening()
    assert await channel.finish(5)
    await channel.close(0)


async def test_a_message_that_repeats_what_its_session_speaks_belongs_to_the_session() -> None:
    script, outbox = Script(), Outbox()
    channel = await opened(script, outbox)
    meta = META.replace("2026-07-28", "2025-11-25")
    await channel.take(message("tools/call", "1", f'{{"name":"pay",{meta}}}'))
    await outbox.holds(1)
    call = script.seen[-1]
    assert call.header("mcp-session-id") == "s-1"
    assert call.header("mcp-protocol-version") == "2025-11-25"
    assert call.header("mcp-method") is None
    await channel.close(1)
