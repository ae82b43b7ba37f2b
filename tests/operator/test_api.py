"""The operator port: who may read what."""

import asyncio
from collections.abc import AsyncIterator, Mapping

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer

from helio.operator.access import Access
from helio.operator.api import application, health_route, policy_route
from helio.protocol.guards import host_rules, origin_rules

SECRET = "an-operators-secret"
WELL: dict[str, object] = {"status": "ok"}


class Port:
    """A served operator port; `health` may be changed."""

    def __init__(self, secret: str | None) -> None:
        self.health: Mapping[str, object] = WELL
        access = Access(
            hosts=host_rules(listen_host="127.0.0.1"),
            origins=origin_rules(own_ports=[3100]),
            secret=secret,
        )
        routes = [
            health_route(lambda: self.health),
            policy_route(lambda: {"digest": "sha256:00"}),
        ]
        self.server = TestServer(application(access, routes))

    async def get(
        self, path: str, headers: Mapping[str, str] | None = None, method: str = "GET"
    ) -> tuple[int, object, Mapping[str, str]]:
        """Status, JSON body and headers of an answer."""
        async with (
            ClientSession() as client,
            client.request(method, self.server.make_url(path), headers=headers) as answer,
        ):
            return answer.status, await answer.json(), answer.headers


@pytest.fixture
async def port() -> AsyncIterator[Port]:
    found = Port(SECRET)
    await found.server.start_server()
    yield found
    await found.server.close()


async def test_health_needs_no_secret(port: Port) -> None:
    assert (await port.get("/api/health"))[:2] == (200, {"status": "ok"})


async def test_health_says_when_nothing_can_be_recorded(port: Port) -> None:
    port.health = {"status": "unavailable"}
    assert (await port.get("/api/health"))[0] == 503
    port.health = {"status": "degraded"}
    assert (await port.get("/api/health"))[0] == 200


async def test_the_rest_needs_the_secret(port: Port) -> None:
    for authorization in (None, "Bearer", "Bearer wrong", f"Basic {SECRET}", SECRET, "Bearer é"):
        headers = {} if authorization is None else {"authorization": authorization}
        status, body, answered = await port.get("/api/policy", headers)
        assert (status, answered["www-authenticate"]) == (401, 'Bearer realm="helio"')
        assert isinstance(body, dict)
        assert "Authorization" in body["error"]
    for scheme in ("Bearer", "bearer"):
        status, body, _ = await port.get("/api/policy", {"authorization": f"{scheme} {SECRET}"})
        assert (status, body) == (200, {"data": {"digest": "sha256:00"}})


async def test_bytes_that_are_no_text_are_no_secret(port: Port) -> None:
    url = port.server.make_url("/api/policy")
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(
        b"GET /api/policy HTTP/1.0\r\nhost: 127.0.0.1\r\nauthorization: Bearer \xff\r\n\r\n"
    )
    assert (await reader.readline()).split()[1] == b"401"
    writer.close()


async def test_what_is_not_there_needs_the_secret_too(port: Port) -> None:
    assert (await port.get("/api/nothing"))[0] == 401
    status, body, _ = await port.get("/api/nothing", {"authorization": f"Bearer {SECRET}"})
    assert (status, body) == (404, {"error": "not found"})


async def test_another_method_is_refused_as_json(port: Port) -> None:
    status, body, headers = await port.get("/api/health", method="POST")
    assert (status, body) == (405, {"error": "method not allowed"})
    assert "GET" in headers["allow"]


async def test_foreign_hosts_and_origins_are_refused_even_for_health(port: Port) -> None:
    assert (await port.get("/api/health", {"host": "evil.example"}))[0] == 403
    assert (await port.get("/api/health", {"origin": "https://evil.example"}))[0] == 403
    assert (await port.get("/api/health", {"origin": "http://127.0.0.1:3100"}))[0] == 200


async def test_open_mode_asks_for_nothing() -> None:
    found = Port(None)
    await found.server.start_server()
    assert (await found.get("/api/policy"))[0] == 200
    assert (await found.get("/api/policy", {"host": "evil.example"}))[0] == 403
    await found.server.close()
