"""Who gets into the SDK port, and how much they may ask."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from helio.sideband.tokens import Tokens
from sideband.port import ADAPTER, SDK, Port, opened


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[Port]:
    async with opened(tmp_path) as found:
        yield found


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer wrong",
        f"Basic {SDK.secret}",
        f"Bearer {ADAPTER.secret}",
        f"Bearer {SDK.secret} x",
        "Bearer \udcff",
    ],
)
async def test_without_its_token_nothing_is_said(port: Port, authorization: str) -> None:
    headers = {"authorization": authorization}
    for method, path in (("GET", "/session/s1"), ("POST", "/evidence"), ("POST", "/context")):
        status, found, answered = await port.ask(method, path, headers=headers)
        assert (status, found["reason"]) == (401, "token_refused")
        assert answered["www-authenticate"].startswith("Bearer")
    status, found, _ = await port.ask("GET", "/nowhere", headers=headers)
    # Whoever has no token at all is not told either what there is.
    assert status == (404 if ADAPTER.secret in authorization else 401)


async def test_an_adapter_without_any_token_is_told_how_to_get_one(port: Port) -> None:
    port.tokens = Tokens([SDK])
    status, found, _ = await port.ask("POST", "/evaluate")
    assert status == 401
    assert "HELIO_ADAPTER_TOKEN" in found["error"]


async def test_tokens_are_rotated_without_a_gap(port: Port) -> None:
    following = replace(SDK, name="next", secret="the-next-token-of-the-sdk")
    assert (await port.mark(following.secret))[0] == 401
    port.tokens = Tokens([SDK, following])
    for token in (SDK, following):
        assert (await port.mark(token.secret))[0] == 201
    port.tokens = Tokens([following])
    assert (await port.mark(SDK.secret))[0] == 401
    assert (await port.mark(following.secret))[0] == 201


async def test_an_expired_token_opens_nothing(port: Port) -> None:
    port.tokens = Tokens([replace(SDK, expires=port.today + timedelta(days=1))])
    assert (await port.mark())[0] == 201
    port.today += timedelta(days=1)
    assert (await port.mark())[0] == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://127.0.0.1:3200"},
        {"origin": "null"},
        {"host": "rebound.example"},
        {"host": "127.0.0.1.rebound.example:3200"},
    ],
)
async def test_browsers_and_foreign_hosts_are_refused(port: Port, headers: dict[str, str]) -> None:
    for path in ("/session/s1", "/healthz"):
        assert (await port.ask("GET", path, headers=headers))[0] == 403


async def test_health_needs_no_token_and_says_when_nothing_can_be_kept(port: Port) -> None:
    assert (await port.ask("GET", "/healthz", token="none"))[:2] == (200, {"status": "ok"})
    await port.journal.close()
    assert (await port.ask("GET", "/healthz"))[:2] == (503, {"status": "unavailable"})


async def test_a_change_is_json(port: Port) -> None:
    text = {"content-type": "text/plain"}
    assert (await port.ask("POST", "/evidence", raw=b"{}", headers=text))[0] == 415


async def test_a_body_is_bounded(port: Port) -> None:
    assert (await port.ask("POST", "/evidence", raw=b'"%s"' % (b"x" * 300_000)))[0] == 413


async def test_the_wrong_method_and_path_are_said(port: Port) -> None:
    status, _, headers = await port.ask("GET", "/evidence")
    assert (status, headers["allow"]) == (405, "POST")


async def test_a_session_that_marks_too_much_waits(port: Port) -> None:
    marks = {"marks": [{"session_id": "s1", "tool_name": "orders.lookup", "data": 1}] * 1000}
    assert (await port.ask("POST", "/evidence", marks))[0] == 201
    status, found, headers = await port.ask("POST", "/evidence", marks)
    assert (status, found["reason"], headers["retry-after"]) == (429, "too_many", "1")
    assert (await port.mark(session_id="s2"))[0] == 201
    port.seconds += 1
    assert (await port.mark())[0] == 201


async def test_a_token_that_asks_too_much_waits_and_others_do_not(port: Port) -> None:
    port.tokens = Tokens([SDK, replace(SDK, name="other", secret="another-token-of-the-sdk")])
    statuses = [(await port.ask("GET", "/session/s1"))[0] for _ in range(21)]
    assert statuses == [200] * 20 + [429]
    assert (await port.ask("GET", "/session/s1", token="another-token-of-the-sdk"))[0] == 200
    port.seconds += 0.1
    assert (await port.ask("GET", "/session/s1"))[0] == 200
