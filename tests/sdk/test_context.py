"""The SDK's client: what it sends, what it makes of answers, and of none."""

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from helio.sdk import (
    AsyncHelioClient,
    AsyncHelioContext,
    EvidenceMark,
    EvidenceMissing,
    HelioClient,
    HelioContext,
    HelioError,
    HelioUnreachable,
    RequestRefused,
    TokenRefused,
    TooManyRequests,
)
from sdk.stub import Stub, serving

TOKEN = "the-token-of-the-sdk"


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stub]:
    monkeypatch.setenv("HELIO_SDK_TOKEN", TOKEN)
    monkeypatch.delenv("HELIO_SESSION_ID", raising=False)
    monkeypatch.delenv("HELIO_AGENT_ID", raising=False)
    with serving() as found:
        yield found


def test_a_mark_is_what_was_said(stub: Stub) -> None:
    with HelioContext(stub.url, "s1") as ctx:
        ctx.mark_evidence("orders.lookup", "order_data", {"id": 7}, ttl=60)
        ctx.set("user", "bob")
    mark = {
        "session_id": "s1",
        "tool_name": "orders.lookup",
        "evidence_key": "order_data",
        "data": {"id": 7},
        "ttl": 60,
    }
    context = {"session_id": "s1", "key": "user", "value": "bob"}
    assert stub.asked == [
        ("POST", "/evidence", mark, f"Bearer {TOKEN}"),
        ("POST", "/context", context, f"Bearer {TOKEN}"),
    ]
    assert len(stub.lines) == 1


def test_the_session_is_that_of_the_environment_or_new(
    stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = HelioContext(stub.url), HelioContext(stub.url)
    assert first.session_id != second.session_id
    assert first.headers == {"x-helio-session-id": first.session_id}
    monkeypatch.setenv("HELIO_SESSION_ID", "given")
    monkeypatch.setenv("HELIO_AGENT_ID", "shop")
    with HelioContext(stub.url) as ctx:
        ctx.mark_evidence("a", "b", None)
        assert ctx.session_id == "given"
    assert stub.asked[0][2]["agent_id"] == "shop"


def state(*evidence: tuple[str, bool]) -> Any:
    return {"data": {"evidence": [{"name": name, "expired": old} for name, old in evidence]}}


def test_required_evidence_is_there_or_named(stub: Stub) -> None:
    found = state(("order_data", False), ("order_data", True), ("old", True))
    stub.answer = lambda _path, _body: (200, found)
    with HelioContext(stub.url, "s 1/ü", agent_id="a b") as ctx:
        ctx.require_evidence(["order_data"])
        ctx.require_evidence("order_data")
        with pytest.raises(EvidenceMissing, match="missing: never; expired: old") as lacking:
            ctx.require_evidence(["never", "old", "order_data"])
    assert (lacking.value.missing, lacking.value.expired) == (("never",), ("old",))
    assert stub.asked[0][1] == "/session/s%201%2F%C3%BC?agent=a+b"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, RequestRefused),
        (401, TokenRefused),
        (403, TokenRefused),
        (413, RequestRefused),
        (422, RequestRefused),
        (429, TooManyRequests),
        (503, RequestRefused),
    ],
)
def test_a_refusal_says_why(stub: Stub, status: int, kind: type[RequestRefused]) -> None:
    stub.answer = lambda _path, _body: (status, {"error": "it is so", "reason": "a_word"})
    stub.headers = {"retry-after": "7"}
    with HelioContext(stub.url) as ctx, pytest.raises(kind, match="it is so") as refused:
        ctx.mark_evidence("a", "b", 1)
    assert (refused.value.status, refused.value.reason) == (status, "a_word")
    assert getattr(refused.value, "retry_after", 7) == 7


@pytest.mark.parametrize("body", [b"<html>", b"", b"[]"])
def test_what_is_no_helio_is_said_to_be_none(stub: Stub, body: bytes) -> None:
    stub.answer = lambda _path, _body: (200, body)
    with HelioContext(stub.url) as ctx, pytest.raises(RequestRefused, match="no answer of Helio"):
        ctx.set("a", 1)


def test_many_marks_go_in_several_requests(stub: Stub) -> None:
    stub.answer = lambda _path, body: (201, {"data": body["marks"]})
    client = HelioClient(stub.url)
    marks = [EvidenceMark("s", "t", "k", number) for number in range(1500)]
    kept = client.mark_evidence(marks)
    client.close()
    assert [each["data"] for each in kept] == list(range(1500))
    assert [len(each[2]["marks"]) for each in stub.asked] == [1000, 500]
    assert client.mark_evidence([]) == []


def test_a_connection_that_was_closed_meanwhile_is_no_error(stub: Stub) -> None:
    stub.hang_up = True
    with HelioContext(stub.url) as ctx:
        for number in range(3):
            ctx.set("a", number)
    assert [each[2]["value"] for each in stub.asked] == [0, 1, 2]
    assert len(stub.lines) == 3


def test_threads_share_a_context(stub: Stub) -> None:
    everybody = threading.Barrier(8)

    def answer(_path: str, body: Any) -> tuple[int, Any]:
        if body["key"] == "together":
            everybody.wait(10)  # Only eight requests at once get further.
        return 201, {"data": {}}

    stub.answer = answer
    with HelioContext(stub.url) as ctx, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: ctx.set("together", number), range(8)))
        list(pool.map(lambda number: ctx.set("a", number), range(200)))
    values = sorted(each[2]["value"] for each in stub.asked if each[2]["key"] == "a")
    assert values == list(range(200))
    assert len(stub.lines) == 8


@pytest.mark.parametrize("url", ["127.0.0.1:3200", "ftp://a", "http://", ""])
def test_an_url_that_is_none_is_said_at_once(url: str) -> None:
    with pytest.raises(HelioError, match="no URL of a Helio"):
        HelioContext(url)


def test_a_helio_that_is_away_is_said_to_be(free_port: int) -> None:
    ctx = HelioContext(f"http://127.0.0.1:{free_port}", token=TOKEN)
    with pytest.raises(HelioUnreachable, match=f"127.0.0.1:{free_port}.*is `helio start` running"):
        ctx.set("a", 1)


def test_a_helio_that_says_nothing_is_waited_for_so_long(free_port: int) -> None:
    with socket.create_server(("127.0.0.1", free_port)):
        ctx = HelioContext(f"http://127.0.0.1:{free_port}", token=TOKEN, timeout=0.1)
        began = time.monotonic()
        with pytest.raises(HelioUnreachable, match="timed out"):
            ctx.set("a", 1)
        assert time.monotonic() - began < 5


def test_without_a_token_it_says_where_there_is_one(
    stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HELIO_SDK_TOKEN")
    with pytest.raises(HelioError, match="HELIO_SDK_TOKEN is not set"):
        HelioContext(stub.url).set("a", 1)
    with pytest.raises(HelioError, match="holds what no token holds"):
        HelioContext(stub.url, token="a\r\nx: y").set("a", 1)
    assert stub.asked == []


@pytest.mark.parametrize("value", [object(), float("nan"), {1, 2}])
def test_what_is_no_json_is_not_sent(stub: Stub, value: object) -> None:
    with HelioContext(stub.url) as ctx, pytest.raises(HelioError, match="this is not JSON"):
        ctx.mark_evidence("a", "b", value)
    assert stub.asked == []


async def test_the_twins_do_the_same(stub: Stub) -> None:
    stub.answer = lambda path, _body: (
        200,
        state(("k", False)) if "/session" in path else {"data": {}},
    )
    async with AsyncHelioContext(stub.url, "s1") as ctx:
        await ctx.mark_evidence("t", "k", 1)
        await ctx.set("a", 1)
        await ctx.require_evidence(["k"])
        with pytest.raises(EvidenceMissing):
            await ctx.require_evidence(["never"])
        assert (ctx.session_id, ctx.headers) == ("s1", {"x-helio-session-id": "s1"})
        assert (await ctx.get_evidence_state())["evidence"][0]["name"] == "k"
    client = AsyncHelioClient(stub.url)
    await client.mark_evidence([EvidenceMark("s2", "t", "k", 1)])
    await client.set_context("s2", "a", 1)
    await client.session("s2")
    await client.aclose()
    paths = [each[1] for each in stub.asked]
    assert paths == [
        "/evidence",
        "/context",
        *["/session/s1"] * 3,
        "/evidence",
        "/context",
        "/session/s2",
    ]
