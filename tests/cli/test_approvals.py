"""`helio approvals`: the queue from a terminal, against a served operator port."""

import asyncio
import json
import os
import pty
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from approvals.tickets import broker, request
from cli.conftest import HEAD
from helio.approvals.broker import Broker
from helio.audit.journal import Journal
from helio.operator import approvals
from helio.operator.access import Access
from helio.operator.api import application
from helio.operator.approvals import ApprovalsView
from helio.protocol.guards import host_rules, origin_rules

pytestmark = pytest.mark.slow

SECRET = "an-operators-secret"


class Ended(NamedTuple):
    """A command that ended."""

    code: int
    out: str
    err: str


class Desk:
    """A served operator port, and a directory with a configuration that names it."""

    def __init__(self, directory: Path, journal: Journal) -> None:
        self.directory = directory
        self.broker: Broker = broker(journal)
        access = Access(host_rules(listen_host="127.0.0.1"), origin_rules(own_ports=[3100]), SECRET)
        routes = ApprovalsView(self.broker, access).routes()
        self.server = TestServer(application(access, routes))

    async def open(self) -> None:
        await self.server.start_server()
        self.configure(f"port: {self.server.port}, api_secret: {SECRET}")

    def configure(self, dashboard: str) -> None:
        text = f"{HEAD}dashboard: {{ {dashboard} }}\n"
        (self.directory / "helio.yaml").write_text(text)

    async def process(self, *arguments: str, out: int = PIPE, **environment: str) -> Any:
        kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "helio", "approvals", *arguments),
            cwd=self.directory,
            env={**kept, "USER": "ann", "LOGNAME": "ann", "TERM": "xterm", **environment},
            stdout=out,
            stderr=PIPE,
        )

    async def run(self, *arguments: str, **environment: str) -> Ended:
        process = await self.process(*arguments, **environment)
        async with asyncio.timeout(30):
            out, err = await process.communicate()
        return Ended(process.returncode, out.decode(), err.decode())


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    journal = Journal.open(tmp_path / "audit")
    await journal.start(dict)
    found = Desk(tmp_path, journal)
    await found.open()
    yield found
    await found.server.close()
    await found.broker.aclose()
    await journal.close()


async def test_the_queue_is_listed_with_every_digit(desk: Desk) -> None:
    nothing = await desk.run("list")
    assert nothing == (0, "", "no calls wait for a person\n")
    ticket = await desk.broker.ask(request(tool_input='{"amount":1200.10,"to":"a\\u202eb"}'))
    code, out, _ = await desk.run("list")
    assert code == 0
    assert 'create_payment {"amount":1200.10,"to":"a\\u202eb"}' in out
    for told in (ticket.id, "session s1", "rule large", "pending, 4:5", "left, then denied"):
        assert told in out
    code, out, _ = await desk.run("list", "-f", "json")
    assert (code, '"amount": 1200.10' in out) == (0, True)
    listed = json.loads(out)
    assert [each["id"] for each in listed["data"]] == [ticket.id]


async def test_a_list_that_is_not_all_says_so(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(approvals, "_LONGEST_PAGE", 1)
    for number in range(2):
        await desk.broker.ask(request(binding=f"b{number}", call_id=f"c{number}"))
    code, out, err = await desk.run("list")
    assert (code, out.count("create_payment")) == (0, 1)
    assert err == "these are the newest 1 of 2\n"


async def test_a_ticket_is_approved_once(desk: Desk) -> None:
    ticket = await desk.broker.ask(request())
    code, out, _ = await desk.run("approve", ticket.id)
    assert (code, "approved by ann" in out) == (0, True)
    assert desk.broker.get(ticket.id).resolved_by == "ann"
    code, out, err = await desk.run("deny", ticket.id, "--by", "bob")
    assert (code, out) == (1, "")
    assert err == "helio approvals: the ticket is resolved already: approved\n"
    code, _, err = await desk.run("approve", "none/of these")
    assert (code, err) == (1, "helio approvals: no ticket none/of these is known\n")


async def test_a_ticket_is_denied_and_glass_is_broken_with_a_reason(desk: Desk) -> None:
    first = await desk.broker.ask(request())
    second = await desk.broker.ask(request(binding="another", call_id="c2"))
    code, out, _ = await desk.run("deny", first.id, "--by", "bob", "--reason", "too much")
    assert (code, "denied by bob: too much" in out) == (0, True)
    assert (await desk.run("break-glass", second.id))[0] == 2
    assert desk.broker.get(second.id).is_pending
    code, out, _ = await desk.run("break-glass", second.id, "--reason", "fire", "-f", "json")
    shown = json.loads(out)["data"]
    assert (code, shown["status"], shown["break_glass_reason"]) == (0, "break_glass", "fire")


async def test_another_helio_is_named_by_options_or_variables(desk: Desk) -> None:
    (desk.directory / "helio.yaml").unlink()
    url = str(desk.server.make_url("/"))
    assert (await desk.run("list", "--url", url, "--secret", SECRET))[0] == 0
    named = {"HELIO_OPERATOR_URL": url, "HELIO_OPERATOR_SECRET": SECRET}
    assert (await desk.run("list", **named))[0] == 0
    code, _, err = await desk.run("list")
    assert (code, "HELIO_OPERATOR_URL" in err) == (2, True)


async def test_a_secret_of_this_machine_is_not_sent_to_another(desk: Desk) -> None:
    code, _, err = await desk.run("list", "--url", "http://helio.example:3100")
    assert (code, "asks for its secret" in err) == (2, True)
    code, _, err = await desk.run("list", "--url", "3100")
    assert (code, "is no URL" in err) == (2, True)


@pytest.mark.parametrize(
    ("dashboard", "said"),
    [
        ("port: 1, api_secret: an-operators-secret", "no Helio answers at http://127.0.0.1:1"),
        ("port: {port}, api_secret: another-operators-secret", "refuses: send the operator's"),
        ("port: {port}", "names no secret: `helio start` made one and printed it"),
        ("port: {port}, api_secret: '${{UNSET}}'", "takes the secret from UNSET, which is not set"),
        ("port: 0", "--url says where Helio is"),
        ("enabled: false", "switches the operator port off"),
        ("port: x", "`helio compile helio.yaml` says which"),
    ],
)
async def test_what_keeps_it_from_asking_is_said(desk: Desk, dashboard: str, said: str) -> None:
    desk.configure(dashboard.format(port=desk.server.port))
    code, out, err = await desk.run("list")
    assert (code, out) == (2, "")
    assert said in " ".join(err.split())
    assert "another-operators-secret" not in err


async def test_another_server_is_told_apart_and_followed_nowhere(desk: Desk) -> None:
    asked: list[str] = []

    async def lead_away(request: web.Request) -> web.Response:
        asked.append(request.path)
        raise web.HTTPFound("/elsewhere")

    app = web.Application()
    app.router.add_get("/{any:.*}", lead_away)
    other = TestServer(app)
    await other.start_server()
    desk.configure(f"port: {other.port}, api_secret: {SECRET}")
    code, _, err = await desk.run("list")
    await other.close()
    assert (code, "is no operator port of a Helio (status 302)" in err) == (2, True)
    assert asked == ["/api/approvals"]


async def test_in_a_pipe_the_watch_writes_what_comes_and_ends(desk: Desk) -> None:
    first = await desk.broker.ask(request(tool_input='{"n":1.10}'))
    process = await desk.process("list", "--watch", "-f", "json")
    async with asyncio.timeout(30):
        line = await process.stdout.readline()
        assert b'"n":1.10' in line
        assert json.loads(line)["id"] == first.id
        second = await desk.broker.ask(request(binding="another", call_id="c2"))
        came = json.loads(await process.stdout.readline())
        assert (came["id"], came["status"]) == (second.id, "pending")
        await desk.broker.deny(first.id, "ann", "no")
        ended = json.loads(await process.stdout.readline())
        assert (ended["id"], ended["status"]) == (first.id, "denied")
        process.send_signal(2)
        assert await process.wait() == 0


async def test_on_a_terminal_the_watch_counts_down_and_marks_what_is_new(desk: Desk) -> None:
    await desk.broker.ask(request(tool_name="old_tool"))
    here, there = pty.openpty()
    process = await desk.process("list", "--watch", out=there, COLUMNS="100")
    os.close(there)
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    terminal, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(here, "rb")
    )
    async with asyncio.timeout(30):
        seen = await reader.readuntil(b"Ctrl-C ends the view")
        seen += await reader.readuntil(b"left, then denied")
        assert b"old_tool" in seen
        ticket = await desk.broker.ask(request(binding="b", call_id="c2", tool_name="new_tool"))
        await reader.readuntil(b"new_tool")
        assert b"new" in await reader.readuntil(b"session")
        await desk.broker.approve(ticket.id, "ann")
        await reader.readuntil(b" by ann")
        process.send_signal(2)
        assert await process.wait() == 0
    terminal.close()
