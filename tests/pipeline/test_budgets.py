"""Budgets in the call: what is held, charged, given back and told."""

import json
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest

from helio.governance.store import BudgetRefusal, LocalStore, Refusal
from helio.pipeline.commands import (
    Answer,
    CheckRoom,
    Command,
    Commit,
    Forward,
    RecordBlocked,
    RecordIntent,
    RecordOutcome,
    Release,
    Reserve,
    ReserveBudgets,
)
from helio.pipeline.events import (
    Abandoned,
    BudgetsRefused,
    BudgetsReserved,
    CallReceived,
    Event,
    Moment,
    Recorded,
    RoomChecked,
    RoomRefused,
    RoomReserved,
    StateFailed,
    UpstreamFailed,
)
from helio.pipeline.governance import Governance
from helio.pipeline.machine import CallMachine, State
from pipeline.playbook import START, Play, answered, at, call, govern

ALLOW = "{ default: allow }"
MONEY = (
    "[{ name: money, limit: 10, currency: GBP, window: 24h, contributors: "
    "[{ match: { tool: pay }, field: amount }, { match: { tool: send }, amount: 2.50 }] }]"
)
POT = (
    "[{ name: pot, limit: 1, currency: GBP, window: session, idle_ttl: 10m, contributors: "
    "[{ match: { tool: '*' }, amount: 1 }] }]"
)
TWO = MONEY[:-1] + (
    ", { name: ones, limit: 3, currency: GBP, window: 1h, on_exceed: require_approval, "
    "contributors: [{ match: { tool: pay }, amount: 1 }] }]"
)
LIMITED = "{ rules: [{ name: slow, limits: { max_calls: 2, window: 1m } }] }"


@dataclass
class House:
    """Calls one after the other against one store, with every command that they gave out."""

    governance: Governance
    store: LocalStore = field(default_factory=LocalStore)
    commands: list[Command] = field(default_factory=list)

    def call(
        self,
        tool: str = "pay",
        arguments: bytes = b'{"amount":4}',
        *,
        answer: Event | None = None,
        now: Moment = START,
        session: str | None = None,
    ) -> Any:
        """Plays a call to its end; what Helio answers, None when the upstream does."""
        return self.play(call(tool, arguments, session=session), answer or answered(), now)

    def play(self, received: CallReceived, answer: Event, now: Moment) -> Any:
        machine = CallMachine(self.governance)
        event: Event | None = received
        body: Any = None
        self.commands = []
        while event is not None:
            batch = machine.handle(event, now)
            self.commands += batch
            event = None
            for command in batch:
                match command:
                    case Commit():
                        self.store.commit(command.reservation, command.at)
                    case Release():
                        self.store.release(command.reservation)
                    case Answer():
                        body = json.loads(command.body, parse_float=Decimal)
                    case Forward():
                        event = answer
                    case _:
                        event = self.answer(command, now.monotonic)
        return body

    def answer(self, command: Command, now: int) -> Event | None:
        match command:
            case Reserve():
                limits = self.store.reserve(command.decision, now, enforce=command.enforce)
                full = isinstance(limits, Refusal)
                return RoomRefused(limits) if full else RoomReserved(limits)
            case ReserveBudgets():
                held = self.store.reserve_budgets(command.decision, now, enforce=command.enforce)
                exceeded = isinstance(held, BudgetRefusal)
                return BudgetsRefused(held) if exceeded else BudgetsReserved(held)
            case CheckRoom():
                return RoomChecked(
                    self.store.check(command.decision, now),
                    self.store.check_budgets(command.decision, now),
                )
            case RecordBlocked() | RecordIntent() | RecordOutcome():
                return Recorded()
            case _:
                return None

    def recorded(self) -> dict[str, Any]:
        """The data of the last call's first record."""
        kinds = (RecordBlocked, RecordIntent)
        return next(dict(each.data) for each in self.commands if isinstance(each, kinds))

    def spent(self, now: Moment = START) -> dict[str, tuple[str, str]]:
        """What is counted and reserved of each window and pot."""
        levels = self.store.levels(now.monotonic)
        return {each.limit.split(":")[1]: (each.current, each.reserved) for each in levels}


def blocked(answer: Any) -> Any:
    return answer["result"]["_meta"]["helio/blocked"]


def test_what_a_call_takes_is_in_its_intent_and_counted_when_it_was_forwarded() -> None:
    house = House(govern(ALLOW, budgets=MONEY))
    assert house.call() is None
    assert house.recorded()["charges"] == [
        ["budget:money:global:86400000:GBP", "global=", "spend", "4", 86_400_000]
    ]
    assert house.recorded()["budgets"] == [
        {
            "budget": "money",
            "key": "global=",
            "amount": "4",
            "currency": "GBP",
            "contributor": 0,
        }
    ]
    assert house.call("send", b"{}") is None
    assert house.recorded()["budgets"][0]["contributor"] == 1
    assert house.spent() == {"money": ("6.5", "0")}


def test_a_tool_that_no_budget_counts_asks_for_nothing() -> None:
    house = House(govern(ALLOW, budgets=MONEY))
    assert house.call("look") is None
    assert not any(isinstance(each, ReserveBudgets) for each in house.commands)
    assert "budgets" not in house.recorded()
    assert house.spent() == {}


def test_all_budgets_without_room_are_told() -> None:
    house = House(govern(ALLOW, budgets=TWO))
    for _ in range(2):
        house.call(arguments=b'{"amount":0.5}')
    house.call(arguments=b'{"amount":8.5}')
    told = blocked(house.call(arguments=b'{"amount":1.25}', now=at(60)))
    assert (told["reason"], told["rule"], told["retry_allowed"]) == ("budget_exceeded", None, True)
    assert told["budgets"] == [
        {
            "name": "money",
            "limit": 10,
            "spent": Decimal("9.5"),
            "remaining": Decimal("0.5"),
            "attempted_amount": Decimal("1.25"),
            "currency": "GBP",
            "window": "24h",
            "on_exceed": "deny",
            "reset_at": "2026-01-03T03:04:05.000000Z",
        },
        {
            "name": "ones",
            "limit": 3,
            "spent": 3,
            "remaining": 0,
            "attempted_amount": 1,
            "currency": "GBP",
            "window": "1h",
            "on_exceed": "require_approval",
            "reset_at": "2026-01-02T04:04:05.000000Z",
        },
    ]
    assert told["message"] == (
        "1.25 GBP is more than what is left of the budget `money`: 9.5 of 10 GBP in 24h are spent. "
        "1 GBP is more than what is left of the budget `ones`: 3 of 3 GBP in 1h are spent."
    )
    assert told["suggestion"] == "The same call can pass from 2026-01-03T03:04:05.000000Z on."
    data = house.recorded()
    assert (data["policy_decision"], data["block_reason"]) == ("budget_exceeded",) * 2
    assert house.spent() == {"money": ("9.5", "0"), "ones": ("3", "0")}


def test_the_wait_that_is_suggested_helps() -> None:
    house = House(govern(ALLOW, budgets=TWO))
    house.call(arguments=b'{"amount":10}')
    assert blocked(house.call(arguments=b'{"amount":1}', now=at(86_399)))["retry_allowed"]
    assert house.call(arguments=b'{"amount":1}', now=at(86_400)) is None


def test_nothing_of_one_budget_is_held_when_another_has_no_room() -> None:
    house = House(govern(ALLOW, budgets=TWO))
    house.call(arguments=b'{"amount":9}')
    blocked(house.call(arguments=b'{"amount":2}'))
    assert house.spent() == {"money": ("9", "0"), "ones": ("1", "0")}


def test_more_than_a_whole_budget_is_helped_by_no_wait() -> None:
    told = blocked(House(govern(ALLOW, budgets=MONEY)).call(arguments=b'{"amount":11}'))
    assert (told["retry_allowed"], told["budgets"][0]["reset_at"]) == (False, None)
    assert told["suggestion"] == "No wait helps: one call may take at most 10 GBP from `money`."


def test_a_refusal_gives_the_limits_back() -> None:
    house = House(govern(LIMITED, budgets=MONEY))
    for _ in range(3):
        told = blocked(house.call(arguments=b'{"amount":11}'))
        assert (told["reason"], told["rule"]) == ("budget_exceeded", "slow")
    kinds = [type(each) for each in house.commands]
    assert kinds == [Reserve, ReserveBudgets, Release, RecordBlocked, Answer]
    assert house.call() is None
    assert house.spent() == {"slow": ("1", "0"), "money": ("4", "0")}


def test_limits_come_first() -> None:
    house = House(govern(LIMITED, budgets=MONEY))
    for _ in range(2):
        house.call(arguments=b'{"amount":5}')
    assert blocked(house.call(arguments=b'{"amount":5}'))["reason"] == "rate_limited"
    assert house.spent()["money"] == ("10", "0")


def test_a_pot_is_of_its_session_and_comes_back() -> None:
    house = House(govern(ALLOW, budgets=POT))
    assert house.call(session="s1") is None
    assert house.call(session="s2") is None
    told = blocked(house.call(session="s1", now=at(60)))
    assert told["budgets"][0]["window"] == "session"
    assert told["suggestion"] == (
        "The same call can pass from 2026-01-02T03:14:05.000000Z on, if this session spends "
        "nothing until then."
    )
    assert house.call(session="s1", now=at(600)) is None


@pytest.mark.parametrize("policies", [ALLOW, "{ rules: [{ name: named, action: allow }] }"])
def test_what_cannot_be_counted_blocks(policies: str) -> None:
    house = House(govern(policies, budgets=MONEY))
    told = blocked(house.call(arguments=b'{"amount":"4"}'))
    assert (told["reason"], told["field"], told["found"]) == (
        "invalid_amount",
        "$.amount",
        'string "4"',
    )
    assert told["budget"] == "money"
    named = policies != ALLOW
    assert (told["rule"], told["rule_index"]) == (("named", 0) if named else (None, None))
    assert told["message"].endswith("The budget `money` counts by it.")
    assert house.spent() == {}


def test_a_pot_without_a_session_blocks_in_every_form() -> None:
    told = blocked(House(govern(ALLOW, budgets=POT)).call())
    assert (told["reason"], told["tried"]) == (
        "session_unresolved",
        ["x-helio-session-id", "mcp-session-id"],
    )
    answer = House(govern("{ blocked_as: error }", budgets=POT)).call()
    assert answer["error"]["data"]["reason"] == "session_unresolved"


def test_an_unknown_outcome_keeps_its_charge_and_what_was_not_sent_does_not() -> None:
    house = House(govern(LIMITED, budgets=MONEY))
    house.call(answer=UpstreamFailed("refused", "down", sent=False, latency=0))
    assert house.spent() == {}
    house.call(answer=UpstreamFailed("timeout", "late", sent=True, latency=0))
    assert house.spent() == {"slow": ("1", "0"), "money": ("4", "0")}


def test_what_was_counted_begins_when_it_was_forwarded() -> None:
    house = House(govern(LIMITED, budgets=MONEY))
    house.call(now=at(7))
    commits = [each for each in house.commands if isinstance(each, Commit)]
    assert [each.at for each in commits] == [at(7).monotonic] * 2


def test_a_call_that_is_given_up_holds_nothing() -> None:
    house = House(govern(LIMITED, budgets=MONEY))
    for state in (State.RESERVING_BUDGETS, State.RECORDING_INTENT):
        play = Play(house.governance, store=house.store)
        batch = play.send(call("pay", b'{"amount":4}'))
        while play.machine.state is not state:
            event = house.answer(batch[-1], at(0).monotonic)
            assert event is not None
            batch = play.send(event)
        for command in play.send(Abandoned("gone")):
            if isinstance(command, Release):
                house.store.release(command.reservation)
        assert house.spent() == {}


def test_without_state_nothing_passes_and_nothing_is_held() -> None:
    house = House(govern(LIMITED, budgets=MONEY))
    play = Play(house.governance, store=house.store)
    (reserve,) = play.send(call("pay", b'{"amount":4}'))
    event = house.answer(reserve, at(0).monotonic)
    assert event is not None
    play.send(event)
    release, record = play.send(StateFailed("gone"))
    assert isinstance(record, RecordBlocked)
    assert record.data["block_reason"] == "state_unavailable"
    assert isinstance(release, Release)


def test_a_dry_run_tells_every_budget_and_takes_nothing() -> None:
    house = House(govern("{ dry_run: true }", budgets=TWO))
    told = house.call(arguments=b'{"amount":11}')["result"]["_meta"]["helio/dry_run"]
    assert (told["would_forward"], told["reason"]) == (False, "budget_exceeded")
    assert told["budgets"] == [
        {
            "name": "money",
            "limit": 10,
            "amount": 11,
            "currency": "GBP",
            "window": "24h",
            "would_pass": False,
        },
        {
            "name": "ones",
            "limit": 3,
            "amount": 1,
            "currency": "GBP",
            "window": "1h",
            "would_pass": True,
        },
    ]
    assert house.recorded()["block_reason"] == "budget_exceeded"
    assert "budgets" not in house.recorded()
    assert house.spent() == {}
    assert house.call()["result"]["_meta"]["helio/dry_run"]["would_forward"] is True


def test_shadow_forwards_and_notes_what_has_no_room() -> None:
    house = House(govern("{ shadow: true }", budgets=TWO))
    assert house.call(arguments=b'{"amount":11}') is None
    assert house.recorded()["shadow"] == [
        {
            "budget": "money",
            "reason": "budget_exceeded",
            "key": "global",
            "maximum": "10",
            "current": "0",
            "amount": "11",
        }
    ]
    # What has room is counted, as it would be.
    assert [each["budget"] for each in house.recorded()["budgets"]] == ["ones"]
    assert house.spent() == {"ones": ("1", "0")}


def test_what_goes_on_from_an_earlier_round_is_not_charged_again() -> None:
    house = House(govern(ALLOW, budgets=MONEY))
    first = call("pay", b'{"amount":10}')
    house.play(first, answered(), at(0))
    again = CallReceived(
        message=first.message,
        call_id="c2",
        upstream="default",
        session=first.session,
        agent=None,
        protocol_version="2026-07-28",
        continues="c1",
    )
    assert house.play(again, answered(), at(1)) is None
    assert "charges" not in house.recorded()
    assert house.spent() == {"money": ("10", "0")}


def test_a_call_that_a_rule_denies_takes_nothing() -> None:
    house = House(govern("{ default: deny }", budgets=MONEY))
    assert blocked(house.call())["reason"] == "policy_denied"
    assert house.spent() == {}
