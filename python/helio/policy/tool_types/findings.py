"""Findings about rules and budgets in the light of the tools that there are.

Above: `helio.policy.compiler`. Below: the rest of the room. Pure. Rules for what adapters do (with
a condition on `metadata`, or for an `upstream` of theirs), rules of other environments, and rules
for an upstream whose tools are not known are left out.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from helio.config import HelioConfig
from helio.config.sections import ADAPTER_PREFIX
from helio.diagnostics import (
    Diagnostics,
    Interpolated,
    Mapping,
    Span,
    child_path,
    near_miss,
    opening,
    quoted,
)
from helio.evaluator import glob_matches
from helio.policy import tool_codes as codes
from helio.policy.document import Budget, Contributor, Match, Rule, Text
from helio.policy.reach.conditions import is_elsewhere
from helio.policy.tool_types.amounts import check_amount
from helio.policy.tool_types.arguments import Arguments, Tools
from helio.policy.tool_types.known import KnownTool, KnownTools, ToolIndex, is_name
from helio.policy.tool_types.wording import listed, of_tools
from helio.policy.upstreams import is_for_adapters, upstream_names

_MOST_SUGGESTIONS: Final = 50
"""So many names are compared with all tools' names, which takes a while."""
_MOST_LISTED: Final = 8


def check_tools(
    rules: Sequence[Rule],
    budgets: Sequence[Budget],
    config: HelioConfig,
    tools: KnownTools,
    diagnostics: Diagnostics,
    *,
    root: Mapping,
) -> None:
    """Adds what the tools' definitions contradict to `diagnostics`. The rules must have been
    checked without an error; `root` is the file that they stand in.
    """
    if not upstream_names(config):
        return
    checker = _Checker(config, tools, diagnostics)
    for rule in rules:
        if not is_elsewhere(rule, config.environment):
            checker.rule(rule)
    for budget in budgets:
        checker.budget(budget)
    checker.default(rules, root)


class _Checker:
    """Checks one rule after the other. `_settled` are the tools whose calls all end at rules
    before, `_denied` those of them that never pass; `_named` are those that some rule is for."""

    def __init__(self, config: HelioConfig, tools: KnownTools, diagnostics: Diagnostics) -> None:
        self._config = config
        self._diagnostics = diagnostics
        self._configured = upstream_names(config)
        self._indices = {name: ToolIndex(tools[name]) for name in self._configured if name in tools}
        self._all = ToolIndex(tool for index in self._indices.values() for tool in index.all)
        self._arguments = Arguments(diagnostics)
        self._matched: dict[tuple[tuple[str, ...], tuple[str, ...]], Tools] = {}
        self._settled: set[KnownTool] = set()
        self._denied: set[KnownTool] = set()
        self._named: set[KnownTool] = set()
        self._suggestions = _MOST_SUGGESTIONS

    def rule(self, rule: Rule) -> None:
        """All checks of one rule."""
        match = rule.match or Match(is_given=False)
        if not is_for_adapters(match):
            self._earlier((*rule.requires, *match.called, *match.not_called))
        self._evidence(rule)
        tools = self._tools(match, rule.path)
        if tools is None:
            return
        self._bindings(rule, tools)
        spend = None if rule.limits is None else rule.limits.spend
        if spend is not None and spend.field is not None and not rule.shadow:
            reaching = tuple(tool for tool in tools if tool not in self._settled)
            check_amount(spend.field, rule.match, reaching, self._diagnostics)
        if rule.shadow:
            return
        self._named.update(tools)
        if _asks_for_the_tool_only(match):
            reaching = tuple(tool for tool in tools if tool not in self._settled)
            self._settled.update(reaching)
            if rule.action == "deny" and not (rule.evidence or rule.requires):
                self._denied.update(reaching)

    def budget(self, budget: Budget) -> None:
        """All checks of one budget."""
        fed: list[KnownTool] = []
        is_known = True
        for contributor in budget.contributors:
            tools = self._contributor(contributor)
            is_known = is_known and tools is not None
            fed += tools or ()
        if not is_known or any(self._may_pass(tool) for tool in fed):
            return
        why = f"all calls of {of_tools(fed)} are denied" if fed else "no tool matches"
        place = budget.span if budget.name is None else budget.name.span
        self._diagnostics.add(
            codes.UNFED_BUDGET,
            f"nothing ever counts against this budget: {why}",
            place,
            budget.path,
        )

    def default(self, rules: Sequence[Rule], root: Mapping) -> None:
        """The tools about which only an allowing default decides."""
        whole = len(self._indices) == len(self._configured)
        if not rules or not whole or self._config.policies.default == "deny":
            return
        left = [tool for tool in self._all.all if tool not in self._named]
        if not left:
            return
        left.sort(key=lambda tool: not tool.hints["destructiveHint"])
        count = f"{len(left)} tool{'' if len(left) == 1 else 's'}"
        names = listed((tool.name for tool in left), _MOST_LISTED)
        message = f"no rule names {count}, which the default allows: {names}"
        destructive = sum(tool.hints["destructiveHint"] for tool in left)
        hint = None
        if destructive:
            hint = "add rules for them, or `default: deny`. "
            hint += f"{'The first' if destructive == 1 else f'The first {destructive}'} may destroy"
        place, path = _place_of_default(root)
        self._diagnostics.add(codes.ONLY_THE_DEFAULT, message, place, path, hint)

    def _may_pass(self, tool: KnownTool) -> bool:
        if self._config.policies.default == "deny" and tool not in self._named:
            return False
        return tool not in self._denied

    # what matches

    def _tools(self, match: Match, path: str) -> Tools | None:
        """The tools that a rule may be for, after its conditions on arguments were checked; None
        where they are not all known."""
        upstreams = self._upstreams(match)
        if is_for_adapters(match) or upstreams is None:
            return None
        named = self._globs(match.tool, upstreams)
        tools = named
        if match.annotations:
            tools = tuple(tool for tool in named if tool.has(match.annotations))
        if named and not tools:
            self._annotations(match, named, path)
        if tools:
            for selection in match.input:
                self._arguments.selection(selection, tools)
        return tools

    def _contributor(self, contributor: Contributor) -> Tools | None:
        match = contributor.match or Match(is_given=False)
        tools = self._tools(match, contributor.path)
        if tools is not None and contributor.field is not None:
            passing = [tool for tool in tools if self._may_pass(tool)]
            check_amount(contributor.field, contributor.match, passing, self._diagnostics)
        return tools

    def _upstreams(self, match: Match) -> tuple[str, ...] | None:
        """The upstreams that a rule is for; None where the tools of one are not known."""
        wanted = [text.value for text in match.upstream]
        found = tuple(
            name
            for name in self._configured
            if not wanted or any(glob_matches(glob, name) for glob in wanted)
        )
        return found if found and all(name in self._indices for name in found) else None

    def _globs(self, globs: Sequence[Text], upstreams: tuple[str, ...]) -> Tools:
        """The tools that the globs describe; globs that describe none are told."""
        key = (tuple(str(text.value) for text in globs), upstreams)
        found = self._matched.get(key)
        if found is None:
            each = [self._matching(glob, upstreams) for glob in key[0] or ("*",)]
            found = tuple(dict.fromkeys(tool for tools in each for tool in tools))
            self._matched[key] = found
        for text in globs:
            if not self._matching(str(text.value), upstreams):
                self._no_tool(text, upstreams)
        return found

    def _matching(self, glob: str, upstreams: tuple[str, ...]) -> list[KnownTool]:
        return [tool for name in upstreams for tool in self._indices[name].matching(glob)]

    def _no_tool(self, text: Text, upstreams: tuple[str, ...]) -> None:
        """A glob that describes no tool of these upstreams."""
        at = "" if upstreams == self._configured else f" at {listed(upstreams)}"
        others = {tool.upstream for tool in self._all.matching(str(text.value))}
        hint = f"it is a tool of {listed(sorted(others))}" if others else None
        if is_name(text.value):
            if hint is None:
                names = [name for each in upstreams for name in self._indices[each].names]
                hint = self._suggested(text.value, names) or self._of_adapters()
            message = f"no tool{at} is called {quoted(text.value)}"
            self._diagnostics.add(codes.NO_SUCH_TOOL, message, text.span, text.path, hint)
        else:
            message = f"{quoted(text.value)} matches no tool{at}"
            self._diagnostics.add(codes.GLOB_WITHOUT_TOOLS, message, text.span, text.path, hint)

    def _annotations(self, match: Match, named: Tools, path: str) -> None:
        for test in match.annotations:
            if not any(tool.hints[test.hint] == test.value for tool in named):
                wanted = "true" if test.value else "false"
                message = f"`{test.hint}` is {wanted} in none of {of_tools(named)}"
                at = f"{path}.match.annotations.{test.hint}"
                self._diagnostics.add(codes.NO_SUCH_ANNOTATION, message, test.span, at)
                return

    # what happened before

    def _earlier(self, names: Iterable[Text]) -> None:
        """Tools that must have been called, or must not."""
        if len(self._indices) < len(self._configured):
            return
        for text in names:
            if not self._all.matching(_as_glob(text.value)):
                message = f"no tool is called {quoted(text.value)}"
                hint = self._suggested(text.value, self._all.names)
                self._diagnostics.add(codes.NO_SUCH_TOOL, message, text.span, text.path, hint)

    def _evidence(self, rule: Rule) -> None:
        """Evidence that nothing can be: no tool, and nobody else may mark it."""
        if self._config.sdk.enabled or len(self._indices) < len(self._configured):
            return
        for required in rule.evidence:
            text = required.tool
            if not self._all.matching(_as_glob(text.value)):
                message = (
                    f"nothing is ever evidence of {quoted(text.value)}: no tool is called so, "
                )
                message += "and `sdk.enabled` is false"
                hint = self._suggested(text.value, self._all.names)
                self._diagnostics.add(codes.NO_SUCH_EVIDENCE, message, text.span, text.path, hint)

    def _bindings(self, rule: Rule, tools: Tools) -> None:
        """Paths that tie evidence to a call: into its arguments, and into the other call's."""
        for required in rule.evidence:
            others = self._all.matching(_as_glob(required.tool.value))
            for here, there in required.bind:
                if tools:
                    self._arguments.path(here, tools)
                if others and len(self._indices) == len(self._configured):
                    self._arguments.path(there, others)

    def _of_adapters(self) -> str | None:
        """What to write where the tool may be one of an adapter."""
        if not self._config.sdk.enabled:
            return None
        return f"for a tool of an adapter, add `upstream: '{ADAPTER_PREFIX}*'` to `match`"

    def _suggested(self, name: str, names: Sequence[str]) -> str | None:
        if self._suggestions == 0 or isinstance(name, Interpolated):
            return None
        self._suggestions -= 1
        near = near_miss(name, names)
        return None if near is None else f"did you mean {quoted(near)}?"


def _asks_for_the_tool_only(match: Match) -> bool:
    """Whether the rule is true of every call of the tools that it is for."""
    return not (
        match.agent
        or match.input
        or match.metadata
        or match.labels
        or match.called
        or match.not_called
    )


def _as_glob(name: str) -> str:
    """A glob that describes this name alone."""
    return "".join("\\" + sign if sign in "*?[{\\" else sign for sign in name)


def _place_of_default(root: Mapping) -> tuple[Span, str]:
    """`policies.default`, or where the rules begin."""
    policies = root.get("policies")
    for key in ("default", "rules"):
        node = policies.get(key) if isinstance(policies, Mapping) else None
        if node is not None:
            return opening(node), child_path("policies", key)
    return Span(1, 1, 1, 1), ""
