"""What is kept of an open call that another process can go on with: calls that adapters make.

Above: `open_calls` (checkpoints), `recovery`. Below: nothing of Helio. Pure. The intent of such a
call has a member `evaluation`; with it go those of its columns that an outcome is recorded by.
"""

from collections.abc import Mapping
from typing import Any, Final

import orjson

_COLUMNS: Final = (
    *(
        "call_id",
        "session_id",
        "session_source",
        "agent_id",
        "environment",
        "upstream",
        "tool_name",
    ),
    *("origin", "record_kind", "metadata", "policy_decision", "policy_digest"),
    *("matched_rule", "matched_rule_index", "approvals"),
)


def kept(intent: Mapping[str, Any]) -> dict[str, Any] | None:
    """Of an intent's data; None for a call that ends with its process."""
    evaluation = intent.get("evaluation")
    if evaluation is None:
        return None
    columns = {name: intent[name] for name in _COLUMNS if intent.get(name) is not None}
    return {**columns, **evaluation}


def size(evaluation: object) -> int:
    """The bytes of `kept` in a checkpoint."""
    return 0 if evaluation is None else len(orjson.dumps(evaluation))
