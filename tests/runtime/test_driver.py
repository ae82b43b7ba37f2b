"""The driver against a real journal and store: what is charged, noted and recorded."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from helio.audit import recovery
from helio.audit.journal import Journal
from helio.evaluator import inspect_answer, parse_message
from helio.governance.identity import SessionIdentity
from helio.governance.store import LocalStore
from helio.pipeline.events import CallReceived, UpstreamAnswered, UpstreamFailed
from helio.pipeline.governance import Governance
from helio.pipeline.machine import CallMachine
from helio.protocol.modern import input_required
from helio.runtime.driver import Driver
from pipeline.playbook import govern

ASKS = {"resultType": "input_required", "inputRequests": {"a": {}}, "requestState": "s"}
FINAL = {"resultType": "complete", "content": []}
UNREACHED = UpstreamFailed("connect_failed", "refused", False, 0)
LOST = UpstreamFailed("closed", "reset", True, 0)


@dataclass
class Scripted:
    """An exchange whose upstream says what it is told to."""

    says: object
    answers: list[Any] = field(default_factory=list)

    async def forward(self) -> UpstreamAnswered | UpstreamFailed:
        if isinstance(self.says, UpstreamFailed):
            return self.says
        if isinstance(self.says, BaseException):
            raise self.says
        self.body = json.dumps({"jsonrpc": "2.0", "id": 1, "result": self.says}).encode()
        answer = inspect_answer(self.body)
        assert answer is not None
        asks = input_required(answer)
        return UpstreamAnswered(200, self.body, b"", None, 0, asks)

    async def deliver(self) -> None:
        self.answers.append(json.loads(self.body))

    async def answer(self, body: bytes) -> None:
        self.answers.append(json.loads(body))


@dataclass
class Run:
    """One driver, its store and its journal."""

    directory: Path
    journal: Journal
    governance: Governance
    store: LocalStore = field(default_factory=LocalStore)
    calls: int = 0

    def __post_init__(self) -> None:
        self.driver = Driver(self.journal, self.store)

    async def call(self, says: object, session: str = "s1", **params: object) -> Any:
        """One call that brings `params` along; gives its answer."""
        self.calls += 1
        stated = {"name": "refund", "arguments": {"order": 7}, **params}
        body = {"jsonrpc": "2.0", "id": self.calls, "method": "tools/call", "params": stated}
        received = CallReceived(
            message=parse_message(json.dumps(body).encode()),
            call_id=f"c{self.calls}",
            upstream="default",
            session=SessionIdentity(session, "header", ("x-helio-session-id",)),
            agent=None,
            protocol_version="2026-07-28",
        )
        exchange = Scripted(says)
        await self.driver.run(CallMachine(self.governance), received, exchange)
        (answer,) = exchange.answers
        return answer

    def records(self, kind: str) -> list[Any]:
        lines = recovery.read(self.directory)
        return [json.loads(line.data) for line in lines if line.kind == kind]


LIMITED = "{ rules: [{ name: two, action: rate_limit, limits: { max_calls: 2, window: 1h } }] }"


@pytest.fixture
async def run(tmp_path: Path) -> AsyncIterator[Run]:
    """Two calls an hour."""
    journal = Journal.open(tmp_path)
    await journal.start(lambda: {})
    yield Run(tmp_path, journal, govern(LIMITED))
    await journal.close()


def reason(answer: Any) -> str | None:
    blocked = answer.get("result", {}).get("_meta", {}).get("helio/blocked")
    return None if blocked is None else str(blocked["reason"])


RETRY = {"requestState": "s", "inputResponses": {"a": {}}}


async def test_a_call_of_several_rounds_is_charged_once_and_recorded_in_each(run: Run) -> None:
    assert (await run.call(ASKS))["result"] == ASKS
    assert (await run.call(ASKS, **RETRY))["result"] == ASKS
    assert (await run.call(FINAL, **RETRY))["result"] == FINAL
    assert reason(await run.call(FINAL)) is None
    assert reason(await run.call(FINAL)) == "rate_limited"
    intents = run.records("intent")
    assert ["charges" in each for each in intents] == [True, False, False, True]
    metadata = [each.get("metadata") for each in intents]
    assert metadata == [None, '{"continues": "c1"}', '{"continues": "c1"}', None]
    assert [each["call_id"] for each in run.records("outcome")] == ["c1", "c2", "c3", "c4"]


async def test_no_limit_is_evaded_by_a_state_that_nobody_gave(run: Run) -> None:
    await run.call(FINAL)
    await run.call(FINAL, requestState="made up", inputResponses={})
    assert reason(await run.call(FINAL, requestState="made up")) == "rate_limited"
    assert reason(await run.call(FINAL, inputResponses={})) == "rate_limited"


async def test_no_limit_is_evaded_by_a_state_that_is_used_again(run: Run) -> None:
    await run.call(ASKS)
    for _ in range(2):
        assert reason(await run.call(FINAL, **RETRY)) is None
    assert reason(await run.call(FINAL, **RETRY)) == "rate_limited"


async def test_no_limit_is_evaded_by_a_state_of_another_session(run: Run) -> None:
    await run.call(ASKS, session="s1")
    await run.call(FINAL, session="s2", **RETRY)
    assert reason(await run.call(FINAL, session="s2", **RETRY)) == "rate_limited"


async def test_a_first_round_that_failed_is_continued_by_nothing(run: Run) -> None:
    await run.call(LOST)
    await run.call(FINAL, **RETRY)
    assert reason(await run.call(FINAL, **RETRY)) == "rate_limited"


async def test_a_round_that_reached_nobody_may_be_tried_again(run: Run) -> None:
    await run.call(ASKS)
    assert (await run.call(UNREACHED, **RETRY))["error"]["code"] == -31002
    assert (await run.call(FINAL, **RETRY))["result"] == FINAL
    assert len([each for each in run.records("intent") if "charges" in each]) == 1


async def test_a_round_whose_outcome_is_unknown_is_not_tried_for_nothing(run: Run) -> None:
    await run.call(ASKS)
    assert "error" in await run.call(LOST, **RETRY)
    await run.call(FINAL, **RETRY)
    assert len([each for each in run.records("intent") if "charges" in each]) == 2


async def test_a_round_that_was_denied_continues_once_it_is_allowed(run: Run) -> None:
    await run.call(ASKS)
    allowed, run.governance = run.governance, govern("{ default: deny }")
    assert reason(await run.call(FINAL, **RETRY)) == "policy_denied"
    run.governance = allowed
    await run.call(FINAL, **RETRY)
    assert len([each for each in run.records("intent") if "charges" in each]) == 1


async def test_a_round_whose_exchange_broke_is_not_given_back(run: Run) -> None:
    await run.call(ASKS)
    with pytest.raises(RuntimeError, match="broke"):
        await run.call(RuntimeError("broke"), **RETRY)
    await run.call(FINAL, **RETRY)
    assert len([each for each in run.records("intent") if "charges" in each]) == 2


async def test_a_restart_forgets_what_waits_and_charges_anew(run: Run) -> None:
    await run.call(ASKS)
    run.driver = Driver(run.journal, run.store)
    await run.call(FINAL, **RETRY)
    assert len([each for each in run.records("intent") if "charges" in each]) == 2
