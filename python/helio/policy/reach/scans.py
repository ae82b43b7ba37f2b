"""Rules about installations: their conditions on a scan's members, as sets of names.

Above: `findings`, `witnesses`, `helio.policy.difference`. Below: `conditions`,
`helio.policy.installation`. Pure. In the graph such a rule asks for arguments by expressions. A
scan, though, always has a kind and a name, and its other members are texts or unknown; so each of
them is a subject of its own here, of which globs are asked.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson

from helio.policy.glob_expressions import globs_of_regex
from helio.policy.installation import GLOBS, KINDS, RECORD_KIND, TOOL_PREFIX
from helio.policy.reach.conditions import Condition, Subject

KIND: Final[Subject] = ("kind",)
SOME_SCAN: Final[Mapping[Subject, Any]] = {KIND: KINDS[1]}
"""What is known of any scan, where nothing else is."""
_NAME: Final = "anything"
_EVERY_KIND: Final = Condition(KIND, tuple(sorted(KINDS)), shown=(("kind",), None))


def of_scans(conditions: Iterable[Condition]) -> list[Condition]:
    """The same conditions of scans; one on the kind is always among them."""
    found = [_of_scans(each) for each in conditions]
    return found if any(each.subject == KIND for each in found) else [*found, _EVERY_KIND]


def _of_scans(condition: Condition) -> Condition:
    if condition.subject[0] != "input":
        return condition
    member = condition.subject[1].removeprefix("$['").removesuffix("']")
    ((_, operand),) = condition.meaning[1]
    read = orjson.loads(operand)
    globs = read if member == KIND[0] else globs_of_regex(read)
    place = (condition.span, condition.path)
    return Condition((member,), tuple(sorted(globs)), place, condition.nodes, ((member,), None))


def scan_of(examples: Mapping[Subject, Any]) -> dict[str, Any]:
    """The scan with these members, as a witness."""
    kind = examples[KIND]
    arguments = {"kind": kind, "name": examples.get(("name",), _NAME)}
    for member in GLOBS[1:]:
        text = examples.get((member,))
        if text is not None:
            arguments[member] = text
    return {"tool": f"{TOOL_PREFIX}{kind}", "arguments": arguments, "record_kind": RECORD_KIND}


def members_of(witness: Mapping[str, Any]) -> dict[str, Any]:
    """A witness's arguments; those of a scan as the port hands them on: unknown ones are null."""
    arguments: dict[str, Any] = witness["arguments"]
    if witness.get("record_kind") != RECORD_KIND:
        return arguments
    return dict.fromkeys(GLOBS) | arguments
