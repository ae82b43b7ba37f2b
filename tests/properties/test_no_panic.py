"""Whatever bytes come in, the native module answers or raises what it documents, and never panics.

A panic would surface as an exception that is no `Exception`, or as `Decision.panicked`.
"""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helio import evaluator
from properties.messages import FRAGMENTS, bodies
from properties.policies import Call, calls, graphs

NOISE = st.binary(max_size=60) | st.lists(st.sampled_from(FRAGMENTS), max_size=8).map(b"".join)
TEXTS = st.text(max_size=30)
BYTES_IN = [
    evaluator.parse_message,
    evaluator.inspect_answer,
    evaluator.canonical_json,
    evaluator.graph_digest,
    evaluator.Evaluator,
    lambda noise: evaluator.tool_call("a", noise),
    lambda noise: evaluator.select("$..*", noise),
    lambda noise: evaluator.Windows().restore(noise, 0, 0),
]
OPERATIONS = ["reserve", "check", "commit", "release", "charge", "sweep", "levels"]
OPERATIONS += ["reserve_budgets", "check_budgets", "snapshot"]
TEXT_IN = [
    evaluator.normalize_path,
    evaluator.check_glob,
    evaluator.check_regex,
    lambda text: evaluator.select(text, b'{"a":[1]}'),
    lambda text: evaluator.compare_numbers(text, "1"),
    lambda text: evaluator.tool_call(text, b"{}"),
    lambda text: evaluator.Windows().charge("l", "k", "spend", text, 1, 0, 0),
    lambda text: evaluator.Windows().charge("l", "k", text, "1", 1, 0, 0),
]


@pytest.mark.parametrize("entry", BYTES_IN)
@given(noise=NOISE | bodies())
def test_bytes(entry: Any, noise: bytes) -> None:
    try:
        entry(noise)
    except ValueError as error:
        assert "internal_error" not in error.args


@pytest.mark.parametrize("entry", TEXT_IN)
@given(text=TEXTS | st.text("$.[]*{},:!-\\(|)^?+'\"0123456789e", max_size=30))
def test_texts(entry: Any, text: str) -> None:
    try:
        entry(text)
    except ValueError as error:
        assert "internal_error" not in error.args


@given(graphs(max_rules=3), calls(), st.data())
def test_graphs_that_were_tampered_with(graph: bytes, call: Call, data: st.DataObject) -> None:
    document = json.loads(graph)
    target: Any = document
    for _ in range(data.draw(st.integers(1, 4))):
        if not isinstance(target, dict | list) or not target:
            break
        places = sorted(target) if isinstance(target, dict) else range(len(target))
        place = data.draw(st.sampled_from(places))
        if data.draw(st.booleans()):
            replacements: list[Any] = [
                None,
                True,
                -1,
                0,
                10**20,
                "",
                "x",
                [],
                {},
                [[0]],
                "1e9",
                "[",
            ]
            target[place] = data.draw(st.sampled_from(replacements))
            break
        target = target[place]
    try:
        fast = evaluator.Evaluator(json.dumps(document).encode())
    except evaluator.GraphError:
        return
    assert fast.listing() is not None
    decision = fast.decide(call.message, call.upstream, call.hints, **call.native)
    assert decision.panicked is None
    windows = evaluator.Windows()
    assert windows.reserve(decision, 0)[0] >= 0
    assert windows.reserve_budgets(decision, 0)[0] >= 0


@given(
    st.lists(st.sampled_from(OPERATIONS)),
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1),
    st.data(),
)
def test_any_instant(operations: list[str], instants: list[int], data: st.DataObject) -> None:
    windows = evaluator.Windows()
    graph = data.draw(graphs(max_rules=3))
    call = data.draw(calls())
    decision = evaluator.Evaluator(graph).decide(call.message, "default", session="s", agent="a")
    instant = st.sampled_from(instants)
    last = 0
    for operation in operations:
        now = data.draw(instant)
        try:
            match operation:
                case "reserve":
                    last, _ = windows.reserve(decision, now)
                case "check":
                    windows.check(decision, now)
                case "commit":
                    windows.commit(last, now)
                case "release":
                    windows.release(last)
                case "charge":
                    kind = data.draw(st.sampled_from(["rate", "spend", "pot"]))
                    windows.charge("l", "k", kind, "1", 2**40, data.draw(instant), now)
                case "reserve_budgets":
                    last, _ = windows.reserve_budgets(decision, now)
                case "check_budgets":
                    windows.check_budgets(decision, now)
                case "snapshot":
                    windows.restore(windows.snapshot(now), data.draw(instant), now)
                case "sweep":
                    windows.sweep(now)
                case _:
                    windows.levels(now)
        except LookupError as error:
            assert operation in ("commit", "release"), error
