"""Servers of others as programs and over HTTP+SSE: server-everything and the official library."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from end_to_end import sdk_server
from helio.upstream.child import StdioUpstream
from helio.upstream.sse import SseUpstream
from peers import Peer
from processes import LOOPBACK, choose_free_port, end_process, listens, wait_until
from upstream.agents import MODERN, Agent, answer_of, events, messages, modern_call, request

pytestmark = pytest.mark.end_to_end

EVERYTHING = Peer("@modelcontextprotocol/server-everything")
META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}

Open = Callable[[str], Any]


@pytest.fixture(scope="module")
def everything_sse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """server-everything over HTTP+SSE; gives its URL."""
    port = choose_free_port()
    log = tmp_path_factory.mktemp("everything-sse") / "log"
    command = EVERYTHING.command("sse")
    with log.open("wb") as output:
        environment = {**os.environ, "PORT": str(port)}
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
    try:
        wait_until(lambda: listens(port), process, log)
        yield f"http://{LOOPBACK}:{port}/sse"
    finally:
        end_process(process)


@pytest.fixture(params=["per_session", "shared", "sse"])
async def everything(
    request: pytest.FixtureRequest, nothing_leaks: None
) -> AsyncIterator[StdioUpstream | SseUpstream]:
    """server-everything as an upstream, in each way."""
    upstream: StdioUpstream | SseUpstream
    if request.param == "sse":
        url = request.getfixturevalue("everything_sse")
        upstream = SseUpstream(url, headers={}, connect_timeout=5, request_timeout=20)
    else:
        program, *arguments = EVERYTHING.command("stdio")
        upstream = StdioUpstream(program, arguments, name="every", processes=request.param)
    yield upstream
    await upstream.aclose()


async def test_server_everything(everything: StdioUpstream | SseUpstream) -> None:
    one, other = await asyncio.gather(
        Agent(everything, timeout=20).open(), Agent(everything, timeout=20).open("2025-03-26")
    )
    assert "tools" in one.greeting["result"]["capabilities"]
    listed = (await answer_of(await one.send(request("l", "tools/list"))))["result"]["tools"]
    assert len(listed) >= 10
    for agent, text in ((one, "Grüß\n Gott"), (other, "z" * 200_000)):
        echoed = await agent.call("echo", {"message": text}, identifier="same")
        assert echoed["content"] == [{"type": "text", "text": f"Echo: {text}"}]
    call = request(
        7,
        "tools/call",
        name="trigger-long-running-operation",
        arguments={"duration": 0.2, "steps": 2},
        _meta={"progressToken": "mine"},
    )
    *before, answer = await messages(await other.send(call))
    progress = [each["params"] for each in before if each["method"] == "notifications/progress"]
    assert [each["progressToken"] for each in progress] == ["mine", "mine"]
    assert answer["id"] == 7
    assert await one.close() == 200


@pytest.fixture
async def official(nothing_leaks: None) -> AsyncIterator[StdioUpstream]:
    """A server on the official library, as a program."""
    arguments = [sdk_server.__file__, "--stdio"]
    upstream = StdioUpstream(sys.executable, arguments, name="official")
    yield upstream
    await upstream.aclose()


async def test_the_official_library_in_both_eras(official: StdioUpstream) -> None:
    agent = await Agent(official, timeout=20).open()
    modern = [(b"mcp-method", b"tools/call"), *MODERN]
    asked = request(1, "server/discover", _meta=META)
    discovered = await answer_of(await official.send("POST", MODERN, asked, timeout=20))
    assert "2026-07-28" in discovered["result"]["supportedVersions"]
    legacy = await agent.call("echo", {"text": "in the old way"})
    answered = modern_call(1, "echo", {"text": "in the new way"})
    answer = await answer_of(await official.send("POST", modern, answered, timeout=20))
    assert answer["result"]["content"][0]["text"] == "in the new way"
    assert answer["result"]["resultType"] == "complete"
    assert legacy["content"][0]["text"] == "in the old way"
    assert official.children == 2


async def test_progress_and_leaving_at_the_official_library(official: StdioUpstream) -> None:
    calling = modern_call("c", "progress", {"steps": 3}, progressToken="t")
    *progress, answer = await messages(await official.send("POST", MODERN, calling, timeout=20))
    assert [each["params"]["progressToken"] for each in progress] == ["t"] * 3
    assert answer["id"] == "c"

    async def cancellations() -> str:
        counting = modern_call(1, "cancellations", {"name": "a"})
        answer = await answer_of(await official.send("POST", MODERN, counting, timeout=20))
        return str(answer["result"]["content"][0]["text"])

    assert await cancellations() == "0"
    logged = {"io.modelcontextprotocol/logLevel": "debug"}
    slow = modern_call(1, "slow", {"name": "a"}, **logged)
    left = await official.send("POST", MODERN, slow, timeout=20)
    stream = left.chunks()
    # It has begun when it says something.
    assert b"notifications/message" in await anext(stream)
    await stream.aclose()
    async with asyncio.timeout(10):
        while await cancellations() != "1":
            pass


async def test_two_subscriptions_on_one_line(official: StdioUpstream) -> None:
    wanted = {"toolsListChanged": True}
    listen = request("s", "subscriptions/listen", notifications=wanted, _meta=META)
    streams = [await official.send("POST", MODERN, listen, timeout=20) for _ in range(2)]
    for stream in streams:
        acknowledged = await anext(events(stream))
        assert acknowledged["method"] == "notifications/subscriptions/acknowledged"
        assert acknowledged["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"] == "s"
        stream.close()
