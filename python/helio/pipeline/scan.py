"""What an agent wants to install, as the call that `policies.install` judges. Pure.

Above: the SDK port, `helio.simulation.testing`, `explaining`. Below: `helio.evaluator`,
`helio.policy.installation`.
"""

from collections.abc import Mapping
from typing import Any, Final

import orjson

from helio.evaluator import MalformedMessage, Message, tool_call
from helio.policy.installation import GLOBS, KINDS, TOOL_PREFIX

LONGEST: Final = 2048
"""Characters of a member."""


class UnfitScan(ValueError):
    """No scan. `args` is `(message,)`, which begins with the member."""


def scan_message(members: Mapping[str, Any]) -> Message:
    """A call of `install:<kind>` whose arguments are `kind`, `name` and the other members, null
    where nobody says one. Raises `UnfitScan`."""
    kind = members.get("kind")
    if kind not in KINDS:
        raise UnfitScan(f"kind: is not one of {', '.join(KINDS)}")
    found = {"kind": kind} | {key: _member(members, key) for key in GLOBS}
    if found["name"] is None:
        raise UnfitScan("name: is missing")
    try:
        return tool_call(f"{TOOL_PREFIX}{kind}", orjson.dumps(found))
    except MalformedMessage as error:
        raise UnfitScan(str(error.args[-1])) from None


def _member(members: Mapping[str, Any], key: str) -> str | None:
    """A text of one line, None where nobody says it."""
    text = members.get(key)
    if text is None:
        return None
    if not isinstance(text, str) or not 0 < len(text) <= LONGEST or not text.isprintable():
        raise UnfitScan(f"{key}: is not a text of 1 to {LONGEST} visible characters")
    return text
