"""OpenAI's Agents SDK: function tools, each in a governed one of the same name.

Above: programs. Below: `governing`. Needs `helio[openai-agents]`.

    governor = Governor(AdapterClient(), "my-agent", session_id=task)
    Agent(tools=[governed(tool, governor) for tool in tools], …)
"""

import json
from dataclasses import replace
from typing import Any

from agents.tool import FunctionTool

from helio.adapters.decisions import Blocked
from helio.adapters.governing import Governor


def governed(tool: FunctionTool, governor: Governor) -> FunctionTool:
    """The tool, governed; for a blocked call it gives Helio's text."""
    invoke = tool.on_invoke_tool

    async def invoked(context: Any, given: str) -> Any:
        try:
            arguments = json.loads(given) if given else {}
        except ValueError:
            return f"Blocked: the arguments are no JSON: {given}"
        if not isinstance(arguments, dict):
            return "Blocked: the arguments are no JSON object"
        try:
            return await governor.run_async(tool.name, arguments, lambda: invoke(context, given))
        except Blocked as blocked:
            return str(blocked)

    return replace(tool, on_invoke_tool=invoked)
