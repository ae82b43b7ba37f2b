"""Calls whose records nobody keeps go the same way, and their records hold the verdict alone."""

from dataclasses import replace

import pytest

from helio.pipeline.events import UpstreamAnswered
from helio.pipeline.governance import Governance
from helio.simulation.world import Course, Stage, World
from pipeline.playbook import call, govern

ANSWER = UpstreamAnswered(200, b'{"jsonrpc":"2.0","id":0,"result":{}}', b"", None, 2_000_000)
VERDICT = ("policy_decision", "block_reason", "matched_rule", "args_hash", "dry_run")
POLICIES = {
    "allowed": "{ default: allow }",
    "denied": "{ rules: [{ name: none, action: deny }] }",
    "not judged": "{ rules: [{ name: odd, match: { input: { sum: { gt: 1 } } }, action: deny }] }",
    "rehearsed": "{ dry_run: true, rules: [{ name: none, action: deny }] }",
    "limited": "{ rules: [{ name: slow, action: rate_limit,"
    " limits: { max_calls: 2, window: 1m } }] }",
    "asked": "{ rules: [{ name: ask, action: require_approval }] }",
    "resting": "{ rules: [{ name: seen, evidence: { requires: [create_payment] } }] }",
    "in shadow": "{ shadow: true, rules: [{ name: none, action: deny }] }",
}


def played(governance: Governance) -> tuple[World, list[Course]]:
    """Three equal calls of one session, each answered at once."""
    world, courses = World(), []
    for _ in range(3):
        course = world.judge(call(arguments=b'{"sum": "x"}', session="s1"), governance)
        courses.append(course)
        if course.stage is Stage.JUDGED:
            world.forward(course)
            world.end(course, ANSWER)
    return world, courses


@pytest.mark.parametrize("policies", POLICIES.values(), ids=POLICIES)
def test_they_go_the_same_way(policies: str) -> None:
    recorded = govern(policies, [{"name": "create_payment"}])
    world, courses = played(recorded)
    same_world, same_courses = played(replace(recorded, recorded=False))
    assert [_verdict(each) for each in same_courses] == [_verdict(each) for each in courses]
    assert same_world.state.store.snapshot(0) == world.state.store.snapshot(0)
    names = frozenset({"create_payment"})
    assert same_world.state.sessions.facts("s1", names, 0) == world.state.sessions.facts(
        "s1", names, 0
    )


def test_their_records_hold_the_verdict() -> None:
    governance = replace(govern(POLICIES["allowed"]), recorded=False)
    _, (course, *_) = played(governance)
    assert course.record == {
        "tool_input": '{"sum": "x"}',
        "args_hash": course.received.message.arguments_hash(),
        "matched_rule": None,
        "policy_decision": "allow",
    }


def _verdict(course: Course) -> dict[str, object]:
    return {name: course.record.get(name) for name in VERDICT} | {"stage": course.stage}
