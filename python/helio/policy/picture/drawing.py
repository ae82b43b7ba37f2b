"""Boxes and arrows of a policy. Pure.

Above: `dot`, `mermaid`, `listing`. Below: `helio.policy.graph`, `described`. A call enters at the
top and goes from rule to rule until one decides. Beside that way stand the tools, labels and
budgets by which rules have to do with each other.
"""

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import orjson

from helio.config.scalars import duration
from helio.diagnostics import Span
from helio.evaluator import glob_matches
from helio.policy.described import described, described_member, readable_path
from helio.policy.graph import CompiledPolicy, LimitSummary, RuleSummary

BoxKind = Literal["start", "rule", "outcome", "tool", "label", "contributor", "budget"]
ArrowKind = Literal["next", "decides", "calls", "needs", "puts", "asks", "feeds"]

_SPECIAL: Final = re.compile(r"[*?\[\]{}\\]")
_OUTCOMES: Final = {"deny": "deny", "require_approval": "ask a person", "dry_run": "dry run"}


@dataclass(frozen=True, slots=True)
class Box:
    """Something in the picture. `id` is a word; `lines` are for people, whatever stands in them.
    `shadow`: a rule that only reports. `span` is a rule's place."""

    id: str
    kind: BoxKind
    lines: tuple[str, ...]
    shadow: bool = False
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Arrow:
    """A way from one box to another; `text` says on what condition, if on any."""

    source: str
    target: str
    kind: ArrowKind
    text: str = ""


@dataclass(slots=True)
class Drawing:
    """A picture of one policy, whose digest is `policy`; boxes of rules in file order."""

    policy: str
    boxes: dict[str, Box] = field(default_factory=dict)
    arrows: list[Arrow] = field(default_factory=list)

    def as_object(self) -> dict[str, object]:
        """As JSON output has it: `{policy, boxes: [{id, kind, lines, shadow, line}], arrows:
        [{from, to, kind, text}]}`."""
        return {
            "policy": self.policy,
            "boxes": [
                {
                    "id": box.id,
                    "kind": box.kind,
                    "lines": list(box.lines),
                    "shadow": box.shadow,
                    "line": None if box.span is None else box.span.line,
                }
                for box in self.boxes.values()
            ],
            "arrows": [
                {"from": each.source, "to": each.target, "kind": each.kind, "text": each.text}
                for each in self.arrows
            ],
        }


def draw(policy: CompiledPolicy) -> Drawing:
    """The picture of a policy: the way of a call and, where something may be installed or rules say
    so, that of an installation beside it."""
    drawing = Drawing(policy.digest)
    _Drawer(policy, drawing)
    install = policy.install
    if install is not None and (install.rules or install.settings.default == "allow"):
        _Drawer(install, drawing)
    return drawing


class _Drawer:
    """Draws one policy into a picture."""

    def __init__(self, policy: CompiledPolicy, drawing: Drawing) -> None:
        graph = orjson.loads(policy.graph)
        self._nodes: list[dict[str, Any]] = graph["nodes"]
        self._policy = policy
        is_install = policy.is_install
        self._prefix = "install_" if is_install else ""
        self._described = described_member if is_install else described
        self._limits: dict[int, list[LimitSummary]] = {}
        for limit in policy.limits:
            self._limits.setdefault(limit.rule_index, []).append(limit)
        self._conditions = {
            self._nodes[at]["index"]: [self._nodes[each] for each in self._nodes[at]["conditions"]]
            for at in graph["rules"]
        }
        self._ids: dict[tuple[BoxKind, str], str] = {}
        self._counts: Counter[BoxKind] = Counter()
        self.drawing = drawing
        self._way()
        for rule in policy.rules:
            self._relations(rule)
        self._calls()
        for at in graph.get("budgets", ()):
            self._budget(self._nodes[at])

    def _way(self) -> None:
        """From the call through the rules to what becomes of it."""
        start = f"{self._prefix}start"
        entry, section = "tools/call", "policies"
        if self._policy.is_install:
            entry, section = "installation", "policies.install"
        self._add(Box(start, "start", (entry,)))
        before: str | None = start
        for rule in self._policy.rules:
            box = self._rule(rule)
            if before is not None:
                self._arrow(before, box.id, "next", "" if before == start else "else")
            before = box.id
            if not rule.shadow:
                self._decides(rule, box.id)
                if not self._conditions[rule.index]:
                    before = None
        if before is not None:
            default = "deny" if self._policy.settings.default == "deny" else "allow"
            self._arrow(before, self._outcome(default), "next", f"else, by {section}.default")

    def _rule(self, rule: RuleSummary) -> Box:
        conditions = [self._described(node, self._nodes) for node in self._conditions[rule.index]]
        shadow = f" (in shadow: reports {rule.action})" if rule.shadow else ""
        of, every = "rule", "every call"
        if self._policy.is_install:
            of, every = "install rule", "every installation"
        head = f"{of} {rule.index}: {rule.label}{shadow}"
        lines = (head, *(conditions or [every]))
        box = Box(f"{self._prefix}rule{rule.index}", "rule", lines, rule.shadow, rule.span)
        self._add(box)
        return box

    def _decides(self, rule: RuleSummary, box: str) -> None:
        asked = [*self._asked(rule), *map(_limit, self._limits.get(rule.index, ()))]
        if rule.until:
            self._arrow(box, self._outcome("deny"), "decides", "until its requirements are met")
            self._arrow(box, self._outcome("allow"), "decides", "; ".join(asked))
            return
        outcome = _OUTCOMES.get(rule.action, "allow")
        told = "" if rule.action == "deny" else "; ".join(asked)
        self._arrow(box, self._outcome(outcome), "decides", told)

    @staticmethod
    def _asked(rule: RuleSummary) -> list[str]:
        evidence = [f"evidence {required.name}" for required in rule.evidence]
        return [*evidence, *(f"requires {tool}" for tool in rule.requires)]

    def _relations(self, rule: RuleSummary) -> None:
        """What the rule needs of earlier calls, and the labels that it puts on and asks for."""
        box = f"rule{rule.index}"
        for required in rule.evidence:
            bound = ", ".join(f"{readable_path(a)} = {readable_path(b)}" for a, b in required.bind)
            text = f"evidence, {bound}" if bound else "evidence"
            self._arrow(self._named("tool", required.name), box, "needs", text)
        for tool in rule.requires:
            self._arrow(self._named("tool", tool), box, "needs", "requires")
        for label in rule.labels:
            self._arrow(box, self._named("label", label), "puts", "puts on the session")
        for node in self._conditions[rule.index]:
            kind = node["node"]
            if kind not in ("labels", "called", "not_called"):
                continue
            of: BoxKind = "label" if kind == "labels" else "tool"
            for name in node["names"]:
                text = "" if kind == "labels" else kind.replace("_", " ")
                self._arrow(self._named(of, name), box, "asks", text)

    def _calls(self) -> None:
        """Which rules let calls pass of the tools that others ask for: those that name them."""
        tools = {name: place for place, (kind, name) in enumerate(self._ids) if kind == "tool"}
        for rule in self._policy.rules:
            if (
                rule.shadow
                or rule.action == "dry_run"
                or (rule.action == "deny" and not rule.until)
            ):
                continue
            conditions = [
                [self._nodes[glob]["pattern"] for glob in node["globs"]]
                for node in self._conditions[rule.index]
                if node["node"] == "tool"
            ]
            passing = [_matching(globs, tools) for globs in conditions]
            for tool in (
                sorted(set.intersection(*passing), key=tools.__getitem__) if passing else ()
            ):
                self._arrow(f"rule{rule.index}", self._named("tool", tool), "calls", "lets pass")

    def _budget(self, budget: dict[str, Any]) -> None:
        over = budget["window_ms"]
        window = "a session" if over is None else duration(over)
        otherwise = "ask a person" if budget["on_exceed"] == "require_approval" else "deny"
        box = f"budget{self._counts['budget']}"
        lines = (
            f"budget {budget['name']}",
            f"at most {budget['maximum']} {budget['currency']} in {window}",
            f"by {', '.join(budget['key'])}, else {otherwise}",
        )
        self._add(Box(box, "budget", lines))
        for at in budget["contributors"]:
            contributor = self._nodes[at]
            judged = [
                described(self._nodes[each], self._nodes) for each in contributor["conditions"]
            ]
            source = self._named("contributor", "\n".join(judged or ["every call"]))
            price = contributor.get("amount")
            if price is None:
                price = readable_path(self._nodes[contributor["path"]]["path"])
            self._arrow(source, box, "feeds", str(price))

    def _outcome(self, what: str) -> str:
        box = what.replace(" ", "_")
        if box not in self.drawing.boxes:
            self._add(Box(box, "outcome", (what,)))
        return box

    def _named(self, kind: BoxKind, name: str) -> str:
        """The box of a tool, a label or a contributor, which may stand for several rules."""
        if (kind, name) not in self._ids:
            box = f"{kind}{self._counts[kind]}"
            self._ids[kind, name] = box
            head = "" if kind == "contributor" else f"{kind} "
            self._add(Box(box, kind, tuple(f"{head}{name}".split("\n"))))
        return self._ids[kind, name]

    def _add(self, box: Box) -> None:
        self.drawing.boxes[box.id] = box
        self._counts[box.kind] += 1

    def _arrow(self, source: str, target: str, kind: ArrowKind, text: str) -> None:
        self.drawing.arrows.append(Arrow(source, target, kind, text))


def _matching(globs: Sequence[str], tools: Collection[str]) -> set[str]:
    """The tools that some glob takes in; a glob without special signs is the name of one."""
    found: set[str] = set()
    for glob in globs:
        if _SPECIAL.search(glob):
            found.update(tool for tool in tools if glob_matches(glob, tool))
        elif glob in tools:
            found.add(glob)
    return found


def _limit(limit: LimitSummary) -> str:
    what = f"{limit.maximum} calls"
    if limit.path is not None:
        what = f"{limit.maximum} {limit.currency} of {readable_path(limit.path)}"
    return f"at most {what} in {duration(limit.window_ms)} by {', '.join(limit.key)}"
