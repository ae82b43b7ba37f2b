"""The SDK port over a real journal, its clocks set by tests."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp import ClientSession
from aiohttp.test_utils import TestServer

from helio.audit.journal import Journal
from helio.governance.sessions import Sessions
from helio.pipeline.governance import UNREDACTED
from helio.protocol.guards import host_rules
from helio.runtime.marking import Marking
from helio.sideband.access import Access
from helio.sideband.api import application
from helio.sideband.marks import MarksView
from helio.sideband.rates import Rates
from helio.sideband.tokens import Token, Tokens
from pipeline.playbook import govern

POLICY = """{ rules: [{ name: r, match: { tool: refund }, evidence: { requires: [
  orders.lookup, order_data, secret.scan ] } }] }"""
SDK = Token("sdk", "the-token-of-the-sdk", frozenset({"sdk"}))
ADAPTER = Token("adapter", "the-token-of-adapters", frozenset({"adapter"}))


class Port:
    """What a test asks, and what it may look at and turn."""

    def __init__(self, journal: Journal, agents_known: bool) -> None:
        self.journal = journal
        self.sessions = Sessions()
        self.tokens = Tokens([SDK, ADAPTER])
        self.today = datetime(2026, 1, 2, tzinfo=UTC)
        self.seconds = 0.0
        policy = govern(POLICY).policy
        token_rate = Rates(20, "token", clock=self.clock)
        access = Access(
            host_rules(listen_host="127.0.0.1"), lambda: self.tokens, token_rate, lambda: self.today
        )
        view = MarksView(
            marking=Marking(journal, self.sessions, lambda: policy, UNREDACTED),
            sessions=self.sessions,
            tokens=lambda: self.tokens,
            rates=Rates(1000, "session", clock=self.clock),
            agents_known=agents_known,
        )
        app = application(access, view.routes(), lambda: journal.available, 256 * 1024)
        self.server = TestServer(app)

    def clock(self) -> float:
        return self.seconds

    async def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        raw: bytes | None = None,
        token: str = SDK.secret,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, Any, Mapping[str, str]]:
        """Status, JSON and headers of an answer."""
        given = {"authorization": f"Bearer {token}", **(headers or {})}
        if raw is not None:
            given.setdefault("content-type", "application/json")
        url = self.server.make_url(path)
        async with (
            ClientSession() as client,
            client.request(method, url, json=body, data=raw, headers=given) as answer,
        ):
            assert answer.content_type == "application/json"
            assert answer.headers["cache-control"] == "no-store"
            return answer.status, await answer.json(), answer.headers

    async def mark(self, token: str = SDK.secret, **members: object) -> tuple[int, Any]:
        """Status, and the data or the reason."""
        body = {"session_id": "s1", "tool_name": "orders.lookup", "data": {"id": 7}} | members
        status, found, _ = await self.ask("POST", "/evidence", body, token=token)
        return status, found["data"] if status == 201 else found["reason"]

    def names(self, key: str = "s1") -> Sequence[str]:
        """Under which names a session has evidence."""
        view = self.sessions.view(key, 0)
        return [] if view is None else [name for name, *_ in view["evidence"]]


@asynccontextmanager
async def opened(directory: Path, *, agents_known: bool = False) -> AsyncIterator[Port]:
    """A port that serves."""
    journal = Journal.open(directory)
    await journal.start(lambda: {})
    port = Port(journal, agents_known)
    await port.server.start_server()
    try:
        yield port
    finally:
        await port.server.close()
        await journal.close()
