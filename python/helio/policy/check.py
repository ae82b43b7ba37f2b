"""What must hold of rules that could be read: patterns, operands, limits, names, places.

Above: `compiler`. Below: `document`, `codes`, `helio.evaluator` (which knows patterns). Pure.
Every rule is checked whole; faults are collected, none is skipped.
"""

from collections.abc import Callable, Iterator, Sequence

from helio.config import HelioConfig
from helio.config.availability import BLOCKED_IN_RULES
from helio.config.codes import NOT_AVAILABLE_BLOCKS
from helio.diagnostics import (
    Code,
    Diagnostics,
    Interpolated,
    Number,
    Scalar,
    Span,
    child_path,
    described,
    quoted,
)
from helio.diagnostics import Sequence as SequenceNode
from helio.evaluator import PatternError, check_glob, check_regex
from helio.policy import codes
from helio.policy.document import Limits, Match, Operation, Rule, Selection, Text
from helio.policy.graph import unavailable_parts
from helio.policy.lower import normal_path

_ORDERED = ("gt", "gte", "lt", "lte")
_TEXTS = ("regex", "starts_with", "ends_with")
_LONGEST_NAME = 128


def check(rules: Sequence[Rule], config: HelioConfig | None, diagnostics: Diagnostics) -> None:
    """Adds what is wrong with the rules, or worth a warning, to `diagnostics`.

    Without a `config` (it has faults of its own) what depends on it is not checked.
    """
    checker = _Checker(config, diagnostics)
    for rule in rules:
        checker.rule(rule, is_last=rule is rules[-1])


class _Checker:
    """Checks one rule after the other; remembers the names that were taken."""

    def __init__(self, config: HelioConfig | None, diagnostics: Diagnostics) -> None:
        self._config = config
        self._diagnostics = diagnostics
        self._names: dict[str, Text] = {}

    def rule(self, rule: Rule, *, is_last: bool) -> None:
        """All checks of one rule."""
        self._name(rule)
        if rule.match is not None:
            self._match(rule.match)
        self._action(rule, is_last=is_last)
        if rule.limits is not None:
            self._limits(rule, rule.limits)
        for required in rule.evidence:
            for here, there in required.bind:
                self._pattern(normal, here, codes.PATH)
                self._pattern(normal, there, codes.PATH)
        self._approval(rule)
        self._availability(rule)

    def _name(self, rule: Rule) -> None:
        name = rule.name
        if name is None:
            return
        unfit = len(name.value) > _LONGEST_NAME or name.value.startswith("#")
        if unfit or not name.value.isprintable() or not name.value.strip():
            self._at(codes.RULE_NAME, f"{quoted(name.value)} cannot name a rule", name)
        first = self._names.setdefault(name.value, name)
        if first is not name:
            message = f"{quoted(name.value)} is also the name of the rule in line {first.span.line}"
            self._at(codes.DUPLICATE_NAME, message, name)

    # conditions

    def _match(self, match: Match) -> None:
        for text in (*match.tool, *match.upstream, *match.agent, *match.environment):
            self._pattern(check_glob, text, codes.GLOB)
        config = self._config
        if match.environment and config is not None and config.environment is None:
            place = match.environment[0]
            message = "this rule asks for an environment, and none is configured"
            self._at(codes.NO_ENVIRONMENT, message, place)
        for selection in match.input:
            self._selection(selection, metadata=False)
        for selection in match.metadata:
            self._selection(selection, metadata=True)

    def _selection(self, selection: Selection, *, metadata: bool) -> None:
        def read(_text: str) -> object:
            return normal_path(selection.selector, metadata=metadata)

        self._pattern(read, selection.selector, codes.PATH)
        for operation in selection.operations:
            self._operation(operation)

    def _operation(self, operation: Operation) -> None:
        operand, operator = operation.operand, operation.operator
        wanted = None
        if operator in _ORDERED and not _is(operand, Number):
            wanted = "a number"
        elif operator in ("in", "not_in") and not isinstance(operand, SequenceNode):
            wanted = "a list"
        elif operator in _TEXTS and not _is(operand, str):
            wanted = "a text"
        elif operator == "exists" and not _is(operand, bool):
            wanted = "`true` or `false`"
        if wanted is not None:
            message = f"`{operator}` takes {wanted}, found {described(operand)}"
            hint = _operand_hint(operand, wanted)
            self._diagnostics.add(codes.OPERAND, message, operand.span, operation.path, hint)
        elif operator == "regex" and isinstance(operand, Scalar):
            self._pattern(
                check_regex, Text(str(operand.value), operand, operation.path), codes.REGEX
            )

    def _pattern(self, read: Callable[[str], object], text: Text, code: Code) -> None:
        """Reports what cannot be read, at the character where reading failed."""
        try:
            read(text.value)
        except PatternError as error:
            offset, message = error.args
            # The native offset counts bytes of UTF-8.
            characters = len(text.value.encode()[:offset].decode("utf-8", "ignore"))
            span = text.node.point(characters)
            self._diagnostics.add(code, f"{quoted(text.value)}: {message}", span, text.path)

    # actions and what they ask for

    def _action(self, rule: Rule, *, is_last: bool) -> None:
        asks = bool(rule.evidence or rule.requires)
        if "action" not in rule.keys and not asks and "limits" not in rule.keys:
            self._in(rule, codes.NO_ACTION, "this rule says nothing about its calls", "match")
        if rule.action == "deny" and rule.limits is not None and not asks:
            message = "a denied call is never counted: these limits do nothing"
            self._in(rule, codes.LIMITS_ON_DENY, message, "limits")
        if rule.action == "deny" and asks:
            message = "this rule denies until what it asks for is there; then the call passes"
            self._in(rule, codes.DENIES_UNTIL, message, "action")
        if rule.requires_success is not None and not rule.requires:
            message = "`requires_success` without `requires` does nothing"
            self._in(rule, codes.REQUIRES_SUCCESS_ALONE, message, "requires_success")
        if _matches_all(rule) and not is_last and not rule.shadow:
            message = "this rule matches every call: the rules below it are never reached"
            self._in(rule, codes.MATCHES_ALL, message, "match")

    def _limits(self, rule: Rule, limits: Limits) -> None:
        spend = limits.spend
        missing = [
            *_missing(limits, rule.action),
            *([] if spend is None or spend.window or limits.window else ["`max_spend.window`"]),
        ]
        if missing:
            message = f"these limits lack {' and '.join(missing)}"
            path = child_path(rule.path, "limits")
            self._diagnostics.add(codes.INCOMPLETE_LIMIT, message, limits.span, path)
        if spend is not None and spend.field is not None:
            self._pattern(normal, spend.field, codes.PATH)
            if _may_select_several(spend.field.value):
                message = f"{quoted(spend.field.value)} may select several values"
                self._at(codes.AMOUNT_PATH, message, spend.field)

    def _approval(self, rule: Rule) -> None:
        approval = rule.approval
        if approval is None:
            if rule.action in ("rate_limit", "spend_limit") and rule.limits is None:
                message = f"`{rule.action}` without `limits`"
                self._in(rule, codes.INCOMPLETE_LIMIT, message, "action")
            return
        if rule.action != "require_approval":
            message = "nobody is asked about these calls"
            self._in(rule, codes.APPROVAL_WITHOUT_ACTION, message, "approval")
        if approval.channel is None or self._config is None:
            return
        channels = {each.name or each.type for each in self._config.approval.channels}
        if approval.channel.value not in channels | {"dashboard"}:
            message = f"no channel is named {quoted(approval.channel.value)}"
            known = ", ".join(f"`{name}`" for name in sorted(channels | {"dashboard"}))
            self._diagnostics.add(
                codes.UNKNOWN_CHANNEL,
                message,
                approval.channel.span,
                approval.channel.path,
                f"the channels are {known}",
            )

    def _availability(self, rule: Rule) -> None:
        for entry in unavailable_parts(rule.action, set(rule.keys)):
            key = entry.partition("=")[0]
            message = (
                f"{BLOCKED_IN_RULES[entry]} is not available in this version: every call that "
                "this rule matches is blocked"
            )
            self._in(rule, NOT_AVAILABLE_BLOCKS, message, key)

    # reporting

    def _at(self, code: Code, message: str, text: Text) -> None:
        self._diagnostics.add(code, message, text.span, text.path)

    def _in(self, rule: Rule, code: Code, message: str, key: str) -> None:
        """At a key of the rule; at the rule where it has no such key."""
        path = child_path(rule.path, key) if key in rule.keys else rule.path
        self._diagnostics.add(code, message, rule.place(key), path)


def normal(text: str) -> str:
    """The normalised path. Raises `PatternError`."""
    return normal_path(Text(text, _NOWHERE, ""), metadata=False)


_NOWHERE = Scalar("", Span(1, 1, 1, 1))


def _is(operand: object, kind: type) -> bool:
    if not isinstance(operand, Scalar):
        return False
    value = operand.value
    if kind is str:
        return isinstance(value, str)
    return isinstance(value, kind)


def _operand_hint(operand: object, wanted: str) -> str | None:
    """What to write instead, where it can be guessed."""
    if not isinstance(operand, Scalar) or isinstance(operand.value, Interpolated):
        return None
    if wanted == "a list":
        return "write `[…]` around it"
    if wanted == "a number" and isinstance(operand.value, str):
        return "write the number without quotes"
    return None


def _missing(limits: Limits, action: str | None) -> Iterator[str]:
    """The parts that limits under this action need and do not have."""
    counts = "max_calls" in limits.keys
    spends = "max_spend" in limits.keys
    if (action == "rate_limit" or not spends) and not counts:
        yield "`max_calls`"
    if (action == "rate_limit" or counts) and "window" not in limits.keys:
        yield "`window`"
    if action == "spend_limit" and not spends:
        yield "`max_spend`"


def _matches_all(rule: Rule) -> bool:
    """A rule without a condition that decides every call that it sees."""
    match = rule.match
    if match is None:
        return True
    conditions = (
        match.tool,
        match.upstream,
        match.agent,
        match.environment,
        match.annotations,
        match.input,
        match.metadata,
        match.labels,
        match.called,
        match.not_called,
    )
    return not any(conditions)


def _may_select_several(path: str) -> bool:
    """Whether a path has a wildcard, a slice, a list of selectors or `..` (RFC 9535, 2.1.1)."""
    try:
        text = normal(path)
    except PatternError:
        return False
    outside = _outside_names(text)
    return any(sign in outside for sign in ("*", ":", ",", ".."))


def _outside_names(path: str) -> str:
    """The path without the texts in quotes."""
    kept: list[str] = []
    quote = ""
    characters = iter(path)
    for character in characters:
        if quote:
            if character == "\\":
                next(characters, None)
            elif character == quote:
                quote = ""
        elif character in "'\"":
            quote = character
        else:
            kept.append(character)
    return "".join(kept)
