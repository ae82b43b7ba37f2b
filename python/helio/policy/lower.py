"""From checked rules to the nodes of the rule graph.

Above: `compiler`. Below: `document`, `graph`. Pure. Equal nodes stand once, children before
parents;
`environment`, the one fact that is known now, is folded away.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from helio.diagnostics import Mapping as MappingNode
from helio.diagnostics import Node as TreeNode
from helio.diagnostics import Number, Scalar, Span
from helio.diagnostics import Sequence as SequenceNode
from helio.evaluator import glob_matches, normalize_path
from helio.policy.document import Limits, Match, Rule, Selection, Text
from helio.policy.graph import FORMAT, Settings, canonical, sha256

Node = dict[str, Any]


def lower(rules: Sequence[Rule], settings: Settings, file: str) -> bytes:
    """The canonical text of the graph. The rules must have been checked without an error."""
    builder = _Builder(settings.environment)
    roots = [builder.rule(rule) for rule in rules]
    return canonical(
        {
            "helio_graph": FORMAT,
            "settings": {name: getattr(settings, name) for name in Settings.__slots__},
            "nodes": builder.nodes,
            "rules": roots,
            "source": {"files": [file], "spans": builder.spans},
        }
    )


def operand_json(node: TreeNode) -> str:
    """The JSON text of an operand; numbers keep their digits."""
    match node:
        case Scalar(value=Number() as number):
            return number.text
        case Scalar():
            return canonical(node.value).decode()
        case SequenceNode():
            return "[" + ",".join(operand_json(item) for item in node.items) + "]"
        case MappingNode():
            pairs = (
                f"{canonical(key).decode()}:{operand_json(entry.value)}"
                for key, entry in sorted(node.entries.items())
            )
            return "{" + ",".join(pairs) + "}"


def effective_key(limits: Limits, *, spend: bool) -> tuple[str, ...]:
    """What a limit is kept by: its own key, else that of `limits`, else the tool."""
    own = limits.spend.key if spend and limits.spend is not None else ()
    return own or limits.key or ("tool",)


class _Builder:
    """The nodes so far; `add` gives an equal node's index where there is one."""

    def __init__(self, environment: str | None) -> None:
        self.nodes: list[Node] = []
        self.spans: list[list[int]] = []
        self._environment = environment
        self._known: dict[bytes, int] = {}
        self._written_out: dict[int, object] = {}
        self._alike: dict[str, int] = {}

    def add(self, node: Node, span: Span) -> int:
        """The index of this node."""
        key = canonical(node)
        known = self._known.get(key)
        if known is not None:
            return known
        index = len(self.nodes)
        self._known[key] = index
        self.nodes.append(node)
        self.spans.append([0, span.line, span.column, span.end_line, span.end_column])
        return index

    def rule(self, rule: Rule) -> int:
        """The rule's node, after all that it refers to."""
        conditions = [] if rule.match is None else self._conditions(rule.match)
        action = rule.action or "allow"
        identity = self._identity(rule, conditions)
        evidence = [
            {
                "tool": required.tool.value,
                "bind": [[self._path(here), self._path(there)] for here, there in required.bind],
            }
            for required in rule.evidence
        ]
        meaning: Node = {
            "node": "rule",
            "conditions": conditions,
            "action": action,
            "until": action == "deny" and bool(rule.evidence or rule.requires),
            "limits": self._limits(rule.limits, identity) if rule.limits is not None else [],
            "evidence": evidence,
            "requires": [text.value for text in rule.requires],
            "requires_success": rule.requires_success or False,
            "labels": [text.value for text in rule.labels],
            "approval": _approval(rule),
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
            "digest": f"sha256:{sha256(self._meaning(meaning))}",
        }
        return self.add(node, rule.span)

    def _conditions(self, match: Match) -> list[int]:
        """The conditions that are left when the environment is folded."""
        found: list[int] = []
        folded = self._fold_environment(match)
        if folded is not None:
            found.append(folded)
        for kind, globs in (("tool", match.tool), ("upstream", match.upstream)):
            if globs:
                found.append(self._globs(kind, globs))
        for test in match.annotations:
            node = {"node": "annotation", "hint": test.hint, "value": test.value}
            found.append(self.add(node, test.span))
        if match.agent:
            found.append(self._globs("agent", match.agent))
        for kind, selections in (("input", match.input), ("metadata", match.metadata)):
            found.extend(self._selection(kind, selection) for selection in selections)
        for kind, names in (
            ("labels", match.labels),
            ("called", match.called),
            ("not_called", match.not_called),
        ):
            if names:
                node = {"node": kind, "names": sorted({text.value for text in names})}
                found.append(self.add(node, names[0].span))
        return found

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
        parts = {self.add({"node": "glob", "pattern": text.value}, text.span) for text in globs}
        return self.add({"node": kind, "globs": sorted(parts)}, globs[0].span)

    def _selection(self, kind: str, selection: Selection) -> int:
        tests = [
            {
                "operator": operation.operator,
                "value": self.add(
                    {"node": "value", "json": operand_json(operation.operand)},
                    operation.operand.span,
                ),
            }
            for operation in selection.operations
        ]
        node = {
            "node": kind,
            "path": self._path(selection.selector, metadata=kind == "metadata"),
            "quantifier": selection.quantifier,
            "tests": tests,
        }
        return self.add(node, selection.selector.span)

    def _path(self, text: Text, *, metadata: bool = False) -> int:
        return self.add({"node": "path", "path": normal_path(text, metadata=metadata)}, text.span)

    def _identity(self, rule: Rule, conditions: list[int]) -> str:
        """The name; without one, the conditions' hash and, among rules that share it, a number."""
        if rule.name is not None:
            return rule.name.value
        written = sorted((self._meaning(self.nodes[index]) for index in conditions), key=canonical)
        digest = sha256(written)[:16]
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

    def _meaning(self, node: Node) -> object:
        """The node with the nodes that it refers to written out."""
        written = self._written
        meaning: Node = dict(node)
        for name in ("conditions", "limits", "globs"):
            if name in node:
                meaning[name] = [written(index) for index in node[name]]
        if "globs" in node:
            meaning["globs"].sort(key=canonical)
        if isinstance(node.get("path"), int):
            meaning["path"] = written(node["path"])
        if "tests" in node:
            meaning["tests"] = [{**test, "value": written(test["value"])} for test in node["tests"]]
        if "evidence" in node:
            meaning["evidence"] = [
                {**required, "bind": [[written(end) for end in pair] for pair in required["bind"]]}
                for required in node["evidence"]
            ]
        return meaning

    def _written(self, index: int) -> object:
        if index not in self._written_out:
            self._written_out[index] = self._meaning(self.nodes[index])
        return self._written_out[index]


def normal_path(text: Text, *, metadata: bool) -> str:
    """The normalised path. A key of `metadata` that does not begin with `$` is a name, not a path.

    Raises `helio.evaluator.PatternError`.
    """
    if metadata and not text.value.startswith("$"):
        return normalize_path(f"$[{canonical(text.value).decode()}]")
    return normalize_path(text.value)


def _approval(rule: Rule) -> Mapping[str, object] | None:
    approval = rule.approval
    if approval is None:
        return None
    return {
        "channel": None if approval.channel is None else approval.channel.value,
        "timeout_ms": None if approval.timeout is None else int(approval.timeout),
        "escalation_after_ms": None
        if approval.escalation_after is None
        else int(approval.escalation_after),
        "delegates": list(approval.delegates),
    }
