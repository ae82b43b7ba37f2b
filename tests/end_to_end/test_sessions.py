"""Sessions as the wire has them: their headers, their end, and ids that are used again."""

import http.client
import json
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from end_to_end.agent import outcome_of
from end_to_end.pairs import Pair, running_pair, running_sdk_server
from end_to_end.wire import HEADERS, Reply, request

pytestmark = pytest.mark.end_to_end

ALWAYS = 1
"""The id of every request here; there are clients that never use another."""


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    directory = tmp_path_factory.mktemp("sessions")
    with (
        running_sdk_server(directory) as url,
        running_pair(directory, url, "", "30s") as running,
    ):
        yield running


@pytest.fixture(params=["direct", "through Helio"])
def url(request: pytest.FixtureRequest, pair: Pair) -> str:
    """Where the client connects: what holds here holds with Helio and without it."""
    return pair.direct if request.param == "direct" else pair.helio.mcp_url


def open_session(url: str) -> dict[str, str]:
    """Shakes hands; the headers of all that follows."""
    reply = post(
        url,
        {},
        "initialize",
        {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "by hand", "version": "1"},
        },
    )
    assert reply.status == 200
    session = {"mcp-session-id": reply.headers["mcp-session-id"]}
    body = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    assert request(url, json.dumps(body).encode(), headers=session).status == 202
    return session


def post(url: str, session: dict[str, str], method: str, params: Any) -> Reply:
    body = {"jsonrpc": "2.0", "id": ALWAYS, "method": method, "params": params}
    return request(url, json.dumps(body).encode(), headers=session)


def call(url: str, session: dict[str, str], tool: str, arguments: dict[str, Any]) -> Any:
    """The message that answers a `tools/call`."""
    reply = post(url, session, "tools/call", {"name": tool, "arguments": arguments})
    assert reply.status == 200
    return answer_of(reply)


def answer_of(reply: Reply) -> Any:
    """The last message of an event stream."""
    data = [line[5:] for line in reply.body.splitlines() if line.startswith(b"data:")]
    return json.loads(data[-1])


def text_of(message: Any) -> str:
    assert message["id"] == ALWAYS
    return str(message["result"]["content"][0]["text"])


def test_one_id_serves_for_a_whole_session(url: str) -> None:
    session = open_session(url)
    for number in range(10):
        assert text_of(call(url, session, "echo", {"text": str(number)})) == str(number)


def test_one_id_in_many_sessions_at_once(url: str) -> None:
    found: dict[str, str] = {}

    def talk() -> None:
        session = open_session(url)
        name = session["mcp-session-id"]
        found[name] = text_of(call(url, session, "echo", {"text": name}))

    threads = [threading.Thread(target=talk) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(found) == 8
    assert all(name == answer for name, answer in found.items())


def test_a_cancellation_reaches_only_the_session_that_sent_it(url: str, pair: Pair) -> None:
    left, right = open_session(url), open_session(url)
    replies: list[Any] = []

    def wait_long() -> None:
        replies.append(call(url, right, "long", {"steps": 1, "pause": 1.0}))

    waiting = threading.Thread(target=wait_long)
    waiting.start()
    params = {"requestId": ALWAYS, "reason": "not mine"}
    body = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}
    assert request(url, json.dumps(body).encode(), headers=left).status == 202
    waiting.join(20)
    assert text_of(replies[0]) == "1 steps"


def test_a_session_ends_with_delete(url: str) -> None:
    session = open_session(url)
    assert request(url, method="DELETE", headers=session).status == 200
    reply = post(url, session, "tools/list", {})
    assert reply.status == 404
    assert request(url, method="DELETE", headers=session).status == 404


def test_a_session_that_never_was_is_not_found(url: str) -> None:
    reply = post(url, {"mcp-session-id": "never-was"}, "tools/list", {})
    assert (reply.status, reply.message["error"]["message"]) == (404, "Session not found")
    accept = {"accept": "text/event-stream", "mcp-session-id": "never-was"}
    assert request(url, method="GET", headers=accept).status == 404


def test_a_session_has_one_stream(url: str) -> None:
    session = {**open_session(url), "accept": "text/event-stream"}
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
    try:
        connection.request("GET", parts.path, headers=session)
        stream = connection.getresponse()
        assert (stream.status, stream.getheader("content-type")) == (200, "text/event-stream")
        assert request(url, method="GET", headers=session).status == 409
    finally:
        connection.close()


def test_a_client_that_hangs_up_does_not_cancel(pair: Pair) -> None:
    """A disconnect is no cancellation in the legacy revisions: the call runs on, and its row tells
    how it ended.
    """
    url = pair.helio.mcp_url
    session = open_session(url)
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
    params = {
        "name": "long",
        "arguments": {"steps": 2, "pause": 0.3},
        "_meta": {"progressToken": 7},
    }
    body = {"jsonrpc": "2.0", "id": "left", "method": "tools/call", "params": params}
    connection.request("POST", parts.path, json.dumps(body), {**HEADERS, **session})
    stream = connection.getresponse()
    while b"notifications/progress" not in stream.readline():
        pass
    connection.close()
    # This one takes longer than the rest of the first.
    assert text_of(call(url, session, "long", {"steps": 3, "pause": 0.3})) == "3 steps"
    ends = [row for row in pair.helio.calls() if row["session_id"] == session["mcp-session-id"]]
    assert [outcome_of(row) for row in ends] == [("long", "answered")] * 2
