"""The SDK port before those who have a token of it, or none, and mean no good."""

from typing import Any

import pytest

from conftest import HelioFactory
from end_to_end.recording import Recorder
from end_to_end.test_adapters import GET, POLICIES, TOKENS, Adapter

pytestmark = pytest.mark.end_to_end

ANN, BOB = "the-token-of-ann-for-tests", "the-token-of-bob-for-tests"
SDK = f"""
sdk:
  port: '${{HELIO_TEST_SDK_PORT}}'
  tokens:
    - {{ name: ann, token: {ANN}, scopes: [sdk, adapter], agents: [ann] }}
    - {{ name: bob, token: {BOB}, scopes: [sdk, adapter], agents: ['bob*'] }}
"""


@pytest.fixture
def adapter(helio: HelioFactory, recorder: Recorder) -> Adapter:
    return Adapter(helio(POLICIES + SDK, upstream=recorder.url, environment=TOKENS))


def call(tool: str, **more: Any) -> dict[str, Any]:
    return {"origin": "crew", "session_id": "s1", "agent_id": "ann", "tool": {"name": tool}, **more}


def test_what_is_anothers_is_anothers(adapter: Adapter) -> None:
    paid = adapter.post("/evaluate", call("pay", arguments={"amount": 60}), ANN)[1]
    wired = adapter.post("/evaluate", call("wire"), ANN)[1]
    ticket = wired["approval"]["ticket_id"]
    given_up = {"evaluation_id": paid["evaluation_id"], "status": "not_executed"}
    costly = given_up | {"status": "success", "actual_amount": 1}
    resolution = {"decision": "approve", "resolved_by": "Bob"}
    for path, body in (
        ("/evaluate", call("pay", arguments={"amount": 60})),
        ("/audit", given_up),
        ("/audit", costly),
        ("/audit", given_up | {"evaluation_id": wired["evaluation_id"]}),
        (f"/approval/{ticket}", GET),
        (f"/approval/{ticket}/resolve", resolution),
        ("/session/s1?agent=ann", GET),
        ("/session/s1", GET),
        ("/evidence", {"session_id": "s1", "agent_id": "ann", "tool_name": "lookup", "data": 1}),
        ("/context", {"session_id": "s1", "agent_id": "ann", "key": "k", "value": 1}),
    ):
        status, found = adapter.post(path, body, BOB)
        assert (status, found["reason"]) == (403, "agent_not_allowed"), path
    assert adapter.post("/audit", costly, ANN)[0] == 201
    assert adapter.post(f"/approval/{ticket}/resolve", resolution, ANN)[0] == 200
