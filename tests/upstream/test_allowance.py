"""A request has one timeout, whatever has to happen before it can be sent."""

import asyncio
from typing import Any

import pytest

from helio.errors import UpstreamFailed
from helio.upstream.allowance import Allowance
from helio.upstream.bridge.legacy_agent import LegacyAgents
from helio.upstream.bridge.modern_agent import ModernAgents
from helio.upstream.eras import Eras
from helio.upstream.sessions import ReopenedSessions
from helio.upstream.shared import ModernPort, SharedPort
from upstream.agents import MODERN, Agent, modern_call
from upstream.bridge.talking import ENVELOPE
from upstream.scripted import INITIALIZE, LegacyServer, ScriptedPort, Sent, post, request
from upstream.scripted_line import ScriptedLine

SECONDS = 0.1
AT_MOST = SECONDS + 0.25


async def test_what_is_done_in_time_is_given() -> None:
    allowance = Allowance(5)
    assert await allowance.spend(asyncio.sleep(0, "done")) == "done"
    assert allowance.left is not None
    assert 4 < allowance.left <= 5


async def test_without_seconds_it_is_for_ever() -> None:
    assert Allowance(None).left is None
    assert await Allowance(None).spend(asyncio.sleep(0, "done")) == "done"


@pytest.mark.parametrize(("sent", "reason"), [(True, "timeout"), (False, "connect_timeout")])
async def test_what_takes_longer_is_given_up(sent: bool, reason: str) -> None:
    allowance, work = Allowance(0.02), asyncio.create_task(asyncio.sleep(60))
    with pytest.raises(UpstreamFailed) as caught:
        await allowance.spend(work, sent=sent)
    assert (caught.value.reason, caught.value.sent) == (reason, sent)
    assert work.cancelled()
    assert allowance.left == 0


async def silent(sent: Sent) -> Any:
    await asyncio.Event().wait()


async def silent_line() -> ScriptedLine:
    return ScriptedLine()


CALL = request("tools/call", {"name": "pay", "arguments": {}, "_meta": ENVELOPE})
OF_MODERN = {"mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call", "mcp-name": "pay"}


@pytest.mark.parametrize(
    ("stand", "message", "headers"),
    [
        (Eras, CALL, OF_MODERN),
        (ModernAgents, CALL, OF_MODERN),
        (lambda _: SharedPort(silent_line, idle_timeout=60), INITIALIZE, {}),
    ],
    ids=["asked", "held-session", "shared-server"],
)
async def test_what_comes_before_the_request_counts(
    nothing_leaks: None, stand: Any, message: Any, headers: dict[str, str]
) -> None:
    port = stand(ScriptedPort(silent))
    began = asyncio.get_running_loop().time()
    with pytest.raises(UpstreamFailed) as caught:
        await post(port, message, headers, timeout=SECONDS)
    assert asyncio.get_running_loop().time() - began < AT_MOST
    assert not caught.value.sent, "the request itself never left"
    await port.aclose()


async def test_an_initialize_of_a_later_upstream_counts(nothing_leaks: None) -> None:
    port = LegacyAgents(ScriptedPort(silent))
    began = asyncio.get_running_loop().time()
    with pytest.raises(UpstreamFailed):
        await post(port, INITIALIZE, {}, timeout=SECONDS)
    assert asyncio.get_running_loop().time() - began < AT_MOST
    await port.aclose()


async def test_a_session_that_is_opened_anew_slowly_keeps_nobody_waiting(
    nothing_leaks: None,
) -> None:
    server = LegacyServer()
    forgot = False

    async def answering(sent: Sent) -> Any:
        if forgot and sent.asks == "initialize":
            await asyncio.Event().wait()
        return await server(sent)

    port = ReopenedSessions(ScriptedPort(answering))
    agent = Agent(port, timeout=SECONDS)
    await agent.open()
    server.forget()
    forgot = True
    began = asyncio.get_running_loop().time()
    response = await agent.send(modern_call(1, "pay"))
    assert asyncio.get_running_loop().time() - began < AT_MOST
    assert response.status == 404
    await port.aclose()


async def test_a_line_that_does_not_open_counts(nothing_leaks: None) -> None:
    async def never() -> ScriptedLine:
        await asyncio.Event().wait()
        raise AssertionError

    port = ModernPort(never, idle_timeout=60)
    began = asyncio.get_running_loop().time()
    with pytest.raises(UpstreamFailed) as caught:
        await port.send("POST", MODERN, modern_call(1, "pay"), timeout=SECONDS)
    assert asyncio.get_running_loop().time() - began < AT_MOST
    assert not caught.value.sent
    await port.aclose()
