"""Values between rules and denials that come too late: each call that is shown does what it is
shown for, by the evaluator and by the oracle."""

from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from helio.evaluator import Evaluator
from helio.policy import compile_text
from oracle.compare import Truth
from oracle.graph import Graph
from policy.reach.checking import check_witness, decided, facts_of, rule_of, text_of, truths

ACTIONS = st.sampled_from(["allow", "deny", "require_approval"])
BOUNDS = st.dictionaries(st.sampled_from(["lt", "gt"]), st.integers(0, 3), min_size=1)
TEXTS = st.dictionaries(
    st.sampled_from(["starts_with", "contains", "ends_with", "regex"]),
    st.sampled_from(["a", "b", "ab", "/a"]),
    min_size=1,
)
RULES = st.fixed_dictionaries(
    {
        "match": st.fixed_dictionaries(
            {"tool": st.sampled_from(["pay", "pay_*"])},
            optional={
                "input": st.fixed_dictionaries({}, optional={"n": BOUNDS, "t": TEXTS}),
                "agent": st.sampled_from(["a", "b"]),
            },
        ),
        "action": ACTIONS,
    }
)


def asking(action: str, **tests: Any) -> dict[str, Any]:
    return {"match": {"tool": "pay", "input": tests}, "action": action}


@given(st.lists(RULES, min_size=2, max_size=6))
@example([asking("deny", n={"gt": 1}), asking("require_approval", n={"lt": 1})])
@example([asking("allow", t={"starts_with": "/a"}), asking("deny", t={"contains": "b"})])
def test_the_calls_that_are_shown_do_what_they_are_shown_for(rules: list[dict[str, Any]]) -> None:
    compiled = compile_text(text_of(rules))
    assert compiled.policy is not None
    fast, plain = Evaluator(compiled.policy.graph), Graph(compiled.policy.graph)
    for each in compiled.diagnostics:
        if each.code == "HL438":
            check_witness(each, fast, plain)
        elif each.code == "HL437":
            assert isinstance(each.witness, dict)
            facts = facts_of(each.witness)
            assert decided(fast, each.witness).rule == plain.decide(facts).rule < 0
            left_out = [
                truth for truth in truths(plain, rule_of(each), facts) if truth is not Truth.TRUE
            ]
            assert left_out == [Truth.FALSE]


def test_both_are_found() -> None:
    for code, rules in (
        ("HL437", [asking("deny", n={"gt": 1}), asking("require_approval", n={"lt": 1})]),
        ("HL438", [asking("allow", t={"starts_with": "/a"}), asking("deny", t={"contains": "b"})]),
    ):
        assert code in [each.code for each in compile_text(text_of(rules)).diagnostics]
