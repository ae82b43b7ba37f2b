"""OpenAI's Agents SDK with an MCP server: `openai_agent.py URL SESSION`. The result is the
function tool's output, which the runner gives to the model.
"""

import asyncio
import json
import os
from typing import Any

from agents import Agent, RunContextWrapper
from agents.mcp import MCPServerStreamableHttp, MCPUtil
from agents.tool import FunctionTool
from agents.tool_context import ToolContext
from turns import HEADERS, URL, Told, take

PATIENCE = float(os.environ.get("PATIENCE", "60"))
"""Seconds for one call. The SDK's own 5 s are too few where a person is asked."""


async def main() -> None:
    """Takes turns."""
    shop = {"url": URL, "headers": HEADERS}
    async with MCPServerStreamableHttp(shop, client_session_timeout_seconds=PATIENCE) as server:
        agent: Agent[Any] = Agent("clerk", mcp_servers=[server])
        context: RunContextWrapper[Any] = RunContextWrapper(None)
        found = await MCPUtil.get_all_function_tools([server], False, context, agent)
        tools = {tool.name: tool for tool in found if isinstance(tool, FunctionTool)}

        async def invoke(tool: str, arguments: dict[str, Any]) -> Told:
            given = json.dumps(arguments)
            called = ToolContext(None, tool_name=tool, tool_call_id="1", tool_arguments=given)
            said = await tools[tool].on_invoke_tool(called, given)
            return said if isinstance(said, str) else said["text"], None

        await take(tools, invoke)


asyncio.run(main())
