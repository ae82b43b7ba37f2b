"""What an upstream speaks, how that is found out, and what goes which way."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from helio.errors import UpstreamFailed
from helio.protocol.revisions import UnknownRevision
from helio.upstream import eras as eras_module
from helio.upstream.eras import Eras
from helio.upstream.made import StreamResponse, WholeResponse
from helio.upstream.spoken import Spoken
from upstream.both_eras import (
    DUAL,
    MODERN,
    ONLY_LEGACY,
    ONLY_MODERN,
    Upstream,
    headers_of,
    modern,
    open_session,
    scene,
)
from upstream.scripted import (
    INITIALIZE,
    ScriptedPort,
    Sent,
    post,
    refusal,
    request,
    said,
)


@pytest.mark.parametrize("speaks", [DUAL, ONLY_MODERN, ONLY_LEGACY])
async def test_both_eras_are_served_whatever_the_upstream_speaks(speaks: Any) -> None:
    _, _, eras = scene(**speaks)
    listing = modern("tools/list")
    answer = await said(await post(eras, listing, headers_of(listing)))
    assert answer["id"] == 1
    assert answer["result"]["resultType"] == "complete"
    session = await open_session(eras)
    answer = await said(await post(eras, request("tools/list"), session))
    assert answer["id"] == 1
    assert "result" in answer
    await eras.aclose()


async def test_it_is_asked_once_for_all() -> None:
    _, port, eras = scene(**DUAL)
    listing = modern("tools/list")
    await asyncio.gather(*(post(eras, listing, headers_of(listing)) for _ in range(10)))
    assert port.asked.count("server/discover") == 1
    assert eras.spoken == Spoken(modern=True)


async def test_a_server_that_names_one_era_and_speaks_both_is_spoken_to_straight() -> None:
    _, port, eras = scene(**DUAL)
    listing = modern("tools/list")
    await post(eras, listing, headers_of(listing))
    session = await open_session(eras)
    assert session["mcp-session-id"] == "session-1"
    assert eras.spoken == Spoken(modern=True, legacy=True)
    await post(eras, request("tools/list"), session)
    assert port.asked == ["server/discover", "tools/list", "initialize", "tools/list"]


async def test_a_legacy_agent_needs_no_probe() -> None:
    _, port, eras = scene(**ONLY_LEGACY)
    session = await open_session(eras)
    await post(eras, request("tools/list"), session)
    assert port.asked == ["initialize", "tools/list"]
    assert eras.spoken == Spoken(legacy=True)


async def test_a_server_that_refuses_a_session_is_bridged_from_then_on() -> None:
    _, port, eras = scene(**ONLY_MODERN)
    session = await open_session(eras)
    assert eras.spoken == Spoken(modern=True, legacy=False)
    await open_session(eras)
    assert port.asked.count("initialize") == 1
    answer = await said(await post(eras, request("tools/list"), session))
    assert answer["result"]["modern"] == "tools/list"
    assert port.sent[-1].headers["mcp-protocol-version"] == MODERN
    await eras.aclose()


def told(status: int, **members: Any) -> Callable[[Sent], Any]:
    def answer(sent: Sent) -> WholeResponse:
        body = {"jsonrpc": "2.0", "id": sent.message["id"], **members}
        return WholeResponse(status, json.dumps(body).encode())

    return answer


def plain(status: int, body: bytes = b"no") -> Callable[[Sent], Any]:
    return lambda sent: WholeResponse(status, body, [(b"content-type", b"text/plain")])


def error(code: int, data: Any = None) -> dict[str, Any]:
    return {"error": {"code": code, "message": "no"} | ({} if data is None else {"data": data})}


LEGACY_ONLY = Spoken(modern=False, legacy=True)
NO_VERDICT = Spoken()


@pytest.mark.parametrize(
    ("discovered", "spoken"),
    [
        (told(200, result={"supportedVersions": [MODERN]}), Spoken(modern=True)),
        (told(200, result={"supportedVersions": [MODERN, "2025-06-18"]}), Spoken(True, True)),
        (told(200, result={"supportedVersions": ["2025-06-18"]}), LEGACY_ONLY),
        (told(200, result={"supportedVersions": "2026-07-28"}), LEGACY_ONLY),
        (told(400, **error(-32022, {"supported": ["2025-11-25"]})), LEGACY_ONLY),
        (told(400, **error(-32022, {"supported": [MODERN]})), Spoken(modern=True)),
        (told(200, **error(-32601)), LEGACY_ONLY),
        (told(404, **error(-32601)), LEGACY_ONLY),
        (told(400, **error(-32000)), LEGACY_ONLY),
        (told(500, **error(-32603)), LEGACY_ONLY),
        (plain(404), LEGACY_ONLY),
        (plain(405), LEGACY_ONLY),
        (plain(400), LEGACY_ONLY),
        (plain(200, b"<html>"), LEGACY_ONLY),
        (plain(401), NO_VERDICT),
        (plain(403), NO_VERDICT),
        (plain(429), NO_VERDICT),
        (plain(503), NO_VERDICT),
        (plain(307), NO_VERDICT),
    ],
)
async def test_what_counts_as_which_era(discovered: Callable[[Sent], Any], spoken: Any) -> None:
    async def answering(sent: Sent) -> Any:
        if sent.asks == "server/discover":
            return discovered(sent)
        return WholeResponse(202)

    eras = Eras(ScriptedPort(answering))
    listing = modern("tools/list")
    await post(eras, listing, headers_of(listing))
    assert eras.spoken == spoken
    await eras.aclose()


async def test_revisions_that_nobody_knows_are_told() -> None:
    async def answering(sent: Sent) -> Any:
        return told(200, result={"supportedVersions": ["2030-01-01"]})(sent)

    listing = modern("tools/list")
    with pytest.raises(UpstreamFailed, match="2030-01-01") as failed:
        await post(Eras(ScriptedPort(answering)), listing, headers_of(listing))
    assert not failed.value.sent


async def test_a_failed_connection_is_no_verdict() -> None:
    upstream, port, eras = scene(**ONLY_MODERN)

    async def down(sent: Sent) -> Any:
        raise UpstreamFailed("connect_failed", sent=False)

    port.answering = down
    listing = modern("tools/list")
    for message, headers in ((INITIALIZE, {}), (listing, headers_of(listing))):
        with pytest.raises(UpstreamFailed) as failed:
            await post(eras, message, headers)
        assert not failed.value.sent
        assert eras.spoken == NO_VERDICT
    port.answering = upstream
    await open_session(eras)
    assert eras.spoken == Spoken(modern=True, legacy=False)


@pytest.mark.parametrize("reason", ["closed", "silent"])
async def test_an_upstream_that_is_struck_dumb_counts_as_legacy(reason: str) -> None:
    upstream = Upstream(**ONLY_LEGACY)

    async def answering(sent: Sent) -> Any:
        if sent.asks != "server/discover":
            return await upstream(sent)
        if reason == "closed":
            raise UpstreamFailed("closed", sent=True)
        return StreamResponse(timeout=None)

    eras = Eras(ScriptedPort(answering), probe_seconds=0.02)
    listing = modern("tools/list")
    answer = await said(await post(eras, listing, headers_of(listing)))
    assert answer["result"]["resultType"] == "complete"
    assert eras.spoken == LEGACY_ONLY
    await eras.aclose()


async def test_nobody_waits_when_an_upstream_is_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(eras_module, "PROVISIONAL_SECONDS", 0.0)
    upstream = Upstream(**ONLY_LEGACY)
    probes: list[StreamResponse] = []

    async def answering(sent: Sent) -> Any:
        if sent.asks != "server/discover":
            return await upstream(sent)
        if not probes:
            probes.append(StreamResponse(timeout=None))
            raise UpstreamFailed("closed", sent=True)
        probes.append(StreamResponse(timeout=None))
        return probes[-1]

    eras = Eras(ScriptedPort(answering))
    listing = modern("tools/list")
    for _ in range(2):
        await post(eras, listing, headers_of(listing))
    async with asyncio.timeout(5):
        while len(probes) < 2:  # noqa: ASYNC110 - the port tells in no other way
            await asyncio.sleep(0)
    said_at_last = {"supportedVersions": [MODERN, "2025-11-25"]}
    body = {"jsonrpc": "2.0", "id": "helio-discover", "result": said_at_last}
    probes[-1].put(json.dumps(body).encode())
    async with asyncio.timeout(5):
        while eras.spoken == LEGACY_ONLY:  # noqa: ASYNC110 - nor do they
            await asyncio.sleep(0)
    assert eras.spoken == Spoken(modern=True, legacy=True)
    await eras.aclose()


async def test_the_probe_has_the_callers_credentials_and_nothing_of_its_message() -> None:
    _, port, eras = scene(**DUAL)
    listing = modern("tools/list")
    own = {"authorization": "Bearer a", "x-team": "b", "mcp-name": "c", "last-event-id": "d"}
    await post(eras, listing, headers_of(listing) | own)
    probe = port.sent[0]
    assert probe.asks == "server/discover"
    assert probe.headers == {
        "authorization": "Bearer a",
        "x-team": "b",
        "accept": "application/json, text/event-stream",
        "content-type": "application/json",
        "mcp-protocol-version": MODERN,
        "mcp-method": "server/discover",
    }
    assert probe.message["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] == MODERN


@pytest.mark.parametrize("pinned", ["2025-06-18", MODERN])
async def test_a_pinned_upstream_is_never_asked(pinned: str) -> None:
    upstream = Upstream(speaks_modern=pinned == MODERN, speaks_legacy=pinned != MODERN)
    port = ScriptedPort(upstream)
    eras = Eras(port, pinned=pinned)
    session = await open_session(eras)
    await post(eras, request("tools/list"), session)
    listing = modern("tools/list")
    await post(eras, listing, headers_of(listing))
    own = [sent for sent in port.sent if sent.asks == "server/discover"]
    if pinned == MODERN:
        assert "initialize" not in port.asked
        assert [sent.message["id"] for sent in own] == [1], "a session's own"
    else:
        assert own == []
        held = [sent for sent in port.sent if sent.asks == "initialize"][-1]
        assert held.message["params"]["protocolVersion"] == pinned
    await eras.aclose()


def test_a_pinned_revision_is_one_that_helio_knows() -> None:
    with pytest.raises(UnknownRevision):
        Eras(ScriptedPort(Upstream(**DUAL)), pinned="2024-01-01")


def let_time_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """An upstream that was asked what it speaks may be asked again."""
    monkeypatch.setattr(eras_module, "CONTRADICTION_SECONDS", 0.0)


async def test_a_downgraded_upstream_is_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    upstream, _port, eras = scene(**DUAL)
    listing = modern("tools/list")
    await post(eras, listing, headers_of(listing))
    upstream.speaks_modern = False
    refused = await post(eras, listing, headers_of(listing))
    assert refused.status == 400, "it was asked a moment ago"
    let_time_pass(monkeypatch)
    answer = await said(await post(eras, listing, headers_of(listing)))
    assert answer["result"]["resultType"] == "complete"
    assert eras.spoken == LEGACY_ONLY
    await eras.aclose()


async def test_an_upgraded_upstream_is_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    upstream, _port, eras = scene(**ONLY_LEGACY)
    session = await open_session(eras)
    upstream.speaks_modern, upstream.speaks_legacy = True, False
    let_time_pass(monkeypatch)
    session = await open_session(eras)
    assert eras.spoken == Spoken(modern=True, legacy=False)
    answer = await said(await post(eras, request("tools/list"), session))
    assert answer["result"]["modern"] == "tools/list"
    await eras.aclose()


async def test_a_modern_agent_reaches_an_upgraded_upstream(monkeypatch: pytest.MonkeyPatch) -> None:
    upstream, port, eras = scene(**ONLY_LEGACY)
    await open_session(eras)
    upstream.speaks_modern, upstream.speaks_legacy = True, False
    let_time_pass(monkeypatch)
    call = modern("tools/call", {"name": "pay", "arguments": {}})
    answer = await said(await post(eras, call, headers_of(call) | {"mcp-name": "pay"}))
    assert answer["result"]["modern"] == "tools/call"
    assert port.asked.count("tools/call") == 1
    await eras.aclose()


@pytest.mark.parametrize(("code", "times"), [(-32600, 1), (-32022, 2)])
async def test_a_call_is_sent_again_only_after_an_error_of_the_version(
    code: int, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream, port, eras = scene(**DUAL)
    listing = modern("tools/list")
    await post(eras, listing, headers_of(listing))
    upstream.speaks_modern = False
    let_time_pass(monkeypatch)

    async def answering(sent: Sent) -> Any:
        if sent.asks == "tools/call" and sent.headers.get("mcp-protocol-version") == MODERN:
            return refusal(400, "no", code)
        return await upstream(sent)

    port.answering = answering
    call = modern("tools/call", {"name": "pay", "arguments": {}})
    response = await post(eras, call, headers_of(call) | {"mcp-name": "pay"})
    assert port.asked.count("tools/call") == times
    assert response.status == (200 if times == 2 else 400)
    assert eras.spoken == LEGACY_ONLY
    await eras.aclose()


@pytest.mark.parametrize("code", [-32601, -32602, -32603, -32020, -32021])
async def test_errors_of_a_modern_server_contradict_nothing(
    code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    _upstream, port, eras = scene(**DUAL)
    listing = modern("tools/list")
    await post(eras, listing, headers_of(listing))
    let_time_pass(monkeypatch)

    async def answering(sent: Sent) -> Any:
        return refusal(404 if code == -32601 else 400, "no", code)

    port.answering = answering
    assert (await post(eras, listing, headers_of(listing))).status in (400, 404)
    assert port.asked.count("server/discover") == 1
