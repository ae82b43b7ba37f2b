"""What a journal with many checkpoints brings back of sessions: all, and nothing twice."""

import asyncio
import json
import random
from pathlib import Path
from typing import Any

from helio.audit import recovery
from helio.audit.journal import Journal
from helio.evaluator import parse_message
from helio.governance.identity import SessionIdentity
from helio.governance.session_journal import replay
from helio.governance.sessions import Sessions
from helio.governance.store import LocalStore
from helio.pipeline.events import CallReceived, UpstreamAnswered, UpstreamFailed
from helio.pipeline.machine import CallMachine
from helio.runtime import clock
from helio.runtime.driver import Driver
from pipeline.playbook import govern

POLICY = """{ rules: [
  { name: r, match: { tool: refund }, evidence: { requires: [
    { tool: lookup, bind: { order: '$.id' } } ] } },
  { name: m, match: { tool: 'read_*' }, action: allow, labels: [untrusted, seen] } ] }"""
TOOLS = ("lookup", "read_mail", "read_file", "send")
BODY = b'{"jsonrpc":"2.0","id":1,"result":{"content":[]}}'


class Upstream:
    """An exchange that takes a few turns of the loop and ends as it is told."""

    def __init__(self, chance: random.Random) -> None:
        self._turns = chance.randrange(6)
        self._end = chance.choice(("answered", "answered", "error", "lost", "unreached", "cancel"))

    async def forward(self) -> UpstreamAnswered | UpstreamFailed:
        for _ in range(self._turns):
            await asyncio.sleep(0)
        match self._end:
            case "lost":
                return UpstreamFailed("closed", "reset", True, 0)
            case "unreached":
                return UpstreamFailed("connect_failed", "refused", False, 0)
            case "cancel":
                raise asyncio.CancelledError
        error = "no" if self._end == "error" else None
        return UpstreamAnswered(200, BODY, b"", error, 0)

    async def deliver(self) -> None:
        pass

    async def answer(self, body: bytes) -> None:
        pass


def received(number: int, chance: random.Random) -> CallReceived:
    params = {"name": chance.choice(TOOLS), "arguments": {"id": chance.randrange(5)}}
    body = {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}
    return CallReceived(
        message=parse_message(json.dumps(body).encode()),
        call_id=f"c{number}",
        upstream="default",
        session=SessionIdentity(f"s{chance.randrange(4)}", "header", ()),
        agent=None,
        protocol_version="2025-11-25",
    )


def known(sessions: Sessions) -> dict[str, Any]:
    """All that is known, without instants, which two clocks tell differently by microseconds."""
    now = clock.now().monotonic
    views = {}
    for key in (f"s{number}" for number in range(4)):
        view = sessions.view(key, now)
        assert view is not None
        views[key] = {
            "labels": sorted(view["labels"]),
            "called": view["called"],
            "completed": sorted((tool, call_id) for tool, _, call_id in view["completed"]),
            "evidence": sorted((name, text, by) for name, _, by, text in view["evidence"]),
            "counters": view["counters"],
        }
    return views


async def carry_out(directory: Path, seed: int) -> tuple[Sessions, int]:
    """Calls of four sessions, twelve at a time, across many checkpoints."""
    chance = random.Random(seed)
    journal = Journal.open(directory, max_segment_bytes=4000)
    sessions = Sessions()
    await journal.start(lambda: {"sessions": sessions.snapshot(clock.now().monotonic)})
    driver = Driver(journal, LocalStore(), sessions)
    governance = govern(POLICY)
    waiting = iter(range(150))

    async def caller() -> None:
        for number in waiting:
            try:
                await driver.run(
                    CallMachine(governance), received(number, chance), Upstream(chance)
                )
            except asyncio.CancelledError:
                continue

    await asyncio.gather(*(caller() for _ in range(12)))
    await journal.close()
    return sessions, len(list(directory.glob("journal-*")))


async def test_a_restart_knows_what_was_known_whatever_the_checkpoints(tmp_path: Path) -> None:
    for seed in range(4):
        directory = tmp_path / str(seed)
        sessions, segments = await carry_out(directory, seed)
        assert segments > 10
        found = recovery.recover(directory)
        assert found.state is not None
        now = clock.now()
        again = Sessions()
        then = now.monotonic - max(0, now.wall - found.state_at)
        again.restore(found.state["sessions"], then)
        for fact in found.facts:
            replay(again, fact._replace(at=now.monotonic - max(0, now.wall - fact.at)))
        assert known(again) == known(sessions)
