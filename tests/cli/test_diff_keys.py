"""Every key of `helio.yaml` is compared by `helio diff`, or docs/diff.md says that it decides
nothing: a new one cannot be forgotten.
"""

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from helio.cli.compared import compared
from helio.config import HelioConfig
from helio.config.section import Section
from helio.policy import budget_reading, installation, match_reading, rule_reading
from helio.policy.difference import Difference, differences

PAGE = Path(__file__).parents[2] / "docs/diff.md"
ALLOW = {"match": {"tool": "pay"}, "action": "allow"}
ASK = {**ALLOW, "action": "require_approval"}
SLACK = {
    "type": "slack",
    "bot_token": "xoxb-1",
    "signing_secret": "0123456789abcdef",
    "channel": "C1",
}
BY_SESSION = {**ALLOW, "limits": {"max_calls": 3, "window": "1h", "key": "session"}}
NESTED = {
    "policies.rules": rule_reading.RULE_KEYS,
    "policies.rules.match": match_reading.MATCH_KEYS,
    "policies.rules.match.session": match_reading.SESSION_KEYS,
    "policies.rules.evidence": rule_reading.EVIDENCE_KEYS,
    "policies.rules.evidence.requires": rule_reading.REQUIREMENT_KEYS,
    "policies.rules.limits": rule_reading.LIMIT_KEYS,
    "policies.rules.limits.max_spend": rule_reading.SPEND_KEYS,
    "policies.rules.approval": rule_reading.APPROVAL_KEYS,
    "policies.rules.feedback": rule_reading.FEEDBACK_KEYS,
    "policies.install": installation.KEYS,
    "policies.install.rules": installation.RULE_KEYS,
    "policies.install.rules.match": installation.MATCH_KEYS,
    "policies.install.rules.approval": rule_reading.APPROVAL_KEYS,
    "policies.install.rules.feedback": rule_reading.FEEDBACK_KEYS,
    "budgets.contributors.match": budget_reading.CONTRIBUTOR_MATCH_KEYS,
}
"""Parts of the file that have no model."""


def rule(**more: Any) -> dict[str, Any]:
    return {"policies": {"default": "deny", "rules": [{**ALLOW, **more}]}}


def evident(required: dict[str, Any]) -> dict[str, Any]:
    looked_up = [{"match": {"tool": each}, "action": "allow"} for each in ("a", "b")]
    return {"policies": {"rules": [*looked_up, {**ALLOW, "evidence": {"requires": [required]}}]}}


def matching(**more: Any) -> dict[str, Any]:
    return rule(match={"tool": "pay", **more})


def asking(**more: Any) -> dict[str, Any]:
    return {"policies": {"rules": [{**ASK, "approval": more}]}}


def scans(**more: Any) -> dict[str, Any]:
    return {"policies": {"install": {"rules": [{"match": {}, "action": "allow", **more}]}}}


def scanned(**more: Any) -> dict[str, Any]:
    return scans(match=more)


def approving(**more: Any) -> dict[str, Any]:
    return {"policies": {"rules": [ASK]}, "approval": more}


def budget(**more: Any) -> dict[str, Any]:
    fed = [{"match": {"tool": "pay"}, "field": "amount"}]
    first = {"name": "b", "limit": 9, "currency": "EUR", "window": "1h", "contributors": fed}
    return {"budgets": [{**first, **more}]}


def asked_budget(**more: Any) -> dict[str, Any]:
    return budget(on_exceed="require_approval", approval=more)


def fed(**more: Any) -> dict[str, Any]:
    return budget(contributors=[{"match": {"tool": "pay"}, **more}])


def setting(key: str, *values: Any) -> list[dict[str, Any]]:
    return [{"policies": {key: value}} for value in values]


def limited(**more: Any) -> dict[str, Any]:
    return rule(limits={"max_calls": 3, "window": "1h", **more})


def spending(**more: Any) -> dict[str, Any]:
    spend = {"field": "amount", "limit": 9, "currency": "EUR", "window": "1h", **more}
    return rule(limits={"max_spend": spend})


def each_asked(of: Any) -> dict[str, Any]:
    """The keys of an approval, in rules of some kind."""
    return {
        "channel": [of(), of(channel="dashboard")],
        "timeout": [of(timeout="1m"), of(timeout="30s")],
        "escalation_after": [of(timeout="1m"), of(timeout="1m", escalation_after="30s")],
        "delegates": [
            of(escalation_after="1m", **more) for more in ({}, {"delegates": ["dashboard"]})
        ],
    }


TWO_CHANNELS = {"approval": {"channels": [{"type": "dashboard"}, SLACK]}}
WITH_CHANNELS = {"listen": {"allowed_hosts": ["helio.example"]}, **TWO_CHANNELS}


def prefixed(prefix: str, pairs: dict[str, Any]) -> dict[str, Any]:
    return {
        f"{prefix}.{key}": [{**WITH_CHANNELS, **side} for side in pair]
        for key, pair in pairs.items()
    }


CHANGES: dict[str, list[dict[str, Any]]] = {
    "environment": [
        {**matching(environment="here"), "environment": name} for name in ("here", "there")
    ],
    "policies.default": setting("default", "allow", "deny"),
    "policies.flag_destructive": setting("flag_destructive", "log", "require_approval"),
    "policies.on_tool_drift": setting("on_tool_drift", "block", "log"),
    "policies.unknown_tools": setting("unknown_tools", "allow", "deny"),
    "policies.dry_run": setting("dry_run", True, False),
    "policies.shadow": [{"policies": {**rule()["policies"], "shadow": on}} for on in (True, False)],
    "policies.rules.action": [rule(), rule(action="deny")],
    "policies.rules.match.tool": [rule(), rule(match={"tool": "other"})],
    "policies.rules.match.upstream": [matching(), matching(upstream="adapter:x")],
    "policies.rules.match.annotations": [matching(), matching(annotations={"readOnlyHint": True})],
    "policies.rules.match.input": [matching(), matching(input={"a": 1})],
    "policies.rules.match.environment": [
        {**matching(environment=glob), "environment": "here"} for glob in ("h*", "x*")
    ],
    "policies.rules.match.agent": [matching(), matching(agent="a")],
    "policies.rules.match.metadata": [matching(), matching(metadata={"a": 1})],
    "policies.rules.match.session.labels": [matching(), matching(session={"labels": ["a"]})],
    "policies.rules.match.session.called": [matching(), matching(session={"called": ["a"]})],
    "policies.rules.match.session.not_called": [
        matching(),
        matching(session={"not_called": ["a"]}),
    ],
    "policies.rules.evidence.requires.tool": [evident({"tool": each}) for each in ("a", "b")],
    "policies.rules.evidence.requires.bind": [
        evident({"tool": "a", **more}) for more in ({}, {"bind": {"$.id": "$.id"}})
    ],
    "policies.rules.requires": [
        {"policies": {"rules": [{**ALLOW, "requires": ["lookup"]}]}},
        {"policies": {"rules": [ALLOW]}},
    ],
    "policies.rules.requires_success": [
        {"policies": {"rules": [{**ALLOW, "requires": ["lookup"], "requires_success": each}]}}
        for each in (True, False)
    ],
    "policies.rules.labels": [rule(), rule(labels=["seen"])],
    "policies.rules.shadow": [rule(), rule(shadow=True)],
    "policies.rules.limits.max_calls": [limited(), limited(max_calls=5)],
    "policies.rules.limits.window": [limited(), limited(window="2h")],
    "policies.rules.limits.key": [limited(), limited(key="agent")],
    "policies.rules.limits.max_spend.field": [spending(), spending(field="total")],
    "policies.rules.limits.max_spend.limit": [spending(), spending(limit=5)],
    "policies.rules.limits.max_spend.currency": [spending(), spending(currency="GBP")],
    "policies.rules.limits.max_spend.key": [spending(), spending(key="agent")],
    "policies.rules.limits.max_spend.window": [spending(), spending(window="2h")],
    **prefixed("policies.rules.approval", each_asked(asking)),
    "policies.install.default": setting("install", {"default": "allow"}, {"default": "deny"}),
    "policies.install.rules.action": [scans(), scans(action="deny")],
    **{
        f"policies.install.rules.match.{key}": [scanned(), scanned(**{key: "x*"})]
        for key in (*installation.GLOBS, "agent")
    },
    "policies.install.rules.match.kind": [scanned(), scanned(kind="skill")],
    "policies.install.rules.match.environment": [
        {**scanned(environment=glob), "environment": "here"} for glob in ("h*", "x*")
    ],
    **prefixed(
        "policies.install.rules.approval",
        each_asked(lambda **more: scans(action="require_approval", approval=more)),
    ),
    "budgets.limit": [budget(), budget(limit=5)],
    "budgets.currency": [budget(), budget(currency="GBP")],
    "budgets.window": [budget(), budget(window="2h")],
    "budgets.key": [budget(), budget(key="agent")],
    "budgets.on_exceed": [budget(), budget(on_exceed="require_approval")],
    "budgets.idle_ttl": [budget(window="session"), budget(window="session", idle_ttl="1h")],
    **prefixed("budgets.approval", each_asked(asked_budget)),
    "budgets.contributors.field": [fed(field="amount"), fed(field="total")],
    "budgets.contributors.amount": [fed(amount=1), fed(amount=2)],
    "budgets.contributors.match.tool": [budget(), fed(match={"tool": "x"}, field="amount")],
    "budgets.contributors.match.input": [
        budget(),
        fed(match={"tool": "pay", "input": {"a": 1}}, field="amount"),
    ],
    "approval.timeout": [approving(), approving(timeout="1m")],
    "approval.default_on_timeout": [approving(), approving(default_on_timeout="allow")],
    "approval.mode": [approving(), approving(mode="return")],
    "approval.grant_ttl": [approving(), approving(grant_ttl="1h")],
    "approval.channels.type": [approving(), approving(channels=[SLACK])],
    "approval.channels.name": [
        approving(channels=[{**SLACK, "name": name}]) for name in ("a", "b")
    ],
    "approval.channels.channel": [
        approving(channels=[{**SLACK, "channel": name}]) for name in ("C1", "C2")
    ],
    "approval.channels.approvers": [
        approving(channels=[{**SLACK, **more}]) for more in ({}, {"approvers": ["U012AB3CD"]})
    ],
    "session.on_unresolved": [
        {"policies": {"rules": [BY_SESSION]}, "session": {"on_unresolved": each}}
        for each in ("deny", "anonymous")
    ],
    "audit.on_failure": [{"audit": {"on_failure": each}} for each in ("block", "allow")],
}


def sections(annotation: Any) -> Iterator[type[Section]]:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation
    for each in get_args(annotation):
        yield from sections(each)


def keys_of(section: type[Section], prefix: str = "") -> Iterator[str]:
    """The keys of a file, by their paths: those that hold values."""
    for name, field in section.model_fields.items():
        path = f"{prefix}{name}"
        inner = list(sections(field.annotation))
        for each in inner:
            yield from keys_of(each, f"{path}.")
        if not inner and path not in NESTED:
            yield path


def all_keys() -> set[str]:
    nested = {f"{prefix}.{key}" for prefix, keys in NESTED.items() for key in keys}
    return (set(keys_of(HelioConfig)) | nested) - set(NESTED)


def deciding_nothing() -> set[str]:
    """The patterns in docs/diff.md."""
    table = PAGE.read_text("utf-8").split("| keys | what they are about |\n|---|---|\n")[1]
    rows = table.split("\n\n")[0].splitlines()
    return {key for row in rows for key in re.findall(r"`([^`]+)`", row.split("|")[1])}


def test_every_key_is_compared_or_said_to_decide_nothing() -> None:
    patterns = deciding_nothing()
    idle = {key for key in all_keys() if any(fnmatchcase(key, each) for each in patterns)}
    assert sorted(all_keys() - idle) == sorted(CHANGES)
    for pattern in patterns:
        assert any(fnmatchcase(key, pattern) for key in idle), pattern


def found(directory: Path, pair: list[dict[str, Any]]) -> Difference:
    names = []
    for number, each in enumerate(pair):
        path = directory / f"{number}.yaml"
        head = {"version": "1", "upstream": {"url": "http://localhost:8080/mcp"}}
        path.write_text(yaml.safe_dump({**head, **each}), "utf-8")
        names.append(str(path))
    old, new = compared(*names)
    return differences(old.side, new.side)


@pytest.mark.parametrize("key", CHANGES)
def test_a_change_of_a_key_is_told(tmp_path: Path, key: str) -> None:
    old, new = CHANGES[key]
    difference = found(tmp_path, [old, new])
    assert difference.differing, key
    assert not difference.undecided
    back = found(tmp_path, [new, old])
    turned = {"widened": "narrowed", "narrowed": "widened", "changed": "changed"}
    kinds = sorted(turned[each.kind] for each in back.differing)
    assert sorted(each.kind for each in difference.differing) == kinds


def test_an_unknown_session_is_counted_by_its_agent(tmp_path: Path) -> None:
    (only,) = found(tmp_path, CHANGES["session.on_unresolved"]).differing
    assert (only.kind, only.witness["session"]) == ("widened", None)
    assert (only.old.decision, only.new.decision) == ("deny", "allow")
    assert (only.lost, only.gained) == (
        ("session.on_unresolved: deny",),
        ("session.on_unresolved: anonymous",),
    )
    nothing = [{"session": each["session"]} for each in CHANGES["session.on_unresolved"]]
    assert found(tmp_path, nothing) == Difference()
