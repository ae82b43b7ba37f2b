"""What agents may install, asked of a whole Helio: `POST /install-scan`."""

from typing import Any

import pytest

from conftest import HelioFactory
from end_to_end.recording import Recorder
from end_to_end.test_adapters import TOKENS, Adapter
from end_to_end.test_reload import digest, replace, wait

pytestmark = pytest.mark.end_to_end

POLICIES = """
policies:
  rules: [{ name: chain, match: { tool: ship }, requires: ['install:package'] }]
  install:
    rules:
      - { name: evil, match: { publisher: 'evil*' }, action: deny, feedback: { message: Never } }
      - { name: ours, match: { kind: package, name: '@acme/*' }, action: allow }
      - { name: looked-at, match: { kind: skill }, action: require_approval }
"""
PACKAGE = {"kind": "package", "name": "@acme/tools", "version": "1.2.0", "publisher": "acme"}
SKILL = {"kind": "skill", "name": "travel", "publisher": "somebody"}


def scan(adapter: Adapter, **members: Any) -> Any:
    status, found = adapter.post("/install-scan", {"origin": "crew", "session_id": "s1"} | members)
    assert status == 200, found
    return found


def scans(adapter: Adapter) -> list[dict[str, Any]]:
    rows = adapter.process.export()
    return [row for row in rows if row["record_kind"] == "install_scan"]


@pytest.fixture
def adapter(helio: HelioFactory, recorder: Recorder) -> Adapter:
    return Adapter(helio(POLICIES, upstream=recorder.url, environment=TOKENS))


def refuses_what_cannot_be_meant(adapter: Adapter) -> None:
    base = {"origin": "crew", **PACKAGE}
    for body, word in (
        (base | {"kind": "packge"}, "kind"),
        ({"origin": "crew", "kind": "package"}, "name"),
        (base | {"origin": "mcp"}, "origin"),
        (base | {"publsher": "x"}, "publsher"),
        (base | {"version": 2}, "version"),
        (base | {"source": "a\nb"}, "source"),
        (base | {"name": ""}, "name"),
    ):
        status, found = adapter.post("/install-scan", body)
        assert (status, found["reason"]) == (400, "invalid")
        assert word in found["error"]
    assert adapter.post("/install-scan", base, token=TOKENS["HELIO_SDK_TOKEN"])[0] == 401


def test_scans_are_decided_and_recorded(adapter: Adapter) -> None:
    refuses_what_cannot_be_meant(adapter)
    allowed = scan(adapter, **PACKAGE, command="npm install @acme/tools")
    assert (allowed["decision"], allowed["matched_rule"]) == ("allow", "ours")
    assert adapter.report(allowed, "success", result={"installed": True})[0] == 201
    assert adapter.evaluate("ship")["reason"] == "dependency_missing"
    denied = scan(adapter, **PACKAGE | {"publisher": "evil corp"})
    assert (denied["decision"], denied["reason"]) == ("deny", "policy_denied")
    assert (denied["matched_rule"], denied["feedback"]["message"]) == ("evil", "Never")
    unknown = scan(adapter, kind="plugin", name="x", publisher="acme")
    assert (unknown["decision"], unknown["matched_rule"]) == ("deny", None)
    unsaid = scan(adapter, kind="package", name="@acme/tools")
    assert (unsaid["decision"], unsaid["matched_rule"]) == ("deny", "evil")
    rows = {row["id"]: row for row in scans(adapter)}
    assert len(rows) == 4
    row = rows[allowed["evaluation_id"]]
    assert (row["tool_name"], row["upstream"]) == ("install:package", "adapter:crew")
    assert (row["policy_decision"], row["outcome"]) == ("allow", "answered")
    assert row["tool_input"]["command"] == "npm install @acme/tools"
    assert rows[denied["evaluation_id"]]["policy_decision"] == "deny"
    judged_blind = rows[unsaid["evaluation_id"]]["indeterminate"]
    assert [each["rule"] for each in judged_blind] == ["evil"]
    assert [row["tool_name"] for row in adapter.process.calls()] == ["ship"]
    (loaded,) = [r for r in adapter.process.export() if r["record_kind"] == "policy_loaded"]
    assert loaded["metadata"]["install_digest"] == row["policy_digest"]
    before = digest(adapter.process)
    replace(adapter.process, "'@acme/*'", "'@other/*'")
    wait("the saved rule", adapter.process, lambda: scan(adapter, **PACKAGE)["decision"] == "deny")
    assert digest(adapter.process) == before


def test_a_person_is_asked(adapter: Adapter) -> None:
    asked = scan(adapter, **SKILL)
    assert (asked["decision"], asked["matched_rule"]) == ("require_approval", "looked-at")
    ticket = asked["approval"]["ticket_id"]
    assert adapter.get(f"/approval/{ticket}")["decision"] == "require_approval"
    resolution = {"decision": "approve", "resolved_by": "Ada"}
    status, found = adapter.post(f"/approval/{ticket}/resolve", resolution)
    assert (status, found["decision"]) == (200, "allow")
    assert adapter.report(found, "not_executed")[0] == 201
    (row,) = scans(adapter)
    assert (row["approval_status"], row["outcome"]) == ("approved", "not_forwarded")


def test_a_grant_is_for_one_installation_and_outlives_a_kill(
    helio: HelioFactory, recorder: Recorder
) -> None:
    text = f"{POLICIES}\napproval: {{ mode: return }}\n"
    adapter = Adapter(helio(text, upstream=recorder.url, environment=TOKENS))
    ticket = scan(adapter, **SKILL)["approval"]["ticket_id"]
    resolution = {"decision": "approve", "resolved_by": "Ada"}
    assert adapter.post(f"/approval/{ticket}/resolve", resolution)[0] == 200
    assert scan(adapter, **SKILL | {"version": "2"})["decision"] == "require_approval"
    adapter.process.kill()
    adapter.process.start()
    found = scan(adapter, **SKILL)
    assert found["decision"] == "allow"
    adapter.process.kill()
    adapter.process.start()
    assert scan(adapter, **SKILL)["decision"] == "require_approval"
