"""What must hold of budgets beyond their single values: names, contributors, settings that count.

Above: `compiler`. Below: `check` (patterns), `document`, `codes`. Pure.
"""

from collections.abc import Sequence

from helio.config import HelioConfig
from helio.config.codes import INVALID_VALUE, MISSING_KEY
from helio.diagnostics import Code, Diagnostics, Label, child_path, quoted
from helio.policy import codes
from helio.policy.check import Checker
from helio.policy.document import Budget, Contributor, Text


def check_budgets(
    budgets: Sequence[Budget], config: HelioConfig | None, diagnostics: Diagnostics
) -> None:
    """Adds what is wrong with the budgets, or worth a warning, to `diagnostics`.

    Without a `config` (it has faults of its own) what depends on it is not checked.
    """
    checker = _Checker(config, diagnostics)
    for budget in budgets:
        checker.budget(budget)


class _Checker:
    """Checks one budget after the other; remembers the names that were taken."""

    def __init__(self, config: HelioConfig | None, diagnostics: Diagnostics) -> None:
        self._diagnostics = diagnostics
        self._common = Checker(config, diagnostics)
        self._names: dict[str, Text] = {}

    def budget(self, budget: Budget) -> None:
        """All checks of one budget."""
        name = budget.name
        first = None if name is None else self._names.setdefault(name.value, name)
        if name is not None and first is not None and first is not name:
            line = first.span.line
            message = f"{quoted(name.value)} is also the name of the budget in line {line}"
            related = [Label(first.span, "the first one")]
            self._diagnostics.add(
                codes.DUPLICATE_BUDGET, message, name.span, name.path, related=related
            )
        if "contributors" in budget.keys and not budget.contributors:
            message = "a budget without contributors counts nothing"
            self._in(budget, INVALID_VALUE, message, "contributors")
        for contributor in budget.contributors:
            self._contributor(contributor)
        self._settings(budget)

    def _contributor(self, contributor: Contributor) -> None:
        match, field = contributor.match, contributor.field
        hint = "write `match: { tool: '*' }` to count every call"
        if match is None:
            message = "`match` is missing"
            self._diagnostics.add(MISSING_KEY, message, contributor.span, contributor.path, hint)
        elif not match.is_given:
            path = child_path(contributor.path, "match")
            message = "an empty `match` names no calls"
            self._diagnostics.add(INVALID_VALUE, message, contributor.span, path, hint)
        else:
            self._common.match(match)
        if field is not None:
            self._common.amount_path(field)

    def _settings(self, budget: Budget) -> None:
        """What of its settings does nothing."""
        if "idle_ttl" in budget.keys and not budget.is_of_session:
            message = "`idle_ttl` is for `window: session`"
            self._in(budget, codes.UNUSED_BUDGET_SETTING, message, "idle_ttl")
        if "approval" in budget.keys and not budget.asks:
            message = "`approval` is for `on_exceed: require_approval`"
            self._in(budget, codes.UNUSED_BUDGET_SETTING, message, "approval")

    def _in(self, budget: Budget, code: Code, message: str, key: str) -> None:
        """At a key that the budget has."""
        self._diagnostics.add(code, message, budget.keys[key], child_path(budget.path, key))
