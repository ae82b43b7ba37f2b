"""Rules as they are written: typed, with places, nothing resolved.

Above: `resolve` and `check`. Below: `helio.diagnostics`. Pure. An absent list is empty; an absent
value is None. What could not be read is absent too, and its diagnostic forbids that a graph is
made.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from helio.config.scalars import Duration
from helio.diagnostics import Node, Scalar, Sequence, Span, child_path


class Text(NamedTuple):
    """A text with its place; `path` leads to it (`policies.rules[2].match.tool`)."""

    value: str
    node: Scalar
    path: str

    @property
    def span(self) -> Span:
        """Where it stands."""
        return self.node.span


class Operation(NamedTuple):
    """An operator with its operand."""

    operator: str
    operand: Node
    path: str

    def text(self) -> Text | None:
        """The operand as a text with its place, when it is one."""
        if isinstance(self.operand, Scalar) and isinstance(self.operand.value, str):
            return Text(self.operand.value, self.operand, self.path)
        return None

    def texts(self) -> tuple[Text, ...]:
        """The texts of the operand, with their places: itself, or those of its list."""
        if isinstance(self.operand, Sequence):
            return tuple(
                Text(item.value, item, child_path(self.path, at))
                for at, item in enumerate(self.operand.items)
                if isinstance(item, Scalar) and isinstance(item.value, str)
            )
        text = self.text()
        return () if text is None else (text,)


class Selection(NamedTuple):
    """What is asked of the values that a path selects. `quantifier` is some or every; `is_said`:
    it stands in the file."""

    selector: Text
    quantifier: str
    operations: tuple[Operation, ...]
    is_said: bool = False


@dataclass(frozen=True, slots=True)
class AnnotationTest:
    """The value that a hint must have."""

    hint: str
    value: bool
    span: Span


@dataclass(frozen=True, slots=True)
class Match:
    """The conditions of a rule; all of them must hold. `is_given`: there is something in it, though
    perhaps nothing that could be read."""

    is_given: bool
    tool: tuple[Text, ...] = ()
    upstream: tuple[Text, ...] = ()
    agent: tuple[Text, ...] = ()
    environment: tuple[Text, ...] = ()
    annotations: tuple[AnnotationTest, ...] = ()
    input: tuple[Selection, ...] = ()
    metadata: tuple[Selection, ...] = ()
    labels: tuple[Text, ...] = ()
    called: tuple[Text, ...] = ()
    not_called: tuple[Text, ...] = ()


@dataclass(frozen=True, slots=True)
class Spend:
    """`max_spend`. `limit` is a decimal text."""

    span: Span
    path: str
    field: Text | None
    limit: str | None
    currency: str | None
    window: Duration | None
    key: tuple[str, ...]
    keys: frozenset[str]


@dataclass(frozen=True, slots=True)
class Limits:
    """`limits`. An empty key is an absent one. `keys` are those that stand there, readable or
    not."""

    span: Span
    path: str
    max_calls: int | None
    window: Duration | None
    key: tuple[str, ...]
    spend: Spend | None
    keys: frozenset[str]


@dataclass(frozen=True, slots=True)
class Evidence:
    """One requirement of evidence. `bind` pairs this call's path with that call's."""

    tool: Text
    bind: tuple[tuple[Text, Text], ...] = ()


@dataclass(frozen=True, slots=True)
class Approval:
    """How people are asked about this rule's calls."""

    span: Span
    channel: Text | None
    timeout: Duration | None
    escalation_after: Duration | None
    delegates: tuple[Text, ...]


@dataclass(frozen=True, slots=True)
class Feedback:
    """What the agent is told."""

    message: str | None
    suggestion: str | None


@dataclass(frozen=True, slots=True)
class Contributor:
    """The calls that a budget counts; what each takes is at `field` where it is not fixed."""

    path: str
    span: Span
    match: Match | None
    field: Text | None


@dataclass(frozen=True, slots=True)
class Budget:
    """The parts of a budget that have places. `keys` are those of the keys that it has; `channel`
    and `delegates` are those of its `approval`. `is_of_session`: its `window` is `session`; `asks`:
    its `on_exceed` is `require_approval`."""

    path: str
    span: Span
    keys: dict[str, Span]
    name: Text | None
    channel: Text | None
    delegates: tuple[Text, ...]
    is_of_session: bool
    asks: bool
    contributors: tuple[Contributor, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `keys` are the places of the keys that it has. `is_known`: it is a mapping without
    unknown keys, so that what is absent was left out on purpose."""

    index: int
    path: str
    span: Span
    is_known: bool = True
    keys: dict[str, Span] = field(default_factory=dict)
    name: Text | None = None
    match: Match | None = None
    action: str | None = None
    evidence: tuple[Evidence, ...] = ()
    requires: tuple[Text, ...] = ()
    requires_success: bool | None = None
    limits: Limits | None = None
    labels: tuple[Text, ...] = ()
    approval: Approval | None = None
    feedback: Feedback | None = None
    shadow: bool = False

    def place(self, key: str) -> Span:
        """Where a key stands; where the rule begins when it is absent."""
        return self.keys.get(key, self.span)
