"""Calls from the question to the end: whoever gives one up says so."""

import asyncio
from collections.abc import Iterator
from threading import Event

import pytest

from adapters.standing_in import Port, standing_in
from helio.adapters import AdapterClient, Blocked, Call, Governor

ALLOWED = {"evaluation_id": "e1", "decision": "allow"}
HELD = {
    "evaluation_id": "e2",
    "decision": "require_approval",
    "approval": {"ticket_id": "t1", "status": "pending", "mode": "hold"},
}
DENIED = {
    "evaluation_id": "e2",
    "decision": "deny",
    "feedback": {
        "message": "ann denied this call: not that order",
        "suggestion": "Ask what they would accept.",
        "retry_allowed": False,
    },
    "approval": {"ticket_id": "t1", "status": "denied", "mode": "hold"},
}
GIVEN_UP = ("/audit", {"evaluation_id": "e2", "status": "not_executed"})


@pytest.fixture
def port() -> Iterator[Port]:
    with standing_in() as running:
        running.body = ALLOWED
        yield running


def governor(port: Port, wait: float = 30) -> Governor:
    return Governor(AdapterClient(port.url, token="t"), "shop", session_id="s1", wait=wait)


def refund() -> str:
    return "refunded"


def told(port: Port) -> list[tuple[str, object]]:
    return [(path, body) for path, _, body in port.asked]


def test_a_denial_is_told_with_the_persons_reason(port: Port) -> None:
    port.body, port.later = HELD, [HELD, DENIED]
    with pytest.raises(Blocked, match="ann denied this call: not that order") as caught:
        governor(port).run("refund", {}, refund)
    assert not caught.value.retry_allowed
    assert told(port)[1:] == [("/approval/t1", None)] * 2


def test_who_waited_long_enough_says_so(port: Port) -> None:
    port.body = HELD
    with pytest.raises(Blocked, match="A person has to approve this call") as caught:
        governor(port, wait=0).run("refund", {}, refund)
    assert caught.value.retry_allowed
    assert told(port)[1:] == [GIVEN_UP]


class Interrupted(Event):
    """Whoever waits for it is interrupted."""

    def wait(self, timeout: float | None = None) -> bool:
        raise KeyboardInterrupt


def test_an_interrupted_wait_is_given_up(port: Port) -> None:
    port.body = HELD
    with pytest.raises(KeyboardInterrupt):
        AdapterClient(port.url, token="t").decide(Call("shop", "refund"), given_up=Interrupted())
    assert told(port)[1:] == [GIVEN_UP]


async def test_a_cancelled_wait_is_given_up(port: Port) -> None:
    port.body, port.later = HELD, [HELD] * 1000

    async def never() -> None:
        raise AssertionError("it was made")

    calling = asyncio.create_task(governor(port).run_async("refund", {}, never))
    await asyncio.to_thread(port.wait_for, "/approval/t1")
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling
    await asyncio.to_thread(port.wait_for, "/audit")
    assert told(port)[-1] == GIVEN_UP


async def test_what_was_allowed_for_nobody_is_not_executed(port: Port) -> None:
    arrived, answering = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    class Slow(AdapterClient):
        def require(self, *given: object, **more: object):  # type: ignore[no-untyped-def]
            loop.call_soon_threadsafe(arrived.set)
            asyncio.run_coroutine_threadsafe(answering.wait(), loop).result(20)
            return super().require(*given, **more)  # type: ignore[arg-type]

    async def never() -> None:
        raise AssertionError("it was made")

    slow = Governor(Slow(port.url, token="t"), "shop")
    calling = asyncio.create_task(slow.run_async("refund", {}, never))
    await arrived.wait()
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling
    answering.set()
    await asyncio.to_thread(port.wait_for, "/audit")
    assert told(port)[-1] == ("/audit", {"evaluation_id": "e1", "status": "not_executed"})


def test_an_end_that_cannot_be_told_is_logged(port: Port, caplog: pytest.LogCaptureFixture) -> None:
    def lost() -> str:
        port.status = 500
        return "refunded"

    assert governor(port).run("refund", {}, lost) == "refunded"
    assert "was not told how a call ended" in caplog.text


def test_what_json_has_no_form_for_is_told_as_text(port: Port) -> None:
    assert governor(port).run("refund", {}, lambda: {7}) == {7}
    assert told(port)[-1][1]["result"] == "{7}"  # type: ignore[index]
