"""How many sessions are kept, and how they end."""

import asyncio
from typing import Any

import pytest

from helio.errors import UpstreamFailed
from helio.upstream.aggregate import Aggregate, sessions
from upstream.aggregate.several import Server, Several, several, until
from upstream.scripted import INITIALIZE, Sent, post


async def opened(found: Several) -> dict[str, str]:
    """One more session."""
    await found.open()
    return found.session


async def status(found: Several, session: dict[str, str]) -> int:
    found.session = session
    return (await found.request("ping")).status


async def test_past_the_most_the_one_unused_for_longest_ends() -> None:
    server = Server()
    found = several(one=server)
    found.port = Aggregate(list(found.members.values()), max_sessions=2)
    first, second = await opened(found), await opened(found)
    assert await status(found, first) == 200
    third = await opened(found)
    await until(lambda: len(server.sessions) == 2)
    assert [await status(found, each) for each in (first, second, third)] == [200, 404, 200]
    await found.port.aclose()


async def test_what_initialize_holds_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    found = several(one=Server())
    first = await opened(found)
    monkeypatch.setattr(sessions, "MAX_BYTES", 10)
    second = await opened(found)
    assert [await status(found, each) for each in (first, second)] == [404, 200]
    await found.port.aclose()


async def test_idle_ones_end_but_those_that_listen(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server()
    found = several(one=server)
    first = await opened(found)
    heard = await found.stand()
    second = await opened(found)
    monkeypatch.setattr(sessions, "IDLE_SECONDS", 0.0)
    third = await opened(found)
    assert [await status(found, each) for each in (first, second, third)] == [200, 404, 200]
    await heard.leave()
    await found.port.aclose()


async def test_requests_at_once_open_one_session_at_a_member() -> None:
    one, two = Server(tools_list={"tools": []}), Server(tools_list={"tools": []})
    one.down = "down"
    found = several(one=one, two=two)
    await found.open()
    one.down = None
    await asyncio.gather(*(found.ask("tools/list", identifier=number) for number in range(5)))
    assert one.opened == 1


async def test_a_session_that_ends_while_a_member_opens_it_is_left() -> None:
    let = asyncio.Event()

    async def slow(sent: Sent) -> Any:
        if sent.asks == "initialize":
            await let.wait()
        return None

    one, two = Server(), Server()
    one.handler = slow
    found = several(patience=0.3, one=one, two=two)
    opening = asyncio.create_task(post(found.port, INITIALIZE))
    await until(lambda: bool(one.port.sent))
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    let.set()
    await until(lambda: one.opened == 1 and not one.sessions)
    await found.port.aclose()


async def test_a_member_without_sessions_is_used_without_one() -> None:
    server = Server(tools_list={"tools": []})

    async def stateless(sent: Sent) -> Any:
        if sent.asks == "initialize":
            response = server.initialize(sent)
            response.headers = response.headers[1:]  # type: ignore[misc]
            return response
        return server._answer(sent, 200)

    server.handler = stateless
    found = several(one=server)
    await found.open()
    assert (await found.ask("tools/list"))["result"] == {"tools": []}
    assert all("mcp-session-id" not in sent.headers for sent in server.port.sent)


async def test_one_that_forgets_every_session_at_once_is_not_asked_for_ever() -> None:
    server = Server(tools_list={"tools": []})

    async def forgetful(sent: Sent) -> Any:
        if sent.asks == "tools/list":
            server.forget()
        return None

    server.handler = forgetful
    found = several(one=server)
    await found.open()
    with pytest.raises(UpstreamFailed, match="forgotten"):
        await found.ask("tools/list")
    assert len(server.of("tools/list")) == 2
