"""An upstream as agents reach it.

Above: `helio.transport.reception`, `helio.app` (which makes them). Below: `helio.upstream`,
`helio.pipeline`.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from helio.evaluator import Message
from helio.pipeline.governance import Governance
from helio.upstream.registry import Upstream


@dataclass(frozen=True, slots=True)
class Target:
    """An upstream as agents reach it, with what governs its calls.

    `governance` gives what the next call is governed by; `on_tools_changed` is called when the
    upstream says that its tools changed; `amend_tools` makes of its list of tools what an agent is
    to see; `tools_tried` is waited for before a call is judged.
    """

    upstream: Upstream
    governance: Callable[[], Governance]
    on_tools_changed: Callable[[], None]
    amend_tools: Callable[[bytes, str | None], bytes] | None = None
    tools_tried: Callable[[], Awaitable[None]] | None = None

    def amend(self, message: Message, agent: str | None) -> Callable[[bytes], bytes] | None:
        """What is to be made of the answer to this message; None when it passes as it is."""
        if self.amend_tools is None or message.method != "tools/list":
            return None
        amend_tools = self.amend_tools
        return lambda answer: amend_tools(answer, agent)
