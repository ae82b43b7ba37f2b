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
from helio.operator.replaying import replay_route
from helio.protocol.guards import host_rules, origin_rules


class Port:
    """Judges nothing, but keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str | None, str]] = []
        self.going_on = asyncio.Event()
        self.going_on.set()
        self.begun = asyncio.Event()
        access = Access(host_rules(listen_host="127.0.0.1"), origin_rules(own_ports=[3100]), None)
        self.server = TestServer(application(access, [replay_route(self.judge)]))
        self.client = ClientSession()

    async def judge(self, policy: str | None, since: str) -> bytes:
        self.asked.append((policy, since))
        self.begun.set()
        await self.going_on.wait()
        return b'{"calls": 12345678901234567890}'

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
