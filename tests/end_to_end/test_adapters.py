"""The adapter API through a whole Helio: one policy, one state, whatever way a call comes."""

import json
import os
import re
import subprocess
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from conftest import HelioFactory
from end_to_end.recording import Recorder
from end_to_end.test_evidence import ask, reason
from end_to_end.test_reload import wait
from helio.policy.compiler import compile_text
from policy.tools import known
from processes import HelioProcess

pytestmark = pytest.mark.end_to_end

TOKENS = {
    "HELIO_SDK_TOKEN": "the-token-of-the-sdk-in-tests",
    "HELIO_ADAPTER_TOKEN": "the-token-of-adapters-in-tests",
}
POLICIES = """
policies:
  rules:
    - { name: never, match: { tool: 'delete_*', upstream: 'adapter:*' }, action: deny,
        feedback: { message: 'Not here' } }
    - { name: elsewhere, match: { tool: post, metadata: { channel_id: C1 } }, action: deny }
    - { name: rehearsed, match: { tool: rehearse }, action: dry_run }
    - { name: refunds, match: { tool: refund }, evidence: { requires: [lookup] } }
    - { name: twice, match: { tool: search }, action: rate_limit,
        limits: { max_calls: 2, window: 1h, key: session } }
    - { name: money, match: { tool: pay }, action: spend_limit, limits: { max_spend:
        { field: '$.amount', limit: 100, currency: GBP, window: 1h, key: session } } }
    - { name: senders, match: { tool: chat }, limits: { max_calls: 1, window: 1h, key: sender_id } }
    - { name: readers, match: { tool: read, annotations: { readOnlyHint: true } }, action: allow }
    - { name: others, match: { tool: read }, action: deny }
    - { name: asked, match: { tool: wire }, action: require_approval }
budgets:
  - { name: all, limit: 1000, currency: GBP, window: 1h, contributors:
      [{ match: { tool: buy }, field: '$.amount' }] }
"""


GET = object()
PAGE = (Path(__file__).resolve().parents[2] / "docs" / "adapters.md").read_text("utf-8")


@dataclass
class Adapter:
    """A program that runs tools by itself, and asks first."""

    process: HelioProcess

    def post(self, path: str, body: object = None, token: str = "") -> tuple[int, Any]:
        token = token or TOKENS["HELIO_ADAPTER_TOKEN"]
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        method = "GET" if body is GET else "POST"
        data = None if body is GET else json.dumps(body or {}).encode()
        asked = urllib.request.Request(
            self.process.sdk_url + path, data=data, headers=headers, method=method
        )
        try:
            with urllib.request.urlopen(asked, timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def get(self, path: str) -> Any:
        status, found = self.post(path, GET)
        assert status == 200, found
        return found

    def evaluate(self, tool: str, arguments: object = None, **more: Any) -> Any:
        described = {"name": tool, **more.pop("described", {})}
        body = {"origin": "crew", "session_id": "s1", "tool": described, **more}
        status, found = self.post("/evaluate", body | {"arguments": arguments or {}})
        assert status == 200, found
        return found

    def report(self, evaluation: Any, status: str = "success", **more: object) -> tuple[int, Any]:
        body = {"evaluation_id": evaluation["evaluation_id"], "status": status, **more}
        return self.post("/audit", body)

    def runs(self, tool: str, arguments: object = None, **more: Any) -> str:
        """Has a call judged, and runs it where it may; the decision."""
        evaluation = self.evaluate(tool, arguments, **more)
        if evaluation["decision"] == "allow":
            assert self.report(evaluation)[0] == 201
        return str(evaluation["decision"])


@pytest.fixture
def adapter(helio: HelioFactory, recorder: Recorder) -> Adapter:
    return Adapter(helio(POLICIES, upstream=recorder.url, environment=TOKENS))


def test_every_outcome_is_told(adapter: Adapter) -> None:
    denied = adapter.evaluate("delete_all")
    assert (denied["decision"], denied["reason"], denied["matched_rule"]) == (
        "deny",
        "policy_denied",
        "never",
    )
    assert denied["feedback"]["message"] == "Not here"
    channel = {"metadata": {"channel_id": "C1", "sender_id": "U1"}}
    assert [adapter.runs("post"), adapter.runs("post", **channel)] == ["allow", "deny"]
    rehearsed = adapter.evaluate("rehearse")
    assert (rehearsed["decision"], rehearsed["dry_run"]["would_forward"]) == ("dry_run", True)
    assert [adapter.runs("search") for _ in range(3)] == ["allow", "allow", "rate_limited"]
    assert adapter.evaluate("search")["limits"]["max_calls"] == 2
    assert adapter.runs("search", session_id="s2") == "allow"
    nowhere = adapter.evaluate("search", session_id=None)
    assert nowhere["feedback"]["suggestion"] == "Send `session_id` with the call."
    assert adapter.evaluate("chat")["feedback"]["suggestion"].startswith("Send `metadata.sender")
    assert adapter.runs("pay", {"amount": 101}) == "spend_limited"
    assert adapter.runs("buy", {"amount": 1001}) == "budget_exceeded"
    senders = [{"metadata": {"sender_id": name}} for name in ("U1", "U1", "U2")]
    assert [adapter.runs("chat", **each) for each in senders] == ["allow", "rate_limited", "allow"]
    told = {"described": {"annotations": {"readOnlyHint": True}, "input_schema": {}}}
    assert [adapter.runs("read", **told), adapter.runs("read")] == ["allow", "deny"]
    rows = adapter.process.calls()
    assert {row["origin"] for row in rows} == {"crew"}
    assert {row["upstream"] for row in rows} == {"adapter:crew"}
    assert rows[2]["metadata"]["adapter"] == channel["metadata"]


def test_what_ran_counts_once_and_what_did_not_counts_not(adapter: Adapter) -> None:
    first = adapter.evaluate("pay", {"amount": 60})
    assert adapter.runs("pay", {"amount": 60}) == "spend_limited"  # It is reserved.
    assert adapter.report(first, "not_executed")[0] == 201
    second = adapter.evaluate("pay", {"amount": 60})
    assert second["decision"] == "allow"
    assert [adapter.report(second, result={"n": 1})[0] for _ in range(3)] == [201, 200, 200]
    assert adapter.report(second, "error")[1]["reason"] == "reported_otherwise"
    assert adapter.report(second, "error")[0] == 409
    assert adapter.runs("pay", {"amount": 41}) == "spend_limited"
    assert adapter.runs("pay", {"amount": 40}) == "allow"
    assert adapter.report({"evaluation_id": "nobody"})[0] == 404
    adapter.process.kill()
    adapter.process.start()
    assert adapter.runs("pay", {"amount": 1}) == "spend_limited"


def test_evidence_is_the_same_by_whatever_way(adapter: Adapter) -> None:
    assert adapter.runs("refund") == "deny"
    failed = adapter.evaluate("lookup", {"id": 7})
    assert adapter.report(failed, "error", error="it is down")[0] == 201
    assert adapter.runs("refund") == "deny"
    looked_up = adapter.evaluate("lookup", {"id": 7})
    assert adapter.report(looked_up, result={"found": 1.50}, duration_ms=12.5)[0] == 201
    assert adapter.runs("refund") == "allow"
    assert reason(ask(adapter.process, "refund")) is None
    assert reason(ask(adapter.process, "refund", session="s2")) == "evidence_missing"
    rows = {row["id"]: row for row in adapter.process.calls()}
    told = rows[looked_up["evaluation_id"]]
    assert (told["upstream_latency_ms"], told["outcome"]) == (12.5, "answered")
    assert told["upstream_response"]["result"] == {"found": 1.5}
    assert "it is down" in rows[failed["evaluation_id"]]["upstream_error"]


def test_a_person_is_asked_and_the_evaluation_goes_on(adapter: Adapter) -> None:
    asked = adapter.evaluate("wire", {"amount": 5})
    assert (asked["decision"], asked["matched_rule"]) == ("require_approval", "asked")
    ticket = asked["approval"]["ticket_id"]
    assert adapter.report(asked)[0] == 409
    assert (
        adapter.post(f"/approval/{ticket}/resolve", {"decision": "maybe", "resolved_by": "a"})[0]
        == 400
    )
    status, found = adapter.post(
        f"/approval/{ticket}/resolve", {"decision": "approve", "resolved_by": "Ada"}
    )
    assert (status, found["decision"], found["approval"]["status"]) == (200, "allow", "approved")
    assert found["evaluation_id"] == asked["evaluation_id"]
    assert adapter.report(found)[0] == 201
    assert adapter.post(f"/approval/{ticket}")[0] == 405
    again = adapter.post(f"/approval/{ticket}/resolve", {"decision": "deny", "resolved_by": "Bob"})
    assert again[0] == 409
    denied = adapter.evaluate("wire", {"amount": 6})
    ticket = denied["approval"]["ticket_id"]
    _, found = adapter.post(
        f"/approval/{ticket}/resolve", {"decision": "deny", "resolved_by": "Ada", "reason": "no"}
    )
    assert (found["decision"], found["reason"]) == ("deny", "approval_denied")
    assert found["feedback"]["message"] == "HELIO_ADAPTER_TOKEN: Ada denied this call: no"
    later = adapter.get(f"/approval/{ticket}")
    assert later == found
    assert (later["evaluation_id"], later["approval"]["status"]) == (
        denied["evaluation_id"],
        "denied",
    )
    (row,) = [row for row in adapter.process.calls() if row["id"] == asked["evaluation_id"]]
    assert row["approved_by"] == "HELIO_ADAPTER_TOKEN: Ada"


def test_an_approval_that_is_not_waited_for_is_for_the_same_call_again(
    helio: HelioFactory, recorder: Recorder
) -> None:
    text = f"{POLICIES}\napproval: {{ mode: return }}\n"
    adapter = Adapter(helio(text, upstream=recorder.url, environment=TOKENS))
    first = adapter.evaluate("wire", {"amount": 5})
    assert (first["decision"], first["reason"]) == ("require_approval", "approval_pending")
    ticket = first["approval"]["ticket_id"]
    assert adapter.get(f"/approval/{ticket}")["approval"]["status"] == "pending"
    resolution = {"decision": "approve", "resolved_by": "Ada"}
    assert adapter.post(f"/approval/{ticket}/resolve", resolution)[0] == 200
    assert adapter.get(f"/approval/{ticket}")["approval"]["status"] == "approved"
    assert [adapter.runs("wire", {"amount": 5}) for _ in range(2)] == ["allow", "require_approval"]
    theirs = ask(adapter.process, "wire", {"amount": 5}).blocked["ticket_id"]
    assert adapter.post(f"/approval/{theirs}/resolve", resolution)[0] == 404


def test_who_waits_no_more_gets_the_approval_with_the_same_call_again(adapter: Adapter) -> None:
    asked = adapter.evaluate("wire", {"amount": 5})
    ticket = asked["approval"]["ticket_id"]
    assert adapter.report(asked)[0] == 409
    assert [adapter.report(asked, "not_executed")[0] for _ in range(2)] == [201, 200]
    left = adapter.get(f"/approval/{ticket}")
    assert (left["reason"], left["approval"]["status"]) == ("client_disconnected", "pending")
    resolution = {"decision": "approve", "resolved_by": "Ada"}
    assert adapter.post(f"/approval/{ticket}/resolve", resolution)[0] == 200
    assert [adapter.runs("wire", {"amount": 5}) for _ in range(2)] == ["allow", "require_approval"]


def test_an_approval_that_nobody_fetches_stays_charged(
    helio: HelioFactory, recorder: Recorder
) -> None:
    text = POLICIES.replace("{ tool: buy }", "{ tool: '{buy,wire}' }")
    text = f"{text}\nsdk: {{ port: '${{HELIO_TEST_SDK_PORT}}', evaluation_ttl: 100ms }}\n"
    adapter = Adapter(helio(text, upstream=recorder.url, environment=TOKENS))
    asked = adapter.evaluate("wire", {"amount": 600})
    resolution = {"decision": "approve", "resolved_by": "Ada"}
    ticket = asked["approval"]["ticket_id"]
    assert adapter.post(f"/approval/{ticket}/resolve", resolution)[0] == 200
    expired = ("--record-kind", "evaluation_expired")
    wait("the expiry", adapter.process, lambda: bool(adapter.process.export(*expired)))
    assert adapter.report(asked, "not_executed")[1]["reason"] == "expired"
    assert adapter.runs("buy", {"amount": 600}) == "budget_exceeded"


def test_the_request_of_the_page_is_answered_so(adapter: Adapter) -> None:
    (request,) = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    (answer,) = re.findall(r"^```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    ended = subprocess.run(
        ["sh", "-ec", request.replace("http://127.0.0.1:3200", adapter.process.sdk_url)],
        env={**os.environ, **TOKENS},
        check=True,
        capture_output=True,
        timeout=60,
    )
    shown = json.loads(ended.stdout)
    assert shown == json.loads(answer) | {"evaluation_id": shown["evaluation_id"]}


def test_the_rules_of_the_page_have_nothing_that_could_be_better() -> None:
    (rules,) = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    head = "version: '1'\nupstream: { url: 'http://localhost:8080/mcp' }\n"
    tools = known({"default": [{"name": "search", "inputSchema": {"type": "object"}}]})
    found = compile_text(head + rules, environment={}, tools=tools).diagnostics
    assert [each.code for each in found if each.severity != "note"] == []


def test_what_nobody_reports_expires_and_stays_charged(
    helio: HelioFactory, recorder: Recorder
) -> None:
    text = f"{POLICIES}\nsdk: {{ port: '${{HELIO_TEST_SDK_PORT}}', evaluation_ttl: 100ms }}\n"
    adapter = Adapter(helio(text, upstream=recorder.url, environment=TOKENS))
    lost = adapter.evaluate("pay", {"amount": 60})
    expired = ("--record-kind", "evaluation_expired")
    wait("the expiry", adapter.process, lambda: bool(adapter.process.export(*expired)))
    assert adapter.report(lost)[0] == 409
    assert adapter.report(lost)[1]["reason"] == "expired"
    assert adapter.runs("pay", {"amount": 60}) == "spend_limited"
    rows = adapter.process.export(*expired)
    assert [row["metadata"]["evaluation_id"] for row in rows] == [lost["evaluation_id"]]
    (row,) = [row for row in adapter.process.calls() if row["id"] == lost["evaluation_id"]]
    assert row["outcome"] == "indeterminate"
    (seen,) = adapter.process.ask("/api/adapters")["data"]
    assert (seen["origin"], seen["calls"], seen["blocked"], seen["expired"]) == ("crew", 2, 1, 1)


def test_what_a_call_cost_takes_the_place_of_what_was_reserved(adapter: Adapter) -> None:
    cheap = adapter.evaluate("pay", {"amount": 60})
    assert adapter.report(cheap, actual_amount="0.1")[0] == 201
    assert adapter.report(cheap, actual_amount=0.10)[0] == 200  # The same amount.
    assert adapter.report(cheap, actual_amount=0.11)[0] == 409
    dear = adapter.evaluate("pay", {"amount": 99.9})
    assert dear["decision"] == "allow"
    assert adapter.report(dear, "error", actual_amount=100.1)[0] == 201
    adapter.process.kill()
    adapter.process.start()
    refused = adapter.evaluate("pay", {"amount": 0})
    assert (refused["decision"], refused["limits"]["current_spend"]) == ("spend_limited", 100.2)
    bought = adapter.evaluate("buy", {"amount": 1}, metadata={"n": 1.50})
    assert adapter.report(bought, actual_amount=1000.5)[0] == 201
    rows = {row["id"]: row for row in adapter.process.calls()}
    row = rows[bought["evaluation_id"]]
    assert (row["spend"], row["budgets"][0]["amount"]) == ({"GBP": "1000.5"}, "1000.5")
    (over,) = row["metadata"]["actual"]["budgets"]
    assert (over["name"], over["limit"], over["spent"]) == ("all", "1000", "1000.5")
    assert row["metadata"]["adapter"] == {"n": 1.5}
    assert adapter.runs("buy", {"amount": 0.01}) == "budget_exceeded"


def test_what_is_no_amount_is_said(adapter: Adapter) -> None:
    paid = adapter.evaluate("pay", {"amount": 60})
    for amount in (-1, "-1", "", "1e3", "1,5", True, [1], {}, "9" * 29, 10**28, "x", "\u0663"):
        status, found = adapter.report(paid, actual_amount=amount)
        assert (status, found["reason"]) == (400, "invalid"), amount
        assert found["error"].startswith("actual_amount: ")
    assert adapter.report(paid, "not_executed", actual_amount=1)[0] == 400
    assert adapter.report(paid)[0] == 201


def test_a_finished_call_gives_evidence_that_its_token_may_give(
    helio: HelioFactory, recorder: Recorder
) -> None:
    text = f"""{POLICIES}
sdk:
  port: '${{HELIO_TEST_SDK_PORT}}'
  tokens:
    - {{ name: strict, token: the-strict-token-of-an-adapter, scopes: [adapter], evidence: ['x*'] }}
"""
    adapter = Adapter(helio(text, upstream=recorder.url, environment=TOKENS))
    looked = adapter.evaluate("crawl")
    mark = {"evidence_key": "lookup", "data": {"order": 7}}
    body = {"evaluation_id": looked["evaluation_id"], "status": "success", "evidence": [mark]}
    status, found = adapter.post("/audit", body, "the-strict-token-of-an-adapter")
    assert (status, found["reason"]) == (403, "evidence_not_allowed")
    for wrong, expected in (
        ({"evidence": [mark | {"evidence_key": "unasked"}]}, (422, "evidence_not_asked")),
        ({"evidence": [{"evidence_key": "lookup"}]}, (400, "invalid")),
        ({"evidence": [mark | {"ttl": 0}]}, (400, "invalid")),
        ({"evidence": [mark | {"session_id": "s2"}]}, (400, "invalid")),
        ({"evidence": {}}, (400, "invalid")),
        ({"status": "error"}, (400, "invalid")),
    ):
        status, found = adapter.post("/audit", body | wrong)
        assert (status, found["reason"]) == expected, wrong
    assert adapter.runs("refund") == "deny"
    assert [adapter.post("/audit", body)[0] for _ in range(2)] == [201, 200]
    assert adapter.post("/audit", body | {"evidence": [mark, mark]})[0] == 409
    assert adapter.runs("refund") == "allow"
    nowhere = adapter.evaluate("crawl", session_id=None)
    body |= {"evaluation_id": nowhere["evaluation_id"]}
    assert adapter.post("/audit", body)[0] == 400


REFUSED: list[tuple[dict[str, object], str]] = [
    ({"origin": "mcp"}, "origin"),
    ({"origin": "A B"}, "origin"),
    ({"origin": None}, "origin"),
    ({"tool": "pay"}, "tool"),
    ({"tool": {}}, "tool.name"),
    ({"tool": {"name": "a", "x": 1}}, "tool.'x'"),
    ({"arguments": [1]}, "invalid_arguments"),
    ({"metadata": 5}, "metadata"),
    ({"session_id": "a b"}, "session_id"),
    ({"more": 5}, "'more'"),
]


def test_what_cannot_be_meant_and_who_may_not_ask(adapter: Adapter) -> None:
    body = {"origin": "crew", "tool": {"name": "a"}}
    for change, said in REFUSED:
        status, found = adapter.post("/evaluate", body | change)
        assert (status, found["reason"]) == (400, "invalid"), change
        assert said in found["error"]
    for token in (TOKENS["HELIO_SDK_TOKEN"], "another-token-altogether"):
        for path in ("/evaluate", "/audit", "/approval/x/resolve"):
            assert adapter.post(path, body, token)[0] == 401
