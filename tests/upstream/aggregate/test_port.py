"""Which messages go where, and what comes back."""

import asyncio
import json
from typing import Any

import pytest

from helio.errors import UpstreamFailed
from helio.upstream.made import StreamResponse, WholeResponse
from upstream.aggregate.several import Server, several, until
from upstream.scripted import Sent, post, result, send


def tools(*names: str, **more: Any) -> dict[str, Any]:
    return {"tools": [{"name": name} for name in names], **more}


def paged(server: Server, method: str, key: str, pages: list[list[Any]]) -> None:
    """Has a server list something page by page; its cursors are numbers as texts."""

    async def handler(sent: Sent) -> Any:
        if sent.asks != method:
            return None
        number = int((sent.message.get("params") or {}).get("cursor") or 0)
        page: dict[str, Any] = {key: pages[number]}
        if number + 1 < len(pages):
            page["nextCursor"] = str(number + 1)
        return result(sent, page)

    server.handler = handler


async def test_initialize_reaches_all_as_it_came() -> None:
    one, two = Server(), Server()
    one.instructions, two.capabilities = "Be kind.", {"prompts": {}}
    found = several(one=one, two=two)
    opened = await found.open()
    assert opened["protocolVersion"] == "2025-11-25"
    assert opened["serverInfo"]["name"] == "helio"
    assert opened["instructions"] == "# one\n\nBe kind."
    assert opened["capabilities"] == {
        "tools": {"listChanged": True},
        "prompts": {"listChanged": True},
    }
    assert one.of("initialize")[0].body == two.of("initialize")[0].body
    for server in (one, two):
        assert server.port.asked == ["initialize", "notifications/initialized"]
        assert server.port.sent[1].headers["mcp-session-id"] == "session-1"


@pytest.mark.parametrize(
    ("asked", "told"), [("2025-03-26", "2025-03-26"), ("2031-01-01", "2025-11-25")]
)
async def test_the_revision_is_the_agents_if_it_is_known(asked: str, told: str) -> None:
    server = Server()
    server.revision = "2024-11-05"
    found = several(one=server)
    opening = {"protocolVersion": asked, "capabilities": {}, "clientInfo": {}}
    message = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": opening}
    assert (await found.open(message))["protocolVersion"] == told
    await found.ask("tools/list")
    assert "mcp-protocol-version" not in server.of("tools/list")[0].headers


async def test_lists_are_merged_in_order_and_over_all_pages() -> None:
    one, two = Server(), Server(tools_list=tools("a", "c"))
    paged(one, "tools/list", "tools", [[{"name": "a"}], [{"name": "b"}], []])
    found = several(one=one, two=two)
    await found.open()
    listed = (await found.ask("tools/list", identifier="x"))["result"]
    assert [tool["name"] for tool in listed["tools"]] == ["one__a", "one__b", "two__a", "two__c"]
    assert "nextCursor" not in listed
    assert "resultType" not in listed
    assert [sent.message["id"] == "x" for sent in one.of("tools/list")] == [True, False, False]


async def test_a_list_that_never_ends_is_left_out() -> None:
    async def again(sent: Sent) -> Any:
        if sent.asks == "tools/list":
            return result(sent, tools("a", nextCursor="same"))
        return None

    endless = Server()
    endless.handler = again
    found = several(endless=endless, two=Server(tools_list=tools("b")))
    await found.open()
    listed = await found.ask("tools/list")
    assert listed["result"] == tools("two__b")
    assert len(endless.of("tools/list")) == 2


async def test_a_cursor_that_nobody_gave_is_refused() -> None:
    found = several(one=Server(tools_list=tools("a")))
    await found.open()
    assert (await found.ask("tools/list", {"cursor": "x"}))["error"]["code"] == -32602
    assert (await found.ask("tools/list", {"cursor": None}))["result"] == tools("one__a")


async def test_who_has_no_such_list_is_passed_over() -> None:
    one, two = Server(), Server(prompts_list={"prompts": [{"name": "p"}]})
    found = several(one=one, two=two)
    await found.open()
    assert (await found.ask("prompts/list"))["result"] == {"prompts": [{"name": "two__p"}]}
    refused = await found.ask("resources/list", identifier=5)
    assert (refused["id"], refused["error"]["code"]) == (5, -32601)


async def test_one_that_is_down_is_left_out_and_joins_later() -> None:
    one, two = Server(tools_list=tools("a")), Server(tools_list=tools("b"))
    one.down = "it is down"
    found = several(one=one, two=two)
    await found.open()
    assert (await found.ask("tools/list"))["result"] == tools("two__b")
    one.down = None
    assert (await found.ask("tools/list"))["result"] == tools("one__a", "two__b")
    assert one.port.asked[-3:] == ["initialize", "notifications/initialized", "tools/list"]
    assert one.of("initialize")[-1].body == two.of("initialize")[0].body


async def test_all_down_is_a_failure() -> None:
    one = Server()
    one.down = "it is down"
    found = several(one=one)
    with pytest.raises(UpstreamFailed, match="it is down"):
        await found.open()
    one.down = None
    await found.open()
    one.down = "again"
    with pytest.raises(UpstreamFailed, match="again"):
        await found.ask("tools/list")


async def test_a_silent_one_keeps_nobody_waiting_twice() -> None:
    silent = Server()
    given_up: list[Sent] = []

    async def never(sent: Sent) -> Any:
        try:
            await asyncio.Event().wait()
        finally:
            given_up.append(sent)

    silent.handler = never
    found = several(patience=0.05, silent=silent, two=Server(tools_list=tools("b")))
    await found.open()
    asked = len(silent.port.sent)
    assert asked
    assert (await found.ask("tools/list"))["result"] == tools("two__b")
    assert len(silent.port.sent) == asked
    with pytest.raises(UpstreamFailed, match="a moment ago"):
        await found.ask("resources/read", {"uri": "ui://x"})
    assert len(silent.port.sent) == asked
    await until(lambda: len(given_up) == asked)
    await asyncio.sleep(0)  # whoever asks while it is being opened waits for that
    with pytest.raises(UpstreamFailed):
        await found.ask("prompts/get", {"name": "silent__p"})
    assert len(silent.port.sent) > asked


async def test_a_refusal_to_open_is_told_when_nobody_opens() -> None:
    async def closed(sent: Sent) -> Any:
        challenge = [(b"www-authenticate", b"Bearer")]
        return WholeResponse(401, b"{}", challenge)

    server = Server()
    server.handler = closed
    found = several(one=server)
    response = await post(found.port, {"jsonrpc": "2.0", "id": 1, "method": "initialize"})
    assert (response.status, response.header(b"www-authenticate")) == (401, b"Bearer")


async def test_prompts_and_resources_go_to_their_own() -> None:
    one = Server()
    two = Server(
        prompts_get={"messages": []},
        resources_read={"contents": [{"uri": "text://x", "text": "y"}]},
        completion_complete={"completion": {"values": []}},
        resources_subscribe={},
    )
    found = several(one=one, two=two)
    await found.open()
    assert (await found.ask("prompts/get", {"name": "two__p"}))["result"] == {"messages": []}
    read = await found.ask("resources/read", {"uri": "helio://two/text://x"})
    assert read["result"]["contents"][0]["uri"] == "helio://two/text://x"
    await found.ask("resources/subscribe", {"uri": "helio://two/text://x"})
    await found.ask("completion/complete", {"ref": {"type": "ref/prompt", "name": "two__p"}})
    reference = {"type": "ref/resource", "uri": "helio://two/text://{x}"}
    await found.ask("completion/complete", {"ref": reference})
    assert [sent.message["params"] for sent in two.port.sent[2:]] == [
        {"name": "p"},
        {"uri": "text://x"},
        {"uri": "text://x"},
        {"ref": {"type": "ref/prompt", "name": "p"}},
        {"ref": {"type": "ref/resource", "uri": "text://{x}"}},
    ]
    assert len(one.port.sent) == 2
    refused = await found.ask("prompts/get", {"name": "p"})
    assert refused["error"]["code"] == -32602


async def test_a_uri_without_a_prefix_is_for_the_first_that_knows_it() -> None:
    empty = Server(resources_read={"contents": []})
    knows = Server(resources_read={"contents": [{"uri": "ui://x", "text": "y"}]})
    found = several(none=Server(), empty=empty, knows=knows)
    await found.open()
    read = await found.ask("resources/read", {"uri": "ui://x"})
    assert read["result"]["contents"] == [{"uri": "ui://x", "text": "y"}]
    knows.down = "down"
    assert (await found.ask("resources/read", {"uri": "ui://x"}))["result"] == {"contents": []}


async def test_what_nobody_knows_is_refused_unless_one_could_not_be_asked() -> None:
    found = several(one=Server(), two=Server())
    await found.open()
    assert (await found.ask("resources/read", {"uri": "ui://x"}))["error"]["code"] == -32601
    found.servers["two"].down = "down"
    with pytest.raises(UpstreamFailed, match="down"):
        await found.ask("resources/read", {"uri": "ui://x"})


async def test_a_task_is_asked_for_where_it_is_known() -> None:
    found = several(one=Server(), two=Server(tasks_get={"taskId": "t"}))
    await found.open()
    assert (await found.ask("tasks/get", {"taskId": "t"}))["result"] == {"taskId": "t"}
    assert (await found.ask("tasks/cancel", {"taskId": "t"}))["error"]["code"] == -32601


async def test_a_session_that_was_never_opened_or_has_ended() -> None:
    server = Server()
    found = several(one=server)
    assert (await found.request("tools/list")).status == 400
    await found.open()
    assert (await send(found.port, "DELETE", None, found.session)).status == 200
    assert server.port.asked[-1] == "DELETE"
    assert not server.sessions
    assert (await found.request("tools/list")).status == 404
    assert (await found.tell("notifications/initialized")).status == 404


async def test_each_gets_of_the_agents_headers_what_is_its_own() -> None:
    one, two = Server(), Server()
    found = several(one=one, two=two)
    await found.open()
    extra = {"x-one": "1", "x-two": "2", "authorization": "Bearer a"}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    await post(found.port, message, {**found.session, **extra})
    (sent,) = one.of("tools/list")
    assert (sent.headers.get("x-one"), sent.headers.get("x-two")) == ("1", None)
    assert "authorization" not in sent.headers
    assert two.of("tools/list")[0].headers["x-two"] == "2"


async def test_a_ping_is_answered_here() -> None:
    server = Server()
    found = several(one=server)
    await found.open()
    assert (await found.ask("ping"))["result"] == {}
    assert "ping" not in server.port.asked


async def test_the_log_level_is_for_all_and_for_those_that_come_later() -> None:
    one, two, three = Server(logging_setLevel={}), Server(logging_setLevel={}), Server()
    two.down = "down"
    found = several(one=one, two=two, three=three)
    await found.open()
    assert (await found.ask("logging/setLevel", {"level": "error"}))["result"] == {}
    two.down = None
    await found.ask("tools/list")
    assert two.port.asked[-3:] == ["notifications/initialized", "logging/setLevel", "tools/list"]
    assert two.of("logging/setLevel")[0].message["params"] == {"level": "error"}


async def test_notifications_reach_all_that_are_open() -> None:
    one, two = Server(), Server()
    two.down = "down"
    found = several(one=one, two=two)
    await found.open()
    two.down = None
    assert (await found.tell("notifications/roots/list_changed")).status == 202
    assert one.port.asked[-1] == "notifications/roots/list_changed"
    assert "notifications/roots/list_changed" not in two.port.asked


async def test_a_cancellation_reaches_who_has_the_request() -> None:
    one, two = Server(), Server(prompts_get={})
    found = several(one=one, two=two)
    await found.open()
    await found.ask("prompts/get", {"name": "two__p"}, identifier="a")
    for cancelled in ("a", "never", {"x": 1}):
        response = await found.tell("notifications/cancelled", {"requestId": cancelled})
        assert response.status == 202
    assert len(two.of("notifications/cancelled")) == 1
    assert not one.of("notifications/cancelled")


async def test_progress_of_a_question_reaches_who_asked() -> None:
    one, two = Server(), Server()
    found = several(one=one, two=two)
    await found.open()
    params = {"progressToken": "two:4", "progress": 1}
    await found.tell("notifications/progress", params)
    await found.tell("notifications/progress", {**params, "progressToken": 4})
    (sent,) = two.of("notifications/progress")
    assert sent.message["params"]["progressToken"] == 4
    assert not one.of("notifications/progress")


async def test_what_comes_before_a_merged_answer_reaches_the_agent() -> None:
    asked = asyncio.Event()

    async def asking(sent: Sent) -> Any:
        if sent.asks == "response":
            asked.set()
        if sent.asks != "tools/list":
            return None
        stream = StreamResponse(timeout=None)
        for message in (
            {"jsonrpc": "2.0", "method": "notifications/progress", "params": {}},
            {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"},
            {"jsonrpc": "2.0", "id": 1, "method": "roots/list"},
        ):
            stream.put(json.dumps(message).encode())

        async def answer() -> None:
            await asked.wait()
            stream.put(await result(sent, tools("a")).read(1000))
            stream.end()

        found.answering = asyncio.create_task(answer())  # type: ignore[attr-defined]
        return stream

    one = Server()
    one.handler = asking
    found = several(one=one, two=Server(tools_list=tools("b")))
    await found.open()
    response = await found.request("tools/list")
    chunks = response.chunks()
    first = json.loads((await anext(chunks)).split(b"data: ")[1])
    assert first["method"] == "notifications/tools/list_changed"
    assert found.changed == ["one"]
    question = json.loads((await anext(chunks)).split(b"data: ")[1])
    assert (question["id"], question["method"]) == ("one:1", "roots/list")
    await found.respond("one:1", {"roots": []})
    last = json.loads((await anext(chunks)).split(b"data: ")[1])
    assert last["result"] == tools("one__a", "two__b")
    assert one.of("response")[0].message == {"jsonrpc": "2.0", "id": 1, "result": {"roots": []}}
