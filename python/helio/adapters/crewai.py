"""CrewAI: a crew's tools, each in a governed one of the same name.

Above: programs. Below: `governing`. Needs `helio[crewai]`.

    governor = Governor(AdapterClient(), "my-crew", session_id=task)
    Agent(tools=[governed(tool, governor) for tool in tools], …)
"""

from typing import Any

from crewai.tools import BaseTool
from pydantic import PrivateAttr

from helio.adapters.decisions import Blocked
from helio.adapters.governing import Governor


class GovernedTool(BaseTool):
    """A tool whose calls Helio decides about; for a blocked one it gives Helio's text."""

    _tool: BaseTool = PrivateAttr()
    _governor: Governor = PrivateAttr()

    def _run(self, **arguments: Any) -> Any:
        try:
            return self._governor.run(self.name, arguments, lambda: self._tool.run(**arguments))
        except Blocked as blocked:
            return str(blocked)


def governed(tool: BaseTool, governor: Governor) -> GovernedTool:
    """The tool, governed."""
    wrapped = GovernedTool(
        name=tool.name, description=tool.description, args_schema=tool.args_schema
    )
    wrapped._tool = tool
    wrapped._governor = governor
    return wrapped
