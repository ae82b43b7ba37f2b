"""The official client finds by itself where its tokens come from, and Helio is where it dialled."""

import asyncio
import json
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from end_to_end.authorization import (
    WELL_KNOWN,
    AuthorizationServer,
    Memory,
    ProtectedServer,
    provider,
)
from end_to_end.pairs import running_sdk_server
from processes import HelioFactory, HelioProcess

pytestmark = pytest.mark.end_to_end


@pytest.fixture
async def issuer() -> AsyncIterator[AuthorizationServer]:
    server = AuthorizationServer("desk")
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def protected(issuer: AuthorizationServer) -> AsyncIterator[ProtectedServer]:
    server = ProtectedServer(issuer.url)
    await server.start()
    yield server
    await server.stop()


async def echoed(url: str, storage: Memory) -> str:
    """What the tool says to a client that begins with nothing but the URL."""
    async with (
        httpx2.AsyncClient(auth=provider(url, storage), timeout=20) as http,
        Client(streamable_http_client(url, http_client=http), mode="legacy") as client,
    ):
        result = await client.call_tool("echo", {"text": "hello"})
        return str(result.content[0].text)


async def metadata(helio: HelioProcess) -> dict[str, object]:
    def read() -> dict[str, object]:
        url = helio.mcp_url.replace("/mcp", f"{WELL_KNOWN}/mcp")
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)

    return await asyncio.to_thread(read)


async def test_helio_is_the_resource(
    helio: HelioFactory, issuer: AuthorizationServer, tmp_path: Path
) -> None:
    config = (
        "auth:\n"
        "  mode: jwt\n"
        f"  jwks_url: '{issuer.url}/jwks'\n"
        f"  issuer: '{issuer.url}'\n"
        "  audience: 'http://127.0.0.1:${HELIO_TEST_PORT}/mcp'\n"
    )
    with running_sdk_server(tmp_path) as upstream:
        running = await asyncio.to_thread(helio, config, upstream=upstream)
        await finds_its_issuer(running, issuer)


async def finds_its_issuer(running: HelioProcess, issuer: AuthorizationServer) -> None:
    assert await metadata(running) == {
        "resource": running.mcp_url,
        "authorization_servers": [issuer.url],
        "bearer_methods_supported": ["header"],
    }
    storage = Memory()
    assert await echoed(running.mcp_url, storage) == "hello"
    assert issuer.resources == [running.mcp_url]
    (row,) = await asyncio.to_thread(running.calls)
    assert (row["agent_id"], row["tool_name"]) == ("desk", "echo")
    # With the token that it has, it asks nobody again.
    assert await echoed(running.mcp_url, storage) == "hello"
    assert len(issuer.resources) == 1


async def test_an_upstream_is_the_resource(
    helio: HelioFactory, issuer: AuthorizationServer, protected: ProtectedServer
) -> None:
    running = await asyncio.to_thread(helio, "", upstream=f"{protected.url}/mcp")
    assert await metadata(running) == {
        "resource": running.mcp_url,
        "authorization_servers": [issuer.url],
        "scopes_supported": ["echo"],
        "resource_name": "An echo",
    }
    assert await echoed(running.mcp_url, Memory()) == "hello"
    assert issuer.resources == [running.mcp_url]
    (row,) = await asyncio.to_thread(running.calls)
    assert (row["agent_id"], row["tool_name"]) == (None, "echo")


async def test_a_public_url_is_what_agents_are_told(
    helio: HelioFactory, protected: ProtectedServer
) -> None:
    config = "listen: { port: '${HELIO_TEST_PORT}', public_url: 'https://helio.example/' }"
    running = await asyncio.to_thread(helio, config, upstream=f"{protected.url}/mcp")
    assert (await metadata(running))["resource"] == "https://helio.example/mcp"

    async with httpx2.AsyncClient() as client:
        answer = await client.post(
            running.mcp_url,
            json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"},
            headers={"accept": "application/json, text/event-stream"},
        )
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == (
        f'Bearer error="invalid_token", resource_metadata="https://helio.example{WELL_KNOWN}/mcp", '
        'scope="echo"'
    )


async def test_with_the_operators_own_credentials_no_agent_is_asked_for_any(
    helio: HelioFactory, protected: ProtectedServer
) -> None:
    config = "upstream: { url: '${HELIO_TEST_UPSTREAM}', headers: { authorization: 'Bearer old' } }"
    running = await asyncio.to_thread(helio, config, upstream=f"{protected.url}/mcp")
    async with httpx2.AsyncClient() as client:
        answer = await client.post(
            running.mcp_url, json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
        )
        there = await client.get(running.mcp_url.replace("/mcp", f"{WELL_KNOWN}/mcp"))
    assert answer.status_code == 401
    assert "www-authenticate" not in answer.headers
    assert there.status_code == 404
