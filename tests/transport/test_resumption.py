"""Agents that come back for the rest of a stream (2025-11-25, Transports, Resumability)."""

import asyncio

import pytest

from helio.transport import resumption
from transport.house import (
    EVENTS,
    SESSION,
    Agent,
    House,
    OpenHouse,
    Reply,
    chunk,
    result,
    tool_call,
)
from upstream.peers import Conversation, Handler

PRIMING = b"id: 7\nretry: 10\ndata: \n\n"
ANSWER = b"event: message\nid: 9\ndata: " + result() + b"\n\n"


def note(identifier: int, size: int = 0) -> bytes:
    """An event with a notification."""
    message = b'{"jsonrpc":"2.0","method":"notifications/x","params":{"n":"%b"}}' % (b"n" * size)
    return b"id: %d\ndata: %b\n\n" % (identifier, message)


class Server:
    """Streams `first` on a POST and ends it; streams what a test `tells` on the GET after it."""

    def __init__(self, first: bytes = PRIMING) -> None:
        self.asked: list[tuple[str, str | None]] = []
        self.polled = asyncio.Event()
        self._first = first
        self._told: asyncio.Queue[bytes | None] = asyncio.Queue()

    def tell(self, *events: bytes) -> None:
        """Sends these on the stream that is open, or on the next one."""
        for event in events:
            self._told.put_nowait(event)

    def end(self) -> None:
        """Ends that stream."""
        self._told.put_nowait(None)

    @property
    def handler(self) -> Handler:
        """For `house`."""
        return self._handle

    async def _handle(self, conversation: Conversation) -> None:
        while (request := await conversation.request()) is not None:
            self.asked.append((request.method, request.header("last-event-id")))
            if request.method == "DELETE":
                await conversation.send(b"HTTP/1.1 204 No Content\r\n\r\n")
                continue
            await conversation.send(EVENTS)
            if request.method == "POST":
                await conversation.send(chunk(self._first) + chunk(b""))
                continue
            self.polled.set()
            while (event := await self._told.get()) is not None:
                await conversation.send(chunk(event))
            await conversation.send(chunk(b""))


async def call(door: House, headers: str = SESSION) -> Reply:
    """A call whose stream ends early: what the agent had of it."""
    reply = await door.post(tool_call(), headers)
    assert reply.whole
    return reply


async def come_back(door: House, place: str, headers: str = SESSION) -> Agent:
    """A GET for what came after the event with this id."""
    agent = await door.agent()
    accept = "" if "accept" in headers else "accept: text/event-stream\r\n"
    await agent.ask(None, "GET", f"{headers}{accept}last-event-id: {place}\r\n")
    return agent


async def test_a_stream_that_ends_early_goes_on_where_the_agent_comes_back(
    house: OpenHouse,
) -> None:
    server = Server()
    door = await house(server.handler)
    assert (await call(door)).body == PRIMING
    agent = await come_back(door, "7")
    server.tell(note(8), ANSWER)
    reply = await agent.reply()
    assert (reply.body, reply.whole) == (note(8) + ANSWER, True)
    assert reply.headers["content-type"] == "text/event-stream"
    # Helio asked once, for itself.
    assert server.asked == [("POST", None), ("GET", "7")]
    assert (await door.outcome())["status"] == "answered"


async def test_the_connection_is_free_for_the_coming_back(house: OpenHouse) -> None:
    """The request goes on behind the answer that ended, and no other one waits for it."""
    door = await house(Server().handler)
    agent = await door.agent()
    await agent.ask(tool_call(), headers=SESSION)
    assert (await agent.reply()).whole
    await agent.ended()


async def test_an_answer_waits_for_the_agent_once_it_is_recorded(house: OpenHouse) -> None:
    server = Server()
    door = await house(server.handler)
    await call(door)
    server.tell(ANSWER)
    assert (await door.outcome())["status"] == "answered"
    for _ in range(2):
        assert (await (await come_back(door, "7")).reply()).body == ANSWER
    assert len(server.asked) == 2


async def test_a_call_whose_agent_never_comes_back_has_its_record(house: OpenHouse) -> None:
    server = Server()
    door = await house(server.handler)
    await call(door)
    await server.polled.wait()
    server.tell(note(8), ANSWER)
    outcome = await door.outcome()
    assert (outcome["status"], outcome["upstream_response"]) == ("answered", result().decode())


async def test_a_stream_may_end_early_again_and_again(house: OpenHouse) -> None:
    server = Server()
    door = await house(server.handler)
    await call(door)
    for place in (8, 9, 10):
        agent = await come_back(door, str(place - 1))
        server.tell(note(place))
        server.end()
        reply = await agent.reply()
        assert (reply.body, reply.whole) == (note(place), True)
    agent = await come_back(door, "10")
    server.tell(ANSWER)
    assert (await agent.reply()).body == ANSWER
    assert [place for _, place in server.asked] == [None, "7", "8", "9", "10"]


async def test_an_agent_that_lost_its_stream_gets_what_it_missed(house: OpenHouse) -> None:
    """Its upstream's stream did not end, and is not asked for a second time."""
    told: asyncio.Queue[bytes] = asyncio.Queue()
    methods: list[str] = []

    async def handler(conversation: Conversation) -> None:
        request = await conversation.request()
        assert request is not None
        methods.append(request.method)
        await conversation.send(EVENTS + chunk(PRIMING) + chunk(note(8)))
        while True:
            await conversation.send(chunk(await told.get()))

    door = await house(handler)
    agent = await door.agent()
    await agent.ask(tool_call(), headers=SESSION)
    await agent.head()
    agent.leave()
    again = await come_back(door, "7")
    told.put_nowait(ANSWER)
    assert (await again.reply()).body == note(8) + ANSWER
    assert methods == ["POST"]


async def test_no_message_is_on_two_streams(house: OpenHouse) -> None:
    server = Server()
    door = await house(server.handler)
    await call(door)
    before, after = await come_back(door, "7"), None
    await before.head()
    after = await come_back(door, "7")
    await before.ended()
    server.tell(ANSWER)
    assert (await after.reply()).body == ANSWER


@pytest.mark.parametrize(
    ("place", "headers"),
    [
        ("7", "mcp-session-id: another\r\n"),
        ("7", ""),
        ("6", SESSION),
        ("7", SESSION + "accept: application/json\r\n"),
    ],
)
async def test_any_other_place_is_the_upstreams_to_know(
    house: OpenHouse, place: str, headers: str
) -> None:
    server = Server()
    door = await house(server.handler)
    await call(door)
    await server.polled.wait()
    await come_back(door, place, headers)
    await door.until(lambda: len(server.asked) == 3)
    assert server.asked[2] == ("GET", place)


async def test_without_a_session_the_stream_does_not_end(house: OpenHouse) -> None:
    server = Server()
    door = await house(server.handler)
    server.tell(ANSWER)
    assert (await call(door, "")).body == PRIMING + ANSWER


async def test_a_session_that_ended_has_nothing_to_come_back_for(house: OpenHouse) -> None:
    server = Server()
    door = await house(server.handler)
    await call(door)
    server.tell(ANSWER)
    await door.outcome()
    agent = await door.agent()
    await agent.ask(None, "DELETE", SESSION)
    await agent.reply()
    await come_back(door, "7")
    await door.until(lambda: ("GET", "7") in server.asked[2:])


async def test_only_the_end_of_a_long_stream_is_kept(house: OpenHouse) -> None:
    server = Server(PRIMING + note(8, resumption.KEPT_BYTES) + note(9) + note(10))
    door = await house(server.handler)
    await call(door)
    await server.polled.wait()
    agent = await come_back(door, "9")
    server.tell(ANSWER)
    assert (await agent.reply()).body == note(10) + ANSWER
    await come_back(door, "7")
    await door.until(lambda: ("GET", "7") in server.asked)


async def test_all_streams_together_keep_so_much(
    house: OpenHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resumption, "ALL_KEPT_BYTES", 5 * resumption.EVENT_COST)
    asked: list[int] = []

    async def handler(conversation: Conversation) -> None:
        """The streams of a call begin with the events 10 and 11, 20 and 21, and so on."""
        while (request := await conversation.request()) is not None:
            place = int(request.header("last-event-id") or 0)
            asked.append(place)
            event = ANSWER.replace(b"id: 9", b"id: %d" % (place + 1))
            if request.method == "POST":
                event = PRIMING.replace(b"id: 7", b"id: %d" % (10 * len(asked)))
            await conversation.send(EVENTS + chunk(event) + chunk(b""))

    door = await house(handler)
    for calls in (1, 2, 3):
        place = (await call(door)).body.partition(b"\n")[0].removeprefix(b"id: ").decode()
        answer = (await (await come_back(door, place)).reply()).body
        assert answer.startswith(b"event: message\nid: %d\n" % (int(place) + 1))
        assert len(asked) == 2 * calls
    for again, upstream_is_asked in (("50", False), ("10", True)):
        before = len(asked)
        await (await come_back(door, again)).reply()
        assert (len(asked) > before) == upstream_is_asked


async def test_a_timeout_is_told_to_the_agent_that_comes_back(house: OpenHouse) -> None:
    door = await house(Server().handler, request_timeout=0.3)
    await call(door)
    reply = await (await come_back(door, "7")).reply()
    assert reply.events[-1]["error"]["data"]["reason"] == "upstream_timeout"
    assert (await door.outcome())["status"] == "indeterminate"


async def test_what_is_over_is_forgotten(house: OpenHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resumption, "KEPT_SECONDS", 0)
    server = Server()
    door = await house(server.handler)
    await call(door)
    agent = await come_back(door, "7")
    server.tell(ANSWER)
    await agent.reply()
    await come_back(door, "7")
    await door.until(lambda: ("GET", "7") in server.asked[2:])
