"""What operators are told of what happened."""

import asyncio
import csv
import io
import json
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer

from answering import answered
from helio.audit import analytics, feed
from helio.audit import query as asking_rows
from helio.audit.asking.line import Line
from helio.audit.chained import digest_at
from helio.audit.index import Index
from helio.audit.journal import Journal
from helio.errors import IndexUnavailable
from helio.operator.access import Access
from helio.operator.api import application
from helio.operator.audit import AuditView
from helio.operator.questions import Asking
from helio.protocol.guards import host_rules, origin_rules

LARGE = 300_000
"""Characters of a row's body, of which a few are more than a network holds back unseen."""


class Port:
    """A served operator port over a journal; `line` may be taken away."""

    def __init__(self, journal: Journal, line: Line) -> None:
        self.journal = journal
        self.line: Line | None = line
        self.asking = Asking(lambda: self.line)
        access = Access(host_rules(listen_host="127.0.0.1"), origin_rules(own_ports=[3100]), None)
        view = AuditView(self.asking)
        self.server = TestServer(application(access, view.routes()))

    async def intent(self, call_id: str, **data: object) -> None:
        await self.journal.append_intent(
            {
                "call_id": call_id,
                "timestamp": "2026-01-02T03:04:05.000000Z",
                "policy_decision": "allow",
                "tool_name": "pay",
                **data,
            }
        )

    async def outcome(self, call_id: str, **data: object) -> None:
        await self.journal.append_outcome(
            "outcome", {"call_id": call_id, "status": "answered", **data}
        )

    async def call(self, call_id: str, **data: object) -> None:
        await self.intent(call_id, **data)
        await self.outcome(call_id)

    async def blocked(self, call_id: str, reason: str, **data: object) -> None:
        await self.journal.append_durable(
            "blocked",
            {
                "call_id": call_id,
                "timestamp": "2026-01-02T04:04:05.000000Z",
                "policy_decision": "deny",
                "block_reason": reason,
                "tool_name": "delete",
                **data,
            },
        )

    async def ask(self, path: str) -> tuple[int, str, str]:
        """Status, text and media type of an answer."""
        async with (
            ClientSession() as client,
            client.get(self.server.make_url(path)) as answer,
        ):
            return answer.status, await answer.text(), answer.content_type

    async def get(self, path: str) -> Any:
        status, text, media_type = await self.ask(path)
        assert (status, media_type) == (200, "application/json"), text
        return json.loads(text)

    async def ids(self, path: str) -> list[str]:
        return [row["id"] for row in (await self.get(path))["data"]]

    async def error(self, path: str) -> tuple[int, str]:
        status, text, _ = await self.ask(path)
        return status, json.loads(text)["error"]


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[Port]:
    journal = Journal.open(tmp_path / "audit")
    await journal.start(dict)
    async with answered(journal) as line:
        found = Port(journal, line)
        await found.server.start_server()
        yield found
        await found.server.close()
    await journal.close()


async def test_the_feed_is_of_every_kind_newest_first_without_bodies(port: Port) -> None:
    await port.journal.append_durable("lifecycle", {"metadata": '{"event":"started"}'})
    await port.call("a", tool_input='{"x":1}')
    await port.blocked("b", "policy_denied")
    found = await port.get("/api/feed")
    kinds = [(row["record_kind"], row["policy_decision"]) for row in found["data"]]
    assert kinds == [("tool_call", "deny"), ("tool_call", "allow"), ("lifecycle", None)]
    assert found["data"][2]["metadata"] == {"event": "started"}
    assert "tool_input" not in found["data"][1]
    assert (found["total"], found["limit"], found["offset"]) == (3, 50, 0)


async def test_the_feed_goes_on_where_it_was_and_misses_no_call_that_took_long(port: Port) -> None:
    await port.intent("long")
    await port.call("short")
    first = await port.get("/api/feed")
    assert [row["id"] for row in first["data"]] == ["short"]
    await port.outcome("long")
    then = await port.get(f"/api/feed?after={first['latest']}")
    assert [row["id"] for row in then["data"]] == ["long"]
    last = await port.get(f"/api/feed?after={then['latest']}")
    assert (last["data"], last["total"], last["latest"]) == ([], 0, then["latest"])


async def test_a_feed_that_leaves_out_rows_says_so(port: Port) -> None:
    for number in range(3):
        await port.call(f"c{number}")
    found = await port.get("/api/feed?limit=1")
    assert ([row["id"] for row in found["data"]], found["total"]) == (["c2"], 3)


async def test_lists_are_filtered_and_paged_newest_first(port: Port) -> None:
    await port.call("a", session_id="s1", agent_id="ann", tool_input='{"n":1.10}')
    await port.call("b", session_id="s2", agent_id="bob", dry_run=True)
    await port.blocked("c", "rate_limited", session_id="s1")
    assert await port.ids("/api/audit") == ["c", "b", "a"]
    for query, expected in {
        "tool=PAY": ["b", "a"],
        "decision=deny": ["c"],
        "reason=rate_limited": ["c"],
        "blocked=true": ["c"],
        "session=s1": ["c", "a"],
        "agent=bob": ["b"],
        "upstream=none": [],
        "origin=mcp": [],
        "record_kind=tool_call": ["c", "b", "a"],
        "dry_run=true": ["b"],
        "from=2026-01-02T04:00:00Z": ["c"],
        "to=2026-01-02T05:00:00%2B01:00": ["b", "a"],
        "limit=1&offset=1": ["b"],
    }.items():
        assert await port.ids(f"/api/audit?{query}") == expected, query
    page = await port.get("/api/audit?limit=1&offset=1")
    assert (page["total"], page["limit"], page["offset"]) == (3, 1, 1)
    assert (await port.get("/api/audit?limit=5000"))["limit"] == 1000
    _, text, _ = await port.ask("/api/audit?agent=ann")
    assert '"tool_input":{"n":1.10}' in text
    assert '"timestamp":"2026-01-02T03:04:05.000000Z"' in text


async def test_one_row_is_whole_with_every_digit(port: Port) -> None:
    number = "123456789012345678901234567890.000"
    await port.call("a/b c", tool_input=f'{{"amount":{number}}}')
    status, text, _ = await port.ask("/api/audit/a%2Fb%20c")
    assert status == 200
    assert f'"tool_input":{{"amount":{number}}}' in text
    row = json.loads(text)["data"]
    assert (row["id"], row["outcome"], row["upstream_response"]) == ("a/b c", "answered", None)
    assert (row["seq"], row["hash"]) == (2, digest_at(port.journal.directory, 2))
    assert len(row["hash"]) == 64
    assert await port.error("/api/audit/other") == (404, "there is no row with this id")


async def test_exports_hold_all_oldest_first(port: Port) -> None:
    for number in range(3):
        await port.call(f"c{number}", tool_name="=pay", tool_input='{"n":1.10}')
    status, text, media_type = await port.ask("/api/audit/export")
    assert (status, media_type) == (200, "application/json")
    assert '{"n":1.10}' in text
    assert [row["id"] for row in json.loads(text)] == ["c0", "c1", "c2"]
    status, text, media_type = await port.ask("/api/audit/export?format=csv&offset=1&tool=pay")
    assert (status, media_type) == (200, "text/csv")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [(row["id"], row["tool_name"]) for row in rows] == [("c1", "'=pay"), ("c2", "'=pay")]
    assert await port.get("/api/audit/export?tool=none") == []


async def test_an_export_may_be_parquet(port: Port, tmp_path: Path) -> None:
    for number in range(3):
        await port.call(f"c{number}", tool_input='{"n":1.10}')
    url = port.server.make_url("/api/audit/export?format=parquet&offset=1")
    async with ClientSession() as client, client.get(url) as answer:
        assert (answer.status, answer.content_type) == (200, "application/vnd.apache.parquet")
        (tmp_path / "audit.parquet").write_bytes(await answer.read())
    exported = duckdb.read_parquet(str(tmp_path / "audit.parquet"))
    found = exported.project("id, tool_input").order("id").fetchall()
    assert found == [("c1", '{"n":1.10}'), ("c2", '{"n":1.10}')]


async def test_an_export_is_saved_under_a_name(port: Port) -> None:
    url = port.server.make_url("/api/audit/export?format=csv")
    async with ClientSession() as client, client.get(url) as answer:
        named = answer.headers["content-disposition"]
    assert named == 'attachment; filename="helio-audit.csv"'


async def test_an_export_of_much_comes_whole_and_in_pieces(port: Port) -> None:
    body = json.dumps("x" * LARGE)
    for number in range(20):
        await port.call(f"c{number}", tool_input=body)
    url = port.server.make_url("/api/audit/export")
    async with ClientSession() as client, client.get(url) as answer:
        assert "content-length" not in answer.headers
        rows = json.loads(await answer.read())
    assert len(rows) == 20
    assert all(len(row["tool_input"]) == LARGE for row in rows)


async def test_whoever_stops_reading_ends_the_export(port: Port) -> None:
    body = json.dumps("x" * LARGE)
    for number in range(40):
        await port.call(f"c{number}", tool_input=body)
    url = port.server.make_url("/api/audit/export")
    reader, writer = await asyncio.open_connection(url.host, url.port, limit=1024)
    writer.write(b"GET /api/audit/export HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
    assert b"200" in await reader.readline()
    writer.transport.abort()
    # Both places of exports are free again: else this would wait for them.
    for _ in range(3):
        assert len(await port.get("/api/audit/export?offset=39")) == 1


@pytest.mark.parametrize("error", [IndexUnavailable("the disk is gone"), ValueError("a slip")])
async def test_an_export_that_fails_midway_is_no_whole_one(
    port: Port, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    whole = asking_rows.rows

    def broken(*arguments: Any) -> Any:
        yield from list(whole(*arguments)) * 4
        raise error

    await port.call("c", tool_input=json.dumps("x" * LARGE))
    monkeypatch.setattr(asking_rows, "rows", broken)
    url = port.server.make_url("/api/audit/export")
    async with ClientSession() as client, client.get(url) as answer:
        assert answer.status == 200
        with pytest.raises(Exception, match=r"[Pp]ayload|reset"):
            await answer.read()


async def test_analytics_are_the_object_itself(port: Port) -> None:
    money = json.dumps({"GBP": "12345678901234567890.10"})
    await port.call("a", agent_id="ann", spend=money, total_duration_ms=5.0)
    await port.blocked("b", "policy_denied")
    status, text, _ = await port.ask("/api/analytics")
    assert status == 200
    assert '"total":12345678901234567890.1,' in text
    found = json.loads(text)
    assert set(found) == {
        "total",
        "allowed_total",
        "blocked_total",
        "dry_run_total",
        "by_decision",
        "by_block_reason",
        "top_tools",
        "top_agents",
        "latency",
        "per_hour",
        "spend",
    }
    assert (found["total"], found["blocked_total"]) == (2, 1)
    assert found["by_block_reason"] == {"policy_denied": 1}
    assert (await port.get("/api/analytics?tool=pay"))["total"] == 1
    _, stepped, _ = await port.ask("/api/analytics?tool=pay&step=1h")
    assert '"spend":{"GBP":12345678901234567890.1}' in stepped
    (step,) = json.loads(stepped)["per_step"]
    assert (step["at"], step["total"], step["latency"]["total"]["p50"]) == (
        "2026-01-02T03:00:00Z",
        1,
        5.0,
    )
    status, text, _ = await port.ask("/api/analytics?step=1w")
    assert (status, "step: '1w' is none" in text) == (400, True)


@pytest.mark.parametrize("path", ["/api/audit", "/api/audit/export", "/api/analytics"])
@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("colour=red", "colour: is not a filter; there are agent, blocked"),
        ("limit=-1", "limit: '-1' is not a whole number"),
        ("offset=9999999999999999999", "offset: '9999999999999999999' is not a whole number"),
        ("blocked=yes", "blocked: 'yes' is neither true nor false"),
        ("from=yesterday", "from: 'yesterday' is not an ISO 8601 date or time"),
        ("tool=a&tool=b", "tool: is given more than once"),
    ],
)
async def test_a_faulty_filter_is_named(port: Port, path: str, query: str, said: str) -> None:
    status, error = await port.error(f"{path}?{query}")
    assert (status, error.startswith(said)) == (400, True), error


async def test_faulty_questions_to_the_feed_and_exports_are_named(port: Port) -> None:
    for query, said in {
        "after=x": "after: 'x' is not a whole number",
        "limit=": "limit: '' is not a whole number",
        "tool=x": "tool: is not a filter; there are after, limit",
    }.items():
        assert await port.error(f"/api/feed?{query}") == (400, said)
    status, error = await port.error("/api/audit/export?format=xml")
    assert (status, error.startswith("format: there are json, csv, parquet")) == (400, True)


@pytest.mark.parametrize("path", ["feed", "audit", "audit/x", "audit/export", "analytics"])
async def test_without_an_index_it_says_when_to_come_again(port: Port, path: str) -> None:
    port.line = None
    url = port.server.make_url(f"/api/{path}")
    async with ClientSession() as client, client.get(url) as answer:
        assert (answer.status, answer.headers["retry-after"]) == (503, "2")
        error = (await answer.json())["error"]
    assert error == "the audit's index cannot be asked: it is loading"


async def test_an_index_that_lags_behind_answers_the_feed_alone(
    port: Port, monkeypatch: pytest.MonkeyPatch
) -> None:
    await port.call("a")
    assert await port.ids("/api/feed") == ["a"]
    monkeypatch.setattr(Index, "refresh", lambda *_: False)
    assert await port.ids("/api/feed") == ["a"]
    status, error = await port.error("/api/audit")
    assert (status, "yet to read" in error) == (503, True)


async def test_a_question_that_takes_too_long_is_ended(
    port: Port, monkeypatch: pytest.MonkeyPatch
) -> None:
    def endless(connection: Any, *_asked: object) -> object:
        connection.cursor().close()
        sql = "SELECT count(*) FROM range(10000000) a(i), range(100000) b(j) WHERE i * j % 7 = 3"
        return connection.cursor().execute(sql).fetchall()

    monkeypatch.setattr(port.asking.thorough, "_seconds", 0.3)
    monkeypatch.setattr(analytics, "analytics", endless)
    status, error = await port.error("/api/analytics")
    assert (status, error[:26]) == (503, "this took longer than 0.3 ")
    assert await port.ids("/api/audit") == []


async def test_no_question_waits_on_the_loop_nor_for_one_of_another_kind(
    port: Port, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More lists and sums are asked than there are threads for, and none gets its answer; the
    feed, the threads that everything else uses and the loop go on. One too many is told so."""
    release = threading.Event()
    monkeypatch.setattr(analytics, "analytics", lambda *_: release.wait(30) and {"spend": {}})
    monkeypatch.setattr(port.asking.thorough, "_room", 5)
    asked = [asyncio.create_task(port.ask("/api/analytics")) for _ in range(6)]
    done, waiting = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
    ((status, text, _),) = [each.result() for each in done]
    assert (status, json.loads(text)) == (503, {"error": "too many questions at once"})
    assert await port.ids("/api/feed") == []
    assert await asyncio.to_thread(lambda: "free") == "free"
    assert not any(each.done() for each in waiting)
    release.set()
    assert {status for status, *_ in await asyncio.gather(*waiting)} == {200}


def test_the_feed_has_the_place_of_every_row() -> None:
    assert feed.NAMES[:2] == ("seq", "ended_seq")


@pytest.mark.parametrize("path", ["feed", "audit", "audit/export", "analytics"])
async def test_a_head_request_has_no_body(port: Port, path: str) -> None:
    await port.call("c")
    url = port.server.make_url(f"/api/{path}")
    async with ClientSession() as client:
        async with client.head(url) as answer:
            assert (answer.status, await answer.read()) == (200, b"")
        async with client.get(url) as answer:
            assert answer.status == 200
