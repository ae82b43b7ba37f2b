"""AutoGen: a workbench whose calls are governed, in front of any other.

Above: programs. Below: `governing`. Needs `helio[autogen]`.

    governor = Governor(AdapterClient(), "my-team", session_id=task)
    AssistantAgent(workbench=GovernedWorkbench(StaticWorkbench(tools), governor), …)
"""

from collections.abc import Mapping
from typing import Any

from autogen_core import CancellationToken
from autogen_core.tools import TextResultContent, ToolResult, ToolSchema, Workbench

from helio.adapters.decisions import Blocked
from helio.adapters.governing import Governor, ToolFailed


class GovernedWorkbench(Workbench):
    """The tools of `workbench`; a blocked call is a result that is an error, with Helio's text."""

    component_type = "workbench"

    def __init__(self, workbench: Workbench, governor: Governor) -> None:
        self._workbench = workbench
        self._governor = governor

    async def list_tools(self) -> list[ToolSchema]:
        """The tools of the workbench behind."""
        return list(await self._workbench.list_tools())

    async def call_tool(
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        cancellation_token: CancellationToken | None = None,
        call_id: str | None = None,
    ) -> ToolResult:
        """Calls a tool that may be called."""

        async def called() -> ToolResult:
            result = await self._workbench.call_tool(name, arguments, cancellation_token, call_id)
            if result.is_error:
                raise ToolFailed(result.to_text(), result)
            return result

        try:
            return await self._governor.run_async(name, arguments or {}, called, _told)
        except Blocked as blocked:
            said = [TextResultContent(content=str(blocked))]
            return ToolResult(name=name, result=said, is_error=True)
        except ToolFailed as failed:
            return failed.result

    async def start(self) -> None:
        """Starts the workbench behind."""
        await self._workbench.start()

    async def stop(self) -> None:
        """Stops it."""
        await self._workbench.stop()

    async def reset(self) -> None:
        """Resets it."""
        await self._workbench.reset()

    async def save_state(self) -> Mapping[str, Any]:
        """Its state."""
        return dict(await self._workbench.save_state())

    async def load_state(self, state: Mapping[str, Any]) -> None:
        """Takes its state up again."""
        await self._workbench.load_state(state)


def _told(result: ToolResult) -> object:
    return result.to_text()
