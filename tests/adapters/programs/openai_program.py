"""Function tools of OpenAI's Agents SDK, governed: `openai_program.py URL SESSION`."""

import asyncio
import json
from typing import Any

from agents import function_tool
from agents.tool_context import ToolContext
from turns import ORIGIN, TOOLS, URL, Told, governor, take

from helio.adapters.openai_agents import governed


async def main() -> None:
    """Takes turns."""
    governing = governor(ORIGIN, URL)
    made = [function_tool(each) for each in TOOLS]
    tools = {each.name: governed(each, governing) for each in made}

    async def invoke(name: str, arguments: dict[str, Any]) -> Told:
        given = json.dumps(arguments)
        called = ToolContext(None, tool_name=name, tool_call_id="1", tool_arguments=given)
        return str(await tools[name].on_invoke_tool(called, given)), None

    await take(tools, invoke)


asyncio.run(main())
