"""What must hold where people are asked: that somebody is told, can answer, and has the time to.

Above: `compiler`. Below: `document`, `codes`, `helio.config`. Pure. Rules, budgets and settings of
`policies` may have people asked.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from helio.config import HelioConfig
from helio.config.scalars import Duration
from helio.diagnostics import (
    Diagnostics,
    Mapping,
    Node,
    Scalar,
    Span,
    child_path,
    near_miss,
    quoted,
)
from helio.policy import codes
from helio.policy.document import Budget, Rule, Text

USUAL_PATIENCE: Final = Duration(60_000)
"""How long most clients wait for an answer, unless progress is told."""


@dataclass(frozen=True, slots=True)
class _Asker:
    """Something that has people asked, where it stands and how. `channels` are empty for all."""

    span: Span
    path: str
    channels: tuple[Text, ...]
    delegates: tuple[Text, ...]
    timeout: Duration | None
    escalation_after: Duration | None
    asks: bool = True


def check_approvals(
    rules: Sequence[Rule],
    budgets: Sequence[Budget],
    config: HelioConfig | None,
    root: Mapping,
    diagnostics: Diagnostics,
) -> None:
    """Adds what is wrong with how people are asked, or worth a warning, to `diagnostics`.

    Without a `config` (it has faults of its own) nothing is checked.
    """
    if config is None:
        return
    askers = [*_rules(rules), *_budgets(budgets, config), *_settings(root, config)]
    checker = _Checker(config, root, diagnostics)
    for asker in askers:
        checker.names(asker)
        if asker.asks:
            checker.answers(asker)
            checker.times(asker)
    if any(asker.asks for asker in askers):
        checker.default()


class _Checker:
    """Checks one asker after the other; what is true of all that say nothing is told once."""

    def __init__(self, config: HelioConfig, root: Mapping, diagnostics: Diagnostics) -> None:
        self._config = config
        self._root = root
        self._diagnostics = diagnostics
        self._types = {"dashboard": "dashboard"}
        self._types |= {each.label: each.type for each in config.approval.channels}
        self._told_of_default = False

    def names(self, asker: _Asker) -> None:
        """Every channel and delegate is one that there is."""
        known = sorted(self._types)
        for text in (*asker.channels, *asker.delegates):
            if text.value in self._types:
                continue
            near = near_miss(text.value, known)
            listed = ", ".join(f"`{name}`" for name in known)
            hint = f"the channels are {listed}" if near is None else f"did you mean `{near}`?"
            message = f"no channel is called {quoted(text.value)}"
            self._diagnostics.add(codes.UNKNOWN_CHANNEL, message, text.span, text.path, hint)

    def answers(self, asker: _Asker) -> None:
        """Somebody can answer: on the operator port, or in Slack."""
        named = [text.value for text in (*asker.channels, *asker.delegates)]
        if not asker.channels:
            named += [each.label for each in self._config.approval.channels]
        reached = {self._types.get(name, "slack") for name in named}
        if not self._config.dashboard.enabled and "slack" not in reached:
            message = (
                "nobody can answer: `dashboard.enabled` is false, and no Slack channel is asked"
            )
            self._diagnostics.add(codes.NOBODY_ANSWERS, message, asker.span, asker.path)

    def times(self, asker: _Asker) -> None:
        """The escalation comes before the timeout, and that before clients give up."""
        approval = self._config.approval
        timeout = asker.timeout or approval.timeout
        escalation = asker.escalation_after
        if escalation is not None and escalation >= timeout:
            message = (
                f"`escalation_after` is {escalation.text()}, and the timeout comes after "
                f"{timeout.text()}"
            )
            self._diagnostics.add(codes.LATE_ESCALATION, message, asker.span, asker.path)
        if approval.mode == "hold" and timeout > USUAL_PATIENCE:
            self._held_long(asker, timeout)

    def _held_long(self, asker: _Asker, timeout: Duration) -> None:
        span, path = asker.span, asker.path
        if asker.timeout is None:
            if self._told_of_default:
                return
            self._told_of_default = True
            written = _node(self._root, "approval", "timeout")
            if written is not None:
                span, path = written.span, "approval.timeout"
        message = (
            f"a call may be held for {timeout.text()}, and most clients give up after "
            f"{USUAL_PATIENCE.text()}"
        )
        most = USUAL_PATIENCE.text()
        hint = f"write `approval: {{ mode: return }}` at the top, or at most `{most}` here"
        self._diagnostics.add(codes.LONG_HOLD, message, span, path, hint)

    def default(self) -> None:
        """What happens when nobody answers."""
        written = _node(self._root, "approval", "default_on_timeout")
        if self._config.approval.default_on_timeout == "allow" and written is not None:
            message = "calls run at the timeout, though nobody looked at them"
            path = "approval.default_on_timeout"
            self._diagnostics.add(codes.ALLOWED_UNSEEN, message, written.span, path)


def _rules(rules: Iterable[Rule]) -> Iterator[_Asker]:
    for rule in rules:
        approval, asks = rule.approval, rule.action == "require_approval"
        if approval is None and not asks:
            continue
        key = "action" if approval is None else "approval"
        yield _Asker(
            rule.place(key),
            child_path(rule.path, key),
            () if approval is None or approval.channel is None else (approval.channel,),
            () if approval is None else approval.delegates,
            None if approval is None else approval.timeout,
            None if approval is None else approval.escalation_after,
            asks and not rule.shadow,
        )


def _budgets(budgets: Sequence[Budget], config: HelioConfig) -> Iterator[_Asker]:
    for budget, values in zip(budgets, config.budgets, strict=True):
        approval = values.approval
        if approval is None and not budget.asks:
            continue
        key = "on_exceed" if approval is None else "approval"
        yield _Asker(
            budget.keys.get(key, budget.span),
            child_path(budget.path, key),
            () if budget.channel is None else (budget.channel,),
            budget.delegates,
            None if approval is None else approval.timeout,
            None if approval is None else approval.escalation_after,
            budget.asks,
        )


def _settings(root: Mapping, config: HelioConfig) -> Iterator[_Asker]:
    for key in ("flag_destructive", "on_tool_drift"):
        found = _node(root, "policies", key)
        if isinstance(found, Scalar) and found.value == "require_approval":
            # What the default denies, nobody is asked about.
            asks = key == "on_tool_drift" or config.policies.default == "allow"
            yield _Asker(found.span, f"policies.{key}", (), (), None, None, asks)


def _node(root: Mapping, *keys: str) -> Node | None:
    node: Node | None = root
    for key in keys:
        node = node.get(key) if isinstance(node, Mapping) else None
    return node
