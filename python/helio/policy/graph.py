"""The rule graph as Python holds it: canonical bytes, digest, and a summary of what is in it.

Above: `helio.pipeline`, `helio.app`, the commands. Below: `helio.evaluator` (verifies),
`helio.diagnostics`. Pure. The format is "The rule graph" in docs/architecture.md.
"""

import hashlib
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

import orjson

from helio.diagnostics import Span
from helio.evaluator import Evaluator

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of `policies` that decide about calls, and the environment they were folded
    for."""

    default: Literal["allow", "deny"] = "allow"
    flag_destructive: Literal["off", "log", "require_approval"] = "log"
    on_tool_drift: Literal["block", "require_approval", "log"] = "block"
    unknown_tools: Literal["allow", "deny"] = "allow"
    dry_run: bool = False
    shadow: bool = False
    blocked_as: Literal["tool_result", "error"] = "tool_result"
    environment: str | None = None


@dataclass(frozen=True, slots=True)
class Requirement:
    """Evidence that a rule asks for. `bind` pairs a path into this call's arguments with one into
    what the evidence was about."""

    name: str
    bind: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Asking:
    """How people are asked, where it is said: by which `channel`, for how long, after what time
    whom else. Durations in ms."""

    channel: str | None = None
    timeout_ms: int | None = None
    escalation_after_ms: int | None = None
    delegates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RuleSummary:
    """What people, feedback and sessions need to know of a rule.

    `label` is its name, or its path in the file; `limits` are the ids of its limits; `requires` are
    tools, `requires_success` says whether they must have succeeded; `labels` are those that it puts
    on a session. `approval` is how people are asked, where `action` has them asked. `span` is its
    place, None when the graph came without its source.
    """

    index: int
    name: str | None
    label: str
    action: str
    until: bool
    shadow: bool
    message: str | None
    suggestion: str | None
    limits: tuple[str, ...]
    evidence: tuple[Requirement, ...]
    requires: tuple[str, ...]
    requires_success: bool
    labels: tuple[str, ...]
    approval: Asking
    span: Span | None
    digest: str


@dataclass(frozen=True, slots=True)
class LimitSummary:
    """What operators are shown of a rule's limit.

    `id` is its identity across reloads, which its windows and charges are found by, and `stem` the
    part of it that does not say how it counts: the kind and the rule. `rule` is the rule's label,
    `maximum` a decimal text. `path` and `currency` are those of spending, None for a rate.
    """

    id: str
    stem: str
    rule: str
    rule_index: int
    kind: Literal["rate", "spend"]
    maximum: str
    window_ms: int
    key: tuple[str, ...]
    path: str | None
    currency: str | None
    shadow: bool


@dataclass(frozen=True, slots=True)
class BudgetSummary:
    """What people and feedback say of a budget.

    `id` is its identity across reloads, which its windows, levels and charges are found by; `limit`
    is a decimal text. `window_ms` is None for pots of a session, which are given up `idle_ttl_ms`
    after their last charge; of the two, one is there. `key` are the parts of its pots' keys. `stem`
    is what of its `id` does not say how it counts. `approval` is how people are asked, where
    `on_exceed` has them asked.
    """

    name: str
    id: str
    stem: str
    limit: str
    currency: str
    window_ms: int | None
    idle_ttl_ms: int | None
    key: tuple[str, ...]
    on_exceed: Literal["deny", "require_approval"]
    approval: Asking
    span: Span | None


class Lowered(NamedTuple):
    """A rule graph as it was made: its canonical text, and what that says as values. Texts among
    them are those of the rules and may be `Interpolated`.
    """

    text: bytes
    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class CompiledPolicy:
    """A rule graph that verified. `graph` is its canonical text, `source` included.

    `asked_tools` are those of which a condition asks whether the session called them. `install` is
    what installations are judged by, None for a policy that came without its configuration;
    `is_install`: it is such a one itself.
    """

    graph: bytes
    digest: str
    settings: Settings
    rules: tuple[RuleSummary, ...]
    budgets: tuple[BudgetSummary, ...]
    limits: tuple[LimitSummary, ...]
    asked_tools: frozenset[str] = frozenset()
    install: "CompiledPolicy | None" = None
    is_install: bool = False

    @property
    def asks_people(self) -> bool:
        """Whether a person may have to decide about some call."""
        settings = self.settings
        return (
            "require_approval" in (settings.flag_destructive, settings.on_tool_drift)
            or any(rule.action == "require_approval" for rule in self.rules)
            or any(budget.on_exceed == "require_approval" for budget in self.budgets)
            or (self.install is not None and self.install.asks_people)
        )

    @property
    def graphs(self) -> tuple[bytes, bytes | None]:
        """All that it is compiled to: equal for policies that differ in nothing."""
        return self.graph, None if self.install is None else self.install.graph

    @classmethod
    def from_graph(cls, graph: bytes) -> "CompiledPolicy":
        """From the text that `helio compile -o` writes.

        Raises `helio.evaluator.GraphError` when it cannot be decoded or does not verify.
        """
        return cls.verified(graph, Evaluator(graph))

    @classmethod
    def verified(
        cls, graph: bytes, evaluator: Evaluator, document: dict[str, Any] | None = None
    ) -> "CompiledPolicy":
        """The same where the graph's evaluator is at hand, and perhaps what its text says, in plain
        values.
        """
        if document is None:
            document = orjson.loads(graph)
        nodes = document["nodes"]
        # The source is no part of what a graph means and may have been left out.
        spans = document.get("source", {}).get("spans")

        def place(at: int) -> Span | None:
            return None if spans is None else Span(*spans[at][1:])

        rules = tuple(_summary(nodes[at], nodes, place(at)) for at in document["rules"])
        budgets = tuple(_budget_summary(nodes[at], place(at)) for at in document.get("budgets", ()))
        asked_tools = frozenset(
            name
            for node in nodes
            if node["node"] in ("called", "not_called")
            for name in node["names"]
        )
        settings = Settings(**document["settings"])
        limits = tuple(
            _limit_summary(nodes[limit], rule, nodes)
            for rule, at in zip(rules, document["rules"], strict=True)
            for limit in nodes[at]["limits"]
        )
        return cls(graph, evaluator.digest, settings, rules, budgets, limits, asked_tools)


def canonical(value: object) -> bytes:
    """Canonical JSON: keys sorted, no spaces."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def sha256(value: object) -> str:
    """The hex digest of a value's canonical text."""
    return hashlib.sha256(canonical(value)).hexdigest()


def _summary(rule: dict[str, Any], nodes: list[dict[str, Any]], span: Span | None) -> RuleSummary:
    feedback = rule["feedback"] or {}
    return RuleSummary(
        index=rule["index"],
        name=rule["name"],
        label=rule["name"] or f"rules[{rule['index']}]",
        action=rule["action"],
        until=rule["until"],
        shadow=rule["shadow"],
        message=feedback.get("message"),
        suggestion=feedback.get("suggestion"),
        limits=tuple([nodes[limit]["id"] for limit in rule["limits"]]),
        evidence=tuple([_requirement(required, nodes) for required in rule["evidence"]]),
        requires=tuple(rule["requires"]),
        requires_success=rule["requires_success"],
        labels=tuple(rule["labels"]),
        approval=_asking(rule["approval"]),
        span=span,
        digest=rule["digest"],
    )


def _requirement(required: dict[str, Any], nodes: list[dict[str, Any]]) -> Requirement:
    bind = ((nodes[here]["path"], nodes[there]["path"]) for here, there in required["bind"])
    return Requirement(required["tool"], tuple(bind))


def _limit_summary(
    limit: dict[str, Any], rule: RuleSummary, nodes: list[dict[str, Any]]
) -> LimitSummary:
    path = nodes[limit["path"]]["path"] if "path" in limit else None
    currency = limit.get("currency")
    counting = f"{'+'.join(limit['key'])}:{limit['window_ms']}"
    if path is not None:
        counting += f":{path}:{currency}"
    return LimitSummary(
        id=limit["id"],
        stem=limit["id"].removesuffix(counting),
        rule=rule.label,
        rule_index=rule.index,
        kind=limit["kind"],
        maximum=limit["maximum"],
        window_ms=limit["window_ms"],
        key=tuple(limit["key"]),
        path=path,
        currency=currency,
        shadow=rule.shadow,
    )


def _budget_summary(budget: dict[str, Any], span: Span | None) -> BudgetSummary:
    return BudgetSummary(
        name=budget["name"],
        id=budget["id"],
        stem=f"budget:{budget['name']}:",
        limit=budget["maximum"],
        currency=budget["currency"],
        window_ms=budget["window_ms"],
        idle_ttl_ms=budget["idle_ttl_ms"],
        key=tuple(budget["key"]),
        on_exceed=budget["on_exceed"],
        approval=_asking(budget["approval"]),
        span=span,
    )


_AS_EVER: Final = Asking()


def _asking(approval: dict[str, Any] | None) -> Asking:
    if approval is None:
        return _AS_EVER
    return Asking(**approval | {"delegates": tuple(approval["delegates"])})
