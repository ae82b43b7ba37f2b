"""Signing in to the operator port, and what a cookie may do."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from http.cookies import Morsel
from typing import Any

import pytest
from aiohttp import ClientSession, CookieJar, web
from aiohttp.test_utils import TestServer

from helio.operator import sessions
from helio.operator.access import OPERATOR, Access
from helio.operator.answers import json_answer
from helio.operator.api import application
from helio.operator.guesses import FREE, Guesses
from helio.operator.sessions import LIFETIME_SECONDS, OperatorSessions
from helio.protocol.guards import host_rules, origin_rules

SECRET = "an-operators-secret"
SESSION = "/api/auth/session"


class Port:
    """A port with one path that counts its changes, and a browser that asks it."""

    def __init__(self, secret: str | None = SECRET) -> None:
        self.now = 1000.0
        self.changes = 0
        self.sessions = OperatorSessions(lambda: self.now)
        access = Access(
            hosts=host_rules(listen_host="127.0.0.1", configured=["helio.example"]),
            origins=origin_rules(own_ports=[3100]),
            secret=secret,
            sessions=self.sessions,
            guesses=Guesses(pause=0.01, clock=lambda: self.now),
        )
        routes = [web.post("/api/thing", self._change), web.get("/api/thing", self._look)]
        self.server = TestServer(application(access, routes))
        self.browser = ClientSession(cookie_jar=CookieJar(unsafe=True))

    async def _change(self, request: web.Request) -> web.Response:
        self.changes += 1
        return json_answer({"by": request[OPERATOR].by})

    async def _look(self, request: web.Request) -> web.Response:
        return json_answer({"by": request[OPERATOR].by})

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, Any]:
        """Status and JSON of an answer, to the browser with its cookies."""
        url = self.server.make_url(path)
        asked = self.browser.request(method, url, json=body, headers=headers)
        async with asked as answer:
            assert answer.content_type == "application/json"
            return answer.status, await answer.json()

    async def sign_in(self, secret: str = SECRET) -> str:
        """The CSRF token of a new session."""
        status, body = await self.ask("POST", SESSION, {"secret": secret})
        assert status == 200, body
        return str(body["data"]["csrf_token"])

    def cookie(self) -> Morsel[str]:
        (found,) = self.browser.cookie_jar
        return found


@pytest.fixture
async def port() -> AsyncIterator[Port]:
    found = Port()
    await found.server.start_server()
    yield found
    await found.browser.close()
    await found.server.close()


async def test_a_cookie_reads_and_with_the_token_changes(port: Port) -> None:
    token = await port.sign_in()
    assert await port.ask("GET", "/api/thing") == (200, {"by": "cookie"})
    status, body = await port.ask("GET", SESSION)
    assert (status, body["data"]["csrf_token"]) == (200, token)
    assert body["data"]["by"] == "cookie"
    assert body["data"]["expires_at"].endswith("Z")
    changed = await port.ask("POST", "/api/thing", {}, {"x-helio-csrf": token})
    assert changed == (200, {"by": "cookie"})


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(port: Port) -> None:
    await port.sign_in()
    cookie = port.cookie()
    assert (cookie["httponly"], cookie["samesite"], cookie["secure"]) == (True, "Strict", "")
    assert (cookie["path"], cookie["max-age"]) == ("/api", str(int(LIFETIME_SECONDS)))


@pytest.mark.parametrize(
    "origin", [{"origin": "https://127.0.0.1:3100"}, {"host": "helio.example"}]
)
async def test_away_from_plain_loopback_the_cookie_is_secure(
    port: Port, origin: Mapping[str, str]
) -> None:
    url = port.server.make_url(SESSION)
    asked = port.browser.post(url, json={"secret": SECRET}, headers=origin)
    async with asked as answer:
        assert answer.status == 200
        assert "; Secure;" in answer.headers["set-cookie"] + ";"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-helio-csrf": ""},
        {"x-helio-csrf": "wrong"},
        {"x-helio-csrf": "é"},
    ],
)
async def test_a_change_by_cookie_needs_the_token(port: Port, headers: Mapping[str, str]) -> None:
    await port.sign_in()
    status, body = await port.ask("POST", "/api/thing", {}, headers)
    assert (status, "x-helio-csrf" in body["error"]) == (403, True)
    assert port.changes == 0


async def test_the_token_of_another_session_is_none(port: Port) -> None:
    old = await port.sign_in()
    await port.sign_in()
    assert (await port.ask("POST", "/api/thing", {}, {"x-helio-csrf": old}))[0] == 403


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", None])
@pytest.mark.parametrize("secret", [SECRET, None])
async def test_what_a_foreign_page_can_send_changes_nothing(
    media_type: str | None, secret: str | None
) -> None:
    """With every credential that there is, so that only the form of the request speaks against
    it; and then with the page's origin, whatever its form."""
    port = Port(secret)
    await port.server.start_server()
    token = "" if secret is None else await port.sign_in()
    url = port.server.make_url("/api/thing")
    proof = {"x-helio-csrf": token}
    if secret is not None:
        proof["authorization"] = f"Bearer {secret}"
    form = {} if media_type is None else {"content-type": media_type}
    foreign = {"content-type": "application/json", "origin": "http://127.0.0.1:8000"}
    for headers, expected in ((form, 415), (foreign, 403)):
        async with port.browser.post(
            url, data=b"{}", headers=proof | headers, skip_auto_headers=["content-type"]
        ) as answer:
            assert (answer.status, port.changes) == (expected, 0)
    await port.browser.close()
    await port.server.close()


async def test_signing_in_from_a_foreign_page_is_refused(port: Port) -> None:
    asked = port.ask("POST", SESSION, {"secret": SECRET}, {"origin": "https://evil.example"})
    assert (await asked)[0] == 403
    own = {"origin": str(port.server.make_url("/")).rstrip("/")}
    assert (await port.ask("POST", SESSION, {"secret": SECRET}, own))[0] == 200


async def test_a_session_ends_by_signing_out_and_with_time(port: Port) -> None:
    token = await port.sign_in()
    port.now += LIFETIME_SECONDS - 1
    assert (await port.ask("GET", "/api/thing"))[0] == 200
    port.now += 1
    assert (await port.ask("GET", "/api/thing"))[0] == 401
    token = await port.sign_in()
    kept = port.cookie()
    out = await port.ask("POST", "/api/auth/logout", {}, {"x-helio-csrf": token})
    assert out == (200, {"ok": True})
    assert list(port.browser.cookie_jar) == []
    stolen = {"cookie": f"{kept.key}={kept.value}"}
    assert (await port.ask("GET", "/api/thing", headers=stolen))[0] == 401


async def test_a_wrong_bearer_is_not_saved_by_a_cookie(port: Port) -> None:
    await port.sign_in()
    wrong = {"authorization": "Bearer wrong"}
    assert (await port.ask("GET", "/api/thing", headers=wrong))[0] == 401


async def test_sessions_are_bounded_and_the_oldest_makes_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sessions, "_MOST", 2)
    held = OperatorSessions()
    cookies = [held.open()[0] for _ in range(3)]
    assert [held.find(cookie) is not None for cookie in cookies] == [False, True, True]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "secret: is missing"),
        ({"secret": ""}, "secret: is missing"),
        ({"secret": 1}, "secret: is not a text"),
        ({"secret": "x" * 3000}, "secret: is longer"),
        ({"secret": SECRET, "user": "x"}, "'user': is not known; there are secret"),
        ([], "the body is not an object"),
    ],
)
async def test_a_faulty_body_says_what_is_wrong(port: Port, body: Any, said: str) -> None:
    status, answer = await port.ask("POST", SESSION, body)
    assert status == 400
    assert answer["error"].startswith(said)


async def test_bodies_are_json_and_small(port: Port) -> None:
    url = port.server.make_url(SESSION)
    headers = {"content-type": "application/json"}
    for body, expected in ((b"{", 400), (b"\xff", 400), (b" " * 70_000, 413)):
        async with port.browser.post(url, data=body, headers=headers) as answer:
            assert (answer.status, list(await answer.json())) == (expected, ["error"])


async def test_wrong_secrets_are_slowed_down_and_the_right_one_still_opens(port: Port) -> None:
    for _ in range(FREE + 3):
        assert (await port.ask("POST", SESSION, {"secret": "wrong"}))[0] == 401
    await port.sign_in()
    assert (await port.ask("GET", "/api/thing"))[0] == 200


async def test_past_the_free_ones_attempts_wait_and_too_many_are_refused() -> None:
    guesses = Guesses(pause=30, clock=lambda: 0.0)
    for _ in range(FREE):
        assert await guesses.turn("10.0.0.1")
        guesses.wrong("10.0.0.1")
    waiting = [asyncio.create_task(guesses.turn("10.0.0.1")) for _ in range(5)]
    await asyncio.sleep(0)
    assert not any(each.done() for each in waiting)
    assert not await guesses.turn("10.0.0.1")
    assert not await guesses.turn("::ffff:10.0.0.1")
    assert await guesses.turn("10.0.0.2")
    for each in waiting:
        each.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_free_ones_come_back_with_time_and_networks_count_as_one() -> None:
    now = 0.0
    guesses = Guesses(pause=30, clock=lambda: now)
    for number in range(FREE):
        guesses.wrong(f"2001:db8::{number}")
    turn = asyncio.create_task(guesses.turn("2001:db8::ffff"))
    await asyncio.sleep(0)
    assert not turn.done()
    turn.cancel()
    assert await guesses.turn("2001:db8:0:1::1")
    now = 6.0
    assert await guesses.turn("2001:db8::1")


async def test_open_mode_needs_no_session(port: Port) -> None:
    opened = Port(None)
    await opened.server.start_server()
    nothing = {"by": "open", "csrf_token": None, "expires_at": None}
    assert await opened.ask("GET", SESSION) == (200, {"data": nothing})
    assert await opened.ask("POST", SESSION, {"secret": "any"}) == (200, {"data": nothing})
    assert await opened.ask("POST", "/api/thing", {}) == (200, {"by": "open"})
    await opened.browser.close()
    await opened.server.close()


async def test_of_too_many_attempts_at_once_some_are_refused_unseen() -> None:
    slow = Guesses(pause=0.2, clock=lambda: 0.0)
    for _ in range(FREE):
        slow.wrong("127.0.0.1")
    access = Access(
        host_rules(listen_host="127.0.0.1"), origin_rules(own_ports=[]), SECRET, guesses=slow
    )
    server = TestServer(application(access, []))
    await server.start_server()

    async def attempt(client: ClientSession, secret: str) -> tuple[int, str | None]:
        headers = {"authorization": f"Bearer {secret}"}
        async with client.get(server.make_url(SESSION), headers=headers) as answer:
            return answer.status, answer.headers.get("retry-after")

    async with ClientSession() as client:
        found = await asyncio.gather(*(attempt(client, "wrong") for _ in range(8)))
        assert sorted(found, key=str) == [(401, None)] * 5 + [(429, "5")] * 3
        assert await attempt(client, SECRET) == (200, None)
    await server.close()
