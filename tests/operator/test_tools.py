"""Tools on the operator port: what is accepted, what drifted, and who accepts it."""

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer
from yarl import URL

from helio.governance.catalogue import Catalogue, Change
from helio.governance.definitions import read_definition
from helio.governance.lock import ToolLock, accepted
from helio.operator.access import Access
from helio.operator.api import application
from helio.operator.tools import ToolsView
from helio.protocol.guards import host_rules, origin_rules

PAY: Mapping[str, object] = {"name": "pay", "annotations": {"readOnlyHint": False}}
LOOK: Mapping[str, object] = {"name": "look", "annotations": {"readOnlyHint": True}}


def lists(catalogue: Catalogue, *definitions: Mapping[str, object]) -> None:
    raw = [json.dumps(each).encode() for each in definitions]
    catalogue.replace([tool for each in raw for tool in read_definition(each)])


class Port:
    def __init__(self) -> None:
        self.catalogues = {"shop": Catalogue(), "bank": Catalogue()}
        self.noted: list[tuple[str, list[Change], str]] = []
        view = ToolsView(lambda: self.catalogues, lambda *noted: self.noted.append(noted))
        access = Access(host_rules(listen_host="127.0.0.1"), origin_rules(own_ports=[3100]), None)
        self.server = TestServer(application(access, view.routes()))
        self.client = ClientSession()

    async def tools(self, query: str = "") -> list[dict[str, Any]]:
        async with self.client.get(self.server.make_url(f"/api/tools{query}")) as answer:
            found = await answer.json()
        assert found["total"] == len(found["data"])
        return list(found["data"])

    async def approve(self, name: str, **body: str) -> tuple[int, Any]:
        root = self.server.make_url("/")
        url = URL(f"{root}api/tools/{name}/approve", encoded=True)
        said = {"approved_by": "ann", **body}
        async with self.client.post(url, json=said) as answer:
            return answer.status, await answer.json()


@pytest.fixture
async def port() -> AsyncIterator[Port]:
    found = Port()
    lists(found.catalogues["shop"], PAY, LOOK)
    lists(found.catalogues["bank"], PAY)
    await found.server.start_server()
    yield found
    await found.client.close()
    await found.server.close()


async def test_all_tools_are_listed_the_drifted_ones_first(port: Port) -> None:
    lists(port.catalogues["shop"], PAY | {"description": "other"}, LOOK)
    found = await port.tools()
    names = [(each["upstream"], each["name"], each["status"]) for each in found]
    assert names == [
        ("shop", "pay", "drifted"),
        ("bank", "pay", "accepted"),
        ("shop", "look", "accepted"),
    ]
    assert found[0]["drifted_aspects"] == ["description"]
    assert found[0]["fingerprint"] != found[0]["accepted_fingerprint"]
    assert (found[2]["destructive"], found[2]["annotations"]) == (False, {"readOnlyHint": True})
    assert [each["name"] for each in await port.tools("?upstream=bank")] == ["pay"]
    assert await port.tools("?upstream=none") == []


async def test_what_drifted_is_accepted_by_an_operator_who_is_recorded(port: Port) -> None:
    catalogue = port.catalogues["shop"]
    lists(catalogue, PAY | {"description": "other"}, LOOK)
    (drifted, *_) = await port.tools()
    stale = {"fingerprint": "0" * 64}
    assert (await port.approve("pay", **stale))[0] == 409
    assert catalogue.drifts
    status, _ = await port.approve("pay", fingerprint=drifted["fingerprint"])
    assert (status, dict(catalogue.drifts)) == (200, {})
    ((upstream, (change,), by),) = port.noted
    assert (upstream, change.event, change.tool, by) == ("shop", "accepted", "pay", "ann")
    assert (change.aspects, change.current) == (("description",), drifted["fingerprint"])
    assert (await port.approve("pay"))[0] == 409, "it is as it was accepted"


async def test_a_tool_that_is_gone_is_let_go(port: Port) -> None:
    lists(port.catalogues["shop"], PAY)
    assert (await port.approve("look"))[0] == 200
    assert port.noted[0][1][0].event == "released"
    assert [each["name"] for each in await port.tools("?upstream=shop")] == ["pay"]
    lists(port.catalogues["shop"], PAY, LOOK | {"description": "another one"})
    assert not port.catalogues["shop"].drifts, "it is seen for the first time"


async def test_what_cannot_be_accepted_is_not(port: Port) -> None:
    assert (await port.approve("nothing"))[0] == 404
    changed = PAY | {"description": "other"}
    for catalogue in port.catalogues.values():
        lists(catalogue, changed)
    assert (await port.approve("pay"))[0] == 409, "which one?"
    assert (await port.approve("pay", upstream="bank"))[0] == 200
    lists(port.catalogues["shop"], changed, changed)
    status, body = await port.approve("pay", upstream="shop")
    assert (status, "duplicate" in body["error"]) == (409, True)
    held = accepted(json.dumps(PAY).encode())
    assert held is not None
    lock = ToolLock({"shop": {"pay": held}})
    port.catalogues["shop"].lock(lock.pins("shop"))
    lists(port.catalogues["shop"], changed)
    status, body = await port.approve("pay", upstream="shop")
    assert (status, "helio tools approve" in body["error"]) == (409, True)
    assert port.catalogues["shop"].drifts


async def test_names_may_hold_any_character(port: Port) -> None:
    odd = {"name": "files/read it"}
    lists(port.catalogues["shop"], PAY, LOOK, odd)
    lists(port.catalogues["shop"], PAY, LOOK, odd | {"description": "other"})
    assert (await port.approve("files%2Fread%20it"))[0] == 200


async def test_what_changed_is_told_line_by_line(port: Port) -> None:
    shop = port.catalogues["shop"]
    lists(shop, PAY | {"description": "Pays twice."})

    async def diff(name: str) -> Any:
        async with port.client.get(port.server.make_url(f"/api/tools/{name}/diff")) as answer:
            return answer.status, (await answer.json()).get("data")

    status, told = await diff("pay")
    assert (status, told["accepted"], told["listed"]) == (
        200,
        shop.drifts["pay"].pinned,
        shop.drifts["pay"].current,
    )
    assert [each for each in told["diff"][2:] if each[0] in "+-"] == [
        '+  "description": "Pays twice.",'
    ]
    _, gone = await diff("look")
    assert all(each[0] == "-" for each in gone["diff"][3:-1])
    assert '-  "name": "look"' in gone["diff"]
    assert (await diff("nothing"))[0] == 404
    shop.restore({name: pin.without_definition() for name, pin in shop.pins.items()})
    lists(shop, PAY | {"description": "Pays thrice."})
    assert (await diff("pay"))[1]["diff"] is None
