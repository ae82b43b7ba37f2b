"""OpenAI's Agents SDK: function tools, each in a governed one of the same name.

Above: programs. Below: `governing`. Needs `helio[openai-agents]`.

    governor = Governor(AdapterClient(), "my-agent", session_id=task)
    Agent(tools=[governed(tool, governor) for tool in tools], …)
"""

import json
import logging
from dataclasses import replace
from typing import Any

from agents.tool import (
    FunctionTool,
    set_function_tool_failure_error_function,
    with_function_tool_failure_error_handler,
)

from helio.adapters.decisions import Blocked
from helio.adapters.governing import Governor

logger = logging.getLogger(__name__)


def governed(tool: FunctionTool, governor: Governor) -> FunctionTool:
    """The tool, governed; for a blocked call it gives Helio's text. A failure is told to Helio as
    one, and then becomes what the tool makes of its failures."""
    raising = set_function_tool_failure_error_function(replace(tool), None)

    async def invoked(context: Any, given: str) -> Any:
        try:
            arguments = json.loads(given) if given else {}
        except ValueError:
            return f"Blocked: the arguments are no JSON: {given}"
        if not isinstance(arguments, dict):
            return "Blocked: the arguments are no JSON object"
        try:
            return await governor.run_async(
                tool.name, arguments, lambda: raising.on_invoke_tool(context, given)
            )
        except Blocked as blocked:
            return str(blocked)

    # What was made by `function_tool` turns failures into texts; anything else raises, or has its
    # own way.
    if hasattr(tool.on_invoke_tool, "__agents_bind_function_tool__"):
        return replace(
            tool, on_invoke_tool=with_function_tool_failure_error_handler(invoked, _failed)
        )
    return replace(tool, on_invoke_tool=invoked)


def _failed(tool: FunctionTool, error: Exception, _given: str) -> None:
    logger.debug("tool %s failed, and its model is told: %s", tool.name, error)
