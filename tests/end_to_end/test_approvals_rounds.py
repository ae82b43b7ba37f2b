"""An approved call of several rounds (2026-07-28) through a whole Helio."""

import pytest

from end_to_end.people import People
from end_to_end.test_rounds import ANSWER, call, server
from processes import HelioFactory

__all__ = ["server"]

pytestmark = pytest.mark.end_to_end

ASKED = """
approval: { mode: return }
policies:
  rules:
    - { name: asked, match: { tool: 'test_*' }, action: require_approval }
"""


def test_further_rounds_need_no_second_approval_and_lend_it_to_no_other_call(
    helio: HelioFactory, server: str
) -> None:
    process = helio(ASKED, upstream=server)
    people = People(process)
    assert call(process, 1).blocked["reason"] == "approval_pending"
    (ticket,) = people.wait_for()
    assert people.approve(ticket) == 200
    assert call(process, 2).message["result"]["resultType"] == "input_required"
    assert call(process, 3).blocked["reason"] == "approval_pending", "no round of that call"
    assert call(process, 4, inputResponses=ANSWER).message["result"]["resultType"] == "complete"
    assert call(process, 5, inputResponses=ANSWER).blocked["reason"] == "approval_pending"
    (another,) = people.tickets(status="pending")
    assert another["id"] != ticket["id"]
    first, further = [row for row in process.calls() if row["policy_decision"] == "allow"]
    assert further["metadata"]["continues"] == first["id"]
    assert [row["approved_by"] for row in (first, further)] == ["ann", "ann"]
