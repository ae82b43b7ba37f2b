"""Evaluations that are open when Helio ends: the next one takes their reports."""

from typing import Any

import pytest

from conftest import HelioFactory
from end_to_end.people import People
from end_to_end.recording import Recorder
from end_to_end.test_adapters import POLICIES, TOKENS, Adapter
from end_to_end.test_reload import wait

pytestmark = pytest.mark.end_to_end

BOUND = """
    - { name: bound, match: { tool: send_back }, evidence: { requires:
        [{ tool: find, bind: { '$.order': '$.order' } }] } }
budgets:
"""


@pytest.fixture
def adapter(helio: HelioFactory, recorder: Recorder) -> Adapter:
    text = POLICIES.replace("\nbudgets:\n", BOUND)
    return Adapter(helio(text, upstream=recorder.url, environment=TOKENS))


def kill(adapter: Adapter) -> None:
    adapter.process.kill()
    adapter.process.start()


def row_of(adapter: Adapter, evaluation: Any) -> dict[str, Any]:
    rows = adapter.process.export()
    (row,) = [each for each in rows if each["id"] == evaluation["evaluation_id"]]
    return row


def test_a_kill_leaves_room_reserved_and_reports_welcome(adapter: Adapter) -> None:
    paid = adapter.evaluate("pay", {"amount": 60}, metadata={"n": 1.50})
    given_back = adapter.evaluate("pay", {"amount": 40})
    bought = adapter.evaluate("buy", {"amount": 400})
    looked = adapter.evaluate("find", {"order": 7})
    failed = adapter.evaluate("lookup")
    installed = {"origin": "crew", "kind": "skill", "name": "x"}
    assert adapter.post("/install-scan", installed)[1]["decision"] == "deny"
    kill(adapter)
    assert adapter.runs("pay", {"amount": 1}) == "spend_limited"  # All of it is reserved still.
    assert adapter.report(given_back, "not_executed")[0] == 201
    assert adapter.runs("pay", {"amount": 40}) == "allow"
    assert adapter.report(paid, actual_amount="59.5", result={"ok": True})[0] == 201
    assert adapter.report(bought, actual_amount=1000.5)[0] == 201
    assert adapter.report(failed, "error", error="it is down")[0] == 201
    assert adapter.runs("send_back", {"order": 7}) == "deny"
    assert adapter.report(looked)[0] == 201
    kill(adapter)  # What was reported since is known to the next one.
    assert adapter.report(paid, actual_amount="59.50", result={"ok": True})[0] == 200
    assert adapter.report(paid, actual_amount="59")[1]["reason"] == "reported_otherwise"
    assert adapter.report(given_back, "not_executed")[0] == 200
    assert adapter.runs("pay", {"amount": 0.6}) == "spend_limited"
    assert adapter.runs("pay", {"amount": 0.5}) == "allow"
    assert adapter.runs("buy", {"amount": 0.01}) == "budget_exceeded"
    assert adapter.runs("send_back", {"order": 8}) == "deny"
    assert adapter.runs("send_back", {"order": 7}) == "allow"
    assert adapter.runs("refund") == "deny"  # The lookup failed.
    row = row_of(adapter, paid)
    assert (row["outcome"], row["spend"], row["tool_input"]) == (
        "answered",
        {"GBP": "59.5"},
        {"amount": 60},
    )
    assert row["metadata"]["adapter"] == {"n": 1.5}
    assert row["upstream_response"]["result"] == {"ok": True}
    (over,) = row_of(adapter, bought)["metadata"]["actual"]["budgets"]
    assert (over["name"], over["spent"]) == ("all", "1000.5")
    assert row_of(adapter, given_back)["outcome"] == "not_forwarded"


def test_a_stop_and_two_kills_later_a_report_gives_its_evidence(adapter: Adapter) -> None:
    crawled = adapter.evaluate("crawl")
    adapter.process.stop()
    adapter.process.start()
    kill(adapter)
    kill(adapter)
    assert adapter.report(crawled, evidence=[{"tool_name": "lookup", "data": {"n": 7}}])[0] == 201
    assert adapter.runs("refund") == "allow"
    assert row_of(adapter, crawled)["outcome"] == "answered"
    (seen,) = adapter.process.ask("/api/adapters")["data"]
    assert (seen["origin"], seen["calls"]) == ("crew", 2)


def test_an_approval_that_was_not_fetched_is_there_after_a_kill(adapter: Adapter) -> None:
    asked = adapter.evaluate("wire", {"amount": 5})
    ticket = asked["approval"]["ticket_id"]
    assert People(adapter.process).approve({"id": ticket}) == 200
    found: dict[str, Any] = {}

    def is_allowed() -> bool:
        found.update(adapter.get(f"/approval/{ticket}"))
        return found["decision"] == "allow"

    wait("the approval", adapter.process, is_allowed)
    kill(adapter)
    assert adapter.get(f"/approval/{ticket}") == found
    assert found["evaluation_id"] == asked["evaluation_id"]
    assert adapter.report(found)[0] == 201
    assert adapter.evaluate("wire", {"amount": 5})["decision"] == "require_approval"


def test_a_time_that_passed_meanwhile_is_over(helio: HelioFactory, recorder: Recorder) -> None:
    text = f"{POLICIES}\nsdk: {{ port: '${{HELIO_TEST_SDK_PORT}}', evaluation_ttl: 200ms }}\n"
    adapter = Adapter(helio(text, upstream=recorder.url, environment=TOKENS))
    lost = adapter.evaluate("pay", {"amount": 60})
    kill(adapter)
    expired = ("--record-kind", "evaluation_expired")
    wait("the expiry", adapter.process, lambda: bool(adapter.process.export(*expired)))
    assert adapter.report(lost)[1]["reason"] == "expired"
    assert adapter.runs("pay", {"amount": 60}) == "spend_limited"
    assert row_of(adapter, lost)["outcome"] == "indeterminate"
    kill(adapter)
    assert adapter.report(lost)[1]["reason"] == "expired"
    assert len(adapter.process.export(*expired)) == 1


def test_without_the_port_nobody_could_report(helio: HelioFactory, recorder: Recorder) -> None:
    adapter = Adapter(helio(POLICIES, upstream=recorder.url, environment=TOKENS))
    left = adapter.evaluate("pay", {"amount": 60})
    adapter.process.kill()
    text = adapter.process.config.read_text("utf-8")
    assert "sdk: {" in text
    adapter.process.config.write_text(text.replace("sdk: {", "sdk: { enabled: false,"), "utf-8")
    adapter.process.start()
    assert row_of(adapter, left)["outcome"] == "indeterminate"
    adapter.process.kill()
    adapter.process.config.write_text(text, "utf-8")
    adapter.process.start()
    assert adapter.report(left)[0] == 404
    assert adapter.runs("pay", {"amount": 60}) == "spend_limited"
