"""What people read in Slack."""

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from approvals.channels.asked import approved, asked
from helio.approvals.channels.slack_messages import (
    APPROVE,
    DENY,
    MOST_ARGUMENTS,
    SlackMessage,
    laid_out,
    literal,
    notice_dialog,
    question,
    reason_dialog,
    result,
    visible,
)
from helio.governance.ticket import BreachedBudget, State
from slack import Message
from slack_blocks import check_blocks, check_text, check_view

LARGE = BreachedBudget(
    id="budget:team:global:86400000:GBP",
    key="global=",
    name="team",
    limit="100",
    spent="90.50",
    remaining="9.50",
    attempted_amount="20",
    currency="GBP",
    window="24h",
    on_exceed="require_approval",
    reset_at=None,
)


def shown(message: SlackMessage) -> str:
    return Message("C", "1", message.text, message.blocks).shown()


def buttons(message: SlackMessage) -> list[str]:
    elements = Message("C", "1", message.text, message.blocks).elements()
    return [each["action_id"] for each in elements]


def test_a_question_tells_the_call() -> None:
    ticket = asked(environment="production", breached_budgets=(LARGE,), matched_rule="large")
    message = question(ticket, "requested")
    text = shown(message).replace("\n\n", "\n")
    assert "Approval needed: create_payment\n" in text
    assert "Tool \ncreate_payment of default in production\n" in text
    assert "Agent \nsupport-1, session s1\n" in text
    assert "Rule \nlarge\n" in text
    assert "Why \nRule `large` asks a person.\n" in text
    assert "Budget \nteam: 90.50 of 100 GBP spent, this call wants 20\n" in text
    assert "Until \n2026-11-23 04:35:00 UTC\n, then it is denied" in text
    assert '{\n  "amount": 1500.10,\n  "to": "acme"\n}' in shown(message)
    assert buttons(message) == [APPROVE, DENY]
    assert message.text == "Approval needed: create_payment"
    check_blocks(message.blocks)


def test_an_escalation_and_a_default_are_told() -> None:
    text = shown(question(asked(default_on_timeout="allow"), "escalated"))
    assert text.startswith("Still waiting for an answer: create_payment")
    assert ", then it is let through" in text


@pytest.mark.parametrize(
    ("changes", "ending"),
    [
        ({}, "Approved"),
        ({"state": State.DENIED, "reason": "wrong account"}, "Denied"),
        ({"state": State.TIMEOUT, "resolved_by": None}, "Nobody answered: denied"),
        (
            {"state": State.TIMEOUT, "resolved_by": None, "default_on_timeout": "allow"},
            "Nobody answered: let through",
        ),
        ({"state": State.BREAK_GLASS, "reason": "fire"}, "Let through in an emergency"),
        (
            {"state": State.CLIENT_DISCONNECTED, "resolved_by": None},
            "Nobody answered, and the client had left",
        ),
        (
            {"state": State.SHUTDOWN_CANCELLED, "resolved_by": None},
            "Cancelled, because Helio stopped",
        ),
        ({"state": State.CANCELLED, "resolved_by": None}, "Cancelled by the agent"),
    ],
)
def test_a_result_tells_the_end_and_asks_nothing(changes: dict[str, Any], ending: str) -> None:
    ticket = approved(**changes)
    message = result(ticket)
    text = shown(message)
    assert text.startswith(f"{ending}: create_payment\n")
    assert message.text == f"{ending}: create_payment"
    assert ("By \nalice" in text) == (ticket.resolved_by is not None)
    assert (f"Reason \n{ticket.reason}" in text) == (ticket.reason is not None)
    assert buttons(message) == []
    check_blocks(message.blocks)


HOSTILE = [
    "<!channel> <@U012AB3CD> <https://evil.example|Approve>",
    "*bold* _it_ ~s~ `c` :rotating_light:",
    "a\nTicket approved",
    "\u202egpj.exe",
    "a\u200bb\u2066c\ufeff",
    "\x1b[31m",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_agents_say_is_only_text(text: str) -> None:
    """Where markup is read, the stand-in's checks refuse any; the fallback text is escaped."""
    ticket = asked(
        tool_name=text,
        agent_id=text,
        session_id=text,
        matched_rule=text,
        reasons=(text,),
        upstream=text,
        tool_input='{"a":"' + text.replace("\n", "\\n") + '"}',
    )
    for message in (question(ticket, "requested"), result(approved(tool_name=text))):
        check_blocks(message.blocks)
        check_text(message.text)
        assert "<" not in message.text
        assert ">" not in message.text
        read = shown(message)
        assert all(each.isprintable() or each == "\n" for each in read)
        assert "\nTicket approved" not in read
    check_view(reason_dialog(ticket, "people"))


def test_what_cannot_be_seen_is_written_out() -> None:
    assert visible("a\u202eb\nc\u00a0d") == r"a\u{202e}b\u{a}c\u{a0}d"
    assert literal("<!here> & \u200b") == r"&lt;!here&gt; &amp; \u{200b}"


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        ("{}", "{}"),
        ('{"a":[]}', '{\n  "a": []\n}'),
        ('{"a":[1,{"b":null}],"c":1e2}', None),
        ('{"a":"},{\\" :"}', '{\n  "a": "},{\\" :"\n}'),
        ('{"n":100000000000000000000.10}', '{\n  "n": 100000000000000000000.10\n}'),
        ('{ "a" : 1 }', '{\n  "a": 1\n}'),
    ],
)
def test_arguments_are_laid_out_as_they_came(arguments: str, lines: str | None) -> None:
    expected = '{\n  "a": [\n    1,\n    {\n      "b": null\n    }\n  ],\n  "c": 1e2\n}'
    assert laid_out(arguments) == (lines or expected, True)


@settings(max_examples=200)
@given(st.text(max_size=200))
def test_any_text_is_laid_out(text: str) -> None:
    shown_text, whole = laid_out(text)
    assert whole
    assert all(each.isprintable() or each == "\n" for each in shown_text)


def test_long_arguments_are_cut_and_it_is_said() -> None:
    for text in ('{"a":"' + "x" * 200_000 + '"}', "[" + "1," * 100_000 + "1]"):
        message = question(asked(tool_input=text), "requested")
        read = shown(message)
        assert len(read) < MOST_ARGUMENTS + 1000
        assert f"they have {len(text):,} characters" in read
        check_blocks(message.blocks)


@pytest.mark.parametrize(
    "outline",
    [
        {"sha256": "0" * 64, "size": 300_000, "head": '{"a":'},
        {"hmac_sha256": "0" * 64, "size": 300_000},
    ],
)
def test_what_the_ticket_itself_does_not_hold_is_told(outline: dict[str, object]) -> None:
    message = question(asked(tool_input=orjson.dumps(outline).decode()), "requested")
    assert "Not all of the arguments is shown: they have 300,000 bytes." in shown(message)


def test_long_names_and_many_budgets_fit() -> None:
    ticket = asked(
        tool_name="n" * 256,
        breached_budgets=(LARGE,) * 30,
        reasons=("r" * 5000,) * 30,
        matched_rule="m" * 5000,
        agent_id="a" * 5000,
        session_id="s" * 5000,
    )
    message = question(ticket, "requested")
    check_blocks(message.blocks)
    check_text(message.text)
    assert "and 20 more" in shown(message)


def test_dialogs() -> None:
    view = reason_dialog(asked(), "people")
    check_view(view)
    assert view["private_metadata"] == '{"ticket": "tkt_1", "channel": "people"}'
    check_view(notice_dialog("This was answered before."))
