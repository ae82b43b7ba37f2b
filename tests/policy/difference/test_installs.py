"""What a change of `policies.install` lets in: regions of scans, each with one that was judged."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from helio.evaluator import Decision
from helio.pipeline.explaining import Explainer, stated_call
from helio.policy import CompiledPolicy
from helio.policy.difference import Difference, Side, differences
from helio.policy.installation import GLOBS
from helio.policy.reach.witnesses import judged
from policy.scans import SCANS, SECTIONS, policy_of, scan


def side_of(install: Any) -> Side:
    return Side(policy_of(install))


def between(old: Any, new: Any) -> Difference:
    return differences(side_of(old), side_of(new))


def decided(side: Side, call: dict[str, Any]) -> Decision:
    assert side.install is not None
    decision = judged(side.install.evaluator, call)
    assert decision is not None
    return decision


def fate(decision: Decision) -> tuple[str, bool]:
    asks = decision.action == "require_approval" or bool(decision.restricting)
    return ("deny", False) if decision.action == "deny" else ("allow", asks)


@given(old=SECTIONS, new=SECTIONS, scans=st.lists(SCANS, min_size=5, max_size=30))
def test_every_disagreement_about_scans_is_found(
    old: Any, new: Any, scans: list[dict[str, str]]
) -> None:
    before, after = side_of(old), side_of(new)
    found = differences(before, after)
    assert not found.undecided
    told = set()
    for each in found.differing:
        assert each.witness["record_kind"] == "install_scan"
        assert each.witness["arguments"].keys() <= {"kind", *GLOBS}
        decisions = decided(before, each.witness), decided(after, each.witness)
        assert fate(decisions[0]) != fate(decisions[1])
        told.add((decisions[0].rule, decisions[1].rule))
    for members in scans:
        for agent in (None, "a", "c"):
            one, other = (decided(side, scan(members, agent)) for side in (before, after))
            if fate(one) != fate(other):
                assert (one.rule, other.rule) in told


def test_a_region_is_told_in_the_words_of_the_file() -> None:
    old = {"rules": [{"match": {"kind": "package", "source": "npm:*"}, "action": "allow"}]}
    new = {"rules": [{"match": {"kind": "package"}, "action": "allow"}]}
    (found,) = between(old, new).differing
    assert found.kind == "widened"
    assert found.region == (
        "installations: kind matches package and (source does not match npm:* or is unknown)",
    )
    assert found.witness == {
        "tool": "install:package",
        "arguments": {"kind": "package", "name": "anything", "source": "x"},
        "record_kind": "install_scan",
    }
    policy = side_of(new).policy
    explained = Explainer(policy).explain(stated_call(json.dumps(found.witness).encode()))
    assert (explained.outcome, explained.rule) == ("allow", found.new.rule)


def test_a_default_changes_every_installation() -> None:
    (found,) = between({"default": "deny"}, {"default": "allow"}).differing
    assert (found.kind, found.region) == ("widened", ("any installation",))
    assert found.witness["tool"] == "install:package"


def test_a_graph_does_not_say_what_may_be_installed() -> None:
    open_ = side_of({"default": "allow"})
    graph = Side(CompiledPolicy.from_graph(open_.policy.graph))
    (told,) = differences(graph, open_).undecided
    assert told.region == ("what may be installed",)
    closed = side_of({"rules": [{"match": {"name": "x"}, "action": "deny"}]})
    assert differences(graph, closed) == Difference()
    assert differences(graph, graph) == Difference()
