"""A rule graph as this room looks at it: rules and budgets with their conditions and effects.

Above: `alignment`, `clusters`, `finding`. Below: `outcomes`, `helio.policy.graph`,
`helio.policy.reach.conditions`. Pure. Rules in shadow and rules of other environments are left out:
they decide about no call.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final, Literal

import orjson

from helio.diagnostics import Span
from helio.evaluator import Evaluator
from helio.policy.difference.outcomes import (
    Approval,
    ApprovalTerms,
    BudgetFed,
    Conduct,
    Effect,
    Limit,
    Surroundings,
)
from helio.policy.graph import CompiledPolicy, Settings, sha256
from helio.policy.patterns import may_select_several
from helio.policy.reach.conditions import Condition, Subject
from helio.policy.reach.scans import SOME_SCAN, of_scans

Node = Mapping[str, Any]

DESTRUCTIVE: Final = Condition(("annotations",), ("destructiveHint", True))
"""What `flag_destructive` asks of a call's tool."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A rule, or a contributor of a budget, in its order.

    `in_doubt` is what it does where it cannot be judged: it decides all the same, passes, or adds
    what it asks for and lets the next ones decide. `meaning` is equal for entries that do the same.
    """

    index: int
    conditions: tuple[Condition, ...]
    in_doubt: Literal["decides", "passes", "adds"]
    meaning: str
    effect: Effect
    label: str = ""
    line: int | None = None
    price: str = ""

    @property
    def globs(self) -> tuple[str, ...]:
        """A set of tools' globs that holds every tool that it is for."""
        asked = (each.meaning for each in self.conditions if each.subject == ("tool",))
        return next(asked, ("*",))


@dataclass(frozen=True, slots=True)
class BudgetEntry:
    """A budget. `fed` is what a call takes from it, but for the prices."""

    name: str
    meaning: str
    fed: BudgetFed
    contributors: tuple[Entry, ...]


class Side:
    """One of the two policies. `terms` are those of its `approval` section, `conduct` what others
    say, where they are known; else their defaults count."""

    def __init__(
        self,
        policy: CompiledPolicy,
        terms: ApprovalTerms | None = None,
        settings: Settings | None = None,
        conduct: Conduct | None = None,
    ) -> None:
        self.policy = policy
        self.settings = settings or policy.settings
        self.conduct = conduct or Conduct()
        self._terms = terms or ApprovalTerms()
        self._document = orjson.loads(policy.graph)
        self._nodes: list[Node] = self._document["nodes"]

    @cached_property
    def evaluator(self) -> Evaluator:
        """The real one."""
        return Evaluator(self.policy.graph)

    @cached_property
    def rules(self) -> tuple[Entry, ...]:
        """Those that may decide about a call here, in file order."""
        pairs = zip(self._document["rules"], self.policy.rules, strict=True)
        return tuple(
            self._rule(self._nodes[at], summary.label, summary.span)
            for at, summary in pairs
            if not summary.shadow and not self._is_elsewhere(self._nodes[at])
        )

    @cached_property
    def budgets(self) -> tuple[BudgetEntry, ...]:
        """In file order."""
        return tuple(self._budget(self._nodes[at]) for at in self._document.get("budgets", ()))

    @cached_property
    def surroundings(self) -> Surroundings:
        """What decides where no rule does, and whether anything is carried out."""
        settings = self.settings
        asks = settings.flag_destructive == "require_approval"
        return Surroundings(
            Effect(denies=settings.default == "deny"),
            settings.dry_run,
            settings.shadow,
            self._approval(None) if asks else None,
        )

    @cached_property
    def install(self) -> "Side | None":
        """What it says of installations; None where that is not known."""
        install = self.policy.install
        return None if install is None else Side(install, self._terms)

    @property
    def tells_of_installs(self) -> bool:
        """Whether something may be installed, or may be after a person approved."""
        install = self.install
        return install is not None and not (
            install.settings.default == "deny" and all(rule.effect.denies for rule in install.rules)
        )

    @property
    def known(self) -> Mapping[Subject, Any]:
        """What every call has that it decides about."""
        return SOME_SCAN if self.policy.is_install else {}

    @cached_property
    def by_index(self) -> dict[int, Entry]:
        """The rules by their index in the file."""
        return {rule.index: rule for rule in self.rules}

    def without(self, setting: Literal["dry_run", "shadow"]) -> "Side":
        """The same, were everything enforced."""
        return Side(self.policy, self._terms, _without(self.settings, setting), self.conduct)

    def _is_elsewhere(self, rule: Node) -> bool:
        return any(self._nodes[at]["node"] == "constant" for at in rule["conditions"])

    def _rule(self, rule: Node, label: str, span: Span | None) -> Entry:
        action, until = rule["action"], rule["until"]
        asks = rule["evidence"] or rule["requires"] or rule["limits"]
        in_doubt: Literal["decides", "passes", "adds"] = "adds"
        if action in ("deny", "dry_run"):
            in_doubt = "decides"
        elif action == "allow" and not asks:
            in_doubt = "passes"
        effect = Effect(
            denies=action == "deny" and not until,
            rehearses=action == "dry_run",
            approval=self._approval(rule["approval"]) if action == "require_approval" else None,
            evidence=frozenset(map(self._evidence, rule["evidence"])),
            requires=frozenset((tool, rule["requires_success"]) for tool in rule["requires"]),
            limits=frozenset(self._limit(self._nodes[at]) for at in rule["limits"]),
            labels=frozenset(rule["labels"]),
        )
        told = (rule["digest"], repr(effect.approval))
        line = None if span is None else span.line
        return Entry(
            rule["index"],
            self._conditions_of(rule),
            in_doubt,
            sha256(told),
            effect,
            label,
            line,
        )

    def _budget(self, budget: Node) -> BudgetEntry:
        asks = budget["on_exceed"] == "require_approval"
        fed = BudgetFed(
            budget["maximum"],
            budget["currency"],
            budget["window_ms"],
            budget["idle_ttl_ms"],
            tuple(budget["key"]),
            self._approval(budget["approval"]) if asks else None,
            frozenset(),
        )
        contributors = tuple(
            self._contributor(place, self._nodes[at])
            for place, at in enumerate(budget["contributors"])
        )
        meaning = sha256((repr(fed), [(_told(one.conditions), one.price) for one in contributors]))
        return BudgetEntry(budget["name"], meaning, fed, contributors)

    def _contributor(self, place: int, contributor: Node) -> Entry:
        price = contributor.get("amount")
        if price is None:
            price = self._nodes[contributor["path"]]["path"]
        conditions = self._conditions_of(contributor)
        return Entry(place, conditions, "adds", "", Effect(), price=price)

    def _approval(self, asked: Mapping[str, Any] | None) -> Approval:
        asked = asked or {}
        channel, timeout = asked.get("channel"), asked.get("timeout_ms")
        return Approval(
            self._terms.timeout_ms if timeout is None else timeout,
            asked.get("escalation_after_ms"),
            self._terms.asked(channel),
            frozenset(asked.get("delegates", ())),
            self._terms,
        )

    def _evidence(self, required: Node) -> tuple[str, frozenset[tuple[str, str]]]:
        pairs = ((self._path(here), self._path(there)) for here, there in required["bind"])
        return required["tool"], frozenset(pairs)

    def _limit(self, limit: Node) -> Limit:
        path = self._path(limit["path"]) if "path" in limit else None
        return Limit(
            limit["kind"],
            limit["maximum"],
            limit["window_ms"],
            tuple(sorted(limit["key"])),
            path,
            limit.get("currency"),
        )

    def _path(self, at: int) -> str:
        return str(self._nodes[at]["path"])

    def _conditions_of(self, node: Node) -> tuple[Condition, ...]:
        found = self._conditions(node)
        return tuple(of_scans(found) if self.policy.is_install else found)

    def _conditions(self, of: Node) -> Iterator[Condition]:
        """Each about one subject, as `helio.policy.reach` reads the rules themselves."""
        for at in of["conditions"]:
            node = self._nodes[at]
            match node["node"]:
                case "tool" | "upstream" | "agent" as subject:
                    globs = sorted(self._nodes[glob]["pattern"] for glob in node["globs"])
                    yield _condition((subject,), *globs)
                case "annotation":
                    yield _condition(("annotations",), node["hint"], node["value"])
                case "labels" | "called" | "not_called" as kind:
                    subject = "labels" if kind == "labels" else "called"
                    for name in node["names"]:
                        yield _condition((subject, name), kind != "not_called")
                case kind:
                    yield from self._selection(kind, node)

    def _selection(self, kind: str, node: Node) -> Iterator[Condition]:
        path = self._path(node["path"])
        tests = [(test["operator"], self._nodes[test["value"]]["json"]) for test in node["tests"]]
        groups = [tests] if may_select_several(path) else [[test] for test in tests]
        for group in groups:
            yield _condition((kind, path), node["quantifier"], tuple(sorted(group)))


def _without(settings: Settings, setting: Literal["dry_run", "shadow"]) -> Settings:
    return (
        replace(settings, dry_run=False)
        if setting == "dry_run"
        else replace(settings, shadow=False)
    )


def _told(conditions: tuple[Condition, ...]) -> list[tuple[object, ...]]:
    return [(each.subject, each.meaning) for each in conditions]


def _condition(subject: tuple[str, ...], *meaning: Any) -> Condition:
    return Condition(subject, meaning)
