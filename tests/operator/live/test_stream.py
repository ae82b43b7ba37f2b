"""`/api/events` on the wire: who may read it, what comes, and when it ends."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse, ClientSession, CookieJar
from aiohttp.test_utils import TestServer

from call_records import blocked, intent, outcome
from helio.audit.journal import Journal
from helio.operator.access import Access
from helio.operator.api import application
from helio.operator.live import stream
from helio.operator.live.following import Following
from helio.operator.live.stream import Stream
from helio.protocol.guards import host_rules, origin_rules
from helio.protocol.sse import Event, EventStreamParser

SECRET = "an-operators-secret"
BEARER = {"authorization": f"Bearer {SECRET}"}


class Reader:
    """One who reads a stream."""

    def __init__(self, answer: ClientResponse) -> None:
        self.answer = answer
        self._parser = EventStreamParser()
        self._events: list[Event] = []

    async def next(self) -> tuple[str, str, Any]:
        """Id, name and data of the next event."""
        async with asyncio.timeout(10):
            while not self._events:
                piece = await self.answer.content.readany()
                assert piece, "the stream ended"
                self._events = [event for event in self._parser.feed(piece) if event.data]
        event = self._events.pop(0)
        assert event.id is not None, "each event has one"
        return event.id.decode(), event.event.decode(), json.loads(event.data or b"")

    async def ended(self) -> bool:
        async with asyncio.timeout(10):
            return await self.answer.content.readany() == b""


class Port:
    """A served operator port that tells of one journal."""

    def __init__(self, journal: Journal, heartbeat: float = 30.0, **bounds: int) -> None:
        self.journal = journal
        self.answers: list[ClientResponse] = []
        self.access = Access(
            host_rules(listen_host="127.0.0.1"), origin_rules(own_ports=[3100]), SECRET
        )
        self.following = Following(journal.directory, lambda: journal.settled, **bounds)
        told = Stream(self.following, self.access, heartbeat=heartbeat, now=lambda: "now")
        self.server = TestServer(application(self.access, told.routes()))
        self.browser = ClientSession(cookie_jar=CookieJar(unsafe=True))

    async def read(
        self, query: str = "", headers: Mapping[str, str] = BEARER, expected: int = 200
    ) -> Reader:
        url = self.server.make_url(f"/api/events{query}")
        answer = await self.browser.get(url, headers=headers)
        self.answers.append(answer)
        assert answer.status == expected, await answer.text()
        return Reader(answer)

    async def post(self, path: str, body: object, headers: Mapping[str, str]) -> Any:
        url = self.server.make_url(f"/api/auth/{path}")
        async with self.browser.post(url, json=body, headers=headers) as answer:
            assert answer.status == 200
            return await answer.json()

    async def write(self, *call_ids: str) -> None:
        for call_id in call_ids:
            await self.journal.append_outcome("blocked", blocked(call_id))

    async def close(self) -> None:
        for answer in self.answers:
            answer.close()
        await self.browser.close()
        await self.following.aclose()
        await self.server.close()


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    opened = Journal.open(tmp_path)
    await opened.start(dict)
    yield opened
    await opened.close()


@pytest.fixture
async def port(journal: Journal) -> AsyncIterator[Port]:
    found = Port(journal)
    await found.server.start_server()
    yield found
    await found.close()


async def test_a_stream_begins_with_a_heartbeat_and_goes_on_with_what_happens(port: Port) -> None:
    reader = await port.read()
    assert reader.answer.headers["content-type"] == "text/event-stream"
    assert reader.answer.headers["cache-control"] == "no-store"
    assert await reader.next() == ("1", "heartbeat", {"at": "now"})
    await port.write("a")
    number, name, told = await reader.next()
    assert (number, name, told["id"]) == ("2", "action", "a")


async def test_who_comes_back_gets_what_was_missed(port: Port) -> None:
    await port.write("a", "b", "c")
    for query, headers in (
        ("", {**BEARER, "last-event-id": "3"}),
        ("?last_event_id=3", BEARER),
    ):
        reader = await port.read(query, headers)
        assert (await reader.next())[:2] == ("3", "heartbeat"), "it goes on from there"
        assert (await reader.next())[2]["id"] == "c"
        reader.answer.close()


async def test_who_missed_too_much_is_told_so_and_goes_on(port: Port) -> None:
    await port.write("a")
    reader = await port.read("?last_event_id=99")
    number, name, told = await reader.next()
    assert (number, name) == ("2", "reset")
    assert "not at hand" in told["why"]
    await port.write("b")
    assert (await reader.next())[2]["id"] == "b"


async def test_a_quiet_stream_beats(journal: Journal) -> None:
    port = Port(journal, heartbeat=0.01)
    await port.server.start_server()
    reader = await port.read()
    assert [(await reader.next())[1] for _ in range(3)] == ["heartbeat"] * 3
    await port.close()


async def test_only_operators_read_and_only_known_ids(port: Port) -> None:
    await port.read(headers={}, expected=401)
    for query in ("?last_event_id=x", "?last_event_id=1&last_event_id=2", "?after=1"):
        await port.read(query, expected=400)


async def test_a_session_that_ends_ends_its_stream_and_no_other(port: Port) -> None:
    token = (await port.post("session", {"secret": SECRET}, {}))["data"]["csrf_token"]
    mine, other = await port.read(headers={}), await port.read()
    await mine.next()
    await other.next()
    await port.post("logout", {}, {"x-helio-csrf": token})
    assert await mine.ended()
    await port.write("a")
    assert (await other.next())[1] == "action"


async def test_who_reads_too_slowly_is_told_and_let_go(journal: Journal) -> None:
    port = Port(journal, most_waiting=1)
    await port.server.start_server()
    reader = await port.read()
    await reader.next()
    charge = {"budget": "daily", "key": "global=", "amount": "7", "currency": "EUR"}
    await journal.append_intent(intent("c1", budgets=[charge]))
    await journal.append_outcome("outcome", outcome("c1"))
    number, name, _ = await reader.next()
    assert (number, name) == ("3.1", "reset"), "it is behind what it did not get"
    assert await reader.ended()
    await port.close()


async def test_there_are_only_so_many(port: Port, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "MOST_STREAMS", 2)
    first = await port.read()
    await port.read()
    refused = await port.read(expected=503)
    assert refused.answer.headers["retry-after"] == "5"
    first.answer.close()
    async with asyncio.timeout(10):
        while port.following.listening > 1:
            # A server notices at its next word that nobody is there.
            await port.write("a")
            await asyncio.sleep(0.01)
    await port.read()
