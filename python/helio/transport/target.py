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
    to see; `tools_tried` is waited for before a call is judged; `address` finds the upstream of a
    call, where several are served as one.
    """

    upstream: Upstream
    governance: Callable[[], Governance]
    on_tools_changed: Callable[[], None]
    amend_tools: Callable[[bytes, str | None], bytes] | None = None
    tools_tried: Callable[[], Awaitable[None]] | None = None
    address: Callable[[Message], "tuple[Target, Message]"] | None = None

    def addressed(self, message: Message) -> "tuple[Target, Message]":
        """Whom a message is for, and the message as that upstream knows it: what is judged and what
        is forwarded. Only calls are addressed."""
        if self.address is None or message.method != "tools/call":
            return self, message
        return self.address(message)

    def amend(self, message: Message, agent: str | None) -> Callable[[bytes], bytes] | None:
        """What is to be made of the answer to this message; None when it passes as it is."""
        if self.amend_tools is None or message.method != "tools/list":
            return None
        amend_tools = self.amend_tools
        return lambda answer: amend_tools(answer, agent)
