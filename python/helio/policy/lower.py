"""From checked rules and budgets to the nodes of the rule graph.

Above: `compiler`. Below: `document`, `graph`. Pure. Equal nodes stand once, children before
parents; `environment`, the one fact that is known now, is folded away. What means the same is
written in one order, so that the order of keys in the file is not part of the digest.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Any

from orjson import Fragment

from helio.config.sections import BudgetConfig
from helio.diagnostics import Span
from helio.evaluator import HINTS, glob_matches
from helio.policy.approval_lowering import budget_approval, rule_approval
from helio.policy.document import (
    AnnotationTest,
    Budget,
    Contributor,
    Evidence,
    Limits,
    Match,
    Operation,
    Rule,
    Selection,
    Text,
)
from helio.policy.graph import FORMAT, Lowered, Settings, canonical, sha256
from helio.policy.operands import operand_json
from helio.policy.patterns import normal_metadata_path, normal_path

Node = dict[str, Any]


def lower(
    rules: Sequence[Rule],
    budgets: Sequence[tuple[Budget, BudgetConfig]],
    settings: Settings,
    file: str,
) -> Lowered:
    """The graph. All must have been checked without an error; budgets come
    with the values that the configuration has of them.
    """
    builder = _Builder(settings.environment)
    graph: Node = {
        "helio_graph": FORMAT,
        "settings": {name: getattr(settings, name) for name in Settings.__slots__},
        "nodes": builder.nodes,
        "rules": [builder.rule(rule) for rule in rules],
        "source": {"files": [file], "spans": builder.spans},
    }
    if budgets:
        graph["budgets"] = [builder.budget(budget, values) for budget, values in budgets]
    return Lowered(canonical({**graph, "nodes": list(map(Fragment, builder.texts))}), graph)


def effective_key(limits: Limits, *, spend: bool) -> tuple[str, ...]:
    """What a limit is kept by: its own key, else that of `limits`, else the tool."""
    own = limits.spend.key if spend and limits.spend is not None else ()
    return own or limits.key or ("tool",)


def budget_key(values: BudgetConfig) -> tuple[str, ...]:
    """What a budget is kept by: `window: session` makes pots for each session."""
    if values.window != "session":
        return (values.key,)
    return ("session",) if values.key in ("global", "session") else ("session", values.key)


class _Builder:
    """The nodes so far, each with its canonical text; `add` gives an equal node's index where there
    is one.
    """

    def __init__(self, environment: str | None) -> None:
        self.nodes: list[Node] = []
        self.texts: list[str] = []
        self.spans: list[list[int]] = []
        self._environment = environment
        self._known: dict[str | tuple[str, str], int] = {}
        self._written_out: dict[int, str] = {}
        self._alike: dict[str, int] = {}

    def add(self, node: Node, span: Span) -> int:
        """The index of this node."""
        key = _text(node)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._append(node, key, span)
        return known

    def _leaf(self, kind: str, field: str, value: str, span: Span) -> int:
        """The index of a node with one text in it, which refers to no others."""
        key = (kind, value)
        known = self._known.get(key)
        if known is None:
            node = {"node": kind, field: value}
            known = self._known[key] = self._append(node, _text(node), span)
        return known

    def _append(self, node: Node, text: str, span: Span) -> int:
        self.nodes.append(node)
        self.texts.append(text)
        self.spans.append([0, *span])
        return len(self.nodes) - 1

    def rule(self, rule: Rule) -> int:
        """The rule's node, after all that it refers to."""
        conditions = [] if rule.match is None else self._conditions(rule.match)
        action = rule.action or "allow"
        limits = rule.limits
        evidence = [self._evidence(required) for required in rule.evidence]
        meaning: Node = {
            "node": "rule",
            "conditions": conditions,
            "action": action,
            "until": action == "deny" and bool(rule.evidence or rule.requires),
            "limits": []
            if limits is None
            else self._limits(limits, self._identity(rule, conditions)),
            "evidence": evidence,
            "requires": [text.value for text in rule.requires],
            "requires_success": bool(rule.requires) and rule.requires_success is not False,
            "labels": [text.value for text in rule.labels],
            "approval": rule_approval(rule),
            "shadow": rule.shadow,
        }
        feedback = rule.feedback
        node = {
            **meaning,
            "index": rule.index,
            "name": None if rule.name is None else rule.name.value,
            "feedback": None
            if feedback is None
            else {"message": feedback.message, "suggestion": feedback.suggestion},
            "digest": f"sha256:{sha256(self._rule_meaning(meaning))}",
        }
        # With its index in it no rule is like another one.
        return self._append(node, _text(node), rule.span)

    def _evidence(self, required: Evidence) -> Node:
        bind = sorted(required.bind, key=_binding_order)
        return {
            "tool": required.tool.value,
            "bind": [[self._path(here), self._path(there)] for here, there in bind],
        }

    def budget(self, budget: Budget, values: BudgetConfig) -> int:
        """The budget's node, after all that it refers to."""
        window = values.window
        key = budget_key(values)
        shown = "session" if window == "session" else int(window)
        node: Node = {
            "node": "budget",
            "id": f"budget:{values.name}:{'+'.join(key)}:{shown}:{values.currency}",
            "name": str(values.name),
            "maximum": values.limit,
            "currency": str(values.currency),
            "window_ms": None if window == "session" else int(window),
            "idle_ttl_ms": int(values.idle_ttl) if window == "session" else None,
            "key": list(key),
            "on_exceed": values.on_exceed,
            "approval": budget_approval(values),
            "contributors": [
                self._contributor(contributor, of.amount)
                for contributor, of in zip(budget.contributors, values.contributors, strict=True)
            ],
        }
        return self.add(node, budget.span)

    def _contributor(self, contributor: Contributor, amount: str | None) -> int:
        node: Node = {
            "node": "contributor",
            "conditions": [] if contributor.match is None else self._conditions(contributor.match),
        }
        if contributor.field is not None:
            node["path"] = self._path(contributor.field)
        else:
            node["amount"] = amount
        return self.add(node, contributor.span)

    def _conditions(self, match: Match) -> list[int]:
        """The conditions that are left when the environment is folded."""
        found: list[int] = []
        folded = self._fold_environment(match)
        if folded is not None:
            found.append(folded)
        if match.tool:
            found.append(self._globs("tool", match.tool))
        if match.upstream:
            found.append(self._globs("upstream", match.upstream))
        for test in sorted(match.annotations, key=_hint_order):
            node: Node = {"node": "annotation", "hint": test.hint, "value": test.value}
            found.append(self.add(node, test.span))
        if match.agent:
            found.append(self._globs("agent", match.agent))
        for kind, selections in (("input", match.input), ("metadata", match.metadata)):
            found += [self._selection(kind, each) for each in _in_order(kind, selections)]
        if match.labels or match.called or match.not_called:
            found += self._facts(match)
        return found

    def _facts(self, match: Match) -> Iterator[int]:
        """The conditions on what a session did."""
        for kind, names in (
            ("labels", match.labels),
            ("called", match.called),
            ("not_called", match.not_called),
        ):
            if names:
                node = {"node": kind, "names": sorted({text.value for text in names})}
                yield self.add(node, names[0].span)

    def _fold_environment(self, match: Match) -> int | None:
        """A false constant where the environment is another one; nothing where it is this one."""
        here = self._environment
        if not match.environment or here is None:
            return None
        if any(glob_matches(text.value, here) for text in match.environment):
            return None
        wanted = ", ".join(text.value for text in match.environment)
        text = f"environment is {here}, not {wanted}"
        return self.add(
            {"node": "constant", "value": False, "text": text}, match.environment[0].span
        )

    def _globs(self, kind: str, globs: tuple[Text, ...]) -> int:
        by_pattern = {str(text.value): text.span for text in globs}
        ordered = sorted(by_pattern.items()) if len(by_pattern) > 1 else by_pattern.items()
        parts = [self._leaf("glob", "pattern", pattern, span) for pattern, span in ordered]
        return self.add({"node": kind, "globs": parts}, globs[0].span)

    def _selection(self, kind: str, selection: Selection) -> int:
        operations = selection.operations
        if len(operations) > 1:
            operations = tuple(sorted(operations, key=_operator))
        tests = [
            {
                "operator": operation.operator,
                "value": self._leaf(
                    "value", "json", operand_json(operation), operation.operand.span
                ),
            }
            for operation in operations
        ]
        node = {
            "node": kind,
            "path": self._path(selection.selector, _NORMAL[kind]),
            "quantifier": selection.quantifier,
            "tests": tests,
        }
        return self.add(node, selection.selector.span)

    def _path(self, text: Text, normal: Callable[[str], str] = normal_path) -> int:
        return self._leaf("path", "path", normal(text.value), text.span)

    def _identity(self, rule: Rule, conditions: list[int]) -> str:
        """The name; without one, the conditions' hash and, among limited rules that share it, a
        number.
        """
        if rule.name is not None:
            return rule.name.value
        written = sorted(self._written(index) for index in conditions)
        digest = sha256(list(map(Fragment, written)))[:16]
        count = self._alike.get(digest, 0) + 1
        self._alike[digest] = count
        return f"#{digest}" if count == 1 else f"#{digest}.{count}"

    def _limits(self, limits: Limits, identity: str) -> list[int]:
        found: list[int] = []
        if limits.max_calls is not None and limits.window is not None:
            key = effective_key(limits, spend=False)
            node: Node = {
                "node": "limit",
                "id": f"rate:{identity}:{'+'.join(key)}:{int(limits.window)}",
                "kind": "rate",
                "maximum": str(limits.max_calls),
                "window_ms": int(limits.window),
                "key": list(key),
            }
            found.append(self.add(node, limits.span))
        spend = limits.spend
        window = None if spend is None else spend.window or limits.window
        if spend is None or spend.field is None or window is None:
            return found
        key = effective_key(limits, spend=True)
        path = self._path(spend.field)
        shown = f"{self.nodes[path]['path']}:{spend.currency}"
        node = {
            "node": "limit",
            "id": f"spend:{identity}:{'+'.join(key)}:{int(window)}:{shown}",
            "kind": "spend",
            "maximum": spend.limit,
            "window_ms": int(window),
            "key": list(key),
            "path": path,
            "currency": spend.currency,
        }
        found.append(self.add(node, spend.span))
        return found

    def _rule_meaning(self, rule: Node) -> Node:
        """What a rule means: its node with the nodes that it refers to written out."""
        evidence = [
            {**each, "bind": [list(map(self._part, pair)) for pair in each["bind"]]}
            for each in rule["evidence"]
        ]
        return {
            **rule,
            "conditions": [Fragment(self._written(index)) for index in rule["conditions"]],
            "limits": [Fragment(self._written(index)) for index in rule["limits"]],
            "evidence": evidence,
        }

    def _written(self, index: int) -> str:
        """What a condition or a limit means: its text with what it refers to."""
        known = self._written_out.get(index)
        if known is None:
            known = self._written_out[index] = self._meaning(index)
        return known

    def _meaning(self, index: int) -> str:
        # The commonest ones are put together from their texts: that takes half of the time.
        node = self.nodes[index]
        match node["node"]:
            case "tool" | "upstream" | "agent":
                globs = ",".join(sorted([self.texts[each] for each in node["globs"]]))
                return f'{{"globs":[{globs}],"node":"{node["node"]}"}}'
            case "input" | "metadata":
                return self._selected(node)
            case "limit":
                # Its id holds the rule's name, which is not part of what the rule means.
                meaning = {key: value for key, value in node.items() if key != "id"}
                if "path" in node:
                    meaning["path"] = self._part(node["path"])
                return _text(meaning)
        return self.texts[index]

    def _selected(self, node: Node) -> str:
        asked = [(test["operator"], self.texts[test["value"]]) for test in node["tests"]]
        tests = ",".join([f'{{"operator":"{word}","value":{value}}}' for word, value in asked])
        kind, path, quantifier = node["node"], self.texts[node["path"]], node["quantifier"]
        return f'{{"node":"{kind}","path":{path},"quantifier":"{quantifier}","tests":[{tests}]}}'

    def _part(self, index: int) -> Fragment:
        return Fragment(self.texts[index])


_NORMAL: dict[str, Callable[[str], str]] = {"input": normal_path, "metadata": normal_metadata_path}


def _in_order(kind: str, selections: Sequence[Selection]) -> Sequence[Selection]:
    """By path and quantifier. Two spellings of one path may stand side by side: then what is asked
    decides.
    """
    if len(selections) < 2:
        return selections
    normal = _NORMAL[kind]
    keys = [(normal(each.selector.value), each.quantifier) for each in selections]
    asked = map(_asked, selections) if len(set(keys)) < len(keys) else count()
    ordered = sorted(zip(keys, asked, count(), selections, strict=False))
    return [selection for *_, selection in ordered]


def _asked(selection: Selection) -> list[tuple[str, str]]:
    return sorted((each.operator, operand_json(each)) for each in selection.operations)


def _operator(operation: Operation) -> str:
    return operation.operator


def _hint_order(test: AnnotationTest) -> int:
    return HINTS.index(test.hint)


def _binding_order(pair: tuple[Text, Text]) -> tuple[str, str]:
    here, there = pair
    return normal_path(here.value), normal_path(there.value)


def _text(node: Node) -> str:
    """The canonical text; as `str` it takes no more memory than it has characters."""
    return canonical(node).decode()
