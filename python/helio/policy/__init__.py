"""The policy compiler: rules as text into a rule graph, with every fault at its place.

Above: `helio.pipeline`, `helio.app`, the commands. Below: `helio.config`, `helio.diagnostics`,
`helio.evaluator`. Pure, but for `compile_file`, which reads one file.
"""

from helio.policy.compiler import Compiled, compile_file, compile_text
from helio.policy.graph import BudgetSummary, CompiledPolicy, LimitSummary, RuleSummary, Settings

__all__ = [
    "BudgetSummary",
    "Compiled",
    "CompiledPolicy",
    "LimitSummary",
    "RuleSummary",
    "Settings",
    "compile_file",
    "compile_text",
]
