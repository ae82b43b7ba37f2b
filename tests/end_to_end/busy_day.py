"""A journal of one day of calls, as they come: few at night, many at noon, trouble at three."""

import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from helio.audit.journal import Journal
from helio.governance.store import LocalStore

TOOLS = ("create_payment", "read_mail", "search_orders", "delete_order")
AGENTS = ("support", "bookkeeping", "night-shift")
CALLS_OF_HOUR = (1, 1, 1, 1, 1, 2, 3, 5, 9, 12, 13, 14, 16, 14, 12, 15, 11, 9, 6, 4, 3, 2, 2, 1)
TROUBLE = 15
"""The hour of the day's beginning in which most calls are blocked."""


async def write_day(directory: Path, begun: datetime, *, tool: str, agent: str) -> None:
    """The 24 hours from `begun` on. One call is of this tool and this agent, whatever they are
    called."""
    chance = random.Random(3)
    now = begun

    def clock() -> int:
        return int(now.timestamp() * 1e6) * 1000

    journal = Journal.open(directory, clock=clock)
    await journal.start(lambda: {"windows": LocalStore().snapshot(0)})
    for hour, calls in enumerate(CALLS_OF_HOUR):
        for number in range(calls):
            now = begun + timedelta(hours=hour, minutes=59 * number / calls)
            named = (tool, agent) if (hour, number) == (12, 0) else None
            await _call(journal, now, hour, chance, named)
    await journal.close()


async def _call(
    journal: Journal,
    now: datetime,
    hour: int,
    chance: random.Random,
    named: tuple[str, str] | None,
) -> None:
    tool, agent = named or (chance.choice(TOOLS), chance.choice(AGENTS))
    name = f"call-{now:%H%M%S}"
    call: dict[str, Any] = {
        "call_id": name,
        "record_kind": "tool_call",
        "timestamp": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "session_id": "s1",
        "agent_id": agent,
        "upstream": "default",
        "tool_name": tool,
        "tool_input": "{}",
        "policy_decision": "allow",
        "origin": "mcp",
    }
    if tool == "delete_order" or (hour == TROUBLE and chance.random() < 0.7):
        why = "policy_denied" if tool == "delete_order" else "rate_limited"
        more = {"policy_decision": "deny", "block_reason": why}
        await journal.append_outcome("blocked", {**call, **more, "total_duration_ms": 0.4})
        return
    if tool == "create_payment":
        call["spend"] = {"EUR": f"{chance.randrange(500, 20_000) / 100:.2f}"}
    await journal.append_intent(call)
    took = chance.lognormvariate(4.2, 0.7)
    outcome = {
        "call_id": name,
        "status": "answered",
        "total_duration_ms": round(took + 0.5, 3),
        "upstream_latency_ms": round(took, 3),
        "proxy_compute_ms": round(chance.lognormvariate(-1, 0.4), 3),
    }
    await journal.append_outcome("outcome", outcome)
