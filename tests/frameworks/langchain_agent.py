"""LangGraph's tool node over LangChain's MCP adapters: `langchain_agent.py URL SESSION`.

Every call is a session of its own, which is what `get_tools` does. What comes back is the message
that a graph gives to its model.
"""

import asyncio
from typing import Any

from langchain_core.messages import AIMessage
from langchain_mcp_adapters.client import MultiServerMCPClient
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from turns import HEADERS, URL, Told, take


async def main() -> None:
    """Takes turns."""
    shop = {"transport": "http", "url": URL, "headers": HEADERS}
    client = MultiServerMCPClient({"shop": shop})
    tools = await client.get_tools()
    graph = StateGraph(MessagesState)
    graph.add_node("tools", ToolNode(tools))
    graph.add_edge(START, "tools")
    graph.add_edge("tools", END)
    running = graph.compile()

    async def invoke(tool: str, arguments: dict[str, Any]) -> Told:
        call = {"name": tool, "args": arguments, "id": "1", "type": "tool_call"}
        state = await running.ainvoke({"messages": [AIMessage("", tool_calls=[call])]})
        said = state["messages"][-1]
        return said.text, said.status == "error"

    await take([tool.name for tool in tools], invoke)


asyncio.run(main())
