"""What people are asked about a call, and what an answer is bound to."""

import json
from collections.abc import Callable

import pytest

from helio.governance.ticket import ApprovalRequest
from helio.pipeline.commands import (
    Answer,
    AskApproval,
    CheckRoom,
    Forward,
    RecordIntent,
    UseApprovals,
)
from helio.pipeline.events import (
    Approved,
    Recorded,
    RoomChecked,
)
from helio.pipeline.machine import State as Stage
from pipeline.asking_play import (
    ASK,
    BUDGETS,
    asked,
    pay,
    recorded,
    ticket,
)
from pipeline.playbook import Play, at, call, govern, listed

# what is asked


def test_a_person_is_asked_about_what_a_rule_says() -> None:
    play = Play(govern(ASK))
    request = asked(play.send(pay()))
    assert (request.kind, request.matched_rule, request.rule_index) == ("rule", "large", 0)
    assert (request.tool_name, request.tool_input) == ("pay", '{"amount":12}')
    assert request.reasons == ("Rule `large` has a person decide about this call.",)
    assert play.machine.state is Stage.ASKING
    assert isinstance(Play(govern(ASK)).send(pay("10"))[-1], RecordIntent)


def test_several_that_ask_are_one_ticket_of_the_strictest_terms() -> None:
    rules = (
        "{ flag_destructive: require_approval, rules: ["
        "{ name: doubt, match: { input: { to: { gt: 1 } } }, action: require_approval, "
        "approval: { channel: dashboard, timeout: 50s, delegates: [dashboard] } }, "
        "{ name: sure, action: require_approval, approval: { timeout: 30s, escalation_after: 9s } }"
        "] }"
    )
    play = Play(govern(rules))
    request = asked(play.send(call("pay", b'{"to":"bob"}')))
    assert (request.timeout_ms, request.escalation_after_ms) == (30_000, 9_000)
    assert (request.channels, request.delegates) == (("dashboard",), ("dashboard",))
    assert len(request.reasons) == 2
    assert "could not be judged" in request.reasons[1]
    assert "bob" not in "".join(request.reasons)


@pytest.mark.parametrize(
    ("rules", "annotations", "asks"),
    [
        ("[]", {"destructiveHint": True}, True),
        ("[]", {"readOnlyHint": True}, False),
        ("[]", {}, True),
        ("[{ match: { tool: pay }, action: allow }]", {"destructiveHint": True}, False),
        ("[{ match: { tool: other }, action: allow }]", {"destructiveHint": True}, True),
    ],
)
def test_destructive_calls_that_no_rule_decides(
    rules: str, annotations: dict[str, bool], asks: bool
) -> None:
    policies = f"{{ flag_destructive: require_approval, rules: {rules} }}"
    play = Play(govern(policies, [{"name": "pay", "annotations": annotations}]))
    command = play.send(pay())[-1]
    if asks:
        assert isinstance(command, AskApproval)
        assert command.request.kind == "destructive"
    else:
        assert isinstance(command, RecordIntent)


def test_a_drifted_tool_is_asked_about_with_what_rules_ask() -> None:
    governance = govern(
        ASK.replace("rules:", "on_tool_drift: require_approval, rules:"), [{"name": "pay"}]
    )
    governance.catalogue.replace(listed({"name": "pay", "description": "new"}))
    play = Play(governance)
    small = asked(play.send(pay("1")))
    assert small.kind == "drift"
    assert small.reasons == (
        "The tool's definition is not the one that was accepted: description.",
    )
    both = asked(Play(governance).send(pay()))
    assert (both.kind, len(both.reasons)) == ("drift", 2)
    (use, intent) = play.send(Approved(ticket(small), 5))
    assert use == UseApprovals(("t-drift",), "c1")
    assert isinstance(intent, RecordIntent)
    assert play.send(Recorded()) == [Forward()] or play.machine.sent
    # Nothing was accepted: the next call is asked about, too.
    assert asked(Play(governance).send(pay("1"))).kind == "drift"


CHANGES: dict[str, Callable[[], ApprovalRequest]] = {
    "arguments": lambda: asked(Play(govern(ASK)).send(pay("13"))),
    "agent": lambda: asked(Play(govern(ASK)).send(pay(agent="a"))),
    "session": lambda: asked(Play(govern(ASK)).send(call("pay", b'{"amount":12}', session="s2"))),
    "tool": lambda: asked(Play(govern(ASK)).send(call("pay2", b'{"amount":12}', session="s1"))),
    "rule": lambda: asked(Play(govern(ASK.replace("gt: 10", "gt: 11"))).send(pay())),
    "definition": lambda: asked(Play(govern(ASK, [{"name": "pay"}])).send(pay())),
}


@pytest.mark.parametrize("change", CHANGES)
def test_an_approval_is_bound_to_everything_that_counts(change: str) -> None:
    assert CHANGES[change]().binding != asked(Play(govern(ASK)).send(pay())).binding


def test_an_approval_is_not_bound_to_how_things_are_written() -> None:
    request = asked(Play(govern(ASK)).send(pay()))
    assert asked(Play(govern(ASK)).send(pay("1.2e1"))).binding == request.binding
    renamed = govern(ASK.replace("name: large", "name: huge"))
    assert asked(Play(renamed).send(pay())).binding == request.binding
    below = govern(ASK.replace("[{", "[{ match: { tool: x }, action: deny }, {", 1))
    assert asked(Play(below).send(pay())).binding == request.binding


# dry runs and shadow


def test_a_dry_run_tells_of_the_person_and_asks_nobody() -> None:
    play = Play(govern(ASK.replace("rules:", "dry_run: true, rules:")))
    data = recorded(play.send(pay()))
    assert (data["would_forward"], data["block_reason"]) == (False, "approval_pending")
    (answer,) = play.send(Recorded())
    assert isinstance(answer, Answer)
    found = json.loads(answer.body)["result"]["_meta"]["helio/dry_run"]
    assert (found["decision"], found["reason"], found["rule"]) == (
        "require_approval",
        "approval_pending",
        "large",
    )
    assert found["approval"]["kind"] == "rule"


def test_a_dry_run_over_budget_tells_of_the_person() -> None:
    play = Play(govern("{ dry_run: true }", budgets=BUDGETS % "require_approval"))
    (check,) = play.send(pay())
    assert isinstance(check, CheckRoom)
    breaches = play.store.check_budgets(check.decision, at(0).monotonic)
    play.send(RoomChecked((), breaches))
    (answer,) = play.send(Recorded())
    assert isinstance(answer, Answer)
    found = json.loads(answer.body)["result"]["_meta"]["helio/dry_run"]
    assert found["reason"] == "approval_pending"
    assert found["approval"] == {"kind": "budget", "budgets": ["money", "ones"]}


def test_shadow_asks_nobody_and_notes_it() -> None:
    play = Play(govern(ASK.replace("rules:", "shadow: true, rules:")))
    (intent,) = play.send(pay())
    assert recorded([intent])["shadow"] == [
        {
            "rule": "large",
            "rule_index": 0,
            "action": "require_approval",
            "reason": "approval_pending",
        }
    ]
