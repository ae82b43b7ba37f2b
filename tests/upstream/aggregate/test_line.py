"""Calls, which reach a member in its own words and the agent's session."""

from typing import Any

import pytest

from helio.errors import UpstreamFailed
from upstream.aggregate.several import Server, refusal, several
from upstream.scripted import Sent, post, said


def tools(*names: str, **more: Any) -> dict[str, Any]:
    return {"tools": [{"name": name} for name in names], **more}


async def test_a_call_that_nobody_judged_goes_nowhere() -> None:
    server = Server(tools_call={"content": []})
    found = several(one=server)
    await found.open()
    refused = await found.ask("tools/call", {"name": "one__pay", "arguments": {}})
    assert refused["error"]["code"] == -32602
    modern = await found.modern("tools/call", {"name": "one__pay"}, **{"mcp-name": "one__pay"})
    assert (await said(modern))["error"]["code"] == -32602
    assert not server.of("tools/call")


async def test_calls_go_by_a_line_in_the_agents_session() -> None:
    server = Server(tools_call={"content": []})
    found = several(one=server, two=Server())
    await found.open()
    line = found.port.line(found.members["one"])
    message = {"jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": {"name": "pay"}}
    response = await post(line, message, found.session)
    assert (await said(response))["result"] == {"content": []}
    sent = server.of("tools/call")[0]
    assert sent.headers["mcp-session-id"] == "session-1"
    assert sent.message == message
    assert (await post(line, message)).status == 400
    assert (await post(line, message, {"mcp-session-id": "never-was"})).status == 404
    assert len(server.of("tools/call")) == 1


async def test_a_call_is_not_sent_where_no_session_can_be_opened() -> None:
    one = Server()
    one.down = "down"
    found = several(one=one, two=Server())
    await found.open()
    line = found.port.line(found.members["one"])
    message = {"jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": {"name": "pay"}}
    with pytest.raises(UpstreamFailed) as failed:
        await post(line, message, found.session)
    assert failed.value.sent is False
    one.down, one.handler = None, _refusing(401)
    assert (await post(line, message, found.session)).status == 401
    one.handler = _refusing(503)
    with pytest.raises(UpstreamFailed) as failed:
        await post(line, message, found.session)
    assert failed.value.sent is False
    assert not one.of("tools/call")


def _refusing(status: int) -> Any:
    async def handler(sent: Sent) -> Any:
        return refusal(status, "no") if sent.asks == "initialize" else None

    return handler


async def test_a_forgotten_session_is_opened_anew_but_no_call_is_sent_twice() -> None:
    server = Server(tools_call={"content": []}, tools_list=tools("a"))
    found = several(one=server)
    await found.open()
    server.forget()
    assert (await found.ask("tools/list"))["result"] == tools("one__a")
    server.forget()
    line = found.port.line(found.members["one"])
    message = {"jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": {"name": "pay"}}
    with pytest.raises(UpstreamFailed, match="forgotten") as failed:
        await post(line, message, found.session)
    assert failed.value.reason == "session_lost"
    assert len(server.of("tools/call")) == 1
    assert (await said(await post(line, message, found.session)))["result"] == {"content": []}
