"""An explanation says what the evaluator decides, and of each condition what the oracle says."""

from fractions import Fraction
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from helio.evaluator import canonical_json
from helio.governance.catalogue import Standing
from helio.governance.definitions import Identity, Tool
from helio.governance.identity import SessionIdentity
from helio.pipeline.events import CallReceived
from helio.pipeline.explaining import Explainer, Explanation, StatedCall, StatedSession
from helio.pipeline.governance import ActivePolicy, Governance
from helio.pipeline.judgement import judge
from helio.policy import CompiledPolicy
from helio.simulation.facts import StatedCatalogue
from oracle.compare import Truth, every
from oracle.graph import Graph
from oracle.text import write
from properties import vocabulary as words
from properties.effort import times
from properties.policies import Call, calls, graphs

WORDS = {Truth.TRUE: "true", Truth.FALSE: "false", Truth.INDETERMINATE: "indeterminate"}
EVIDENCE = ["orders.lookup", "read_mail", "pay"]


@st.composite
def stated(draw: st.DrawFn) -> tuple[Call, StatedCall]:
    """Draw a call as the oracle takes it, and the same as somebody states it."""
    call = draw(calls())
    native, session = call.native, None
    if native["session"] is not None:
        about = draw(st.lists(words.arguments().map(write), max_size=2))
        session = StatedSession(
            native["session"],
            tuple(native["labels"]),
            tuple(native["called"]),
            tuple(draw(st.lists(st.sampled_from(EVIDENCE), unique=True))),
            tuple(("orders.lookup", canonical_json(text.encode())) for text in about),
        )
    return call, StatedCall(
        call.message,
        call.upstream,
        native["agent"],
        session,
        call.facts.hints,
        native["metadata"],
        native["sender"],
        session_falls_back=native["session_falls_back"],
    )


@times(Fraction(1, 2))
@given(graph=graphs(), asked=st.lists(stated(), min_size=1, max_size=3))
def test_every_word_of_an_explanation_is_true(
    graph: bytes, asked: list[tuple[Call, StatedCall]]
) -> None:
    plain = Graph(graph)
    explainer = Explainer(CompiledPolicy.from_graph(graph))
    for call, statement in asked:
        explained = explainer.explain(statement)
        decided = plain.decide(call.facts)
        assert explained.action == decided.action
        assert explained.rule_index == (None if decided.rule < 0 else decided.rule)
        assert list(explained.assumed_hints) == decided.assumed_hints
        _holds_for_each_rule(explained, plain, call)
        effects = {each.index: each.effect for each in explained.rules}
        shown = [index for index, effect in effects.items() if effect == "restricts"]
        assert shown == decided.restricting
        shadow = [index for index, effect in effects.items() if effect == "shadow"]
        assert shadow == [index for index, _ in decided.shadow]


def _holds_for_each_rule(explained: Explanation, plain: Graph, call: Call) -> None:
    last = len(plain.rules) if explained.rule_index is None else explained.rule_index + 1
    assert explained.not_reached == len(plain.rules) - last
    by_index = {each.index: each for each in explained.rules}
    assert sorted([*by_index, *explained.other_tools]) == list(range(last))
    for rule in plain.rules[:last]:
        truths = [plain.condition(node, call.facts) for node in rule["conditions"]]
        if rule["index"] in explained.other_tools:
            kinds = [plain.nodes[node]["node"] for node in rule["conditions"]]
            assert ("tool", Truth.FALSE) in zip(kinds, truths, strict=True)
            continue
        shown = by_index[rule["index"]]
        assert shown.result == WORDS[every(truths)]
        assert [each.result for each in shown.conditions] == [WORDS[truth] for truth in truths]
        for node, condition in zip(rule["conditions"], shown.conditions, strict=True):
            tests = plain.nodes[node].get("tests", ())
            assert [truth for _, truth in condition.parts] == (
                [_alone(plain, node, test, call) for test in tests] if len(tests) > 1 else []
            )


def _alone(plain: Graph, node: int, test: dict[str, Any], call: Call) -> str:
    """What one operator of a condition comes to."""
    plain.nodes.append({**plain.nodes[node], "tests": [test]})
    try:
        return WORDS[plain.condition(len(plain.nodes) - 1, call.facts)]
    finally:
        plain.nodes.pop()


@times(Fraction(1, 2))
@given(graph=graphs(), asked=stated())
def test_the_outcome_is_what_the_pipeline_judges(
    graph: bytes, asked: tuple[Call, StatedCall]
) -> None:
    _, statement = asked
    assume(statement.metadata is None and statement.sender is None)
    policy = CompiledPolicy.from_graph(graph)
    explained = Explainer(policy).explain(statement)
    session = statement.session
    hints = statement.hints
    tool = Tool(statement.tool, Identity("", hints, {}), declares_output=False, views=(hints,))
    governance = Governance(
        policy=ActivePolicy(policy),
        catalogue=StatedCatalogue(Standing(tool, None, (hints,))),
        session_falls_back=statement.session_falls_back,
    )
    received = CallReceived(
        message=statement.message,
        call_id="c",
        upstream=statement.upstream or "",
        session=SessionIdentity(None if session is None else session.id, "header", ()),
        agent=statement.agent,
        protocol_version=None,
    )
    judged = judge(received, governance, None if session is None else session.facts)
    assert explained.reason == (None if judged.block is None else judged.block.reason)
    if judged.block is None and judged.decision.action != "dry_run":
        asks = judged.question is not None
        assert explained.outcome == ("require_approval" if asks else "allow")
