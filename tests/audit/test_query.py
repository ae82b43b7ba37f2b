from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from helio.audit import query, segment
from helio.audit.loader import Loader
from helio.audit.query import Filters
from helio.errors import FilterError

CALLS: list[tuple[str, dict[str, Any]]] = [
    ("blocked", {"call_id": "1", "block_reason": "policy_denied", "policy_decision": "deny"}),
    ("intent", {"call_id": "2", "agent_id": "ann", "upstream": "stripe"}),
    ("outcome", {"call_id": "2", "status": "answered"}),
    ("blocked", {"call_id": "3", "block_reason": "rate_limited", "dry_run": True}),
    ("rejected", {"call_id": "4", "block_reason": "duplicate_key", "session_id": "s"}),
    ("intent", {"call_id": "5", "tool_name": "Send_Mail", "origin": "mcp"}),
    ("outcome", {"call_id": "5", "status": "not_forwarded"}),
    ("policy_loaded", {"call_id": "6"}),
]
FIRST = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def connection(directory: Path) -> Iterator[Any]:
    """An index of `CALLS`, one a second from `FIRST` on."""
    directory.mkdir()
    encoder = segment.Encoder(0, segment.NO_HASH)
    header = {"format": 1, "follows": None, "state": None, "open": []}
    lines = [
        encoder.encode(
            kind.encode(),
            (int(FIRST.timestamp()) + int(data.get("call_id", 0)) - 1) * 10**9,
            segment.encode_data(data),
        )
        for kind, data in [("segment", header), *CALLS]
    ]
    segment.path_of(directory, 1).write_bytes(b"".join(lines))
    with duckdb.connect() as opened:
        while Loader(opened, directory).step():
            pass
        yield opened


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({}, "123456"),
        ({"tool": "nd_mA"}, "5"),
        ({"tool": "%"}, ""),
        ({"decision": "deny"}, "1"),
        ({"decision": "rejected"}, "4"),
        ({"reason": "rate_limited"}, "3"),
        ({"blocked": "true"}, "14"),
        ({"blocked": "false"}, "2356"),
        ({"dry_run": "true"}, "3"),
        ({"session": "s"}, "4"),
        ({"agent": "ann"}, "2"),
        ({"agent": "an"}, ""),
        ({"upstream": "stripe"}, "2"),
        ({"origin": "mcp"}, "5"),
        ({"record_kind": "policy_loaded"}, "6"),
        ({"record_kind": "tool_call"}, "12345"),
        ({"from": "2026-01-02T03:04:07Z"}, "3456"),
        ({"to": "2026-01-02T03:04:07Z"}, "12"),
        ({"from": "2026-01-02T04:04:06+01:00", "to": "2026-01-02T03:04:08"}, "23"),
        ({"from": "2026-01-03"}, ""),
        ({"limit": "2"}, "12"),
        ({"limit": "2", "offset": "3"}, "45"),
        ({"offset": "5"}, "6"),
        ({"reason": "' OR true --"}, ""),
    ],
)
def test_each_filter_finds_its_rows(connection: Any, filters: dict[str, str], found: str) -> None:
    parsed = Filters.parse(filters)
    assert "".join(str(cells[0]) for cells in query.rows(connection, parsed)) == found
    if not {"limit", "offset"} & set(filters):
        assert query.count(connection, parsed) == len(found)


def test_a_list_is_newest_first(connection: Any) -> None:
    page = query.page(connection, Filters(limit=2, offset=1))
    assert [row["id"] for row in page] == ["5", "4"]
    assert query.count(connection, Filters(limit=2, offset=1)) == 6


def test_one_row_is_found_by_its_id(connection: Any) -> None:
    row = query.find(connection, "2")
    assert row is not None
    assert row["timestamp"] == row["created_at"] == "2026-01-02T03:04:06.000000Z"
    assert (row["outcome"], row["dry_run"], row["block_reason"]) == ("answered", False, None)
    assert query.find(connection, "7") is None


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("agnet", "x", "is not a filter; there are agent, blocked"),
        ("since", "2026-01-01", "is not a filter"),
        ("blocked", "yes", "'yes' is neither true nor false"),
        ("from", "yesterday", "'yesterday' is not an ISO 8601 date or time"),
        ("limit", "-1", "'-1' is not a whole number"),
        ("offset", "٣", "is not a whole number"),
    ],
)
def test_what_is_no_filter_is_refused(name: str, value: str, why: str) -> None:
    with pytest.raises(FilterError, match=why) as caught:
        Filters.parse({name: value})
    assert caught.value.name == name
