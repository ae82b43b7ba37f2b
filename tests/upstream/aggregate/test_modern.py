"""Requests of 2026-07-28, which have no session."""

from typing import Any

from upstream.aggregate.several import MODERN, Server, several
from upstream.scripted import said, send


def tools(*names: str, **more: Any) -> dict[str, Any]:
    return {"tools": [{"name": name} for name in names], **more}


async def test_discovery_is_of_all() -> None:
    described = {
        "resultType": "complete",
        "supportedVersions": [MODERN],
        "capabilities": {"tools": {}},
        "ttlMs": 90,
        "cacheScope": "public",
        "instructions": "Do.",
    }
    two = {**described, "capabilities": {"prompts": {}}, "ttlMs": 60, "instructions": "Go."}
    servers = [Server(server_discover=each) for each in (described, two)]
    found = several(one=servers[0], two=servers[1])
    told = (await said(await found.modern("server/discover")))["result"]
    assert told["supportedVersions"][0] == MODERN
    assert (told["ttlMs"], told["cacheScope"]) == (60, "public")
    assert told["capabilities"].keys() == {"tools", "prompts"}
    assert told["instructions"] == "# one\n\nDo.\n\n# two\n\nGo."
    servers[1].down = "down"
    told = (await said(await found.modern("server/discover")))["result"]
    assert (told["ttlMs"], told["cacheScope"]) == (0, "private")
    assert told["capabilities"].keys() == {"tools", "prompts"}
    assert told["instructions"] == "# one\n\nDo."


async def test_lists_of_2026_07_28_hold_as_long_as_all_do() -> None:
    one = Server(tools_list=tools("a", ttlMs=90, cacheScope="public"))
    two = Server(tools_list=tools("b", ttlMs=60, cacheScope="private"))
    found = several(one=one, two=two)
    told = (await said(await found.modern("tools/list")))["result"]
    assert [tool["name"] for tool in told["tools"]] == ["one__a", "two__b"]
    assert (told["resultType"], told["ttlMs"], told["cacheScope"]) == ("complete", 60, "private")
    assert one.port.sent[0].headers["mcp-method"] == "tools/list"
    two.down = "down"
    told = (await said(await found.modern("tools/list")))["result"]
    assert ([tool["name"] for tool in told["tools"]], told["ttlMs"]) == (["one__a"], 0)


async def test_names_in_headers_follow_those_in_bodies() -> None:
    server = Server(prompts_get={"messages": []}, resources_read={"contents": []})
    found = several(one=server)
    await found.modern("prompts/get", {"name": "one__é"}, **{"mcp-name": "=?base64?unused?="})
    await found.modern("resources/read", {"uri": "helio://one/a:b"}, **{"mcp-name": "unused"})
    names = [sent.headers["mcp-name"] for sent in server.port.sent]
    assert names == ["=?base64?w6k=?=", "a:b"]


async def test_2026_07_28_has_no_get_and_its_own_status_for_unknown_methods() -> None:
    found = several(one=Server())
    response = await send(found.port, "GET", None, {"mcp-protocol-version": MODERN})
    assert response.status == 405
    response = await found.modern("ping")
    assert (response.status, (await said(response))["error"]["code"]) == (404, -32601)
