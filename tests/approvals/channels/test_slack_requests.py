"""Whether a request comes from Slack, and what is in it."""

import json
from copy import deepcopy
from typing import Any
from urllib.parse import urlencode

import pytest

from helio.approvals.channels import slack_requests
from helio.approvals.channels.slack_requests import (
    Click,
    Person,
    Reason,
    SeenOnce,
    Unreadable,
    Verifier,
    read,
)

# The example of Slack's own documentation.
SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
TIMESTAMP = "1531420618"
BODY = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow"
    b"&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner"
    b"&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands"
    b"%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
    b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)
SIGNATURE = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"


def verifier(now: float = float(TIMESTAMP), secret: str = SECRET) -> Verifier:
    return Verifier(secret, lambda: now)


def test_slacks_own_example() -> None:
    assert verifier().signed(TIMESTAMP, SIGNATURE, BODY)


@pytest.mark.parametrize("ahead", [-300, 300])
def test_five_minutes_either_way(ahead: int) -> None:
    at = float(TIMESTAMP)
    assert verifier(at + ahead).signed(TIMESTAMP, SIGNATURE, BODY)
    further = at + ahead + (1 if ahead > 0 else -1)
    assert not verifier(further).signed(TIMESTAMP, SIGNATURE, BODY)


@pytest.mark.parametrize(
    ("timestamp", "signature", "body"),
    [
        ("", SIGNATURE, BODY),
        (TIMESTAMP, "", BODY),
        (TIMESTAMP, SIGNATURE.upper(), BODY),
        (TIMESTAMP, SIGNATURE[:-1] + "4", BODY),
        (TIMESTAMP, SIGNATURE.replace("v0", "v1"), BODY),
        (TIMESTAMP, SIGNATURE + "é", BODY),
        (TIMESTAMP, SIGNATURE, BODY + b" "),
        (TIMESTAMP, SIGNATURE, b""),
        (TIMESTAMP, SIGNATURE, b"\xff"),
        ("1531420619", SIGNATURE, BODY),
        ("01531420618", SIGNATURE, BODY),
        ("-1531420618", SIGNATURE, BODY),
        ("1531420618.0", SIGNATURE, BODY),
        ("١٥٣١٤٢٠٦١٨", SIGNATURE, BODY),
        ("9" * 5000, SIGNATURE, BODY),
        ("never", SIGNATURE, BODY),
    ],
)
def test_refused(timestamp: str, signature: str, body: bytes) -> None:
    assert not verifier().signed(timestamp, signature, body)


def test_another_secret() -> None:
    assert not verifier(secret="another").signed(TIMESTAMP, SIGNATURE, BODY)


def test_each_signature_once(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    seen = SeenOnce(lambda: now)
    assert seen.first("a")
    assert not seen.first("a")
    now = 599.0
    assert not seen.first("a")
    assert seen.first("b")
    now = 600.0
    assert seen.first("a")
    monkeypatch.setattr(slack_requests, "MOST_SIGNATURES", 2)
    assert seen.full
    now = 1199.0
    assert not seen.full


# What is in it.

USER = {"id": "U012", "username": "alice", "name": "alice", "team_id": "T1"}
CLICKED: dict[str, Any] = {
    "type": "block_actions",
    "user": USER,
    "container": {"type": "message", "message_ts": "1.2", "channel_id": "C1"},
    "trigger_id": "t",
    "actions": [{"action_id": "helio_approve", "block_id": "helio_answer", "value": "tkt_1"}],
}
SENT: dict[str, Any] = {
    "type": "view_submission",
    "user": USER,
    "view": {
        "callback_id": "helio_reason",
        "private_metadata": '{"ticket": "tkt_1", "channel": "people"}',
        "state": {"values": {"helio_reason": {"helio_reason": {"value": " no "}}}},
    },
}


def body(payload: object) -> bytes:
    return urlencode({"payload": json.dumps(payload)}).encode()


def test_a_click() -> None:
    alice = Person("U012", "alice")
    assert read(body(CLICKED)) == Click(alice, "tkt_1", True, "C1", "1.2", "t")
    assert alice.label == "slack:U012 (alice)"
    assert Person("U1", "a\u202e" + "b" * 200).label == r"slack:U1 (a\u{202e}" + "b" * 78 + ")"


def test_a_reason() -> None:
    assert read(body(SENT)) == Reason(Person("U012", "alice"), "tkt_1", "people", "no")


@pytest.mark.parametrize("nothing", [None, "", "  "])
def test_no_reason(nothing: str | None) -> None:
    sent = deepcopy(SENT)
    sent["view"]["state"]["values"]["helio_reason"]["helio_reason"]["value"] = nothing
    assert read(body(sent)) == Reason(Person("U012", "alice"), "tkt_1", "people", None)


@pytest.mark.parametrize(
    "payload",
    [
        {"type": "shortcut"},
        {**CLICKED, "actions": [{"action_id": "another", "value": "a"}]},
        {**SENT, "view": {**SENT["view"], "callback_id": "another"}},
    ],
)
def test_what_is_not_helios_needs_no_answer(payload: object) -> None:
    assert read(body(payload)) is None


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"payload",
        b"payload=",
        b"payload={",
        b"a=1&" * 20 + b"payload={}",
        b"payload=" + b"%5B" * 50_000,
        body([]),
        body(None),
        body({"type": 1, "user": None} | {"type": "block_actions"}),
        body({**CLICKED, "actions": []}),
        body({**CLICKED, "actions": CLICKED["actions"] * 2}),
        body({**CLICKED, "user": {"id": 7}}),
        body({**CLICKED, "actions": [{"action_id": "helio_approve", "value": None}]}),
        body({**SENT, "view": {**SENT["view"], "private_metadata": "{"}}),
        body({**SENT, "view": {**SENT["view"], "private_metadata": "[]"}}),
        body({**SENT, "view": {**SENT["view"], "state": {}}}),
        body(CLICKED) + b"&" + body(CLICKED),
    ],
)
def test_unreadable(sent: bytes) -> None:
    with pytest.raises(Unreadable):
        read(sent)
