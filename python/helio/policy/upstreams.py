"""The names of the upstreams of a configuration, and rules for others.

Above: `compiler`, `tool_types`. Below: `document`, `codes`. Pure.
"""

from collections.abc import Iterator, Sequence

from helio.config import HelioConfig
from helio.config.sections import ADAPTER_PREFIX, DEFAULT_UPSTREAM
from helio.diagnostics import Diagnostics, Interpolated, near_miss, quoted
from helio.evaluator import glob_matches
from helio.policy import tool_codes as codes
from helio.policy.document import Budget, Match, Rule, Text
from helio.policy.reach.conditions import is_elsewhere


def upstream_names(config: HelioConfig) -> tuple[str, ...]:
    """The names; none where the configuration names no upstream, as with `helio stdio`."""
    if config.upstreams:
        return tuple(str(each.name) for each in config.upstreams)
    return () if config.upstream is None else (DEFAULT_UPSTREAM,)


def is_for_adapters(match: Match | None) -> bool:
    """Whether a rule is for what adapters do alone: their tools are in no list, and they say
    themselves which agent calls."""
    if match is None:
        return False
    of_adapters = bool(match.upstream) and all(_is_an_adapters(text) for text in match.upstream)
    return of_adapters or bool(match.metadata)


def check_upstreams(
    rules: Sequence[Rule], budgets: Sequence[Budget], config: HelioConfig, diagnostics: Diagnostics
) -> None:
    """Adds globs that describe no upstream, nor adapters."""
    names = upstream_names(config)
    if not names:
        return
    known: set[str] = set()
    for text in _globs(rules, budgets, config):
        if text.value in known:
            continue
        if any(glob_matches(text.value, name) for name in names):
            known.add(text.value)
            continue
        near = None if isinstance(text.value, Interpolated) else near_miss(text.value, names)
        shown = ", ".join(quoted(name) for name in names[:8])
        hint = f"there is {shown}" if near is None else f"did you mean {quoted(near)}?"
        message = f"{quoted(text.value)} matches no upstream"
        diagnostics.add(codes.NO_SUCH_UPSTREAM, message, text.span, text.path, hint)


def _globs(rules: Sequence[Rule], budgets: Sequence[Budget], config: HelioConfig) -> Iterator[Text]:
    matches: list[Match | None] = [
        rule.match for rule in rules if not is_elsewhere(rule, config.environment)
    ]
    matches += [each.match for budget in budgets for each in budget.contributors]
    for match in matches:
        if match is not None and not match.metadata:
            yield from (text for text in match.upstream if not _is_an_adapters(text))


def _is_an_adapters(text: Text) -> bool:
    return text.value.startswith(ADAPTER_PREFIX)
