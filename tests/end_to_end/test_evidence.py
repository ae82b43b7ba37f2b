"""Evidence, chains and labels through a whole Helio: repairs, kills, reloads."""

import json
import urllib.request
from typing import Any

import pytest

from conftest import HelioFactory
from end_to_end.recording import Recorder
from end_to_end.test_reload import digest, replace, wait
from end_to_end.wire import Reply, call
from processes import SECRET, HelioProcess

pytestmark = pytest.mark.end_to_end

POLICIES = """
policies:
  blocked_as: FORM
  rules:
    - { name: refunds, match: { tool: refund }, action: deny,
        evidence: { requires: [{ tool: lookup, bind: { order: '$.id' } }] } }
    - { name: chain, match: { tool: ship }, requires: [verify] }
    - { name: outside, match: { tool: send, session: { labels: [untrusted] } }, action: deny }
    - { name: mail, match: { tool: read_mail }, action: allow, labels: [untrusted] }
"""


def ask(
    process: HelioProcess, tool: str, arguments: dict[str, Any] | None = None, session: str = "s1"
) -> Reply:
    return call(process.mcp_url, tool, arguments, session=session)


def reason(reply: Reply) -> str | None:
    blocked = reply.blocked
    return None if blocked is None else str(blocked["reason"])


def evidence(process: HelioProcess, session: str) -> Any:
    asked = urllib.request.Request(
        f"{process.operator_url}/api/evidence/{session}",
        headers={"authorization": f"Bearer {SECRET}"},
    )
    with urllib.request.urlopen(asked, timeout=20) as answer:
        return json.load(answer)["data"]


def fails_without_id(message: Any) -> Any:
    """The tools report an error unless they are told an id; `read_mail` always does."""
    params = message["params"]
    failed = params["name"] == "read_mail" or not params.get("arguments")
    return {"result": {"content": [], "isError": failed}}


@pytest.mark.parametrize("form", ["tool_result", "error"])
def test_the_repair_that_is_suggested_lets_the_call_pass(
    helio: HelioFactory, recorder: Recorder, form: str
) -> None:
    recorder.answer = fails_without_id
    process = helio(POLICIES.replace("FORM", form), upstream=recorder.url)
    refund = {"order": 7}
    blocked = ask(process, "refund", refund)
    assert ("error" in blocked.message) == (form == "error")
    assert blocked.blocked["missing_evidence"] == ["lookup"]
    assert "Call lookup with `$.id`" in blocked.blocked["suggestion"]
    ask(process, "lookup", {"id": 8})
    assert reason(ask(process, "refund", refund)) == "evidence_missing"
    ask(process, "lookup", {"id": 7})
    assert reason(ask(process, "refund", refund, "s2")) == "evidence_missing"
    assert reason(ask(process, "refund", refund)) is None

    blocked = ask(process, "ship", {"order": 7})
    assert blocked.blocked["missing_dependencies"] == ["verify"]
    ask(process, "verify")  # an error, which satisfies nothing
    assert reason(ask(process, "ship", {"order": 7})) == "dependency_missing"
    ask(process, "verify", {"id": 1})
    assert reason(ask(process, "ship", {"order": 7})) is None
    forwarded = [each.message["params"]["name"] for each in recorder.calls()]
    assert (forwarded.count("refund"), forwarded.count("ship")) == (1, 1)


def test_what_sessions_know_survives_a_kill(helio: HelioFactory, recorder: Recorder) -> None:
    recorder.answer = fails_without_id
    process = helio(POLICIES.replace("FORM", "tool_result"), upstream=recorder.url)
    for _ in range(2):
        ask(process, "lookup", {"id": 7})
        ask(process, "verify", {"id": 1})
        ask(process, "verify", session="failed")
        ask(process, "read_mail", session="labelled")
        before = {name: evidence(process, name) for name in ("s1", "failed", "labelled")}
        process.kill()
        # The second time a checkpoint of the first start holds part of it.
        process.start()
        after = {name: evidence(process, name) for name in before}
        for name, known in before.items():
            for key in ("labels", "called", "counters"):
                assert after[name][key] == known[key]
            calls = [each["call_id"] for each in known["completed"]]
            assert [each["call_id"] for each in after[name]["completed"]] == calls
            told = {(each["name"], each["by"], each["expired"]) for each in known["evidence"]}
            again = {
                (each["name"], each["by"], each["expired"]) for each in after[name]["evidence"]
            }
            assert again == told
        assert reason(ask(process, "refund", {"order": 7})) is None
        assert reason(ask(process, "ship", {"order": 7})) is None
        assert reason(ask(process, "ship", {"order": 7}, "failed")) == "dependency_missing"
        assert reason(ask(process, "send", {"id": 1}, "labelled")) == "policy_denied"
        assert reason(ask(process, "send", {"id": 1}, "failed")) is None


def test_a_reload_keeps_sessions(helio: HelioFactory, recorder: Recorder) -> None:
    process = helio(POLICIES.replace("FORM", "tool_result"), upstream=recorder.url)
    ask(process, "lookup", {"id": 7})
    ask(process, "approve", {"id": 1})
    ask(process, "read_mail")
    first = digest(process)
    # Another place, another name, and a tool that no rule asked for when it was called.
    replace(process, "requires: [verify]", "requires: [approve]")
    wait("the reload", process, lambda: digest(process) != first)
    assert reason(ask(process, "ship")) is None
    assert reason(ask(process, "refund", {"order": 7})) is None
    assert reason(ask(process, "send")) == "policy_denied"


def test_the_audit_says_what_a_call_rested_on(helio: HelioFactory, recorder: Recorder) -> None:
    process = helio(POLICIES.replace("FORM", "tool_result"), upstream=recorder.url)
    ask(process, "refund", {"order": 7})
    ask(process, "lookup", {"id": 7})
    ask(process, "refund", {"order": 7})
    blocked, looked_up, passed = process.calls()
    assert (blocked["policy_decision"], blocked["block_reason"]) == ("deny", "evidence_missing")
    assert passed["policy_decision"] == "allow"
    chain = passed["evidence_chain"]
    chain = json.loads(chain) if isinstance(chain, str) else chain
    assert chain == [{"evidence": "lookup", "by": looked_up["id"]}]
