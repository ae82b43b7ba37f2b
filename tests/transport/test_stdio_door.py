"""Lines in, lines out, and every way it may end."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from typing import Any

import pytest

from helio.transport import stdio_door
from helio.transport.inbound import Inbound, Reply, Whole
from helio.transport.stdio_door import StdioDoor
from transport.house import tool_call
from transport.script import INITIALIZE, INITIALIZED, JSON, Script, answer


class Desk:
    """A stdio door on two pipes, and the agent at their other ends."""

    def __init__(self, script: Script, **options: Any) -> None:
        self.script = script
        read, self._input = os.pipe()
        self.output, write = os.pipe()
        self._inner = [read, write]
        settings: dict[str, Any] = {"max_body": 1 << 20, **options}
        self.door = StdioDoor(
            script,
            None,
            standard_input=read,
            standard_output=write,
            record_rejected=script.record_rejected,
            **settings,
        )
        self.serving = asyncio.ensure_future(self.door.serve())
        self._kept = b""

    async def say(self, *messages: bytes, end: bytes = b"\n") -> None:
        for each in messages:
            await asyncio.to_thread(_write_all, self._input, each + end)

    async def hear(self) -> bytes:
        """The next line."""
        async with asyncio.timeout(10):
            while b"\n" not in self._kept:
                piece = await asyncio.to_thread(os.read, self.output, 1 << 20)
                assert piece, "standard output ended"
                self._kept += piece
        line, _, self._kept = self._kept.partition(b"\n")
        return line

    async def hears(self) -> Any:
        return json.loads(await self.hear())

    async def open(self) -> None:
        await self.say(INITIALIZE, INITIALIZED)
        assert (await self.hears())["id"] == 0

    def hang_up(self) -> None:
        """Closes standard input."""
        os.close(self._input)
        self._input = -1

    def go_deaf(self) -> None:
        """Closes the reading end of standard output."""
        os.close(self.output)
        self.output = -1

    async def ended(self) -> None:
        async with asyncio.timeout(10):
            await self.serving

    async def close(self) -> None:
        self.door.stop()
        await self.ended()
        for descriptor in (self._input, self.output, *self._inner):
            if descriptor >= 0:
                os.close(descriptor)


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


@pytest.fixture
async def desks(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[Desk]]:
    monkeypatch.setattr(stdio_door, "PARTING_SECONDS", 0.2)
    opened: list[Desk] = []
    yield opened
    for desk in opened:
        await desk.close()


def desk_of(desks: list[Desk], script: Script, **options: Any) -> Desk:
    desk = Desk(script, **options)
    desks.append(desk)
    return desk


async def test_a_line_is_a_message(desks: list[Desk]) -> None:
    desk = desk_of(desks, Script(), session="task-1")
    await desk.open()
    await desk.say(tool_call("1"), b"", b"  \r", tool_call("2") + b"\r")
    answers = [await desk.hears() for _ in range(2)]
    assert [each["id"] for each in answers] == [1, 2]
    calls = desk.script.asked("tools/call")
    assert [inbound.header("x-helio-session-id") for inbound in calls] == ["task-1"] * 2
    assert [inbound.header("mcp-session-id") for inbound in calls] == ["s-1"] * 2


async def test_messages_may_come_all_at_once(desks: list[Desk]) -> None:
    desk = desk_of(desks, Script())
    await desk.say(b"\n".join([INITIALIZE, INITIALIZED, tool_call("1")]), end=b"")
    desk.hang_up()
    assert [(await desk.hears())["id"] for _ in range(2)] == [0, 1]
    await desk.ended()
    assert [inbound.method for inbound in desk.script.seen][-1] == "DELETE"


@pytest.mark.parametrize("size", [200_000, 10 << 20])
async def test_large_answers_are_one_line(desks: list[Desk], size: int) -> None:
    script = Script()

    async def call(inbound: Inbound) -> Reply:
        return Whole(200, JSON, answer(inbound, {"text": "y" * size}))

    script.on["tools/call"] = call
    desk = desk_of(desks, script)
    await desk.open()
    await desk.say(tool_call("1"), tool_call("2"))
    for identifier in (1, 2):
        got = await desk.hears()
        assert (got["id"], len(got["result"]["text"])) == (identifier, size)


async def test_a_line_over_the_cap_is_refused_and_the_next_is_taken(desks: list[Desk]) -> None:
    desk = desk_of(desks, Script(), max_body=200_000)
    await desk.open()
    fitting = tool_call("1", arguments='{"t":"' + "y" * 190_000 + '"}')
    await desk.say(b"x" * 4_000_000, fitting)
    refusal, taken = await desk.hears(), await desk.hears()
    assert (refusal["id"], refusal["error"]["data"]) == (None, {"reason": "body_too_large"})
    assert taken["id"] == 1
    assert desk.script.rejected == [("body_too_large", b"x" * 1024)]


async def test_calls_under_way_may_finish_after_the_input(desks: list[Desk]) -> None:
    script, go = Script(), asyncio.Event()

    async def call(inbound: Inbound) -> Reply:
        await go.wait()
        return Whole(200, JSON, answer(inbound))

    script.on["tools/call"] = call
    desk = desk_of(desks, script)
    await desk.open()
    await desk.say(tool_call("1"))
    desk.hang_up()
    async with asyncio.timeout(5):
        while not script.drained:  # noqa: ASYNC110 - a script has no event for it
            await asyncio.sleep(0.005)
    go.set()
    assert (await desk.hears())["id"] == 1
    await desk.ended()
    assert script.drained == [stdio_door.FINISH_SECONDS]


@pytest.mark.parametrize("hung_up", [True, False])
async def test_a_signal_leaves_them_a_moment(desks: list[Desk], hung_up: bool) -> None:
    script = Script()

    async def call(inbound: Inbound) -> Reply:
        await script.given_up.wait()
        return Whole(200, JSON, answer(inbound, {"given_up": True}))

    script.on["tools/call"] = call
    desk = desk_of(desks, script)
    await desk.open()
    await desk.say(tool_call("1"))
    async with asyncio.timeout(5):
        while not script.asked("tools/call"):  # noqa: ASYNC110 - a script has no event for it
            await asyncio.sleep(0.005)
    if hung_up:
        desk.hang_up()
        async with asyncio.timeout(5):
            while not script.drained:  # noqa: ASYNC110 - a script has no event for it
                await asyncio.sleep(0.005)
    desk.door.stop()
    await desk.ended()
    assert script.drained[-1] == 0.2
    assert (await desk.hears())["result"] == {"given_up": True}


async def test_nobody_reads_any_more(desks: list[Desk]) -> None:
    desk = desk_of(desks, Script())
    await desk.open()
    desk.go_deaf()
    await desk.say(tool_call("1"))
    await desk.ended()
    assert len(desk.script.asked("tools/call")) == 1


async def test_an_agent_that_reads_late_gets_all(desks: list[Desk]) -> None:
    script = Script()

    async def call(inbound: Inbound) -> Reply:
        return Whole(200, JSON, answer(inbound, {"text": "y" * 100_000}))

    script.on["tools/call"] = call
    desk = desk_of(desks, script)
    await desk.open()
    numbers = [str(number) for number in range(100)]
    saying = asyncio.ensure_future(desk.say(*(tool_call(number) for number in numbers)))
    await asyncio.sleep(0.1)
    got = [(await desk.hears())["id"] for _ in numbers]
    assert sorted(got) == list(range(100))
    await saying


@pytest.mark.parametrize("session", ["a\r\nx-evil: 1", "a\0"])
def test_a_session_is_no_way_to_other_headers(session: str) -> None:
    script = Script()
    with pytest.raises(ValueError, match="line end"):
        StdioDoor(
            script,
            None,
            standard_input=0,
            standard_output=1,
            max_body=1,
            record_rejected=script.record_rejected,
            session=session,
        )
