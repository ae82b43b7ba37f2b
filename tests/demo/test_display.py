"""What the tour prints, at 80 columns and off a terminal."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from helio.demo.agent import Seen
from helio.demo.display import DECISIONS, Places, Stage, brief

DENIED = Seen(
    number=3,
    tool="create_payment",
    arguments={"order_id": 7, "amount": 350, "currency": "GBP"},
    decision="deny",
    expected="deny",
    told={
        "message": "One payment may be at most 200 GBP.",
        "suggestion": "Split it into payments of at most 200 GBP each.",
        "rule": "small-payments",
    },
)
REHEARSED = Seen(
    number=12,
    tool="refund_payment",
    arguments={"payment_id": "p1"},
    decision="dry_run",
    expected="dry_run",
    told={"would_forward": True, "decision": "allow", "rule": "refunds-are-rehearsed"},
)
REPAIRED = Seen(4, "create_payment", {"amount": 200}, "allow", "allow", repairs=True)


def printed(*calls: Seen, width: int = 80, terminal: bool = False) -> str:
    output = io.StringIO()
    stage = Stage(Console(file=output, width=width, force_terminal=terminal, highlight=False))
    for call in calls:
        stage.seen(call)
    return output.getvalue()


def test_a_blocked_call_stands_with_what_the_agent_was_told() -> None:
    assert printed(DENIED) == (
        "  3 create_payment order_id: 7, amount: 350, currency: GBP                denied\n"
        "     One payment may be at most 200 GBP. Split it into payments of at most 200\n"
        "     GBP each. (rule small-payments)\n"
    )


def test_a_repaired_call_and_a_dry_run_say_so() -> None:
    text = printed(REPAIRED, REHEARSED)
    assert "repaired, as the feedback before suggested" in text
    assert "would be forwarded: allow (rule refunds-are-rehearsed)" in text


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    lines = printed(DENIED, REPAIRED, REHEARSED, width=width).splitlines()
    assert max(map(len, lines)) <= width
    words = " ".join(" ".join(lines).split())
    assert "at most 200 GBP each. (rule small-payments)" in words


def test_colour_only_on_a_terminal() -> None:
    assert "\x1b[" not in printed(DENIED)
    assert "\x1b[" in printed(DENIED, terminal=True)


def test_every_decision_has_words_and_a_colour() -> None:
    for decision in DECISIONS:
        assert DECISIONS[decision][0] in printed(
            Seen(1, "t", {}, decision, decision, DENIED.told | REHEARSED.told)
        )


def test_long_arguments_are_cut() -> None:
    assert brief({"body": "x" * 100, "to": "a"}) == f"body: {'x' * 27}…, to: a"


def test_the_closing_counts_the_audit_and_names_rules_on_trial() -> None:
    output = io.StringIO()
    stage = Stage(Console(file=output, width=80, highlight=False))
    shadow = [{"rule": "mail-stays-inside", "rule_index": 6, "action": "deny"}]
    stage.closing(
        [
            {"policy_decision": "allow", "tool_name": "send_mail", "shadow": shadow},
            {"policy_decision": "allow", "tool_name": "read_mail", "shadow": None},
            {"policy_decision": "deny", "tool_name": "delete_order", "shadow": None},
        ]
    )
    text = output.getvalue()
    assert "3 calls in the audit" in text
    assert "allowed" in text
    assert "rule mail-stays-inside (deny) matched send_mail, which went through." in " ".join(
        text.split()
    )


def test_places_are_copied_whole() -> None:
    output = io.StringIO()
    config = Path("/a-rather-long-directory-name") / ("x" * 80) / "helio.yaml"
    places = Places("http://127.0.0.1:3000/mcp", "http://127.0.0.1:3100", config)
    Stage(Console(file=output, width=80, highlight=False)).serving(places)
    assert f"The audit reads: helio export -c {config}\n" in output.getvalue()
