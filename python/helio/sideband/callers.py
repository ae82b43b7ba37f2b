"""Who asks, by an adapter's request: which adapter, for which agent, in which session.

Above: `adapters`, `installs`. Below: `body`, `tokens`. What is wrong is raised as `Refused`.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from helio.governance.identity import SessionIdentity
from helio.operator.faults import Refused
from helio.sideband import body
from helio.sideband.tokens import Token

ORIGIN: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
"""What adapters are called."""


class Caller(NamedTuple):
    """An adapter, and the agent and the session that it speaks for."""

    origin: str
    agent: str | None
    session: SessionIdentity


def caller(found: Mapping[str, Any], token: Token) -> Caller:
    """From `origin`, `agent_id` and `session_id`. Raises `Refused`."""
    origin = body.name(found, "origin")
    if not ORIGIN.fullmatch(origin) or origin == "mcp":
        raise body.invalid(
            "origin: is not 1 to 64 small letters, digits, `.`, `_` and `-`, and other than mcp"
        )
    agent = body.optional_name(found, "agent_id") or token.agent
    if not token.is_for(agent):
        text = "agent_id: this token is not for that agent"
        raise Refused(403, text, more={"reason": "agent_not_allowed"})
    session = SessionIdentity(None, None, ("session_id",))
    if found.get("session_id") is not None:
        session = SessionIdentity(body.session_id(found), "adapter", ())
    return Caller(origin, agent, session)
