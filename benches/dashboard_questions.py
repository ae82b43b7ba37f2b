"""What `dashboard.py` opens and asks: every page, and every question that the pages ask."""

from datetime import datetime, timedelta
from typing import NamedTuple
from urllib.parse import urlencode


class Page(NamedTuple):
    """A page, and what is there once its data stand."""

    address: str
    shows: str


def pages(row: str) -> dict[str, Page]:
    """Every page; `row` is a record to look at."""
    return {
        "Live": Page("#/live", "tbody tr"),
        "Approvals": Page("#/approvals", ".ticket, .empty"),
        "Audit": Page("#/audit", "tbody tr"),
        "Audit, a search": Page("#/audit?tool=tool_3&blocked=true", "tbody tr"),
        "Record": Page(f"#/audit/{row}", ".facts"),
        "Analytics, a day": Page("#/analytics", ".totals"),
        "Analytics, all": Page("#/analytics?period=30d", ".totals"),
        "Limits": Page("#/limits", ".level-head"),
        "Ledger": Page("#/limits/payments", "tbody tr"),
        "Policy": Page("#/policy", "tbody tr"),
        "Tools": Page("#/tools", "tbody tr"),
    }


def questions(row: str, calls: int, now: datetime, days: int) -> dict[str, str]:
    """Every question of the operator API that the pages ask, as usual and at its widest."""
    whole = {"from": (now - timedelta(days=days + 1)).isoformat()}
    day = {"from": (now - timedelta(days=1)).isoformat()}
    seventh = now - timedelta(days=days * 0.7)
    old = {"from": seventh.isoformat(), "to": (seventh + timedelta(hours=3)).isoformat()}
    audits: dict[str, dict[str, object]] = {
        "the first page": {},
        "a page in the middle": {"offset": calls // 2},
        "the last page but one": {"offset": calls - 100},
        "a part of a tool's name": {"tool": "OL_3"},
        "a name that no tool has": {"tool": "nothing"},
        "an agent": {"agent": "agent-7"},
        "a session": {"session": "s77"},
        "a decision": {"decision": "deny"},
        "a reason": {"reason": "policy_denied"},
        "blocked": {"blocked": "true"},
        "blocked, deep": {"blocked": "true", "offset": calls // 12},
        "not blocked": {"blocked": "false"},
        "an upstream": {"upstream": "default"},
        "an origin": {"origin": "mcp"},
        "a kind": {"record_kind": "lifecycle"},
        "dry runs": {"dry_run": "true"},
        "three hours long ago": old,
        "tool, agent and not blocked": {"tool": "tool_3", "agent": "agent-7", "blocked": "false"},
    }
    sums: dict[str, dict[str, object]] = {
        "a day": {**day, "step": "15m"},
        "all, by 6 hours": {**whole, "step": "6h"},
        "all, by hours": {**whole, "step": "1h"},
        "all, of one tool": {**whole, "step": "6h", "tool": "tool_3"},
        "all, of one agent": {**whole, "step": "6h", "agent": "agent-7"},
        "all, blocked": {**whole, "step": "6h", "blocked": "true"},
        "all, not blocked": {**whole, "step": "6h", "blocked": "false"},
        "three hours long ago": {**old, "step": "1m"},
    }
    ledger = "/api/budgets/payments/events"
    charges: dict[str, dict[str, object]] = {
        "the first page": {},
        "a page in the middle": {"offset": calls // 2},
        "of one tool": {"tool": "tool_3"},
        "of one session": {"session": "s77"},
    }
    return {
        "feed": "/api/feed?limit=100",
        **{
            f"audit: {each}": asked("/api/audit", {"limit": 50, **of})
            for each, of in audits.items()
        },
        "record": f"/api/audit/{row}",
        **{f"analytics: {each}": asked("/api/analytics", of) for each, of in sums.items()},
        **{f"ledger: {each}": asked(ledger, {"limit": 50, **of}) for each, of in charges.items()},
        "approvals, pending": "/api/approvals?status=pending&limit=1000",
        "approvals, latest": "/api/approvals?limit=20",
        "limits": "/api/limits",
        "budgets": "/api/budgets",
        "policy": "/api/policy",
        "policy's picture": "/api/policy/graph",
        "tools": "/api/tools",
        "adapters": "/api/adapters",
        "health": "/api/health",
    }


def asked(path: str, query: dict[str, object]) -> str:
    return f"{path}?{urlencode(query)}" if query else path
