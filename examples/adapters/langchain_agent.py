"""A LangGraph graph whose tools are governed.

    pip install 'helio[langchain]'
    export HELIO_ADAPTER_TOKEN=$(openssl rand -hex 32) HELIO_DEMO_SECRET=$(openssl rand -hex 32)
    helio start -c examples/adapters/helio.yaml &
    python examples/adapters/langchain_agent.py

There is no model: the calls are those of `shop.DAY`, and what is printed is the message that one
would read. Above: nothing. Below: `shop`, `helio.adapters`.
"""

from typing import Any

from langchain_core.messages import AIMessage
from langchain_core.tools import tool
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from shop import DAY, ORIGIN, TOOLS, show, task

from helio.adapters import AdapterClient, Governor
from helio.adapters.langchain import GovernedCalls


def main() -> None:
    """Makes the calls."""
    calls = GovernedCalls(Governor(AdapterClient(), ORIGIN, session_id=task()))
    node = ToolNode(
        [tool(each) for each in TOOLS], wrap_tool_call=calls.wrap, awrap_tool_call=calls.awrap
    )
    graph = StateGraph(MessagesState)
    graph.add_node("tools", node)
    graph.add_edge(START, "tools")
    graph.add_edge("tools", END)
    running = graph.compile()
    for name, arguments in DAY:
        call = {"name": name, "args": arguments, "id": "1", "type": "tool_call"}
        asked: Any = {"messages": [AIMessage("", tool_calls=[call])]}
        show(name, arguments, running.invoke(asked)["messages"][-1].text)


main()
