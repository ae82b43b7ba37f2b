"""What another policy would have decided, on the operator port."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer

from helio.operator.access import Access
from helio.operator.api import application
from helio.operator.replaying import ReplayView, Told
from helio.protocol.guards import host_rules, origin_rules


class Port:
    """Judges nothing, but keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str | None, str]] = []
        self.going_on = asyncio.Event()
        self.going_on.set()
        self.begun = asyncio.Event()
        access = Access(host_rules(listen_host="127.0.0.1"), origin_rules(own_ports=[3100]), None)
        self.server = TestServer(application(access, ReplayView(self.judge).routes()))
        self.client = ClientSession()

    async def judge(self, policy: str | None, since: str, told: Told) -> bytes:
        self.asked.append((policy, since))
        told("1,000 of 2,000 calls")
        self.begun.set()
        await self.going_on.wait()
        return b'{"calls": 12345678901234567890}'

    async def of_now(self, method: str) -> tuple[int, Any]:
        url = self.server.make_url("/api/policy/replay")
        headers = {"content-type": "application/json"}
        async with self.client.request(method, url, headers=headers) as answer:
            return answer.status, await answer.json()

    async def replay(self, body: object) -> tuple[int, Any]:
        url = self.server.make_url("/api/policy/replay")
        headers = {"content-type": "application/json"}
        async with self.client.post(url, data=json.dumps(body), headers=headers) as answer:
            return answer.status, await answer.json()


@pytest.fixture
async def port() -> AsyncIterator[Port]:
    found = Port()
    await found.server.start_server()
    yield found
    await found.client.close()
    await found.server.close()


async def test_a_policy_or_the_file_is_judged_by(port: Port) -> None:
    report = {"data": {"calls": 12345678901234567890}}
    assert await port.replay({"policy": "version: '1'", "since": "7d"}) == (200, report)
    assert await port.replay({}) == (200, report)
    assert port.asked == [("version: '1'", "7d"), (None, "24h")]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"policy": 7}, "policy"),
        ({"since": "yesterday"}, "since"),
        ({"since": "0s"}, "since"),
        ({"since": "31d"}, "helio replay"),
        ({"until": "1h"}, "until"),
    ],
)
async def test_what_cannot_be_judged_by_is_refused(port: Port, body: object, why: str) -> None:
    status, told = await port.replay(body)
    assert (status, why in told["error"]) == (400, True), told
    assert port.asked == []


async def test_one_at_a_time(port: Port) -> None:
    port.going_on.clear()
    first = asyncio.create_task(port.replay({}))
    await port.begun.wait()
    status, told = await port.replay({})
    assert (status, "one at a time" in told["error"]) == (409, True)
    port.going_on.set()
    assert (await first)[0] == 200
    assert (await port.replay({}))[0] == 200


async def test_one_that_runs_says_how_far_it_is_and_is_cancelled(port: Port) -> None:
    assert await port.of_now("GET") == (200, {"data": None})
    assert (await port.of_now("DELETE"))[0] == 404
    port.going_on.clear()
    replay = asyncio.create_task(port.replay({}))
    await port.begun.wait()
    status, told = await port.of_now("GET")
    assert (status, told["data"]["progress"]) == (200, "1,000 of 2,000 calls")
    assert told["data"]["seconds"] >= 0
    assert await port.of_now("DELETE") == (200, {"ok": True})
    status, told = await replay
    assert (status, "cancelled" in told["error"]) == (409, True)
    assert await port.of_now("GET") == (200, {"data": None})
    port.going_on.set()
    assert (await port.replay({}))[0] == 200
