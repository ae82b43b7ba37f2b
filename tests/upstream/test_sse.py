"""HTTP+SSE upstreams: addresses, sessions, headers, and streams that break."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from helio.errors import UpstreamFailed
from helio.upstream.sse import SseUpstream
from upstream.agents import MODERN, Agent, answer_of, events, messages, request, tool_call

Connected = Callable[..., SseUpstream]


class Server:
    """An HTTP+SSE server; `endpoint` is the first event's data, None for none."""

    def __init__(self) -> None:
        self.endpoint: str | None = "/messages?session={session}"
        self.refuse_stream: web.Response | None = None
        self.refuse_post: web.Response | None = None
        self.post_instead: Callable[[web.Request], Awaitable[web.Response]] | None = None
        self.streams: dict[str, web.StreamResponse] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.url = ""
        self.ended = asyncio.Event()

    async def get(self, incoming: web.Request) -> web.StreamResponse:
        self.requests.append(("GET", dict(incoming.headers)))
        if self.refuse_stream is not None:
            return self.refuse_stream
        stream = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await stream.prepare(incoming)
        session = str(len(self.streams))
        self.streams[session] = stream
        if self.endpoint is not None:
            data = self.endpoint.format(session=session)
            await stream.write(f": hello\n\nevent: endpoint\ndata: {data}\n\n".encode())
        try:
            await self.ended.wait()
        finally:
            self.streams.pop(session, None)
        return stream

    async def post(self, incoming: web.Request) -> web.Response:
        self.requests.append(("POST", dict(incoming.headers)))
        if self.refuse_post is not None:
            return self.refuse_post
        if self.post_instead is not None:
            return await self.post_instead(incoming)
        stream = self.streams[incoming.query["session"]]
        message = await incoming.json()
        if "id" in message and "method" in message:
            result = await self.result(message, stream)
            if result is not None:
                await say(stream, {"jsonrpc": "2.0", "id": message["id"], "result": result})
        return web.Response(status=202, text="Accepted")

    async def result(
        self, message: dict[str, Any], stream: web.StreamResponse
    ) -> dict[str, Any] | None:
        params = message.get("params") or {}
        match message["method"], params.get("name"):
            case "initialize", _:
                return {"protocolVersion": params["protocolVersion"], "capabilities": {}}
            case _, "sized":
                return {"text": "x" * params["arguments"]["size"]}
            case _, "hang":
                return None
            case _:
                return {"arguments": params.get("arguments")}


async def say(stream: web.StreamResponse, message: object) -> None:
    await stream.write(f"event: message\ndata: {json.dumps(message)}\n\n".encode())


@pytest.fixture
async def server(nothing_leaks: None) -> AsyncIterator[Server]:
    served = Server()
    application = web.Application()
    application.router.add_get("/deep/sse", served.get)
    application.router.add_post("/messages", served.post)
    application.router.add_post("/deep/messages", served.post)
    runner = web.AppRunner(application, handler_cancellation=True, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    served.url = f"http://127.0.0.1:{runner.addresses[0][1]}/deep/sse"
    yield served
    served.ended.set()
    await runner.cleanup()


@pytest.fixture
async def connected(server: Server) -> AsyncIterator[Connected]:
    made: list[SseUpstream] = []

    def make(**options: Any) -> SseUpstream:
        settings = {"headers": {}, "connect_timeout": 2, "request_timeout": 5} | options
        made.append(SseUpstream(server.url, **settings))
        return made[-1]

    yield make
    for upstream in made:
        await upstream.aclose()


@pytest.mark.parametrize(
    "endpoint",
    ["/messages?session={session}", "messages?session={session}", "{origin}/messages?session=0"],
)
async def test_the_address_is_read_against_the_url(
    server: Server, connected: Connected, endpoint: str
) -> None:
    server.endpoint = endpoint.replace("{origin}", server.url.removesuffix("/deep/sse"))
    agent = await Agent(connected()).open()
    assert await agent.call("echo", {"a": [1]}) == {"arguments": {"a": [1]}}


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://127.0.0.1:1/messages",
        "https://127.0.0.1/messages",
        "//evil.example/messages",
        "http://user@127.0.0.1/messages",
        "http://[/messages",
        "ftp:messages",
    ],
)
async def test_another_origin_is_refused(
    server: Server, connected: Connected, endpoint: str
) -> None:
    server.endpoint = endpoint
    with pytest.raises(UpstreamFailed) as caught:
        await Agent(connected()).open()
    assert (caught.value.reason, caught.value.sent) == ("protocol_error", False)
    assert [method for method, _ in server.requests] == ["GET"]


async def test_a_server_that_names_no_address_in_time(server: Server, connected: Connected) -> None:
    server.endpoint = None
    with pytest.raises(UpstreamFailed) as caught:
        await Agent(connected(request_timeout=0.2)).open()
    assert (caught.value.reason, caught.value.sent) == ("connect_timeout", False)


async def test_headers_go_on_the_stream_and_on_every_message(
    server: Server, connected: Connected
) -> None:
    upstream = connected(headers={"x-team": "payments"})
    own = [(b"x-user", b"ann"), (b"content-type", b"application/json"), (b"accept", b"*/*")]
    agent = await Agent(upstream, headers=own).open()
    await agent.call("echo")
    assert len(server.requests) == 4
    for method, headers in server.requests:
        assert (headers["x-team"], headers["x-user"]) == ("payments", "ann")
        assert "mcp-session-id" not in {name.lower() for name in headers}
        if method == "POST":
            assert headers["Content-Type" if "Content-Type" in headers else "content-type"] == (
                "application/json"
            )


async def test_sessions_do_not_hear_each_other(server: Server, connected: Connected) -> None:
    upstream = connected()
    first, second = await Agent(upstream).open(), await Agent(upstream).open()
    standing = await first.listen()
    await say(server.streams["1"], {"jsonrpc": "2.0", "method": "notifications/message"})
    await say(server.streams["0"], {"jsonrpc": "2.0", "method": "notifications/a"})
    assert await second.close() == 200
    chunks = standing.chunks()
    assert b"notifications/a" in await anext(chunks)
    await chunks.aclose()
    answers = await asyncio.gather(
        *(first.call("echo", {"n": number}, identifier=1) for number in range(32))
    )
    assert [each["arguments"]["n"] for each in answers] == list(range(32))


@pytest.mark.parametrize("size", [200_000, 10 * 1024 * 1024])
async def test_long_events_come_whole(connected: Connected, server: Server, size: int) -> None:
    agent = await Agent(connected()).open()
    assert len((await agent.call("sized", {"size": size}))["text"]) == size


async def test_a_lost_stream_ends_the_session(server: Server, connected: Connected) -> None:
    agent = await Agent(connected()).open()
    hanging = await agent.send(tool_call(1, "hang"))
    standing = await agent.listen()
    server.ended.set()
    for response in (hanging, standing):
        with pytest.raises(UpstreamFailed) as caught:
            await messages(response)
        assert (caught.value.reason, caught.value.sent) == ("closed", True)
    assert (await agent.send(tool_call(2, "echo"))).status == 404


async def test_a_refused_stream_is_the_agents_to_see(server: Server, connected: Connected) -> None:
    server.refuse_stream = web.Response(status=401, headers={"www-authenticate": "Bearer"})
    response = await Agent(connected()).send(request(1, "initialize", protocolVersion="2025-11-25"))
    assert (response.status, response.header(b"www-authenticate")) == (401, b"Bearer")


async def test_a_refused_message_is_the_agents_to_see(server: Server, connected: Connected) -> None:
    agent = await Agent(connected()).open()
    server.refuse_post = web.Response(status=403, text="no")
    response = await agent.send(tool_call(1, "echo"))
    assert (response.status, await response.read(100)) == (403, b"no")


async def test_a_stream_that_is_none(server: Server, connected: Connected) -> None:
    server.refuse_stream = web.Response(text="hello")
    with pytest.raises(UpstreamFailed) as caught:
        await Agent(connected()).open()
    assert (caught.value.reason, caught.value.sent) == ("protocol_error", False)


async def test_a_revision_without_sessions_is_refused(server: Server, connected: Connected) -> None:
    discover = request(1, "server/discover")
    response = await connected().send("POST", MODERN, discover, timeout=5)
    error = (await answer_of(response))["error"]
    assert (response.status, error["code"]) == (400, -32022)
    assert "2025-11-25" in error["data"]["supported"]
    assert server.requests == []


async def test_no_more_sessions_than_allowed(server: Server, connected: Connected) -> None:
    upstream = connected(max_sessions=1)
    agent = await Agent(upstream).open()
    greeting = request(1, "initialize", protocolVersion="2025-11-25")
    assert (await Agent(upstream).send(greeting)).status == 503
    await agent.close()
    await Agent(upstream).open()


async def test_many_sessions_at_once(server: Server, connected: Connected) -> None:
    upstream = connected()
    agents = [Agent(upstream) for _ in range(200)]
    await asyncio.gather(*(agent.open() for agent in agents))
    assert upstream.sessions == 200
    answers = await asyncio.gather(*(agent.call("echo", {"n": 1}) for agent in agents))
    assert len(answers) == 200


async def test_a_receipt_that_comes_last_keeps_nobody_waiting(
    server: Server, connected: Connected
) -> None:
    """Neither the question that a call asks, nor its answer."""
    agent = await Agent(connected()).open()
    answered = asyncio.Event()

    async def asking(message: dict[str, Any], stream: web.StreamResponse) -> dict[str, Any]:
        await say(stream, {"jsonrpc": "2.0", "id": "q", "method": "roots/list"})
        await answered.wait()
        return {"done": True}

    server.result = asking  # type: ignore[method-assign,assignment]
    async with asyncio.timeout(3):
        stream = events(await agent.send(tool_call(1, "ask")))
        assert (await anext(stream))["id"] == "q"
        answered.set()
        assert (await anext(stream))["result"] == {"done": True}


async def test_an_answer_counts_more_than_the_receipt_that_never_comes(
    server: Server, connected: Connected
) -> None:
    agent = await Agent(connected()).open()
    holding = asyncio.Event()

    async def held(incoming: web.Request) -> web.Response:
        message = await incoming.json()
        await say(server.streams["0"], {"jsonrpc": "2.0", "id": message["id"], "result": {}})
        await holding.wait()
        return web.Response(status=500)

    server.post_instead = held
    async with asyncio.timeout(3):
        assert await agent.call("echo") == {}
    holding.set()


async def test_an_agent_that_leaves_before_the_receipt_leaves_nothing(
    server: Server, connected: Connected
) -> None:
    agent = await Agent(connected()).open()
    taken = asyncio.Event()

    async def held(incoming: web.Request) -> web.Response:
        taken.set()
        await asyncio.Event().wait()
        raise AssertionError

    server.post_instead = held
    calling = asyncio.create_task(agent.call("echo"))
    await taken.wait()
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling
