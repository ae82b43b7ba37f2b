"""What a member says, as the agent gets it."""

import pytest

from helio.errors import UpstreamFailed
from helio.upstream.aggregate import member
from helio.upstream.aggregate.member import Translated
from helio.upstream.made import StreamResponse, WholeResponse


def streamed(*events: bytes) -> StreamResponse:
    stream = StreamResponse(timeout=5.0, headers=[(b"mcp-session-id", b"theirs")])
    stream._pieces.extend(events)
    stream.end()
    return stream


def shown(response: StreamResponse | WholeResponse) -> Translated:
    return Translated(response, "shop", lambda body: body.replace(b"a", b"bb"), b"ours")


async def test_events_are_reworded_and_their_places_name_the_member() -> None:
    events = [b": comment\n\n", b"data: x\r\r", b"id: 1\nretry: 5\ndata: a\n\n", b"id: 2\n\n"]
    response = shown(streamed(*events, b"data: ", b"a\n", b"\n", b"event: q\ndata: b\n\ndata: cut"))
    assert [piece async for piece in response.chunks()] == [
        b": comment\n\n",
        b"data: x\r\r",
        b"event: message\nid: shop:1\nretry: 5\ndata: bb\n\n",
        b"id: shop:2\n\n",
        b"event: message\ndata: bb\n\n",
        b"event: q\ndata: b\n\n",
    ]


async def test_headers_name_the_agents_session() -> None:
    response = shown(streamed())
    assert response.header(b"mcp-session-id") == b"ours"
    assert [name for name, _ in response.headers].count(b"mcp-session-id") == 1
    assert response.header(b"content-type") == b"text/event-stream"
    modern = Translated(streamed(), "shop", lambda body: body, None)
    assert modern.header(b"mcp-session-id") is None


async def test_whole_answers_are_reworded() -> None:
    assert await shown(WholeResponse(200, b"a")).read(10) == b"bb"
    assert [piece async for piece in shown(WholeResponse(200, b"a")).chunks()] == [b"bb"]
    assert shown(WholeResponse(404, b"a")).status == 404
    assert await shown(streamed(b"data: a\n\n")).read(100) == b"event: message\ndata: bb\n\n"


async def test_answers_over_the_limit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UpstreamFailed, match="too_large"):
        await shown(streamed(b"data: a\n\n", b"data: a\n\n")).read(30)
    monkeypatch.setattr(member, "MESSAGE_LIMIT", 10)
    with pytest.raises(UpstreamFailed, match="too_large"):
        await shown(streamed(b"data: " + b"x" * 20)).read(100)


async def test_leaving_closes_the_members_answer() -> None:
    stream = streamed(b"data: a\n\n", b"data: a\n\n")
    chunks = shown(stream).chunks()
    assert await anext(chunks)
    await chunks.aclose()
    assert stream.closed
