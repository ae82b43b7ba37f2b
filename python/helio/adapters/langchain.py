"""LangChain and LangGraph: the calls of a `ToolNode`, whatever its tools are.

Above: programs. Below: `governing`. Needs `helio[langchain]`.

    calls = GovernedCalls(Governor(AdapterClient(), "my-graph", session_id=task))
    ToolNode(tools, wrap_tool_call=calls.wrap, awrap_tool_call=calls.awrap)
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import ToolMessage

from helio.adapters.decisions import Blocked
from helio.adapters.governing import Governor, ToolFailed


@dataclass(frozen=True, slots=True)
class GovernedCalls:
    """Wraps the calls of a tool node; a blocked one is a tool message with `status="error"`."""

    governor: Governor

    def wrap(self, request: Any, execute: Callable[[Any], Any]) -> Any:
        """For `wrap_tool_call`."""
        call = request.tool_call
        try:
            return self.governor.run(
                call["name"], call["args"], lambda: _ended(execute(request)), _told
            )
        except Blocked as blocked:
            return _refused(call, blocked)
        except ToolFailed as failed:
            return failed.result

    async def awrap(self, request: Any, execute: Callable[[Any], Awaitable[Any]]) -> Any:
        """For `awrap_tool_call`."""
        call = request.tool_call

        async def done() -> Any:
            return _ended(await execute(request))

        try:
            return await self.governor.run_async(call["name"], call["args"], done, _told)
        except Blocked as blocked:
            return _refused(call, blocked)
        except ToolFailed as failed:
            return failed.result


def _ended(said: Any) -> Any:
    """What the node made of a call. Raises `ToolFailed` where that is an error's message."""
    if isinstance(said, ToolMessage) and said.status == "error":
        raise ToolFailed(said.text, said)
    return said


def _told(said: Any) -> object:
    """A message's text; a command, which goes on elsewhere in the graph, in its own words."""
    return said.text if isinstance(said, ToolMessage) else str(said)


def _refused(call: Any, blocked: Blocked) -> Any:
    return ToolMessage(str(blocked), name=call["name"], tool_call_id=call["id"], status="error")
