"""CrewAI: a crew's tools, each in a governed one of the same name.

Above: programs. Below: `governing`. Needs `helio[crewai]`.

    governor = Governor(AdapterClient(), "my-crew", session_id=task)
    Agent(tools=[governed(tool, governor) for tool in tools], …)
"""

from typing import Any

from crewai.tools import BaseTool
from crewai.tools.tool_failure import ToolFailure
from pydantic import PrivateAttr

from helio.adapters.decisions import Blocked
from helio.adapters.governing import Governor, ToolFailed


class GovernedTool(BaseTool):
    """A tool whose calls Helio decides about; a blocked one is a `ToolFailure` with Helio's text,
    which is what the model reads."""

    _tool: BaseTool = PrivateAttr()
    _governor: Governor = PrivateAttr()

    def _run(self, **arguments: Any) -> Any:
        try:
            return self._governor.run(self.name, arguments, lambda: _ended(self._tool, arguments))
        except Blocked as blocked:
            return ToolFailure(message=str(blocked), retryable=blocked.retry_allowed)
        except ToolFailed as failed:
            return failed.result


def governed(tool: BaseTool, governor: Governor) -> GovernedTool:
    """The tool, governed. What it gave once is never given again without a decision, whatever the
    crew's `cache`."""
    wrapped = GovernedTool(
        name=tool.name,
        description=tool.description,
        args_schema=tool.args_schema,
        result_schema=tool.result_schema,
        result_as_answer=tool.result_as_answer,
        max_usage_count=tool.max_usage_count,
        tool_failure_policy=tool.tool_failure_policy,
        cache_function=never_cached,
    )
    wrapped._tool = tool
    wrapped._governor = governor
    return wrapped


def never_cached(_arguments: Any = None, _result: Any = None) -> bool:
    """Each call is decided about anew."""
    return False


def _ended(tool: BaseTool, arguments: dict[str, Any]) -> Any:
    """What the tool gave. Raises `ToolFailed` where that is a failure."""
    result = tool.run(**arguments)
    if isinstance(result, ToolFailure):
        raise ToolFailed(result.message, result)
    return result
