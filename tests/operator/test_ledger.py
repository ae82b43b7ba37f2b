"""What operators are told of a budget's charges."""

import csv
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer

from answering import answered
from helio.audit.asking.line import Line
from helio.audit.index import Index
from helio.audit.journal import Journal
from helio.operator.access import Access
from helio.operator.api import application
from helio.operator.ledger import Ledger
from helio.operator.questions import Asking
from helio.protocol.guards import host_rules, origin_rules

MONEY = "/api/budgets/money/events"


class Port:
    """A served operator port over a journal with three charges; `line` may be taken away."""

    def __init__(self, line: Line) -> None:
        self.line: Line | None = line
        ledger = Ledger(Asking(lambda: self.line), lambda: {"money", "unused"})
        access = Access(
            hosts=host_rules(listen_host="127.0.0.1"),
            origins=origin_rules(own_ports=[3100]),
            secret=None,
        )
        self.server = TestServer(application(access, ledger.routes()))

    async def get(self, path: str) -> tuple[int, Any, str]:
        """Status, text and media type of an answer."""
        async with (
            ClientSession() as client,
            client.get(self.server.make_url(path)) as answer,
        ):
            return answer.status, await answer.text(), answer.content_type


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[Port]:
    journal = Journal.open(tmp_path / "audit")
    await journal.start(dict)
    for number, amount in enumerate(["1.50", "0.1", "20"]):
        charge = {"budget": "money", "key": "global=", "amount": amount, "currency": "GBP"}
        call = {
            "call_id": f"c{number}",
            "timestamp": f"2026-01-02T03:04:0{number}.000000Z",
            "tool_name": "=pay",
            "budgets": [{**charge, "contributor": 0}],
        }
        await journal.append_intent(call)
        await journal.append_outcome("outcome", {"call_id": f"c{number}", "status": "answered"})
    async with answered(journal) as line:
        found = Port(line)
        await found.server.start_server()
        yield found
        await found.server.close()
    await journal.close()


async def test_events_are_a_list_newest_first(port: Port) -> None:
    status, text, media_type = await port.get(MONEY + "?limit=2")
    assert (status, media_type) == (200, "application/json")
    assert '"amount":0.1,' in text
    found = json.loads(text)
    assert [row["id"] for row in found["data"]] == ["c2", "c1"]
    assert (found["total"], found["limit"], found["offset"]) == (3, 2, 0)
    filtered = json.loads((await port.get(MONEY + "?to=2026-01-02T03:04:01Z"))[1])
    assert [row["amount"] for row in filtered["data"]] == [1.5]
    assert filtered["limit"] == 100
    assert json.loads((await port.get(MONEY + "?limit=99999"))[1])["limit"] == 1000


async def test_the_export_is_whole_and_oldest_first(port: Port) -> None:
    status, text, media_type = await port.get(MONEY + "/export")
    assert (status, media_type) == (200, "application/json")
    assert '"amount":1.50,' in text
    assert [row["id"] for row in json.loads(text)] == ["c0", "c1", "c2"]
    status, text, media_type = await port.get(MONEY + "/export?format=csv&offset=1")
    assert (status, media_type) == (200, "text/csv")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [(row["id"], row["tool_name"]) for row in rows] == [("c1", "'=pay"), ("c2", "'=pay")]


@pytest.mark.parametrize("path", ["", "/export"])
async def test_what_cannot_be_answered_says_why(port: Port, path: str) -> None:
    assert (await port.get(f"/api/budgets/other/events{path}"))[0] == 404
    assert (await port.get(f"/api/budgets/unused/events{path}"))[0] == 200
    status, text, _ = await port.get(f"{MONEY}{path}?colour=red")
    assert (status, json.loads(text)["error"][:6]) == (400, "colour")
    assert (await port.get(f"{MONEY}/export?format=xml"))[0] == 400
    port.line = None
    status, text, _ = await port.get(MONEY + path)
    assert status == 503
    assert json.loads(text) == {"error": "the audit's index cannot be asked: it is loading"}


async def test_an_index_that_lags_behind_answers_nothing(
    port: Port, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Index, "refresh", lambda *_: False)
    status, text, _ = await port.get(MONEY)
    assert (status, "yet to read" in text) == (503, True)
