"""Tools of a LangGraph graph, governed: `langchain_program.py URL SESSION`."""

import asyncio
from typing import Any

from langchain_core.messages import AIMessage
from langchain_core.tools import tool
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from turns import ORIGIN, TOOLS, URL, Told, governor, take

from helio.adapters.langchain import GovernedCalls


async def main() -> None:
    """Takes turns."""
    calls = GovernedCalls(governor(ORIGIN, URL))
    tools = [tool(each) for each in TOOLS]
    graph = StateGraph(MessagesState)
    node = ToolNode(
        tools,
        handle_tool_errors=True,
        wrap_tool_call=calls.wrap,
        awrap_tool_call=calls.awrap,
    )
    graph.add_node("tools", node)
    graph.add_edge(START, "tools")
    graph.add_edge("tools", END)
    running = graph.compile()

    async def invoke(name: str, arguments: dict[str, Any]) -> Told:
        call = {"name": name, "args": arguments, "id": "1", "type": "tool_call"}
        given: Any = {"messages": [AIMessage("", tool_calls=[call])]}
        said = (await running.ainvoke(given))["messages"][-1]
        return said.text, said.status == "error"

    await take([each.name for each in tools], invoke)


asyncio.run(main())
