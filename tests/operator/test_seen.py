"""What was seen of calls: which rules decided, and where calls came from."""

import json

from aiohttp import ClientSession
from aiohttp.test_utils import TestServer

from helio.operator.access import Access
from helio.operator.api import application
from helio.operator.seen import Seen, adapters_route
from helio.protocol.guards import host_rules, origin_rules
from helio.telemetry.observation import EndedCall

SECOND = 1_000_000_000


def ended(at: int, **record: object) -> EndedCall:
    return EndedCall({"origin": "mcp", "policy_digest": "sha256:1", **record}, 0, at, None)


def test_a_rule_has_its_hits_under_its_own_policy() -> None:
    seen = Seen()
    for at in (1, 2):
        seen.call_ended(ended(at * SECOND, matched_rule_index=3))
    seen.call_ended(ended(5 * SECOND, matched_rule_index=None))
    seen.call_ended(ended(6 * SECOND, matched_rule_index=3, policy_digest="sha256:2"))
    hits = seen.hits("sha256:1")
    assert hits.of(3) == {"hits": 2, "last_hit": "1970-01-01T00:00:02.000000Z"}
    assert hits.of(0) == {"hits": 0, "last_hit": None}
    assert hits.of(None)["hits"] == 1
    assert seen.hits("sha256:2").of(3)["hits"] == 1


def test_a_call_that_no_rule_looked_at_is_no_hit() -> None:
    seen = Seen()
    seen.call_ended(ended(1, block_reason="tool_definition_drift"))
    assert seen.hits("sha256:1").of(None)["hits"] == 0


def test_policies_and_origins_are_bounded() -> None:
    seen = Seen()
    for number in range(1200):
        told = {"origin": f"o{number}", "policy_digest": f"sha256:{number}"}
        seen.call_ended(ended(number, matched_rule_index=0, **told))
    assert seen.hits("sha256:1199").of(0)["hits"] == 1
    assert seen.hits("sha256:1").of(0)["hits"] == 0, "another policy took its place long ago"
    assert len(seen.origins()) == 1000
    assert seen.origins()[0]["origin"] == "o1199"


async def test_adapters_are_the_origins_that_are_not_mcp() -> None:
    seen = Seen()
    for at, origin in enumerate(("mcp", "langchain", "mcp", "langchain")):
        seen.call_ended(ended(at * SECOND, origin=origin))
    seen.call_ended(ended(1, origin="crew", upstream_error="evaluation_expired: no report came"))
    seen.call_ended(ended(2, origin="crew", upstream_error="not_executed: evaluation_expired: x"))
    scan = {"record_kind": "install_scan", "block_reason": "policy_denied"}
    seen.call_ended(ended(4 * SECOND, origin="crew", **scan))
    access = Access(host_rules(listen_host="127.0.0.1"), origin_rules(own_ports=[3100]), None)
    server = TestServer(application(access, [adapters_route(seen)]))
    await server.start_server()
    async with ClientSession() as client, client.get(server.make_url("/api/adapters")) as answer:
        found = json.loads(await answer.text())
    await server.close()
    counts = ("origin", "calls", "installs", "blocked", "expired")
    assert [tuple(each[key] for key in counts) for each in found["data"]] == [
        ("crew", 2, 1, 1, 1),
        ("langchain", 2, 0, 0, 0),
    ]
    assert found["data"][1]["last_seen"] == "1970-01-01T00:00:03.000000Z"
    assert found["total"] == 2
