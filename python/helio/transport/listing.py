"""What an agent is shown of an upstream's `tools/list`: fewer tools, kept for a shorter time.

Above: `helio.app`, which makes it a `Target`'s. Below: `helio.pipeline.governance`,
`helio.evaluator`, `helio.protocol.splice`. Pure. The list
is cut, never built anew: what stays of it are the upstream's own bytes. Sources: `ListToolsResult`
and `CacheableResult` of MCP 2026-07-28; `policies` in docs/configuration.md.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

import orjson

from helio.evaluator import Answer, inspect_answer
from helio.pipeline.governance import Governance
from helio.protocol.splice import Edit, removals, spliced

_TOOLS: Final = ("result", "tools")


class Judged(NamedTuple):
    """As what a call of a listed tool is judged."""

    tool: str
    upstream: str
    governance: Governance


@dataclass(frozen=True, slots=True)
class Listing:
    """How much agents are shown.

    `hide_denied`: no tool of which policy denies every call to this agent. `max_ttl_ms`: how long
    the list may be kept at most (milliseconds; None: as the upstream says). `agents_differ`: there
    are agents with names, to which policy may allow different tools.
    """

    hide_denied: bool
    max_ttl_ms: int | None
    agents_differ: bool

    def show(
        self, answer: bytes, agent: str | None, upstream: str, governance: Governance
    ) -> bytes:
        """What this agent gets of an upstream's answer; the calls are judged by `governance`."""
        return self.show_several(answer, agent, lambda name: Judged(name, upstream, governance))

    def show_several(
        self, answer: bytes, agent: str | None, judged_as: Callable[[str], Judged | None]
    ) -> bytes:
        """The same of a list in which calls are `judged_as` of several upstreams; None is nobody's
        tool."""

        def keep(name: str) -> bool:
            if not self.hide_denied:
                return True
            judged = judged_as(name)
            return judged is not None and _may_pass(judged, agent)

        for_one_agent = self.hide_denied and self.agents_differ
        return amend(answer, keep=keep, max_ttl_ms=self.max_ttl_ms, for_one_agent=for_one_agent)


def _may_pass(judged: Judged, agent: str | None) -> bool:
    """Whether a call may pass under any view of the tool: drift comes and goes. The annotations of
    a tool that is not in the catalogue yet may be any."""
    tool, upstream, governance = judged
    standing = governance.catalogue.standing(tool)
    views = (None,) if standing.tool is None else standing.views
    return any(
        governance.policy.may_allow(tool, upstream, hints, agent=agent, agent_known=True)
        for hints in views
    )


def amend(
    answer: bytes,
    *,
    keep: Callable[[str], bool],
    max_ttl_ms: int | None,
    for_one_agent: bool = False,
) -> bytes:
    """Amend the JSON-RPC answer to a `tools/list`.

    Tools whose name is not to `keep` go; one without a text for a name stays, for nobody can call
    it. `ttlMs` is lowered to `max_ttl_ms` (milliseconds; None: as it is), never raised; what is no
    number stays. `for_one_agent`: others are shown another list, so a `cacheScope` of `public`
    becomes `private`. No other byte changes, and what is no list of tools comes back as it is.
    """
    document = inspect_answer(answer)
    if document is None:
        return answer
    tools = document.items(*_TOOLS)
    if not tools and not _is_list(document):
        return answer
    names = document.column("name", *_TOOLS)
    gone = {
        index
        for index, span in enumerate(names)
        if span is not None and (name := _text(answer[slice(*span)])) is not None and not keep(name)
    }
    edits: list[Edit] = removals(tools, gone)
    for name, _, start, end in document.members("result"):
        value = answer[start:end]
        if name == "ttlMs" and max_ttl_ms is not None and _is_over(value, max_ttl_ms):
            edits.append((start, end, b"%d" % max_ttl_ms))
        elif name == "cacheScope" and for_one_agent and _text(value) == "public":
            edits.append((start, end, b'"private"'))
    return spliced(answer, edits) if edits else answer


def _is_list(document: Answer) -> bool:
    span = document.span(*_TOOLS)
    return span is not None and document.body[span[0] : span[0] + 1] == b"["


def _text(value: bytes) -> str | None:
    """What a JSON string says; None for other values, and for what no call could say."""
    if value[:1] != b'"':
        return None
    try:
        text: str = orjson.loads(value)
    except orjson.JSONDecodeError:
        # A lone surrogate, which the strict envelope refuses.
        return None
    return text


def _is_over(value: bytes, most: int) -> bool:
    """Whether a JSON value is a number above `most`, however many digits it has."""
    return value[:1] in b"-0123456789" and float(value) > most
