"""Rules and budgets against the tools that there are: their names, annotations and input schemas.

Above: `helio.policy.compiler`. Below: `helio.policy.reach` (values and what tests come to). Pure:
the definitions come in as values.
"""

from helio.policy.tool_types.findings import check_tools
from helio.policy.tool_types.known import KnownTool, KnownTools

__all__ = ["KnownTool", "KnownTools", "check_tools"]
