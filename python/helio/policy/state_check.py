"""What rules ask of the state that calls leave behind (tools that must have run, labels, windows),
of who is calling, and of arguments of which many values are judged at once.

Above: `compiler`. Below: `by_tool`, `document`, `codes`, `helio.config`. Pure. The rules must have
been checked without an error.
"""

from collections.abc import Iterator, Sequence

from helio.config import HelioConfig
from helio.config.scalars import Duration
from helio.diagnostics import Diagnostics, Label, Span, child_path, near_miss, quoted
from helio.policy import tool_codes as codes
from helio.policy.by_tool import RulesByTool, asks_for_the_name_only
from helio.policy.codes import OPEN_ADDRESS
from helio.policy.document import Budget, Rule, Selection
from helio.policy.mistaken import open_address
from helio.policy.patterns import may_select_several, normal_path
from helio.policy.reach.conditions import is_elsewhere
from helio.policy.upstreams import is_for_adapters

_FORWARDING_NOTHING = ("deny", "dry_run")


def check_state(
    rules: Sequence[Rule], budgets: Sequence[Budget], config: HelioConfig, diagnostics: Diagnostics
) -> None:
    """Adds what can never come to pass, or is not what it seems, to `diagnostics`."""
    live = [rule for rule in rules if not is_elsewhere(rule, config.environment)]
    checker = _Checker(live, rules, config, diagnostics)
    for place, rule in enumerate(live):
        checker.earlier_calls(rule)
        checker.labels(rule)
        checker.many_values(rule, place)
        checker.addresses(rule, place)
        checker.agent(rule)
        checker.limits(rule)
    for budget, values in zip(budgets, config.budgets, strict=True):
        checker.budget(budget, values.key, None if values.window == "session" else values.window)


class _Checker:
    """Checks one rule after the other."""

    def __init__(
        self,
        live: Sequence[Rule],
        rules: Sequence[Rule],
        config: HelioConfig,
        diagnostics: Diagnostics,
    ) -> None:
        self._by_tool = RulesByTool(live)
        self._config = config
        self._diagnostics = diagnostics
        self._denials: dict[str, Rule | str | None] = {}
        self._last_restriction = max(
            (place for place, rule in enumerate(live) if not (rule.shadow or _permits(rule))),
            default=-1,
        )
        # Of any environment: a label may be taken for granted by rules for several.
        self._labels = {
            text.value for rule in rules if not _forwards_nothing(rule) for text in rule.labels
        }

    # tools that must have run

    def earlier_calls(self, rule: Rule) -> None:
        """Tools that must have been called before, and never can be."""
        called = () if rule.match is None else rule.match.called
        for text in (*rule.requires, *called):
            denial = self._denial(text.value)
            if denial is None:
                continue
            related = []
            if isinstance(denial, Rule):
                related = [Label(denial.place("action"), "its calls end here")]
                denial = f"the rule in line {denial.span.line} lets none of its calls through"
            message = f"{quoted(text.value)} can never have been called: {denial}"
            self._diagnostics.add(
                codes.NEVER_CALLED, message, text.span, text.path, related=related
            )

    def _denial(self, tool: str) -> Rule | str | None:
        """What lets no call of the tool through, if anything does."""
        if self._config.policies.shadow or self._config.policies.dry_run:
            return None
        if tool not in self._denials:
            self._denials[tool] = self._found_denial(tool)
        return self._denials[tool]

    def _found_denial(self, tool: str) -> Rule | str | None:
        for rule in self._by_tool.matching(tool):
            if not _forwards_nothing(rule):
                return None
            if asks_for_the_name_only(rule.match, environment=False):
                return rule
        if self._config.policies.default == "deny":
            return "no rule lets a call of it through, and the default denies"
        return None

    # labels

    def labels(self, rule: Rule) -> None:
        """Labels that no rule puts on, and those that stand where nothing is forwarded."""
        if rule.labels and _forwards_nothing(rule):
            message = f"a call that `{rule.action}` ends puts no label on its session"
            path = child_path(rule.path, "labels")
            self._diagnostics.add(codes.LABELS_ON_DENY, message, rule.place("labels"), path)
        for text in () if rule.match is None else rule.match.labels:
            if text.value not in self._labels:
                near = near_miss(text.value, sorted(self._labels))
                hint = None if near is None else f"did you mean {quoted(near)}?"
                message = f"no rule puts the label {quoted(text.value)} on a session"
                self._diagnostics.add(codes.UNKNOWN_LABEL, message, text.span, text.path, hint)

    # many values

    def many_values(self, rule: Rule, place: int) -> None:
        """Permitting rules that one good value among bad ones is enough for."""
        if rule.match is None or not _permits(rule):
            return
        several = [each for each in rule.match.input if _judges_any_of_several(each)]
        if not several or not self._is_restricted_after(place):
            return
        whole = {
            normal_path(each.selector.value)
            for each in rule.match.input
            if each.quantifier == "every"
        }
        for selection in several:
            text = selection.selector
            if normal_path(text.value) in whole:
                continue
            operators = " and ".join(f"`{each.operator}`" for each in selection.operations)
            verb = "holds" if len(selection.operations) == 1 else "hold"
            message = (
                f"one value at {quoted(text.value)} for which {operators} {verb} lets the call "
            )
            message += "through, whatever the others are"
            written = ", ".join(f"{each.operator}: …" for each in selection.operations)
            hint = f"write `every: {{ {written} }}`; `some: {{ {written} }}` if one is enough"
            self._diagnostics.add(codes.ONE_GOOD_VALUE, message, text.span, text.path, hint)

    def addresses(self, rule: Rule, place: int) -> None:
        """Permitting rules for an address or host that others pass for."""
        if rule.match is None or not _permits(rule) or not self._is_restricted_after(place):
            return
        for selection in rule.match.input:
            for operation in selection.operations:
                text, advice = operation.text(), open_address(operation)
                if text is not None and advice is not None:
                    message, hint = advice
                    self._diagnostics.add(OPEN_ADDRESS, message, text.span, text.path, hint)

    def _is_restricted_after(self, place: int) -> bool:
        policies = self._config.policies
        return (
            policies.default == "deny"
            or policies.flag_destructive == "require_approval"
            or self._last_restriction > place
        )

    # agents

    def agent(self, rule: Rule) -> None:
        """Conditions on the agent, where MCP calls have none."""
        match = rule.match
        if match is None or not match.agent or self._config.auth.mode != "none":
            return
        if is_for_adapters(match):
            return
        message = "no MCP call has an agent: `auth.mode` is `none`, and this rule "
        message += _without_an_agent(rule)
        text = match.agent[0]
        self._diagnostics.add(codes.UNKNOWN_AGENT, message, text.span, text.path)

    # limits and budgets

    def limits(self, rule: Rule) -> None:
        """Whose calls are counted, and for how long."""
        limits = rule.limits
        if limits is None:
            return
        spend = limits.spend
        for keys, span, path in _keys(rule):
            if "agent" in keys and not is_for_adapters(rule.match):
                self._agent(span, path)
        if limits.window is not None:
            self._window(limits.window, limits.span, limits.path)
        if spend is not None and spend.window is not None:
            self._window(spend.window, spend.span, spend.path)

    def budget(self, budget: Budget, key: str, window: Duration | None) -> None:
        """The same of a budget."""
        if key == "agent":
            self._agent(budget.keys["key"], child_path(budget.path, "key"))
        if window is not None:
            place = budget.keys.get("window", budget.span)
            self._window(window, place, child_path(budget.path, "window"))

    def _agent(self, span: Span, path: str) -> None:
        if self._config.auth.mode == "none":
            message = "no MCP call has an agent: `auth.mode` is `none`, and each call that must be "
            message += "counted for one is blocked"
            self._diagnostics.add(codes.NO_AGENT, message, span, path)

    def _window(self, window: Duration, span: Span, path: str) -> None:
        retention = self._config.audit.retention
        if window > retention:
            message = f"this window is {window.text()}, and the audit keeps {retention.text()}"
            self._diagnostics.add(codes.LONGER_THAN_RETENTION, message, span, path)


def _keys(rule: Rule) -> Iterator[tuple[tuple[str, ...], Span, str]]:
    limits = rule.limits
    if limits is not None:
        yield limits.key, limits.span, child_path(limits.path, "key")
        if limits.spend is not None:
            yield limits.spend.key, limits.spend.span, child_path(limits.spend.path, "key")


def _forwards_nothing(rule: Rule) -> bool:
    return rule.action in _FORWARDING_NOTHING and not (
        rule.action == "deny" and (rule.evidence or rule.requires)
    )


def _without_an_agent(rule: Rule) -> str:
    """What becomes of calls by a rule that cannot be judged."""
    if rule.shadow:
        return "judges none"
    if rule.action == "deny":
        return "denies them whoever calls"
    return "allows none" if _permits(rule) else "adds what it asks for whoever calls"


def _permits(rule: Rule) -> bool:
    asks = rule.evidence or rule.requires or rule.limits is not None
    return rule.action in ("allow", None) and not asks and not rule.shadow


def _judges_any_of_several(selection: Selection) -> bool:
    if selection.quantifier == "every" or selection.is_said:
        return False
    says = any(each.operator != "exists" for each in selection.operations)
    return says and may_select_several(normal_path(selection.selector.value))
