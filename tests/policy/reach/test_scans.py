"""Rules about installations: what is reported is never matched, by any scan."""

from typing import Any

from hypothesis import event, given
from hypothesis import strategies as st

from helio.evaluator import Evaluator
from helio.policy import compile_text
from helio.policy.reach.witnesses import judged
from policy.scans import SCANS, SECTIONS, scan, section


@given(install=SECTIONS, scans=st.lists(SCANS, min_size=5, max_size=40))
def test_what_is_never_reached_decides_about_no_scan(
    install: Any, scans: list[dict[str, str]]
) -> None:
    compiled = compile_text(section(install))
    assert compiled.policy is not None
    assert compiled.policy.install is not None
    evaluator = Evaluator(compiled.policy.install.graph)
    reported = {}
    for each in compiled.diagnostics:
        if each.code in ("HL427", "HL428"):
            index = int(each.path.split("[")[1].split("]")[0])
            reported[index] = "cannot judge" in each.message
            if each.witness is not None:
                assert judged(evaluator, each.witness).rule != index  # type: ignore[union-attr]
    event(f"reported: {bool(reported)}")
    for members in scans:
        for agent in (None, "a", "c"):
            decision = judged(evaluator, scan(members, agent))
            assert decision is not None
            judged_whole = not any(at == decision.rule for at, _, _ in decision.indeterminate)
            assert decision.rule not in reported or (reported[decision.rule] and not judged_whole)


def test_a_name_and_a_kind_are_always_known() -> None:
    rules = "[{ match: { name: '*' }, action: deny }, { match: { kind: skill }, action: allow }]"
    head = "version: '1'\nupstream: { url: 'http://localhost:8080/mcp' }\n"
    (found,) = compile_text(f"{head}policies: {{ install: {{ rules: {rules} }} }}\n").diagnostics
    assert (found.code, found.witness) == (
        "HL427",
        {
            "tool": "install:skill",
            "arguments": {"kind": "skill", "name": "x"},
            "record_kind": "install_scan",
        },
    )
