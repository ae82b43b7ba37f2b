"""Policy tests from recorded calls: the fewest steps, in a text that holds whatever was sent."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from helio.audit.recorded import RecordedCall
from helio.diagnostics import parse_yaml
from helio.evaluator import tool_call
from helio.simulation.case_text import written
from helio.simulation.cases import MOST_STEPS, Case, written_case
from helio.simulation.replay import Candidate, Replay
from simulation.recording import Step, compiled, record
from simulation.test_replay import EVERYTHING, RATE, SEEN, lookup, pay

CHAIN = (
    "{ rules: [{ match: { tool: lookup }, action: allow, labels: [seen] },"
    " { name: tainted, match: { tool: pay, session: { labels: [seen] } }, action: deny }] }"
)


def last_case(calls: list[RecordedCall], policies: str) -> Case | None:
    """The case of the last call."""
    policy = compiled(policies)

    def replay() -> Replay:
        return Replay(Candidate(lambda _: policy))

    whole = replay()
    judged = [whole.take(call) for call in calls][-1]
    assert judged is not None
    assert judged.kind != "unchanged"
    return written_case(judged, calls[:-1], replay)


def tools(case: Case | None) -> list[str | None]:
    assert case is not None
    return [step.tool for step in case.steps]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "audit"


def test_a_case_holds_only_what_the_decision_rests_on(directory: Path) -> None:
    noise = [Step("note"), pay(session="s2"), lookup(session="s3")] * 4
    traffic = [*noise, lookup(), *noise, pay()]
    calls = record(directory, EVERYTHING, traffic)
    assert tools(last_case(calls, CHAIN)) == ["lookup", "pay"]
    assert tools(last_case(calls, RATE.format(1, "1h"))) == ["pay", "pay"]


def test_a_call_that_needs_nothing_stands_alone(directory: Path) -> None:
    calls = record(directory, EVERYTHING, [lookup(session="s2"), pay()])
    assert tools(last_case(calls, SEEN)) == ["pay"]


def test_what_rests_on_too_much_is_left_out(directory: Path) -> None:
    traffic = [pay(after=0.001) for _ in range(MOST_STEPS + 1)]
    calls = record(directory, EVERYTHING, traffic)
    assert last_case(calls, RATE.format(MOST_STEPS, "1h")) is None
    calls = record(directory / "less", EVERYTHING, traffic[1:])
    assert len(tools(last_case(calls, RATE.format(MOST_STEPS - 1, "1h")))) == MOST_STEPS


def read(case: Case | None) -> Any:
    assert case is not None
    text = written([case], "sha256:0")
    parsed = parse_yaml(text, "cases.yaml")
    assert not parsed.diagnostics.has_errors
    (found,) = yaml.safe_load(text)["cases"]
    return found


def test_time_and_failures_are_written(directory: Path) -> None:
    once = RATE.format(1, "1h")
    calls = record(directory, EVERYTHING, [pay(result="error"), pay(after=90.0004)])
    first, second = read(last_case(calls, once))["steps"]
    assert (first["outcome"], "outcome" in second) == ("error", False)
    assert (first.get("at"), second["at"]) == (None, "+90001ms")


def test_marks_are_steps(directory: Path) -> None:
    mark = Step("lookup", marks=b'{"id":1.50}')
    asking = compiled("{ rules: [{ match: { tool: '*' }, evidence: { requires: [lookup] } }] }")
    calls = record(directory, asking, [mark, pay(after=61)])
    expired = "{ rules: [{ match: { tool: pay }, evidence: { requires: [lookup] } }] }"
    marked = [calls[0], calls[1]._replace(decision="allow", reason=None, outcome="answered")]
    first, second = read(last_case(marked, expired))["steps"]
    told = {"session": "s1", "key": "lookup", "data": {"id": 1.5}, "ttl": "1m"}
    assert first == {"evidence": told}
    assert (second["at"], second["expect"]["reason"]) == ("+61s", "evidence_expired")


@pytest.mark.parametrize(
    "text",
    ["naïve 🦀", "line\nbreak", "\u2028\x85\ufeff", "'\"{}[]: #&*!|>%@`", "\x7f\x9f", "- a: b"],
)
def test_every_text_comes_back(directory: Path, text: str) -> None:
    calls = record(directory, EVERYTHING, [pay(text, session="s1")])
    deny = "{ default: deny }"
    (step,) = read(last_case(calls, deny))["steps"]
    assert step["call"]["arguments"] == {"amount": text}


def test_numbers_keep_their_digits(directory: Path) -> None:
    (call,) = record(directory, EVERYTHING, [pay()])
    digits = "12345678901234567890.12345678901234567891"
    exact = call._replace(arguments=f'{{"amount":{digits}}}')
    message = tool_call("pay", (exact.arguments or "").encode())
    case = last_case([exact._replace(arguments_hash=message.arguments_hash())], "{ default: deny }")
    assert case is not None
    assert digits in written([case], "sha256:0")


def test_no_case_is_a_file_too() -> None:
    assert yaml.safe_load(written([], "sha256:0")) == {"cases": []}
